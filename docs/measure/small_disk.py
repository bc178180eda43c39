#!/usr/bin/env python3
"""A small disk that several cameras fill for long: the floor of free space is kept, nothing stops, what is protected stays, and all
that is left plays. Needs `unshare -rm` (or root) for a tmpfs of its own.

  small_disk.py --tapo target/release/tapo --cameras 8 --minutes 6 --disk 64 --floor 16 testdata/demo.mp4"""
import argparse, hashlib, json, os, pathlib, subprocess, sys, tempfile, time


def start_camera(tapo, clip, speed):
    p = subprocess.Popen([tapo, 'camera', '--port', '0', '--json', '--speed', str(speed), clip], stdout=subprocess.PIPE, text=True)
    return p, json.loads(p.stdout.readline())['url']


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def inside(a):
    """In the namespace: the tmpfs is mounted on `disk`."""
    disk = pathlib.Path('disk')
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={a.disk}m', 'tapo', disk], check=True)
    cameras = [start_camera(a.tapo, a.clip, a.speed) for _ in range(a.cameras)]
    config = f'[defaults]\nsegment = "{a.segment}"\nkeep_free = "{a.floor}MB"\npattern = "%s"\n'
    for n, (_, url) in enumerate(cameras):
        config += f'[[camera]]\nname = "c{n}"\nurl = "{url}"\n'
    pathlib.Path('cameras.toml').write_text(config)
    record = subprocess.Popen([a.tapo, 'record', '--config', 'cameras.toml', '-o', disk, '--json'], stdout=open('events', 'w'))
    free = lambda: (lambda s: s.f_bavail * s.f_frsize)(os.statvfs(disk))
    lowest, protected, largest, until = free(), None, 0, time.monotonic() + a.minutes * 60
    while time.monotonic() < until:
        time.sleep(0.1)
        if record.poll() is not None:
            sys.exit(f'the recorder ended: {record.returncode}')
        lowest = min(lowest, free())
        if protected is None:
            events = [json.loads(l) for l in open('events').read().splitlines() if l.endswith('}')]
            closed = [e for e in events if e['event'] == 'closed']
            if len(closed) > 2:
                protected = pathlib.Path(closed[1]['path'])
                subprocess.run([a.tapo, 'protect', protected], check=True, stdout=subprocess.DEVNULL)
                before = sha(protected)
    record.terminate()
    code = record.wait(60)
    for p, _ in cameras:
        p.terminate()
    events = [json.loads(l) for l in open('events')]
    closed = [e for e in events if e['event'] == 'closed']
    largest = max(e['bytes'] for e in closed)
    removed = {e['path'] for e in events if e['event'] == 'removed'}
    written = sum(e['bytes'] for e in closed)
    lost = [e['text'] for e in events if e['event'] == 'notice']
    left = sorted(disk.rglob('*.mp4'))
    inspected = subprocess.run([a.tapo, 'inspect', '-q', *left]).returncode
    floor = a.floor * 1_000_000
    print(f'{a.cameras} cameras, {a.minutes:g} min at {a.speed:g} times speed, disk of {a.disk} MiB, floor {a.floor} MB, segments of {a.segment}')
    print(f'written {written / 1e6:.1f} MB in {len(closed)} files, removed {len(removed)}, left {len(left)}')
    print(f'lowest free {lowest / 1e6:.2f} MB, largest file {largest / 1e6:.2f} MB, notices: {sorted(set(lost))}')
    problems = [
        (code != 0, f'the recorder ended with {code}'),
        (lowest < floor - largest, 'below the floor by more than a segment'),
        (protected is None or sha(protected) != before, 'the protected file is not what it was'),
        (inspected != 0, f'inspect: {inspected}'),
        (not removed, 'nothing was removed: longer, please'),
    ]
    failed = [text for bad, text in problems if bad]
    print('\n'.join(failed) or 'as promised')
    return 1 if failed else 0


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--cameras', type=int, default=8)
    ap.add_argument('--minutes', type=float, default=6)
    ap.add_argument('--disk', type=int, default=64, help='MiB')
    ap.add_argument('--floor', type=int, default=16, help='MB')
    ap.add_argument('--segment', default='2s', help='of media time: at ten times speed, a tenth of it by the clock')
    ap.add_argument('--speed', type=float, default=1, help='of the cameras, in times of real time')
    ap.add_argument('--inside', action='store_true', help=argparse.SUPPRESS)
    ap.add_argument('clip')
    a = ap.parse_args()
    if a.inside:
        sys.exit(inside(a))
    with tempfile.TemporaryDirectory() as dir:
        os.mkdir(f'{dir}/disk')
        again = [sys.executable, os.path.abspath(__file__), '--inside', '--tapo', os.path.abspath(a.tapo), '--cameras', str(a.cameras),
                 '--minutes', str(a.minutes), '--disk', str(a.disk), '--floor', str(a.floor), '--segment', a.segment, '--speed', str(a.speed), os.path.abspath(a.clip)]
        sys.exit(subprocess.run(['unshare', '-rm', *again], cwd=dir).returncode)


if __name__ == '__main__':
    main()
