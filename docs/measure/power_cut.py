#!/usr/bin/env python3
"""What a power cut leaves of a recording and of a finalize, on real file systems. Root; Linux; FFmpeg, GStreamer and, for
finalize, fusepy (PyPI).

  power_cut.py record   --tapo target/release/tapo CLIP.mp4 [--fs ext4,xfs] [--at 12,40]
  power_cut.py finalize --tapo target/release/tapo FRAGMENTED.mp4 [--fs ext4,xfs]

record: `tapo camera` plays CLIP; tapo, FFmpeg and GStreamer record it at the same time, each onto a file system of its own in a
loop file. At the given seconds the images are copied as they are, which is what a disk holds that loses its power; the copies
are mounted, and what FFmpeg reads from the longest file there is counted.

finalize: the file system lies on a disk that logs every block written and every flush (FUSE). Every prefix of the log, and every
prefix less one write since the last flush, is a disk that a power cut may leave: each is mounted, and its file read. The same
for the orders in which OBS and FFmpeg write the same bytes."""
import argparse, errno, json, os, pathlib, shutil, signal, stat, subprocess, sys, tempfile, threading, time

MKFS = {'ext4': ['mkfs.ext4', '-q', '-F'], 'xfs': ['mkfs.xfs', '-q', '-f']}
OPTIONS = {'ext4': 'loop', 'xfs': 'loop,nouuid'}
SIZE = 384 << 20


def sh(*args, **more):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, text=True, **more)


def packets(path):
    """What FFmpeg reads: the MD5 of each packet, and where the last one of the pictures ends, seconds."""
    out = subprocess.run(['ffprobe', '-v', 'quiet', '-show_data_hash', 'md5', '-show_entries',
                          'packet=codec_type,pts_time,duration_time,data_hash', '-of', 'json', str(path)], capture_output=True, text=True)
    found = json.loads(out.stdout or '{}').get('packets', [])
    ends = [float(p['pts_time']) + float(p.get('duration_time', 0)) for p in found if p['codec_type'] == 'video' and 'pts_time' in p]
    return [p['data_hash'] for p in found], max(ends, default=0.0)


class Mounted:
    def __init__(self, image, fs, at):
        self.at = pathlib.Path(at)
        self.at.mkdir(exist_ok=True)
        sh('mount', '-o', OPTIONS[fs], image, self.at)

    def __enter__(self):
        return self.at

    def __exit__(self, *_):
        sh('umount', self.at)


def formatted(path, fs):
    with open(path, 'wb') as f:
        f.truncate(SIZE)
    sh(*MKFS[fs], path)
    return path


def recorders(tapo, url):
    gst = f'rtspsrc location={url} protocols=tcp latency=0 ! rtph264depay ! h264parse ! mp4mux fragment-duration=1000 streamable=true ! filesink location=OUT/a.mp4'
    ffmpeg = ['ffmpeg', '-v', 'error', '-rtsp_transport', 'tcp', '-i', url, '-c', 'copy', '-f', 'mp4', '-movflags',
              '+frag_keyframe+empty_moov+default_base_moof']
    return {
        'tapo record': [tapo, 'record', '-q', url, '-o', 'OUT'],
        'FFmpeg, fragmented': ffmpeg + ['OUT/a.mp4'],
        'FFmpeg, fragmented, -flush_packets 1': ffmpeg + ['-flush_packets', '1', 'OUT/a.mp4'],
        'GStreamer mp4mux, fragments of 1 s': ['gst-launch-1.0', '-q', *gst.split()],
    }


