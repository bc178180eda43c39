#!/usr/bin/env python3
"""A fragmented file beyond 4 GiB: finalized, undone and finalized again, against ffmpeg -c copy. Needs FFmpeg.

  finalize_large.py --tapo target/release/tapo [--gib 5] [--dir DIR]

The file is sparse: its samples are holes of zeros under an index that FFmpeg's muxer began. FFmpeg's copy is not: twice the size
must be free in DIR."""
import argparse, hashlib, os, pathlib, struct, subprocess, tempfile
from usage import measure

SAMPLES, SAMPLE = 25, 4 << 20


def box(kind, *parts):
    body = b''.join(parts)
    return struct.pack('>I4s', 8 + len(body), kind) + body


def fragment(number, duration):
    traf = box(b'traf', box(b'tfhd', struct.pack('>II', 0x020000, 1)), box(b'tfdt', struct.pack('>IQ', 1 << 24, number * SAMPLES * duration)))
    entries = b''.join(struct.pack('>III', duration, SAMPLE, 0x02000000 if n == 0 else 0x01010000) for n in range(SAMPLES))
    size = len(traf) + 8 + 16 + 8 + 12 + len(entries)
    trun = box(b'trun', struct.pack('>III', 0x000701, SAMPLES, size + 8), entries)
    traf = box(b'traf', traf[8:], trun)
    moof = box(b'moof', box(b'mfhd', struct.pack('>II', 0, number + 1)), traf)
    assert len(moof) == size
    return moof + struct.pack('>I4s', 8 + SAMPLES * SAMPLE, b'mdat')


def make(path, gib):
    clip = path.with_name('clip.mp4')
    subprocess.run(['ffmpeg', '-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=25', '-t', '1', '-c:v', 'libx264', '-bf', '0',
                    '-pix_fmt', 'yuv420p', '-movflags', '+frag_keyframe+empty_moov+default_base_moof', str(clip)], check=True)
    data = clip.read_bytes()
    head = data[:data.index(b'moof') - 4]
    timescale = struct.unpack('>I', head[head.index(b'mdhd') + 16:][:4])[0]
    with open(path, 'wb') as f:
        f.write(head)
        for n in range(-(-gib * (1 << 30) // (SAMPLES * SAMPLE))):
            f.write(fragment(n, timescale // 25))
            f.truncate(f.tell() + SAMPLES * SAMPLE)
            f.seek(0, os.SEEK_END)
    return (n + 1) * SAMPLES


def digest(path):
    h = hashlib.blake2b()
    with open(path, 'rb') as f:
        while part := f.read(1 << 24):
            h.update(part)
    return h.hexdigest()


def count(path):
    out = subprocess.run(['ffprobe', '-v', 'error', '-count_packets', '-show_entries', 'stream=nb_read_packets', '-of', 'csv=p=0', str(path)],
                         capture_output=True, text=True, check=True)
    return int(out.stdout.strip().strip(','))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--gib', type=int, default=5)
    ap.add_argument('--dir')
    a = ap.parse_args()
    with tempfile.TemporaryDirectory(dir=a.dir) as dir:
        path = pathlib.Path(dir) / 'large.mp4'
        samples, original = make(path, a.gib), None
        original, size = digest(path), path.stat().st_size
        print(f'{size:,} bytes, {samples} samples\n\n| | wall s | CPU s | written MB |\n|---|---|---|---|')
        copy = path.with_name('copy.mp4')
        steps = {
            'tapo finalize': [a.tapo, 'finalize', '-q', path],
            'tapo finalize --undo': [a.tapo, 'finalize', '-q', '--undo', path],
            'tapo finalize, again': [a.tapo, 'finalize', '-q', path],
            'ffmpeg -c copy': ['ffmpeg', '-v', 'error', '-y', '-i', path, '-c', 'copy', '-copyinkf', copy],
        }
        for name, call in steps.items():
            os.sync()
            m = measure([str(c) for c in call])
            assert m['exit'] == 0, m['said']
            print(f"| {name} | {m['wall']:.3f} | {m['cpu']:.3f} | {m['written'] / 1e6:.2f} |", flush=True)
            if name.endswith('--undo'):
                assert path.stat().st_size == size and digest(path) == original, 'undo gives other bytes'
            else:
                assert count(copy if 'ffmpeg' in name else path) == samples
        with open(path, 'rb') as f:
            f.seek(-(1 << 16), os.SEEK_END)
            assert b'co64' in f.read(), 'no co64'


if __name__ == '__main__':
    main()
