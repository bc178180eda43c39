#!/usr/bin/env python3
"""What recording one camera costs: tapo and ffmpeg -c copy at the same time, from the same server.

  record_cost.py --tapo target/release/tapo --seconds 60 rtsp://127.0.0.1:8554/big"""
import argparse, pathlib, tempfile
from concurrent.futures import ThreadPoolExecutor
from usage import measure
import peers


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--seconds', type=float, default=60)
    ap.add_argument('url')
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as dir:
        dir = pathlib.Path(dir)
        commands = {
            'tapo record': [a.tapo, 'record', a.url, '-o', str(dir / 'tapo.mp4')],
            'ffmpeg -c copy': ['ffmpeg', '-v', 'error', '-rtsp_transport', 'tcp', '-i', a.url, '-c', 'copy', '-movflags',
                               'frag_keyframe+empty_moov+default_base_moof', str(dir / 'ffmpeg.mp4')],
        }
        with ThreadPoolExecutor() as pool:
            runs = {name: pool.submit(measure, args, a.seconds) for name, args in commands.items()}
        print(f'{a.seconds:.0f} s of {a.url}\n')
        print('| | CPU s | peak MB | file MB | video samples |\n|---|---|---|---|---|')
        for name, file in zip(commands, ('tapo.mp4', 'ffmpeg.mp4')):
            m = runs[name].result()
            n = len(peers.packets(dir / file)[0])
            print(f"| {name} | {m['cpu']:.2f} | {m['rss_mb']:.1f} | {(dir / file).stat().st_size / 1e6:.1f} | {n} |")


if __name__ == '__main__':
    main()