def record(a):
    rows = []
    with tempfile.TemporaryDirectory() as dir:
        dir = pathlib.Path(dir)
        camera = subprocess.Popen([a.tapo, 'camera', '--port', '0', a.file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        url = next(w for line in camera.stdout for w in line.split() if w.startswith('rtsp://'))
        threading.Thread(target=camera.stdout.read, daemon=True).start()
        try:
            for fs in a.fs:
                rows += cut_recordings(a, dir, fs, url)
        finally:
            camera.terminate()
    print(f'| file system | recorder | ' + ' | '.join(f'lost at {s} s' for s in a.at) + ' |\n|---|---|' + '---|' * len(a.at))
    for fs, name, lost in rows:
        print(f'| {fs} | {name} | ' + ' | '.join(lost) + ' |')


def cut_recordings(a, dir, fs, url):
    running, mounts = {}, []
    try:
        for n, (name, call) in enumerate(recorders(a.tapo, url).items()):
            image = formatted(dir / f'{fs}{n}.img', fs)
            mount = Mounted(image, fs, dir / f'{fs}{n}')
            mounts.append(mount)
            call = [c.replace('OUT', str(mount.at)) for c in call]
            running[name] = image, subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), time.monotonic()
        lost = {name: [] for name in running}
        for seconds in a.at:
            for name, (image, _, start) in running.items():
                time.sleep(max(0.0, start + seconds - time.monotonic()))
                cut = dir / 'cut.img'
                took = time.monotonic() - start
                sh('cp', '--sparse=always', image, cut)
                with Mounted(cut, fs, dir / 'cut') as at:
                    there = max((packets(f)[1] for f in at.rglob('*.mp4')), default=0.0)
                lost[name].append(f'{took - there:.1f} of {took:.1f} s')
                cut.unlink()
        return [(fs, name, l) for name, l in lost.items()]
    finally:
        for _, process, _ in running.values():
            process.send_signal(signal.SIGINT)
        for _, process, _ in running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for mount in mounts:
            mount.__exit__()
        for image, _, _ in running.values():
            image.unlink()


def logged_disk(mount, size, control):
    """Runs in a process of its own: a disk in memory, as one file, that logs what is written to it."""
    from fuse import FUSE, FuseOSError, Operations

    class Disk(Operations):
        def __init__(self):
            self.image, self.log, self.base = bytearray(size), [], None

        def getattr(self, path, fh=None):
            kinds = {'/': stat.S_IFDIR | 0o755, '/disk': stat.S_IFREG | 0o600, '/mark': stat.S_IFREG | 0o600}
            if path not in kinds:
                raise FuseOSError(errno.ENOENT)
            return {'st_mode': kinds[path], 'st_nlink': 1, 'st_size': size if path == '/disk' else 0}

        def readdir(self, path, fh):
            return ['.', '..', 'disk', 'mark']

        def open(self, path, flags):
            return 1

        def truncate(self, path, length, fh=None):
            return 0

        def read(self, path, n, at, fh):
            return bytes(self.image[at:at + n])

        def write(self, path, data, at, fh):
            if path == '/mark' and data == b'start':
                self.base, self.log = bytes(self.image), []
            elif path == '/mark':
                import pickle
                with open(control, 'wb') as f:
                    pickle.dump((self.base, self.log), f)
            else:
                self.image[at:at + len(data)] = data
                self.log.append((at, bytes(data)))
            return len(data)

        def fsync(self, path, datasync, fh):
            self.log.append(None)
            return 0

        def flush(self, path, fh):
            return 0

        def fallocate(self, *_):
            raise FuseOSError(errno.EOPNOTSUPP)

    FUSE(Disk(), str(mount), foreground=True, nothreads=True, direct_io=True, big_writes=True, max_write=131072)


def protocols(tapo, original, final):
    """Each way to write the same bytes: those behind the end, and those that change before."""
    end = len(original)
    changed = [i for i in range(end) if original[i] != final[i]]
    first, last = changed[0], changed[-1] + 1
    moov, flip = (final[end:], end), (final[first:last], first)

    def orders(*steps):
        def run(path):
            fd = os.open(path, os.O_RDWR)
            for step in steps:
                os.fdatasync(fd) if step == 'sync' else os.pwrite(fd, *step)
            os.close(fd)
        return run

    return {
        'tapo finalize': lambda path: sh(tapo, 'finalize', '-q', path),
        'OBS, FFmpeg 8.1: moov, header, no fsync': orders(moov, flip),
        'FFmpeg 7.1 to 8.0: header, moov, no fsync': orders(flip, moov),
    }


def finalize(a):
    import pickle
    original = pathlib.Path(a.file).read_bytes()
    assert len(original) < SIZE // 4
    with tempfile.TemporaryDirectory() as dir:
        dir = pathlib.Path(dir)
        shutil.copy(a.file, dir / 'final.mp4')
        sh(a.tapo, 'finalize', '-q', dir / 'final.mp4')
        expected = packets(a.file)[0]
        assert expected == packets(dir / 'final.mp4')[0]
        print('| file system | order of writes | disks a power cut may leave | of them with the file as it was | final | unreadable or with packets lost |\n|---|---|---|---|---|---|')
        for fs in a.fs:
            for name, run in protocols(a.tapo, original, (dir / 'final.mp4').read_bytes()).items():
                disk, log = dir / 'disk', dir / 'log'
                disk.mkdir(exist_ok=True)
                server = subprocess.Popen([sys.executable, __file__, 'disk', str(disk), str(SIZE), str(log)])
                while not (disk / 'disk').exists():
                    time.sleep(0.05)
                sh(*MKFS[fs], disk / 'disk')
                with Mounted(disk / 'disk', fs, dir / 'live') as at:
                    (at / 'a.mp4').write_bytes(original)
                    sh('sync', '-f', at)
                    (disk / 'mark').write_bytes(b'start')
                    run(at / 'a.mp4')
                    sh('sync', '-f', at)
                    (disk / 'mark').write_bytes(b'dump')
                sh('umount', disk)
                server.wait()
                counts = {'original': 0, 'final': 0, 'lost': 0}
                with open(log, 'rb') as f:
                    base, steps = pickle.load(f)
                for writes in disks(steps):
                    counts[state(dir, fs, base, writes, expected, original)] += 1
                print(f"| {fs} | {name} | {sum(counts.values())} | {counts['original']} | {counts['final']} | {counts['lost']} |", flush=True)


def disks(steps):
    writes, synced = [], 0
    yield []
    for step in steps:
        if step is None:
            synced = len(writes)
            continue
        writes.append(step)
        yield list(writes)
        for lost in range(synced, len(writes) - 1):
            yield writes[:lost] + writes[lost + 1:]


def state(dir, fs, base, writes, expected, original):
    image = bytearray(base)
    for at, data in writes:
        image[at:at + len(data)] = data
    cut = dir / 'cut.img'
    cut.write_bytes(image)
    try:
        with Mounted(cut, fs, dir / 'cut') as at:
            there = (at / 'a.mp4').read_bytes()
            if packets(at / 'a.mp4')[0] != expected:
                return 'lost'
            return 'original' if there[:len(original)] == original else 'final'
    except (subprocess.CalledProcessError, OSError):
        return 'lost'


def main():
    if sys.argv[1:2] == ['disk']:
        return logged_disk(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('what', choices=['record', 'finalize'])
    ap.add_argument('file')
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--fs', type=lambda s: s.split(','), default=['ext4', 'xfs'])
    ap.add_argument('--at', type=lambda s: [int(n) for n in s.split(',')], default=[12, 40])
    a = ap.parse_args()
    {'record': record, 'finalize': finalize}[a.what](a)


if __name__ == '__main__':
    main()
