#!/usr/bin/env python3
"""Records a looped clip from an RTSP server with tapo and looks for every access unit of it.

  prove_record.py --tapo target/release/tapo --seconds 20 rtsp://127.0.0.1:8554/h264_aac CLIP.mp4

Prints one line a state of the file (open, killed, final): what ffprobe and GStreamer count, whether the
VCL NAL units and audio packets are those of the clip, in order, without loss or repetition, and the
distances of the presentation times. Exits 1 if anything is wrong. With --pcm the audio is compared with
the raw bytes of a file (made by the same ffmpeg command that feeds the server)."""
import argparse, collections, os, pathlib, shutil, signal, subprocess, sys, tempfile, time
import peers


def look(path, clip, codec, pcm, state):
    bad = []
    streams = {s['codec_type']: s for s in peers.streams(path)}
    packets = peers.packets(path)
    gst = peers.gst_buffers(path)
    row = [state]
    if 'video' in streams:
        units = peers.vcl_units(peers.elementary(path, codec), codec)
        source = peers.vcl_units(peers.elementary(clip, codec), codec)
        n, of, _ = peers.cyclic_run([u[0] for u in units], [u[0] for u in source])
        if n != of:
            bad.append(f'video breaks off after {n} of {of} VCL NAL units')
        if not units[0][1]:
            bad.append('does not start at a keyframe')
        v = packets[streams['video']['index']]
        pts = sorted(p[0] for p in v)
        deltas = collections.Counter(b - a for a, b in zip(pts, pts[1:]))
        dts = [p[1] for p in v]
        if any(b <= a for a, b in zip(dts, dts[1:])):
            bad.append('dts does not ascend')
        if gst.get('video_0') != len(v):
            bad.append(f'GStreamer sees {gst.get("video_0")} video samples, ffprobe {len(v)}')
        row += [f'video {len(v)} samples, {n}/{of} NAL', f'deltas {dict(deltas.most_common(4))}']
    if 'audio' in streams:
        a = packets[streams['audio']['index']]
        if pcm:
            got = peers.run('ffmpeg', '-v', 'error', '-i', str(path), '-map', '0:a', '-c', 'copy', '-f',
                            {'pcm_alaw': 'alaw', 'pcm_mulaw': 'mulaw'}[streams['audio']['codec_name']], '-')
            want = pathlib.Path(pcm).read_bytes()
            at = want.find(got[:4000])
            same = at >= 0 and want[at:at + len(got)] == got
            row.append(f'audio {len(got)} bytes {"equal" if same else "DIFFERENT"}')
            if not same:
                bad.append('audio bytes differ')
        else:
            source = [p[4] for p in peers.packets(clip)[1]]
            n, of, _ = peers.cyclic_run([p[4] for p in a], source)
            row.append(f'audio {len(a)} samples, {n}/{of} packets')
            if n != of:
                bad.append(f'audio breaks off after {n} of {of} packets')
        deltas = collections.Counter(b[0] - x[0] for x, b in zip(a, a[1:]))
        row.append(f'deltas {dict(deltas.most_common(3))}')
        first = {k: float(streams[k]['start_time']) for k in streams}
        row.append(f'starts {first}')
    print('  ' + ' | '.join(row))
    for b in bad:
        print('    BAD:', b)
    return not bad


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--seconds', type=float, default=20)
    ap.add_argument('--pcm')
    ap.add_argument('--keep')
    ap.add_argument('url')
    ap.add_argument('clip')
    a = ap.parse_args()
    codec = next(s['codec_name'] for s in peers.streams(a.clip) if s['codec_type'] == 'video')
    ok = True
    with tempfile.TemporaryDirectory() as dir:
        dir = pathlib.Path(a.keep or dir)
        print(a.url)
        for how in ('open', 'kill'):
            out = dir / how
            p = subprocess.Popen([a.tapo, 'record', a.url, '-o', str(out)], stderr=subprocess.PIPE, text=True)
            time.sleep(a.seconds)
            if how == 'open':
                file = next(out.rglob('*.mp4'))
                shutil.copy(file, dir / 'snapshot.mp4')
                ok &= look(dir / 'snapshot.mp4', a.clip, codec, a.pcm, 'open')
                t = time.time()
                p.send_signal(signal.SIGINT)
                p.wait(10)
                print(f'  Ctrl-C: exit {p.returncode} after {time.time() - t:.2f} s')
                ok &= p.returncode == 0
                ok &= look(file, a.clip, codec, a.pcm, 'final')
            else:
                p.kill()
                p.wait()
                file = next(out.rglob('*.mp4'))
                ok &= look(file, a.clip, codec, a.pcm, 'killed')
                before = peers.packets(file)
                subprocess.run([a.tapo, 'finalize', str(file)], check=True, stdout=subprocess.DEVNULL)
                ok &= look(file, a.clip, codec, a.pcm, 'killed, finalized')
                if before != peers.packets(file):
                    ok = False
                    print('    BAD: finalize changed the packets')
    print('  all right' if ok else '  FAILED')
    sys.exit(not ok)


if __name__ == '__main__':
    main()
