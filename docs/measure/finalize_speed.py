#!/usr/bin/env python3
"""tapo finalize against ffmpeg -c copy +faststart on one large fragmented file, medians of 5 in one run.

  finalize_speed.py --tapo target/release/tapo CLIP.mp4 [--gb 1]

CLIP is an 8 Mbit/s clip; it is looped to the size asked for, with a fragment a GOP. The page cache is
warm for both. tapo's time includes its two fdatasync; ffmpeg syncs nothing, so a second column adds a
sync of its output."""
import argparse, os, pathlib, shutil, statistics, subprocess, tempfile, time
from usage import measure


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--gb', type=float, default=1)
    ap.add_argument('--rounds', type=int, default=5)
    ap.add_argument('--dir')
    ap.add_argument('clip')
    a = ap.parse_args()
    with tempfile.TemporaryDirectory(dir=a.dir) as dir:
        dir = pathlib.Path(dir)
        source, work, out = dir / 'fragmented.mp4', dir / 'work.mp4', dir / 'out.mp4'
        loops = int(a.gb * 1e9 / os.path.getsize(a.clip))
        subprocess.run(['ffmpeg', '-v', 'error', '-stream_loop', str(loops), '-i', a.clip, '-c', 'copy', '-movflags',
                        'frag_keyframe+empty_moov+default_base_moof', str(source)], check=True)
        size = source.stat().st_size
        shutil.copy(source, work)
        rows = {'tapo finalize': [], 'tapo finalize --undo': [], 'ffmpeg +faststart': [], 'ffmpeg +faststart, synced': []}
        for _ in range(a.rounds):
            os.sync()
            rows['tapo finalize'].append(measure([a.tapo, 'finalize', str(work)]))
            rows['tapo finalize --undo'].append(measure([a.tapo, 'finalize', '--undo', str(work)]))
            os.sync()
            m = measure(['ffmpeg', '-y', '-v', 'error', '-i', str(source), '-c', 'copy', '-movflags', '+faststart', str(out)])
            rows['ffmpeg +faststart'].append(m)
            t = time.monotonic()
            with open(out) as f:
                os.fsync(f.fileno())
            rows['ffmpeg +faststart, synced'].append({**m, 'wall': m['wall'] + time.monotonic() - t})
        print(f'{size / 1e6:.0f} MB, medians of {a.rounds}\n')
        print('| | wall s | CPU s | peak MB | written | of the file |\n|---|---|---|---|---|---|')
        for name, runs in rows.items():
            assert all(r['exit'] == 0 for r in runs), (name, runs[0])
            med = {k: statistics.median(r[k] for r in runs) for k in ('wall', 'cpu', 'rss_mb', 'written')}
            print(f"| {name} | {med['wall']:.3f} | {med['cpu']:.3f} | {med['rss_mb']:.1f} | "
                  f"{med['written'] / 1e6:.2f} MB | {100 * med['written'] / size:.3f} % |")


if __name__ == '__main__':
    main()
