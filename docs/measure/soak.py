#!/usr/bin/env python3
"""Many cameras for long: memory, file descriptors and threads of the recorder stay flat, no camera drifts against another, and the
lengths of the segments add up to the time that went by.

  soak.py --tapo target/release/tapo --cameras 16 --minutes 90 --dir /var/tmp/soak clip.mp4
Each camera keeps `--keep` of its newest segments, so that the disk need not hold it all."""
import argparse, json, os, pathlib, re, signal, subprocess, sys, time

WARM = 600  # seconds until buffers and catalogues have their size


def wall(tapo, path):
    """When the first sample of a file was taken, in seconds of the wall clock."""
    out = subprocess.run([tapo, 'inspect', '--timing', '--json', path], capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[0])['started_ns'] / 1e9


def look(pid):
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    stat = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return {'rss': int(re.search(r'VmRSS:\s+(\d+)', status)[1]) / 1024, 'threads': int(re.search(r'Threads:\s+(\d+)', status)[1]),
            'fds': len(os.listdir(f'/proc/{pid}/fd')), 'cpu': (int(stat[11]) + int(stat[12])) / os.sysconf('SC_CLK_TCK')}


def slope(points):
    """Least squares, per hour, of (seconds, value)."""
    n, x, y = len(points), sum(p[0] for p in points), sum(p[1] for p in points)
    xx, xy = sum(p[0] ** 2 for p in points), sum(p[0] * p[1] for p in points)
    return (n * xy - x * y) / (n * xx - x * x) * 3600 if n > 2 else 0.0


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--cameras', type=int, default=16)
    ap.add_argument('--minutes', type=float, default=90)
    ap.add_argument('--segment', default='60s')
    ap.add_argument('--keep', default='150MB', help='of each camera')
    ap.add_argument('--dir', required=True, help='an empty folder for the recordings')
    ap.add_argument('clip')
    a = ap.parse_args()
    dir = pathlib.Path(a.dir)
    dir.mkdir(parents=True)
    camera = subprocess.Popen([a.tapo, 'camera', '--port', '0', '--json', a.clip], stdout=subprocess.PIPE, text=True)
    url = json.loads(camera.stdout.readline())['url']
    (dir / 'cameras.toml').write_text(f'[defaults]\nsegment = "{a.segment}"\nkeep_size = "{a.keep}"\n' + ''.join(
        f'[[camera]]\nname = "c{n}"\nurl = "{url}"\n' for n in range(a.cameras)))
    events = open(dir / 'events', 'w')
    record = subprocess.Popen([a.tapo, 'record', '--config', dir / 'cameras.toml', '-o', dir / 'out', '--json'], stdout=events,
                              stderr=open(dir / 'log', 'w'))
    begun, first, looks = time.monotonic(), {}, []
    read = open(dir / 'events')
    while time.monotonic() - begun < a.minutes * 60 and record.poll() is None:
        time.sleep(10)
        looks.append((time.monotonic() - begun, look(record.pid)))
        for line in read:
            event = json.loads(line) if line.endswith('}\n') else {}
            if event.get('event') == 'closed' and event['camera'] not in first:
                first[event['camera']] = (event['path'], wall(a.tapo, event['path']))
    died = record.poll()
    elapsed = time.monotonic() - begun
    record.send_signal(signal.SIGINT)
    code = record.wait(60)
    camera.terminate()

    told = [json.loads(line) for line in open(dir / 'events')]
    closed, problems = {}, [f'it ended with {died}'] if died is not None else []
    for event in told:
        if event['event'] == 'closed':
            closed.setdefault(event['camera'], []).append(event)
    drift = {}
    for name, (path, start) in first.items():
        files = closed[name]
        # From the first picture of the first file to the first picture of the last one.
        drift[name] = wall(a.tapo, files[-1]['path']) - start - sum(f['duration_s'] for f in files[:-1])
    warm = [(t, l) for t, l in looks if t >= min(WARM, elapsed / 3)]
    spread = lambda key: (min(l[key] for _, l in warm), max(l[key] for _, l in warm))
    left = sorted((dir / 'out').rglob('*.mp4'))
    inspected = subprocess.run([a.tapo, 'inspect', '-q', '--fail-on', 'warning', *left]).returncode
    lost = sum(e.get('lost_packets', 0) for es in closed.values() for e in es)
    notices = sorted({e['text'] for e in told if e['event'] == 'notice'})
    rate = slope([(t, l['rss']) for t, l in warm])
    print(f"{a.cameras} cameras, {elapsed / 60:.1f} min, {sum(map(len, closed.values()))} segments of {a.segment}, "
          f"{sum(e['bytes'] for es in closed.values() for e in es) / 1e9:.2f} GB written, {len(left)} files left")
    print(f"memory {spread('rss')[0]:.1f} to {spread('rss')[1]:.1f} MB ({rate:+.2f} MB an hour), descriptors {spread('fds')}, "
          f"threads {spread('threads')}, CPU {looks[-1][1]['cpu'] / elapsed * 100:.1f} % of a core")
    print(f'media against wall clock: {min(drift.values()) * 1000:+.1f} to {max(drift.values()) * 1000:+.1f} ms; lost packets {lost}; '
          f'notices {notices}')
    problems += [text for bad, text in [
        (code != 0, f'the recorder ended with {code}'),
        (len(first) != a.cameras, 'cameras that closed no segment'),
        (inspected != 0, f'inspect: {inspected}'),
        (max(map(abs, drift.values()), default=9) > 0.1, 'a camera drifts'),
        (abs(rate) > 4, 'memory is not flat'),
        (spread('fds')[1] - spread('fds')[0] > 2 * a.cameras, 'file descriptors are not flat'),
        (lost, 'packets lost')] if bad]
    print('\n'.join(problems) or 'as promised')
    sys.exit(1 if problems else 0)


if __name__ == '__main__':
    main()
