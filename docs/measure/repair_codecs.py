#!/usr/bin/env python3
"""Repairs of codecs and layouts beyond the common ones, as a table.

    repair_codecs.py --tapo target/release/tapo --tools TOOLS [--dir DIR] [--only REGEX] [--damage LIST]

Makes pairs of a reference (8 s) and a recording (12 s, other content) with
ffmpeg, GStreamer and a small muxer of its own, damages the recordings with
TOOLS/damage.py, repairs them with the reference, and compares the results with
TOOLS/score_repair.py. Prints a markdown table: one line a pair, for each damage
the samples recovered of those that could be, and what is wrong with them.
"""
import argparse, os, random, re, shutil, struct, subprocess, sys, tempfile

DAMAGE = "truncate:60,no-moov,zero-hole:40:64k,lost:30:4k,head-lost:4k"
SECONDS = {"ref": 8, "full": 12}
RATE = 25


# ---- MP4 as bytes -------------------------------------------------------

def boxes(b, at=0, end=None):
    end = len(b) if end is None else end
    while at + 8 <= end:
        size, kind = struct.unpack(">I4s", b[at:at + 8]); head = 8
        if size == 1:
            size = struct.unpack(">Q", b[at + 8:at + 16])[0]; head = 16
        elif size == 0:
            size = end - at
        if size < head:
            return
        yield kind, at, at + head, min(end, at + size)
        at += size


def find(b, path, at=0, end=None):
    kind, _, rest = path.partition(".")
    for k, start, payload, stop in boxes(b, at, end):
        if k == kind.encode():
            return find(b, rest, payload, stop) if rest else (start, payload, stop)
    return None


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind, version, flags, *parts):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


class Sample:
    def __init__(self, data, duration, offset=0, sync=True):
        self.data, self.duration, self.offset, self.sync, self.entry = data, duration, offset, sync, 1


class Track:
    """One track: its boxes but the tables, and its samples."""

    def __init__(self, handler, timescale, stsd, samples, edits=b"", media_header=b"", size=(0, 0)):
        self.handler, self.timescale, self.stsd, self.samples = handler, timescale, stsd, samples
        self.edits, self.media_header, self.size = edits, media_header, size


def read(path):
    """The tracks of a progressive MP4."""
    b = open(path, "rb").read()
    u32 = lambda b, at: struct.unpack(">I", b[at:at + 4])[0]
    _, payload, stop = find(b, "moov")
    tracks = []
    for kind, _, p, e in boxes(b, payload, stop):
        if kind != b"trak":
            continue
        def get(path, whole=False):
            f = find(b, path, p, e)
            return b[f[0 if whole else 1]:f[2]] if f else None
        stbl = lambda kind: get("mdia.minf.stbl." + kind)
        mdhd, tkhd = get("mdia.mdhd"), get("tkhd")
        stsz = stbl("stsz"); n = u32(stsz, 8)
        sizes = [u32(stsz, 4)] * n if u32(stsz, 4) else list(struct.unpack(f">{n}I", stsz[12:12 + 4 * n]))
        spread = lambda t, kind: [d for i in range(u32(t, 4)) for c, d in [struct.unpack(kind, t[8 + 8 * i:16 + 8 * i])] for _ in range(c)]
        durations = spread(stbl("stts"), ">II")
        offsets = spread(stbl("ctts"), ">Ii") if stbl("ctts") else [0] * n
        stss = stbl("stss")
        sync = set(range(1, n + 1)) if stss is None else {u32(stss, 8 + 4 * i) for i in range(u32(stss, 4))}
        co, width = (stbl("stco"), 4) if stbl("stco") else (stbl("co64"), 8)
        chunks = [int.from_bytes(co[8 + i * width:8 + (i + 1) * width], "big") for i in range(u32(co, 4))]
        stsc = stbl("stsc"); runs = [struct.unpack(">III", stsc[8 + 12 * i:20 + 12 * i]) for i in range(u32(stsc, 4))]
        samples, k = [], 0
        for c, at in enumerate(chunks, 1):
            _, count, entry = next(r for r in reversed(runs) if r[0] <= c)
            for _ in range(count):
                samples.append(Sample(b[at:at + sizes[k]], durations[k], offsets[k], k + 1 in sync))
                samples[-1].entry = entry
                at += sizes[k]; k += 1
        head = next(filter(None, (get("mdia.minf." + k, True) for k in ("vmhd", "smhd", "gmhd", "nmhd", "sthd"))), b"")
        tracks.append(Track(get("mdia.hdlr")[8:12], u32(mdhd, 20 if mdhd[0] else 12), get("mdia.minf.stbl.stsd", True), samples,
                            get("edts", True) or b"", head, struct.unpack(">II", tkhd[-8:])))
    return tracks


MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def groups(values):
    out = []
    for v in values:
        if out and out[-1][0] == v:
            out[-1][1] += 1
        else:
            out.append([v, 1])
    return out


