"""What other programs make of a file: packets by ffprobe, buffers by GStreamer, NAL units by hash."""
import hashlib, json, subprocess


def run(*args, **kw):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw).stdout


def packets(path):
    """Per stream, sorted by dts: (pts, dts, size, flags, md5 of the data)."""
    out = run('ffprobe', '-v', 'error', '-show_packets', '-show_data_hash', 'md5', '-of', 'json', str(path))
    streams = {}
    for p in json.loads(out)['packets']:
        row = (p.get('pts'), p.get('dts'), int(p['size']), p['flags'], p['data_hash'])
        streams.setdefault(p['stream_index'], []).append(row)
    return {i: sorted(rows, key=lambda r: r[1]) for i, rows in streams.items()}


def streams(path):
    out = run('ffprobe', '-v', 'error', '-show_streams', '-of', 'json', str(path))
    return json.loads(out)['streams']


def gst_buffers(path):
    """Buffers that qtdemux gives out of each pad: {'video_0': 500, ...}; its errors raise."""
    code = r'''
import gi, sys, json
gi.require_version('Gst', '1.0')
from gi.repository import Gst
Gst.init(None)
p = Gst.parse_launch('filesrc name=s ! qtdemux name=d')
p.get_by_name('s').set_property('location', sys.argv[1])
n = {}
def added(d, pad):
    name = pad.get_name(); n[name] = 0
    q, s = Gst.ElementFactory.make('queue'), Gst.ElementFactory.make('fakesink')
    s.set_property('sync', False)
    for e in (q, s): p.add(e)
    q.link(s); pad.link(q.get_static_pad('sink'))
    def probe(pad, info): n[name] += 1; return Gst.PadProbeReturn.OK
    pad.add_probe(Gst.PadProbeType.BUFFER, probe)
    for e in (q, s): e.sync_state_with_parent()
p.get_by_name('d').connect('pad-added', added)
p.set_state(Gst.State.PLAYING)
m = p.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
if m is None or m.type == Gst.MessageType.ERROR: sys.exit('qtdemux: %s' % (m and m.parse_error()[0]))
p.set_state(Gst.State.NULL)
print(json.dumps(n))
'''
    return json.loads(run('/usr/bin/python3', '-c', code, str(path)))


def elementary(path, codec, stream='0:v:0'):
    """The video as an Annex B byte stream."""
    bsf = {'h264': 'h264_mp4toannexb', 'hevc': 'hevc_mp4toannexb'}[codec]
    return run('ffmpeg', '-v', 'error', '-i', str(path), '-map', stream, '-c', 'copy', '-bsf:v', bsf,
               '-f', codec, '-')


def vcl_units(annexb, codec):
    """Hashes of the VCL NAL units, and whether each is a random access point."""
    units, starts, i = [], [], annexb.find(b'\0\0\1')
    while i >= 0:
        starts.append(i + 3)
        i = annexb.find(b'\0\0\1', i + 3)
    for a, b in zip(starts, starts[1:] + [len(annexb) + 3]):
        nal = annexb[a:b - 3].rstrip(b'\0')
        if not nal:
            continue
        if codec == 'h264':
            kind = nal[0] & 31
            vcl, key = 1 <= kind <= 5, kind == 5
        else:
            kind = nal[0] >> 1 & 63
            vcl, key = kind < 32, 16 <= kind <= 21
        if vcl:
            units.append((hashlib.md5(nal).hexdigest(), key))
    return units


def cyclic_run(got, source):
    """How many of `got` follow each other as in the endless repetition of `source`: all, if nothing
    was lost or repeated. Returns (matching, of, start)."""
    if not got:
        return 0, 0, None
    best = (0, len(got), None)
    for start in (i for i, s in enumerate(source) if s == got[0]):
        n = 0
        while n < len(got) and got[n] == source[(start + n) % len(source)]:
            n += 1
        best = max(best, (n, len(got), start), key=lambda b: b[0])
    return best
