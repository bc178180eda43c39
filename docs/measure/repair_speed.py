#!/usr/bin/env python3
"""How fast tapo repairs, against cp of the same file in the same run: medians of 5, page cache warm.

  repair_speed.py --tapo target/release/tapo [--gb 1] [--rounds 5] [--dir DIR]

Clips like a camera's (1080p, 20 fps, 6 Mbit/s, sound) are made with FFmpeg, looped to the size asked for, and
lose their index. tapo's time is all of it: the start of the program, the search, the index, every sync. Needs
four times the size in DIR. Then: the first 4 KiB missing, random bytes in front of the media, sound alone (where
the work is parsing), a day of small pictures (three million samples: its peak memory is what counts), each on one
thread and on two."""
import argparse, os, pathlib, shutil, statistics, struct, subprocess, tempfile, time
from usage import measure

PICTURE = ['-f', 'lavfi', '-i', 'testsrc2=s=1920x1080:r=20,noise=alls=10:allf=t:all_seed={seed},hue=h={hue}']
SOUND = ['-f', 'lavfi', '-i', 'anoisesrc=color=pink:r=16000:a=0.1:seed={seed}']
H264 = '-c:v libx264 -preset superfast -b:v 6M -maxrate 6M -bufsize 6M -bf 0 -g 40 -sc_threshold 0 -pix_fmt yuv420p'.split()
H265 = ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error:bframes=0:keyint=40:open-gop=0', '-b:v', '4M',
        '-pix_fmt', 'yuv420p', '-tag:v', 'hvc1']
AAC = '-c:a aac -b:a 32k -ac 1'.split()
KINDS = {
    'H.264 + AAC': ('a.mp4', PICTURE + SOUND + H264 + AAC),
    'H.264 + G.711': ('g.mov', PICTURE + SOUND + H264 + '-c:a pcm_alaw -ar 8000'.split()),
    'H.265 + AAC': ('h.mp4', PICTURE + SOUND + H265 + AAC),
}


def ffmpeg(*args):
    subprocess.run(['ffmpeg', '-v', 'error', '-y', *map(str, args)], check=True)


def lose_index(path):
    """Cuts the moov off, which stands last, and clears the size of mdat, as a recorder that lost power leaves it."""
    with open(path, 'r+b') as f:
        size, at, media = os.path.getsize(path), 0, None
        while at < size:
            f.seek(at)
            n, kind = struct.unpack('>I4s', f.read(8))
            if kind == b'mdat':
                media = at, n
            if n == 1:
                n = struct.unpack('>Q', f.read(8))[0]
            if kind == b'moov':
                break
            at += n
        f.truncate(at)
        f.seek(media[0])
        f.write(b'\0\0\0\0' if media[1] != 1 else b'\0\0\0\1mdat' + bytes(8))


def recording(dir, name, options, gb, seconds=12.8):
    """A reference and a long broken recording of the same settings."""
    reference, clip, broken = dir / f'reference_{name}', dir / f'clip_{name}', dir / f'broken_{name}'
    for seed, out in ((1, reference), (2, clip)):
        ffmpeg(*[o.format(seed=seed, hue=60 * seed) for o in options], '-t', seconds, out)
    loops = int(gb * 1e9 / os.path.getsize(clip))
    ffmpeg('-stream_loop', loops, '-i', clip, '-c', 'copy', broken)
    lose_index(broken)
    return reference, broken


def synced_copy(source, target):
    m = measure(['cp', '--reflink=never', str(source), str(target)])
    start = time.monotonic()
    with open(target) as f:
        os.fsync(f.fileno())
    return {**m, 'wall': m['wall'] + time.monotonic() - start}


def settle():
    """What earlier rounds wrote must not be written back in the next."""
    os.sync()


def median(runs, key):
    return statistics.median(r[key] for r in runs)


def against_cp(tapo, reference, broken, rounds):
    copy, out = broken.with_suffix('.copy'), broken.with_suffix('.out')
    rows = {k: [] for k in ('cp', 'cp, synced', 'in place', 'in place, one thread', 'to a new file')}
    base = [tapo, 'repair', '-q', '-r', str(reference), str(broken)]
    for _ in range(rounds):
        for name, do in {
            'cp': lambda: measure(['cp', '--reflink=never', str(broken), str(copy)]),
            'cp, synced': lambda: synced_copy(broken, copy),
            'in place': lambda: measure(base + ['--in-place']),
            'in place, one thread': lambda: measure(base + ['--in-place'], env={**os.environ, 'RAYON_NUM_THREADS': '1'}),
            'to a new file': lambda: measure(base + ['-o', str(out)]),
        }.items():
            settle()
            rows[name].append(do())
            if name.startswith('in place'):
                subprocess.run([tapo, 'repair', '-q', '--undo', str(broken)], check=True)
            for made in (copy, out):
                made.unlink(missing_ok=True)
    return rows


