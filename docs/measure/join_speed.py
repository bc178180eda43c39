#!/usr/bin/env python3
"""A day of segments joined: tapo finalize -o against ffmpeg's concat demuxer, medians of 3 in one run.

  join_speed.py --tapo target/release/tapo [--segments 96] [--minutes 15] [--kbit 150] [--dir DIR]

Segments of one recording (H.264 320x240 at 5 fps with AAC, fragmented), their decode times going on from one to
the next. Every packet is compared by ffprobe (hash, times, flags) with those of the segments."""
import argparse, os, pathlib, statistics, subprocess, tempfile, time
from usage import measure


def packets(path, stream):
    out = subprocess.run(['ffprobe', '-v', 'error', '-select_streams', stream, '-show_data_hash', 'MD5', '-show_entries',
                          'packet=dts,pts,flags,data_hash', '-of', 'compact=nk=0:p=0', str(path)],
                         capture_output=True, text=True, check=True).stdout
    rows = []
    for line in out.splitlines():
        row = dict(f.split('=', 1) for f in line.split('|') if '=' in f)
        if 'data_hash' in row:
            rows.append((int(row['dts']), int(row['pts']), row['flags'][0], row['data_hash']))
    return rows


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--segments', type=int, default=96)
    ap.add_argument('--minutes', type=float, default=15)
    ap.add_argument('--kbit', type=int, default=150)
    ap.add_argument('--rounds', type=int, default=3)
    ap.add_argument('--dir')
    a = ap.parse_args()
    run = lambda *args: subprocess.run(['ffmpeg', '-y', '-v', 'error', *map(str, args)], check=True)
    with tempfile.TemporaryDirectory(dir=a.dir) as dir:
        dir = pathlib.Path(dir)
        # Ten seconds, all of whose lengths are whole in both clocks, looped.
        run('-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=5', '-f', 'lavfi', '-i', 'sine=r=16000:b=2', '-t', 10.24,
            '-c:v', 'libx264', '-g', 5, '-b:v', f'{a.kbit}k', '-bf', 0, '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-b:a', '24k',
            dir / 'clip.mp4')
        seconds = a.minutes * 60
        run('-stream_loop', -1, '-i', dir / 'clip.mp4', '-t', seconds * a.segments, '-c', 'copy', '-f', 'hls',
            '-hls_segment_type', 'fmp4', '-hls_time', seconds, '-hls_list_size', 0, dir / 'x.m3u8')
        init, names = (dir / 'init.mp4').read_bytes(), []
        for segment in sorted(dir.glob('x*.m4s'), key=lambda s: int(s.stem[1:])):
            # A file of its own: the fragments' decode times go on from one to the next.
            names.append(dir / f'{len(names):03}.mp4')
            names[-1].write_bytes(init + segment.read_bytes())
            segment.unlink()
        size = sum(n.stat().st_size for n in names)
        (dir / 'list').write_text(''.join(f"file '{n}'\n" for n in names))
        out = {'tapo': dir / 'tapo.mp4', 'ffmpeg': dir / 'ffmpeg.mp4'}
        rows = {k: [] for k in ('tapo finalize -o', 'ffmpeg -f concat -c copy', 'ffmpeg -f concat -c copy, synced')}
        for _ in range(a.rounds):
            os.sync()
            rows['tapo finalize -o'].append(measure([a.tapo, 'finalize', *map(str, names), '-o', str(out['tapo']), '--force']))
            os.sync()
            m = measure(['ffmpeg', '-y', '-v', 'error', '-f', 'concat', '-safe', '0', '-i', str(dir / 'list'), '-c', 'copy',
                         '-map', '0', str(out['ffmpeg'])])
            rows['ffmpeg -f concat -c copy'].append(m)
            t = time.monotonic()
            with open(out['ffmpeg']) as f:
                os.fsync(f.fileno())
            rows['ffmpeg -f concat -c copy, synced'].append({**m, 'wall': m['wall'] + time.monotonic() - t})
        print(f'{len(names)} segments of {a.minutes:g} minutes, {size / 1e6:.0f} MB, medians of {a.rounds}\n')
        print('| | wall s | CPU s | peak MB |\n|---|---|---|---|')
        for name, runs in rows.items():
            assert all(r['exit'] == 0 for r in runs), (name, runs[0])
            med = {k: statistics.median(r[k] for r in runs) for k in ('wall', 'cpu', 'rss_mb')}
            print(f"| {name} | {med['wall']:.2f} | {med['cpu']:.2f} | {med['rss_mb']:.1f} |")
        print()
        for stream in ('v', 'a'):
            want = [p for n in names for p in packets(n, stream)]
            first = want[0][0]
            for name, path in out.items():
                got = packets(path, stream)
                moved = got[0][0] - first
                same = sum(w[2:] == g[2:] for w, g in zip(want, got)) if len(want) == len(got) else 0
                at = sum((w[0] + moved, w[1] + moved) == (g[0], g[1]) for w, g in zip(want, got))
                print(f'{name}, {stream}: {len(got)} of {len(want)} packets, {same} with the same bytes and flags, {at} at the same time')


if __name__ == '__main__':
    main()
