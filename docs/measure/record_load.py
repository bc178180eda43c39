#!/usr/bin/env python3
"""What many cameras cost: tapo (one process) and `ffmpeg -c copy` (one process for each), one after the other, from the same cameras
of tapo on this machine. CPU, memory, pictures recorded, packets lost, time of the syncs. Run it on an idle machine.

  record_load.py --tapo target/release/tapo --cameras 1 16 64 --seconds 60 --clip clip.mp4
Without --clip one of about 4 Mbit/s is made with FFmpeg: 1280x720, 25 fps, a keyframe each 2 s, G.711."""
import argparse, json, os, pathlib, re, resource, shutil, signal, subprocess, sys, tempfile, time


def make_clip(path, rate):
    subprocess.run(['ffmpeg', '-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=25', '-f', 'lavfi', '-i',
                    'anoisesrc=r=8000', '-t', '20', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-bf', '0', '-b:v', rate,
                    '-minrate', rate, '-maxrate', rate, '-bufsize', rate, '-nal-hrd', 'cbr', '-c:a', 'pcm_alaw', '-f', 'mov', path],
                   check=True)


def tree(pids):
    """CPU seconds and resident kB of processes that run."""
    ticks, rss, tick = 0, 0, os.sysconf('SC_CLK_TCK')
    for pid in pids:
        try:
            fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
            rss += int(re.search(r'VmRSS:\s+(\d+)', pathlib.Path(f'/proc/{pid}/status').read_text())[1])
        except (OSError, TypeError):
            pass
    return ticks / tick, rss


def run(commands, seconds, **kw):
    """Runs all at once; CPU seconds of the time, peak memory in MB."""
    processes = [subprocess.Popen(c, stdin=subprocess.DEVNULL, stdout=kw.get('stdout', subprocess.DEVNULL), stderr=subprocess.DEVNULL)
                 for c in commands]
    time.sleep(5)
    pids, peak, start = [p.pid for p in processes], 0, time.monotonic()
    before, _ = tree(pids)
    while time.monotonic() - start < seconds:
        time.sleep(0.5)
        peak = max(peak, tree(pids)[1])
    after, _ = tree(pids)
    died = sum(p.poll() is not None for p in processes)
    for p in processes:
        p.send_signal(signal.SIGINT)
    for p in processes:
        try:
            p.wait(30)
        except subprocess.TimeoutExpired:
            p.kill()
    return {'cpu': (after - before) / (time.monotonic() - start) * 100, 'mb': peak / 1024, 'died': died}


def frames(paths):
    """Of each file: pictures, and the fewest and longest distance between two, by ffprobe."""
    total = 0
    for path in paths:
        out = subprocess.run(['ffprobe', '-v', 'error', '-select_streams', 'v:0', '-count_packets', '-show_entries',
                              'stream=nb_read_packets', '-of', 'csv=p=0', path], capture_output=True, text=True).stdout
        total += int(out.split(',')[0] or 0) if out.strip() else 0
    return total


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--cameras', type=int, nargs='+', default=[1, 16, 64])
    ap.add_argument('--seconds', type=float, default=60)
    ap.add_argument('--rate', default='4M')
    ap.add_argument('--clip')
    ap.add_argument('--disk', help='folder to record into', default=None)
    ap.add_argument('--load', type=float, default=0.5, help='refuse to run above this load of the machine')
    a = ap.parse_args()
    if os.getloadavg()[0] > a.load:
        sys.exit(f'the machine is busy: load {os.getloadavg()[0]:.2f}')
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory(dir=a.disk) as dir:
        dir = pathlib.Path(dir)
        clip = a.clip or str(dir / 'clip.mov')
        if not a.clip:
            make_clip(clip, a.rate)
        # One process serves all: its cost is not counted.
        camera = subprocess.Popen([a.tapo, 'camera', '--port', '0', '--json', clip], stdout=subprocess.PIPE, text=True)
        url = json.loads(camera.stdout.readline())['url']
        print('| cameras | recorder | CPU, % of a core | peak MB | pictures | lost packets | left out | died |\n|---|---|---|---|---|---|---|---|')
        for count in a.cameras:
            out = dir / f'tapo{count}'
            config = '[status]\nlisten = "127.0.0.1:0"\n' + ''.join(
                f'[[camera]]\nname = "c{n}"\nurl = "{url}"\n' for n in range(count))
            (dir / 'cameras.toml').write_text(config)
            with open(dir / 'events', 'w') as events:
                m = run([[a.tapo, 'record', '--config', str(dir / 'cameras.toml'), '-o', str(out), '--json']], a.seconds, stdout=events)
            told = [json.loads(line) for line in open(dir / 'events')]
            lost = sum(e.get('lost_packets', 0) for e in told if e['event'] == 'recorded')
            left_out = {}
            for e in told:
                if e['event'] == 'progress':
                    left_out[e['camera']] = e.get('dropped_frames', 0)
            n = frames(out.rglob('*.mp4'))
            print(f"| {count} | tapo | {m['cpu']:.1f} | {m['mb']:.0f} | {n} | {lost} | {sum(left_out.values())} | {m['died']} |", flush=True)
            shutil.rmtree(out)
            out.mkdir()
            m = run([['ffmpeg', '-v', 'error', '-rtsp_transport', 'tcp', '-i', url, '-map', '0:v', '-c', 'copy', '-movflags',
                      'frag_keyframe+empty_moov+default_base_moof', str(out / f'{n}.mp4')] for n in range(count)], a.seconds)
            n = frames(out.rglob('*.mp4'))
            print(f"| {count} | ffmpeg | {m['cpu']:.1f} | {m['mb']:.0f} | {n} | ? | - | {m['died']} |", flush=True)
            shutil.rmtree(out)
        camera.terminate()


if __name__ == '__main__':
    main()
