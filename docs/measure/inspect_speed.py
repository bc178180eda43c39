#!/usr/bin/env python3
"""How fast tapo inspects, against ffprobe, mediainfo and sha256sum on the same files in the same run: medians, page
cache warm.

  inspect_speed.py --tapo target/release/tapo [--gb 2] [--rounds 3] [--dir DIR] [--clip CLIP] [--only REGEX]

A clip (demo.mp4 of testdata) is looped by FFmpeg without coding to the size asked for: a progressive file with its index last, then
one with fragments of a second. One stands in DIR at a time, and none at the end. mediainfo is left out if there is none."""
import argparse, os, pathlib, re, shutil, statistics, subprocess, tempfile
from usage import measure

HERE = pathlib.Path(__file__).resolve().parents[2]
CLIP = HERE / 'testdata' / 'demo.mp4'


def make(path, bytes_, fragments, clip=CLIP):
    loops = bytes_ // os.path.getsize(clip)
    flags = ['-movflags', 'empty_moov+default_base_moof+frag_keyframe', '-frag_duration', '1000000'] if fragments else []
    subprocess.run(['ffmpeg', '-v', 'error', '-y', '-stream_loop', str(loops), '-i', str(clip), '-c', 'copy', *flags, str(path)],
                   check=True)


def commands(tapo, path):
    inspect = [tapo, 'inspect', '--color', 'never']
    yield 'tapo --quick (summary)', [*inspect, '--quick', path]
    yield 'tapo (summary, heads of units)', [*inspect, path]
    yield 'ffprobe -show_format -show_streams', ['ffprobe', '-v', 'error', '-show_format', '-show_streams', path]
    if shutil.which('mediainfo'):
        yield 'mediainfo', ['mediainfo', path]
    yield 'tapo --boxes', [*inspect, '--boxes', path]
    yield 'tapo --samples', [*inspect, '--samples', path]
    yield 'ffprobe -show_packets', ['ffprobe', '-v', 'error', '-show_packets', '-of', 'csv', path]
    yield 'tapo --ledger', [*inspect, '--ledger', path]
    yield 'tapo --quick --hash', [*inspect, '--quick', '--hash', path]
    yield 'sha256sum', ['sha256sum', path]


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('--tapo', required=True)
    args.add_argument('--gb', type=float, default=2)
    args.add_argument('--rounds', type=int, default=3)
    args.add_argument('--dir')
    args.add_argument('--clip', default=CLIP)
    args.add_argument('--only', default='', help='rows whose names match')
    args = args.parse_args()
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        for fragments in (False, True):
            path = os.path.join(folder, 'file.mp4')
            make(path, int(args.gb * 1e9), fragments, args.clip)
            size = os.path.getsize(path)
            print(f"\n{'fragmented' if fragments else 'progressive'}, {size / 1e9:.2f} GB, load {os.getloadavg()[0]:.1f}")
            print('| command | wall s | user s | CPU s | MB |\n|---|---|---|---|---|')
            for name, command in commands(args.tapo, path):
                if not re.search(args.only, name):
                    continue
                runs = [measure(command) for _ in range(args.rounds)]
                wall, user, cpu, peak = (statistics.median(r[key] for r in runs) for key in ('wall', 'user', 'cpu', 'rss_mb'))
                print(f'| `{name}` | {wall:.2f} | {user:.2f} | {cpu:.2f} | {peak:.0f} |', flush=True)
            os.unlink(path)


if __name__ == '__main__':
    main()