def dry(tapo, reference, broken, rounds):
    rows = {}
    for threads in (1, 2):
        env = {**os.environ, 'RAYON_NUM_THREADS': str(threads)}
        call = [tapo, 'repair', '-q', '--dry-run', '-r', str(reference), str(broken)]
        rows[threads] = [measure(call, env=env) for _ in range(rounds)]
    return rows


def noise(path, size, tail):
    """`size` random bytes with the file `tail` behind them."""
    with open(path, 'wb') as out:
        for _ in range(size >> 20):
            out.write(os.urandom(1 << 20))
        with open(tail, 'rb') as f:
            shutil.copyfileobj(f, out, 1 << 20)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--gb', type=float, default=1)
    ap.add_argument('--rounds', type=int, default=5)
    ap.add_argument('--dir')
    a = ap.parse_args()
    with tempfile.TemporaryDirectory(dir=a.dir) as dir:
        dir = pathlib.Path(dir)
        print(f'medians of {a.rounds}\n\n| recording | | wall s | CPU s | peak MB | of cp | of cp, synced |\n|---|---|---|---|---|---|---|')
        for kind, (name, options) in KINDS.items():
            reference, broken = recording(dir, name, options, a.gb)
            rows = against_cp(a.tapo, reference, broken, a.rounds)
            for what, runs in rows.items():
                assert all(r['exit'] in (0, 3) for r in runs), (kind, what, runs[0]['said'])
                wall = median(runs, 'wall')
                print(f"| {kind}, {os.path.getsize(broken) / 1e6:.0f} MB | {what} | {wall:.3f} | {median(runs, 'cpu'):.3f} | "
                      f"{max(r['rss_mb'] for r in runs):.1f} | {wall / median(rows['cp'], 'wall'):.2f} | "
                      f"{wall / median(rows['cp, synced'], 'wall'):.2f} |", flush=True)
            if kind != 'H.264 + AAC':
                broken.unlink()
        reference, broken = dir / 'reference_a.mp4', dir / 'broken_a.mp4'
        cases = {}
        head = dir / 'head_lost.mp4'
        with open(broken, 'rb') as f, open(head, 'wb') as out:
            f.seek(4096)
            shutil.copyfileobj(f, out, 1 << 20)
        cases['the first 4 KiB missing'] = reference, head
        random = dir / 'random.mp4'
        with open(dir / 'tail', 'wb') as out, open(broken, 'rb') as f:
            out.write(f.read(10_000_000))
        noise(random, int(a.gb * 1e9), dir / 'tail')
        cases['random bytes in front of 10 MB'] = reference, random
        sound = ['-f', 'lavfi', '-i', 'anoisesrc=color=pink:r=48000:a=0.2:seed={seed},pan=stereo|c0=c0|c1=0.7*c0', '-c:a', 'aac', '-b:a', '128k']
        small = ['-f', 'lavfi', '-i', 'testsrc2=s=160x120:r=20,hue=h={hue}', *SOUND, *'-c:v libx264 -preset superfast -b:v 60k -maxrate 60k'.split(),
                 *'-bufsize 60k -bf 0 -g 40 -sc_threshold 0 -pix_fmt yuv420p -c:a aac -b:a 16k -ac 1'.split()]
        cases['a day of small pictures'] = recording(dir, 'd.mp4', small, 0.82, 51.2)
        cases['AAC alone'] = recording(dir, 's.m4a', sound, a.gb / 5, 30)
        print('\n| search alone (--dry-run) | MB | one thread s | two s | times | MB/s on one | peak MB |\n|---|---|---|---|---|---|---|')
        for what, (reference, broken) in cases.items():
            rows = dry(a.tapo, reference, broken, a.rounds)
            one, two = (median(rows[n], 'wall') for n in (1, 2))
            mb = os.path.getsize(broken) / 1e6
            peak = max(r['rss_mb'] for r in rows[2])
            print(f'| {what} | {mb:.0f} | {one:.3f} | {two:.3f} | {one / two:.2f} | {mb / one:.0f} | {peak:.1f} |', flush=True)


if __name__ == '__main__':
    main()
