#!/usr/bin/env python3
"""Kills tapo record (SIGKILL) at random moments and tells how much is lost.

  kill_random.py --tapo target/release/tapo --kills 30 rtsp://127.0.0.1:8554/stream1

What is lost is the time from the kill back to the end of the media in the file. The bound is two fragments:
the one being gathered and the one being written. Each file must open in ffprobe without any repair, and the
next start must finalize it with the same packets."""
import argparse, json, pathlib, random, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor
import peers


def once(tapo, url, seed, dir):
    rng = random.Random(seed)
    out = pathlib.Path(dir) / str(seed)
    p = subprocess.Popen([tapo, 'record', url, '-o', str(out)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.time() + 20
    while not list(out.rglob('*.mp4')):
        if time.time() > deadline:
            p.kill()
            return seed, None, 'nothing recorded'
        time.sleep(0.01)
    time.sleep(rng.uniform(0.0, 6.0))
    p.kill()
    killed = time.time()
    p.wait()
    file = next(out.rglob('*.mp4'))
    data = file.read_bytes()
    at = data.find(bytes.fromhex('4d9fc1bbe97d48c4b0dd84ad814a97ff'))
    started = int.from_bytes(data[at + 16 + 18:at + 16 + 26], 'big') / 1e9
    before = peers.packets(file)
    video = {s['index']: s for s in peers.streams(file)}[0]
    n = len(before.get(0, []))
    rate = [int(x) for x in video['avg_frame_rate'].split('/')]
    kept = n * rate[1] / rate[0] if rate[0] else 0
    lost = killed - started - kept
    # The next start finishes what was left.
    nxt = subprocess.Popen([tapo, 'record', url, '-o', str(out)], stderr=subprocess.PIPE, text=True)
    time.sleep(2.5)
    nxt.send_signal(2)
    nxt.wait(10)
    kinds = subprocess.run([tapo, 'inspect', '--json', str(file)], stdout=subprocess.PIPE, text=True)
    same = peers.packets(file) == before
    final = b'\0\0\0\x08free' == file.read_bytes()[32:40] if n else True
    return seed, lost, '' if same and final and kinds.returncode == 0 else f'same {same} final {final} inspect {kinds.returncode}'


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--kills', type=int, default=30)
    ap.add_argument('--at-once', type=int, default=5)
    ap.add_argument('url')
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as dir, ThreadPoolExecutor(a.at_once) as pool:
        rows = list(pool.map(lambda s: once(a.tapo, a.url, s, dir), range(a.kills)))
    bad = [r for r in rows if r[2] or r[1] is None or r[1] > 2.1]
    lost = sorted(r[1] for r in rows if r[1] is not None)
    print(f'{len(rows)} kills: lost median {lost[len(lost) // 2]:.2f} s, most {lost[-1]:.2f} s, least {lost[0]:.2f} s; bad: {bad}')
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