def trak(number, t, chunks, movie_scale):
    total = sum(s.duration for s in t.samples)
    table = lambda kind, version, rows: full(kind, version, 0, struct.pack(">I", len(rows)), *rows)
    tables = [t.stsd, table(b"stts", 0, [struct.pack(">II", n, d) for d, n in groups([s.duration for s in t.samples])])]
    if any(s.offset for s in t.samples):
        tables.append(table(b"ctts", int(any(s.offset < 0 for s in t.samples)), [struct.pack(">Ii", n, d) for d, n in groups([s.offset for s in t.samples])]))
    if not all(s.sync for s in t.samples):
        tables.append(table(b"stss", 0, [struct.pack(">I", i) for i, s in enumerate(t.samples, 1) if s.sync]))
    stsc, last = [], None
    for i, (_, n, entry) in enumerate(chunks, 1):
        if (n, entry) != last:
            stsc.append(struct.pack(">III", i, n, entry)); last = (n, entry)
    tables.append(table(b"stsc", 0, stsc))
    sizes = [len(s.data) for s in t.samples]
    same = sizes[0] if len(set(sizes)) == 1 else 0
    tables.append(full(b"stsz", 0, 0, struct.pack(">II", same, len(sizes)), *([] if same else [struct.pack(">I", s) for s in sizes])))
    tables.append(table(b"co64", 0, [struct.pack(">Q", o) for o, *_ in chunks]))
    dref = box(b"dinf", full(b"dref", 0, 0, struct.pack(">I", 1), full(b"url ", 0, 1)))
    heads = {b"vide": full(b"vmhd", 0, 1, bytes(8)), b"soun": full(b"smhd", 0, 0, bytes(4))}
    head = t.media_header or heads.get(t.handler) or full(b"nmhd", 0, 0)
    mdia = box(b"mdia", full(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, t.timescale, total, 0x55C4, 0)),
               full(b"hdlr", 0, 0, bytes(4), t.handler, bytes(12), b"track\0"), box(b"minf", head, dref, box(b"stbl", *tables)))
    volume = 0x0100 if t.handler == b"soun" else 0
    tkhd = full(b"tkhd", 0, 3, struct.pack(">IIIII8xHHHH", 0, 0, number, 0, total * movie_scale // t.timescale, 0, 0, volume, 0), MATRIX, struct.pack(">II", *t.size))
    return box(b"trak", tkhd, t.edits, mdia)


def by_time(tracks, chunk=None):
    """Interleaving: (track, first, count) in file order, by the decode time of each chunk. `chunk` gives the seconds of a chunk, for each
    track or all; None is one sample."""
    order = []
    for k, t in enumerate(tracks):
        own = chunk[k] if isinstance(chunk, (list, tuple)) else chunk
        time, first, opened = 0, 0, 0
        for i, s in enumerate(t.samples):
            if i > first and (own is None or s.entry != t.samples[i - 1].entry or time - opened >= own * t.timescale - 1e-6):
                order.append((opened / t.timescale, k, first, i - first)); first, opened = i, time
            time += s.duration
        if t.samples:
            order.append((opened / t.timescale, k, first, len(t.samples) - first))
    return [o[1:] for o in sorted(order, key=lambda o: (round(o[0], 9), o[1]))]


def write(path, tracks, chunk=None, brand=b"isom", wide=False, between=b"", align=1):
    """Writes ftyp, mdat, moov. `wide`: a 64-bit mdat header. `between`: boxes in front of mdat. `align`: of chunks."""
    scale = 1000
    ftyp = box(b"ftyp", brand, struct.pack(">I", 512), brand, b"mp42")
    base = len(ftyp) + len(between) + (16 if wide else 8)
    body, chunks = bytearray(), [[] for _ in tracks]
    for k, first, n in by_time(tracks, chunk):
        body += bytes(-(base + len(body)) % align)
        chunks[k].append((base + len(body), n, tracks[k].samples[first].entry))
        for s in tracks[k].samples[first:first + n]:
            body += s.data
    header = struct.pack(">I4sQ", 1, b"mdat", 16 + len(body)) if wide else struct.pack(">I4s", 8 + len(body), b"mdat")
    longest = max(sum(s.duration for s in t.samples) * scale // t.timescale for t in tracks)
    mvhd = full(b"mvhd", 0, 0, struct.pack(">IIII", 0, 0, scale, longest), struct.pack(">IH10x", 0x10000, 0x100), MATRIX, bytes(24), struct.pack(">I", len(tracks) + 1))
    moov = box(b"moov", mvhd, *(trak(i, t, o, scale) for i, (t, o) in enumerate(zip(tracks, chunks), 1)))
    with open(path, "wb") as f:
        f.write(ftyp + between + header + bytes(body) + moov)


def entry(kind, *parts):
    return full(b"stsd", 0, 0, struct.pack(">I", 1), box(kind, bytes(6), struct.pack(">H", 1), *parts))


# ---- Media --------------------------------------------------------------

def run(*argv):
    p = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if p.returncode:
        raise RuntimeError(p.stderr.strip() or f"{argv[0]} failed")


def ffmpeg(*argv):
    run("ffmpeg", "-nostdin", "-v", "error", "-y", *argv)


class Source:
    """Content of a recording: other pictures and other sound for each role."""

    def __init__(self, role, folder):
        self.role, self.folder, self.seconds = role, folder, SECONDS[role]
        self.k = 0 if role == "ref" else 1

    def video(self, size="320x240", rate=RATE, k=0):
        kind = ["testsrc2", "mandelbrot"][(self.k + k) % 2]
        noise = f"noise=alls={8 + 4 * self.k}:allf=t:all_seed={7 + self.k + k}"
        return ["-f", "lavfi", "-t", str(self.seconds), "-i", f"{kind}=size={size}:rate={rate},{noise},format=yuv420p"]

    def audio(self, rate=48000, layout="stereo", k=0):
        n = {"mono": 1, "stereo": 2, "quad": 4, "5.1": 6}[layout]
        tones = "|".join(f"0.3*sin({220 + 90 * self.k + 60 * c + 300 * k}*2*PI*t*(1+0.05*sin(t*{1 + c})))"
                         f"+0.1*(random({c + 5 * self.k + 9 * k})-0.5)*(1+sin({2 + self.k}*t))" for c in range(n))
        return ["-f", "lavfi", "-t", str(self.seconds), "-i", f"aevalsrc={tones}:s={rate}:c={layout}"]

    def temporary(self, name):
        return os.path.join(self.folder, f"{self.role}-{name}")

    def made(self, name, *argv):
        path = self.temporary(name)
        ffmpeg(*argv, path)
        return path


X264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-pix_fmt", "yuv420p"]
NOB = X264 + ["-bf", "0"]
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1"]
AAC = ["-c:a", "aac", "-b:a", "96k"]
MP2 = ["-c:v", "mpeg2video", "-b:v", "3M"]
MP4V = ["-c:v", "mpeg4", "-b:v", "800k", "-g", "25"]
MJPEG = ["-c:v", "mjpeg", "-q:v", "5"]
MONO16 = {"rate": 16000, "layout": "mono"}
MONO8 = {"rate": 8000, "layout": "mono"}
CASES = {}


def case(name):
    def add(f):
        CASES[name] = f
        return f
    return add


def plain(name, *codecs, video=True, audio=None, size="320x240", rate=RATE):
    """A pair that ffmpeg writes."""
    def make(src, out):
        argv = (src.video(size, rate) if video else []) + (src.audio(**audio) if audio is not None else [])
        ffmpeg(*argv, *codecs, out)
    CASES[name] = make


def x265(params):
    return [*X265, "-x265-params", "log-level=error:" + params]


plain("mpeg4_aac.mp4", *MP4V, *AAC, audio={})
plain("mpeg4_b_aac.mp4", *MP4V, "-bf", "2", *AAC, audio={})
plain("mpeg4_only.mp4", *MP4V)
plain("mpeg4_4mv_ac.mp4", "-c:v", "mpeg4", "-q:v", "4", "-flags", "+mv4+aic", "-mbd", "rd", "-trellis", "1", *AAC, audio={})
plain("mpeg4_qpel_ilme.mp4", "-c:v", "mpeg4", "-q:v", "4", "-flags", "+qpel+ildct+ilme", "-bf", "1", *AAC, audio={})
plain("mpeg4_xvid.mp4", "-c:v", "libxvid", "-b:v", "800k", "-g", "25", *AAC, audio={"rate": 44100})
plain("mpeg4_pcm.mov", *MP4V, "-c:a", "pcm_s16le", audio={})
plain("mpeg4_resync.mp4", *MP4V, "-ps", "400", *AAC, audio=MONO16)
plain("mpeg2_pcm.mov", *MP2, "-bf", "2", "-g", "15", "-c:a", "pcm_s16be", audio={})
plain("mpeg2_aac.mp4", *MP2, "-g", "12", *AAC, audio={})
plain("mpeg2_b_mp2.mp4", *MP2, "-g", "12", "-bf", "2", "-c:a", "mp2", "-b:a", "192k", audio={})
plain("mpeg2_422_intra.mov", "-c:v", "mpeg2video", "-pix_fmt", "yuv422p", "-g", "1", "-q:v", "4", "-intra_vlc", "1", "-c:a", "pcm_s24le", audio={})
plain("mpeg2_interlaced.mov", *MP2, "-bf", "2", "-flags", "+ildct+ilme", "-alternate_scan", "1", "-g", "12", "-c:a", "pcm_s16le", audio={})
plain("h263_aac.3gp", "-c:v", "h263", "-b:v", "200k", "-g", "25", *AAC, audio=MONO16, size="176x144", rate=15)
plain("h263_only.3gp", "-c:v", "h263", "-b:v", "200k", "-g", "25", size="352x288")
plain("h264_eac3.mp4", *X264, "-c:a", "eac3", "-b:a", "192k", audio={})
plain("h264_ac3_51.mp4", *X264, "-c:a", "ac3", "-b:a", "384k", audio={"layout": "5.1"})
plain("h264_mp3_48.mp4", *X264, "-c:a", "libmp3lame", "-b:a", "128k", audio={})
plain("h264_mp3_16m.mp4", *NOB, "-c:a", "libmp3lame", "-b:a", "32k", audio=MONO16)
plain("h264_mp3_vbr.mp4", *NOB, "-c:a", "libmp3lame", "-q:a", "4", audio={"rate": 44100})
plain("h264_aac51.mp4", *X264, "-c:a", "aac", "-b:a", "320k", audio={"layout": "5.1"})
plain("h264_aac22m.mp4", *NOB, "-c:a", "aac", "-b:a", "32k", audio={"rate": 22050, "layout": "mono"})
plain("h264_aac96.mp4", *NOB, "-c:a", "aac", "-b:a", "192k", audio={"rate": 96000})
plain("h264_alac.mov", *X264, "-c:a", "alac", audio={})
plain("alac_only.m4a", "-c:a", "alac", video=False, audio={"rate": 44100})
plain("aac_only.m4a", *AAC, video=False, audio={"rate": 44100})
plain("aac_mono_only.m4a", "-c:a", "aac", "-b:a", "64k", video=False, audio={"layout": "mono"})
plain("prores_hq_pcm24.mov", "-c:v", "prores_ks", "-profile:v", "3", "-c:a", "pcm_s24le", audio={})
plain("prores_4444.mov", "-c:v", "prores_ks", "-profile:v", "4", "-pix_fmt", "yuva444p10le", "-c:a", "pcm_s16le", audio={}, size="160x120")
plain("mjpeg_422_u8.mov", *MJPEG, "-pix_fmt", "yuvj422p", "-c:a", "pcm_u8", audio={"rate": 22050, "layout": "mono"})
plain("mjpeg_444_ulaw.mov", *MJPEG, "-pix_fmt", "yuvj444p", "-c:a", "pcm_mulaw", audio=MONO8)
plain("mjpeg_mp4_aac.mp4", *MJPEG, "-pix_fmt", "yuvj420p", *AAC, audio={})
plain("mjpeg_dri.mov", *MJPEG, "-huffman", "optimal", "-pix_fmt", "yuvj420p", "-threads", "2", "-c:a", "pcm_s16le", audio=MONO16)
for codec, n in (("s8", "mono"), ("u8", "stereo"), ("s16le", "quad"), ("s16be", "mono"), ("s24be", "stereo"), ("s24le", "5.1"), ("s32le", "stereo"),
                 ("s32be", "stereo"), ("f32le", "stereo"), ("f32be", "mono"), ("f64le", "stereo")):
    plain(f"h264_pcm_{codec}_{n.replace('.', '')}.mov", *NOB, "-c:a", f"pcm_{codec}", audio={"layout": n})
plain("h264_poc2.mp4", *NOB, "-x264-params", "ref=1:bframes=0", *AAC, audio={"rate": 44100})
plain("h264_pyramid.mp4", *X264, "-bf", "7", "-x264-params", "b-pyramid=normal:open-gop=1:keyint=40", *AAC, audio={})
plain("h264_intra_only.mov", "-c:v", "libx264", "-preset", "veryfast", "-g", "1", "-c:a", "pcm_s16le", audio={})
plain("h264_tff.mp4", *X264, "-flags", "+ildct+ilme", "-x264-params", "tff=1", *AAC, audio={})
plain("h264_fakeinterlaced.mp4", *X264, "-x264-params", "fake-interlaced=1:pic-struct=1", *AAC, audio={})
plain("h264_lossless444.mp4", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv444p", "-qp", "0", *AAC, audio={}, size="160x120")
plain("h264_10bit_422.mov", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv422p10le", "-c:a", "pcm_s16le", audio={})
plain("h264_filler_cbr.mp4", *NOB, "-x264-params", "nal-hrd=cbr:filler=1", "-b:v", "1M", "-maxrate", "1M", "-bufsize", "1M", *AAC, audio={})
plain("h264_slices_700.mp4", *NOB, "-x264-params", "slice-max-size=700", *AAC, audio={})
plain("h264_refresh_alaw.mov", *NOB, "-intra-refresh", "1", "-c:a", "pcm_alaw", audio=MONO8)
plain("h264_2997.mp4", *NOB, *AAC, audio={}, rate="30000/1001")
plain("h264_60.mp4", *X264, *AAC, audio={"rate": 44100}, rate=60)
plain("h264_timescale_ms.mp4", *X264, *AAC, "-video_track_timescale", "1000", audio={}, rate="30000/1001")
plain("h264_timescale_600.mp4", *NOB, *AAC, "-video_track_timescale", "600", audio={}, rate="24000/1001")
plain("h264_moov_in_front.mp4", *NOB, *AAC, "-movflags", "+faststart", audio={})
plain("h264_moov_reserve.mp4", *NOB, *AAC, "-moov_size", "200000", audio={})
plain("h264_negative_cts.mp4", *X264, *AAC, "-movflags", "+negative_cts_offsets", audio={})
plain("h264_no_edit.mp4", *X264, *AAC, "-use_editlist", "0", audio={})
plain("h264_tmcd.mov", *NOB, *AAC, "-timecode", "10:00:00:00", audio={})
plain("h265_b_opengop.mp4", *x265("open-gop=1:bframes=4:keyint=30:b-pyramid=1"), *AAC, audio={})
plain("h265_temporal.mp4", *x265("temporal-layers=3:bframes=3:keyint=30"), *AAC, audio={})
plain("h265_radl.mp4", *x265("radl=2:open-gop=0:bframes=4:keyint=30"), *AAC, audio={})
plain("h265_fields.mp4", *x265("interlace=tff:bframes=2:keyint=30"), *AAC, audio={})
plain("h265_intrarefresh.mp4", *x265("intra-refresh=1:bframes=0:keyint=30"), *AAC, audio={})
plain("h265_slices_wpp.mp4", *x265("slices=3:wpp=1:keyint=30"), *AAC, audio={"rate": 44100}, size="640x480")
plain("h265_10bit_aud.mp4", *x265("aud=1:hrd=1:vbv-maxrate=1000:vbv-bufsize=1000:repeat-headers=1"), "-pix_fmt", "yuv420p10le", *AAC, audio={})
plain("h265_hev1.mp4", *x265("repeat-headers=1"), "-tag:v", "hev1", *AAC, audio={})


def several(name, inputs, *codecs):
    """Several tracks: `inputs` gives those of a source."""
    def make(src, out):
        given = inputs(src)
        ffmpeg(*sum(given, []), *sum((["-map", str(i)] for i in range(len(given))), []), *codecs, out)
    CASES[name] = make


several("h264_main_sub.mp4", lambda s: [s.video("640x360"), s.video("320x180", k=1), s.audio()], *NOB, *AAC)
several("h264_main_sub_slow.mp4", lambda s: [s.video("640x360"), s.video("320x180", rate="25/2", k=1), s.audio()], *NOB, *AAC)
several("h264_two_alike.mp4", lambda s: [s.video(), s.video(k=1), s.audio()], *NOB, *AAC)
several("h265_main_sub.mp4", lambda s: [s.video("640x360"), s.video("320x180", k=1), s.audio()], *x265("bframes=0:keyint=30"), *AAC)
several("h264_h265.mp4", lambda s: [s.video(), s.video(k=1)], "-c:v:0", "libx264", "-c:v:1", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error")
several("h264_aac_ac3.mp4", lambda s: [s.video(), s.audio(), s.audio(k=1)], *X264, "-c:a:0", "aac", "-c:a:1", "ac3")
several("h264_aac_pcm.mov", lambda s: [s.video(), s.audio(), s.audio(k=1)], *NOB, "-c:a:0", "aac", "-c:a:1", "pcm_s16le")
several("h264_pcm_4mono.mov", lambda s: [s.video()] + [s.audio(layout="mono", k=k) for k in range(4)], *NOB, "-c:a", "pcm_s24le")


@case("h264_movtext.mp4")
def _(src, out):
    srt = src.temporary("text.srt")
    with open(srt, "w") as f:
        for i in range(src.seconds):
            f.write(f"{i + 1}\n00:00:{i:02},100 --> 00:00:{i:02},800\nline {i * 37 + src.k} of {src.role}\n\n")
    ffmpeg(*src.video(), *src.audio(), "-i", srt, "-map", "0", "-map", "1", "-map", "2", *NOB, *AAC, "-c:s", "mov_text", out)


@case("h264_mkv_remux.mp4")
def _(src, out):
    ffmpeg("-i", src.made("a.mkv", *src.video(rate="30000/1001"), *src.audio(), *X264, *AAC), "-c", "copy", out)


def nal_lengths(n):
    def make(src, out):
        tracks = read(src.made("a.mp4", *src.video("160x120"), *src.audio(), *NOB, "-qp", "34" if n == 2 else "45",
                               "-x264-params", f"slice-max-size={240 if n == 1 else 0}", *AAC))
        video = tracks[0]
        for s in video.samples:
            new, at = b"", 0
            while at < len(s.data):
                size = struct.unpack(">I", s.data[at:at + 4])[0]; nal = s.data[at + 4:at + 4 + size]; at += 4 + size
                if nal[0] & 31 == 6 and size >= 256 and n == 1:
                    continue          # the encoder's letter to the reader
                new += size.to_bytes(n, "big") + nal
            s.data = new
        i = video.stsd.index(b"avcC") + 4
        video.stsd = video.stsd[:i + 4] + bytes([0xFC | n - 1]) + video.stsd[i + 5:]
        write(out, tracks)
    return make


CASES["h264_nal1.mp4"], CASES["h264_nal2.mp4"] = nal_lengths(1), nal_lengths(2)


def remux(name, chunk=None, codecs=(*NOB, *AAC), audio={}, **options):
    """A pair in another layout than ffmpeg's."""
    def make(src, out):
        tracks = read(src.made("a" + os.path.splitext(out)[1], *src.video(), *src.audio(**audio), *codecs))
        write(out, tracks, chunk, **options)
    CASES[name] = make


remux("layout_500ms.mp4", 0.5)
remux("layout_1s.mp4", 1.0, (*X264, *AAC))
remux("layout_1s_pcm.mov", 1.0, (*NOB, "-c:a", "pcm_s16le"))
remux("layout_1s_alaw.mov", [None, 1.0], (*NOB, "-c:a", "pcm_alaw"), MONO8)
remux("layout_audio_1s.mp4", [None, 1.0])
remux("layout_video_gop.mp4", [1.0, 0.3])
remux("layout_mdat64.mp4", None, wide=True)
remux("layout_boxes_between.mp4", None, between=box(b"free", bytes(500)) + box(b"uuid", bytes(range(16)), b"maker" * 40) + box(b"udta", box(b"name", b"camera")) + box(b"wide"))
remux("layout_align4k.mp4", 1.0, align=4096)
remux("layout_align4.mp4", None, align=4)
remux("layout_align16_pcm.mov", 0.5, (*NOB, "-c:a", "pcm_s16le"), align=16)


def entries(name, first, second):
    """A pair whose settings change within it: each track with two sample entries that differ, and samples of one, the other, the one."""
    def make(src, out):
        size, audio, codecs = zip(first, second)
        parts = [read(src.made(f"{k}.mp4", *src.video(size[k], k=k), *src.audio(**audio[k], k=k), *codecs[k])) for k in (0, 1)]
        tracks = []
        for k, (a, b) in enumerate(zip(*parts)):
            one, other = a.stsd[16:], b.stsd[16:]
            # Entries may differ in bit rates alone, which nothing tells apart.
            differ = (size[0], codecs[0]) != (size[1], codecs[1]) if k == 0 else audio[0] != audio[1]
            for s in b.samples:
                s.entry = 2 if differ else 1
                s.duration, s.offset = (v * a.timescale // b.timescale for v in (s.duration, s.offset))
            a.stsd = full(b"stsd", 0, 0, struct.pack(">I", 2 if differ else 1), one, other if differ else b"")
            third = lambda t: next(i for i, s in enumerate(t.samples) if s.sync and i * 3 >= len(t.samples))
            cut, behind = third(a), third(b)
            a.samples = a.samples[:cut] + b.samples[:behind] + a.samples[cut:]
            tracks.append(a)
        write(out, tracks)
    CASES[name] = make


STEREO = {"layout": "stereo"}
entries("entries_size.mp4", ("320x240", STEREO, (*NOB, *AAC)), ("240x180", STEREO, (*NOB, *AAC)))
entries("entries_tools.mp4", ("320x240", STEREO, (*NOB, *AAC)), ("320x240", STEREO, (*NOB, "-coder", "0", "-refs", "4", "-g", "100", *AAC)))
entries("entries_aac_mono.mp4", ("320x240", STEREO, (*NOB, *AAC)), ("320x240", {"layout": "mono"}, (*NOB, *AAC)))
entries("entries_aac_rate.mp4", ("320x240", STEREO, (*NOB, *AAC)), ("320x240", MONO16, (*NOB, *AAC)))
entries("entries_h265.mp4", ("320x240", STEREO, (*X265, "-x265-params", "log-level=error:keyint=25", *AAC)),
        ("256x192", STEREO, (*X265, "-x265-params", "log-level=error:keyint=25:ctu=16", *AAC)))
entries("entries_hev1.mp4", ("320x240", STEREO, (*X265, "-x265-params", "log-level=error:keyint=25", *AAC)),
        ("320x240", STEREO, ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hev1", "-x265-params", "log-level=error:keyint=25:repeat-headers=1", *AAC)))


@case("alaw_packets.mp4")
def _(src, out):
    """As recorders of RTSP write: a G.711 packet of 20 ms is one sample."""
    tracks = read(src.made("a.mov", *src.video(), *src.audio(8000, "mono"), *NOB, "-c:a", "pcm_alaw"))
    sound = tracks[1]; data = b"".join(s.data for s in sound.samples)
    sound.samples = [Sample(data[i:i + 160], 160) for i in range(0, len(data) // 160 * 160, 160)]
    write(out, tracks)


def aac_bits(name, transform):
    def make(src, out):
        tracks = read(src.made("a.mp4", *src.video(), *src.audio(), *NOB, *AAC))
        for i, s in enumerate(tracks[1].samples):
            s.data = transform(s.data, random.Random(i * 7 + src.k))
        write(out, tracks)
    CASES[name] = make


def dse(data, rng):
    """A data stream element, byte aligned, in front of a frame."""
    n = rng.randrange(3, 20)
    return int(f"100{0:04b}1{n:08b}", 2).to_bytes(2, "big") + rng.randbytes(n) + data


def fil(data, rng):
    """A fill element in front of a frame, which shifts it by seven bits."""
    n = rng.choice([1, 3, 9])
    text = "110" + f"{n:04b}" + "0000" * 2 + "10100101" * (n - 1) + "".join(f"{b:08b}" for b in data)
    text = text[:text.rindex("1") + 1]          # the last bit of ID_END
    return bytes(int(text[i:i + 8].ljust(8, "0"), 2) for i in range(0, len(text), 8))


aac_bits("h264_aac_dse.mp4", dse)
aac_bits("h264_aac_dse_sometimes.mp4", lambda data, rng: dse(data, rng) if rng.random() < 0.3 else data)
aac_bits("h264_aac_fil.mp4", fil)


def extra(name, handler, timescale, stsd, samples, chunk=None):
    """H.264, AAC and a third track: `samples` gives data and durations of a source."""
    def make(src, out):
        tracks = read(src.made("a" + os.path.splitext(out)[1], *src.video(), *src.audio(), *NOB, *AAC))
        third = [Sample(*s) for s in samples(src, random.Random(99 + src.k))]
        write(out, tracks + [Track(handler, timescale, stsd, third)], chunk)
    CASES[name] = make


def klv(key, kind, size, *items):
    body = b"".join(items)
    return key + kind + bytes([size]) + struct.pack(">H", len(body) // size) + body + bytes(-len(body) % 4)


def gpmf(rng):
    nest = lambda key, *items: (lambda body: key + b"\0\1" + struct.pack(">H", len(body)) + body)(b"".join(items))
    accl = klv(b"ACCL", b"s", 6, *(rng.randbytes(6) for _ in range(rng.randrange(150, 210))))
    return nest(b"DEVC", klv(b"DVID", b"L", 4, b"\0\0\0\1"), klv(b"DVNM", b"c", 1, b"Camera"),
                nest(b"STRM", klv(b"STNM", b"c", 1, b"Accelerometer"), klv(b"SCAL", b"s", 2, b"\x01\xa2"), accl),
                nest(b"STRM", klv(b"GPS5", b"l", 20, *(rng.randbytes(20) for _ in range(18)))))


def camm(rng, kind):
    return struct.pack("<HH3d" if kind == 5 else "<HH3f", 0, kind, *(rng.random() for _ in range(3)))


def mebx(*values):
    return b"".join(struct.pack(">II", 8 + len(v), k + 1) + v for k, v in enumerate(values))


def counted(rng):
    n = rng.randrange(30, 300)
    return struct.pack(">H", n) + rng.randbytes(n)


KEYS = lambda name: box(b"keys", box(struct.pack(">I", 1), box(b"keyd", b"mdta" + name)))
extra("meta_gpmd.mp4", b"meta", 1000, entry(b"gpmd", bytes(4)), lambda src, rng: [(gpmf(rng), 1000) for _ in range(src.seconds)])
extra("meta_gpmd_1s.mp4", b"meta", 1000, entry(b"gpmd", bytes(4)), lambda src, rng: [(gpmf(rng), 1000) for _ in range(src.seconds)], 1.0)
extra("meta_camm.mp4", b"camm", 1000, entry(b"camm"), lambda src, rng: [(camm(rng, i % 2 + 2), 20) for i in range(50 * src.seconds)])
extra("meta_camm_mixed.mp4", b"camm", 1000, entry(b"camm"), lambda src, rng: [(camm(rng, 5 if i % 10 == 9 else i % 2 + 2), 20) for i in range(50 * src.seconds)])
extra("meta_mett_text.mp4", b"meta", 1000, entry(b"mett", b"\0text/plain\0"), lambda src, rng: [
    (f"<gps lat='{rng.random() * 90:.6f}' lon='{rng.random() * 90:.5f}' n='{i}'/>\n".encode(), 200) for i in range(5 * src.seconds)])
extra("meta_mebx.mov", b"meta", 600, entry(b"mebx", KEYS(b"com.maker.face")), lambda src, rng: [
    (mebx(*(rng.randbytes(rng.choice([4, 8, 16])) for _ in range(rng.randrange(1, 4)))), 24) for i in range(25 * src.seconds)])
extra("meta_mebx_const.mov", b"meta", 600, entry(b"mebx", KEYS(b"com.maker.gravity")), lambda src, rng: [(mebx(rng.randbytes(12)), 24) for i in range(25 * src.seconds)])
extra("meta_const.mp4", b"meta", 1000, entry(b"zzzz", bytes(4)), lambda src, rng: [(b"STAT" + rng.randbytes(60), 40) for i in range(25 * src.seconds)])
extra("meta_length_field.mp4", b"meta", 1000, entry(b"zzzz", bytes(4)), lambda src, rng: [(counted(rng), 100) for i in range(10 * src.seconds)])
extra("meta_wvtt.mp4", b"text", 1000, entry(b"wvtt", box(b"vttC", b"WEBVTT")), lambda src, rng: [
    (box(b"vttc", box(b"payl", f"cue {i} {src.role}".encode() * (1 + i % 3))) if i % 2 else box(b"vtte"), 500) for i in range(2 * src.seconds)])


def gst(name, pipeline):
    """A pair that GStreamer writes."""
    def make(src, out):
        given = pipeline.format(frames=src.seconds * RATE, pattern=["smpte", "pinwheel"][src.k], freq=[330, 550][src.k], out=out, b50=src.seconds * 50)
        run("gst-launch-1.0", "-q", *given.split())
    CASES[name] = make


PICTURES = "videotestsrc num-buffers={frames} pattern={pattern} ! video/x-raw,width=320,height=240,framerate=25/1 ! timeoverlay ! videoconvert"
tone = lambda rate, n: f"audiotestsrc num-buffers={{b50}} samplesperbuffer={rate // 50} freq={{freq}} wave=saw ! audio/x-raw,rate={rate},channels={n} ! audioconvert"
AVC = "x264enc speed-preset=veryfast key-int-max=25"


def muxed(video, mux, audio):
    return f"{PICTURES} ! {video} ! {mux} name=m ! filesink location={{out}} {audio} ! m."


gst("gst_mp4mux_voaac.mp4", muxed(f"{AVC} ! h264parse", "mp4mux", f"{tone(48000, 2)} ! voaacenc"))
gst("gst_mp4mux_500ms.mp4", muxed(f"{AVC} ! h264parse", "mp4mux interleave-time=1000000000", f"{tone(48000, 2)} ! voaacenc"))
gst("gst_mp4mux_mp3.mp4", muxed(f"{AVC} ! h264parse", "mp4mux", f"{tone(44100, 2)} ! lamemp3enc ! mpegaudioparse"))
gst("gst_mp4mux_openh264.mp4", muxed("openh264enc gop-size=25 ! h264parse", "mp4mux", f"{tone(16000, 1)} ! voaacenc"))
gst("gst_mp4mux_x265.mp4", muxed("x265enc speed-preset=ultrafast key-int-max=25 ! h265parse", "mp4mux", f"{tone(44100, 2)} ! avenc_aac ! aacparse"))
gst("gst_qtmux_lpcm.mov", muxed(f"{AVC} bframes=0 ! h264parse", "qtmux", f"{tone(48000, 2)} ! audio/x-raw,format=S16LE"))
gst("gst_qtmux_alaw.mov", muxed(f"{AVC} tune=zerolatency ! h264parse", "qtmux", f"{tone(8000, 1)} ! alawenc"))
gst("gst_qtmux_mjpeg.mov", muxed("jpegenc", "qtmux", f"{tone(16000, 1)} ! audio/x-raw,format=S16LE"))
gst("gst_3gpp_amrnb.3gp", muxed(f"{AVC} bframes=0 ! h264parse", "3gppmux", f"{tone(8000, 1)} ! amrnbenc"))
gst("gst_3gpp_amrwb.3gp", muxed(f"{AVC} bframes=0 ! h264parse", "3gppmux", f"{tone(16000, 1)} ! voamrwbenc"))


@case("amrnb_mpeg4.3gp")
def _(src, out):
    """As phones of their time: MPEG-4 part 2 with AMR, ten frames of sound in a sample."""
    sound = src.temporary("a.3gp")
    run("gst-launch-1.0", "-q", *(f"audiotestsrc num-buffers={50 * src.seconds} samplesperbuffer=160 freq={300 + 200 * src.k} wave=saw ! "
                                  f"audio/x-raw,rate=8000,channels=1 ! audioconvert ! amrnbenc ! 3gppmux ! filesink location={sound}").split())
    video = read(src.made("a.mp4", *src.video("176x144", 15), "-c:v", "mpeg4", "-b:v", "200k", "-g", "15"))[0]
    amr = read(sound)[0]
    parts = [amr.samples[i:i + 10] for i in range(0, len(amr.samples) // 10 * 10, 10)]
    amr.samples = [Sample(b"".join(s.data for s in p), sum(s.duration for s in p)) for p in parts]
    write(out, [video, amr], brand=b"3gp4")


# ---- Judging ------------------------------------------------------------

def frame_ms(path):
    """The longest usual duration of a sound or video sample, milliseconds."""
    usual = [0.0]
    for t in read(path):
        if t.handler in (b"vide", b"soun") and t.samples:
            middle = sorted(s.duration for s in t.samples)[len(t.samples) // 2]
            usual.append(1000 * middle / t.timescale)
    return max(usual)


def judge(row, frame):
    """A cell of the table, and whether it is as promised."""
    if row.get("error"):
        return f'none ({row["error"]})', False
    text = f'{row["exact"]}/{row["recoverable"]}'
    worst = max((t.get("pts_err_ms") or 0 for t in row["tracks"]), default=0)
    skew = max((abs(t.get("av_skew_ms") or 0) for t in row["tracks"]), default=0)
    sync = sum(t.get("sync_wrong") or 0 for t in row["tracks"])
    wrong = [f'+{row["extra"]}'] if row["extra"] else []
    wrong += [f"{worst:g} ms"] if worst >= 0.6 else []
    wrong += [f"skew {skew:g} ms"] if skew >= 1 else []
    wrong += [f"sync {sync}"] if sync else []
    if row["kind"].split(":")[0] in ("truncate", "no-moov"):
        good = row["exact"] == row["recoverable"] and not wrong
    else:
        good = row["exact"] >= 0.998 * row["recoverable"] and row["extra"] <= 1 and worst <= 1.1 * frame + 1 and not sync
    return " ".join([text, *wrong]), good


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tapo", required=True); ap.add_argument("--tools", required=True)
    ap.add_argument("--dir", help="keep the pairs here, and use those that are there"); ap.add_argument("--only", default="")
    ap.add_argument("--damage", default=DAMAGE); ap.add_argument("--make", action="store_true", help="only make the pairs")
    ap.add_argument("--tracks", action="store_true", help="say what is wrong with which track, on stderr")
    a = ap.parse_args()
    sys.path.insert(0, a.tools)
    import damage as D, score_repair as S
    probe, known = S.packets, {}

    def remembered(path):
        if path not in known:
            known[path] = probe(path)
        return known[path]
    S.packets = remembered
    folder = a.dir or tempfile.mkdtemp(prefix="codecs")
    tapo = os.path.abspath(a.tapo)
    for role in SECONDS:
        os.makedirs(os.path.join(folder, role), exist_ok=True)
    kinds = a.damage.split(",")
    print("| pair | " + " | ".join(kinds) + " |\n|---|" + "---|" * len(kinds), flush=True)
    good = total = 0
    for name in sorted(n for n in CASES if re.search(a.only, n)):
        paths = {role: os.path.join(folder, role, name) for role in SECONDS}
        try:
            for role, path in paths.items():
                if not os.path.exists(path):
                    with tempfile.TemporaryDirectory() as work:
                        made = os.path.join(work, "out" + os.path.splitext(name)[1])
                        CASES[name](Source(role, work), made)
                        shutil.move(made, path)
        except (RuntimeError, struct.error, KeyError, IndexError) as e:
            print(f"| {name} | cannot be made here: {str(e).splitlines()[-1][:90]} |", flush=True)
            continue
        if a.make:
            continue
        cells = []
        known.clear()
        for kind in kinds:
            with tempfile.TemporaryDirectory() as work:
                broken, out = (os.path.join(work, n + os.path.splitext(name)[1]) for n in ("broken", "out"))
                b = open(paths["full"], "rb").read()
                wanted = kind
                if kind.startswith("truncate") and b.find(b"moov") < b.find(b"mdat"):
                    wanted = "keep-moov-" + kind
                try:
                    data, cut, holes = D.damage(wanted, b, random.Random(1))
                except SystemExit:
                    cells.append("")
                    continue
                open(broken, "wb").write(data)
                p = subprocess.run([tapo, "repair", "--reference", paths["ref"], broken, "-o", out], capture_output=True, text=True, timeout=120)
                there = os.path.exists(out)
                row = S.score(paths["full"], out if there else "/dev/null", cut, holes) | {"kind": kind}
                known.pop(out, None)
                if not there:
                    row["error"] = f"exit {p.returncode}"
                cell, ok = judge(row, frame_ms(paths["full"]))
                good += ok; total += 1
                cells.append(cell if ok else f"**{cell}**")
                if a.tracks and not ok:
                    print(name, kind, *p.stderr.strip().splitlines()[-1:], *row["tracks"], sep="\n   ", file=sys.stderr)
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    print(f"\n{good} of {total} as promised")
    if not a.dir:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
