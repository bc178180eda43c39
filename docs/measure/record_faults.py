#!/usr/bin/env python3
"""Faults of an RTSP server that is not ours (GStreamer), and what `tapo record` makes of them.

    make_rtsp_media.sh MEDIA
    record_faults.py --tapo BIN --tools DIR --media MEDIA [--only REGEX] [--json OUT.json]

Each row has a server of its own; all run at once. Told of each: after how long the fault was noticed, how long after
its end pictures were written again, the gap as told and as the files' own times have it, the longest sample against the
median, packets that ffprobe reads of all files, errors of ffmpeg decoding them, and whether the process lived.
"""
import argparse, json, os, re, signal, socket, statistics, subprocess, sys, tempfile, threading, time

SCENES = {
    # name: (mount, server options, tapo options, [(second, control line, how long the fault lasts)], seconds)
    'stall 25 s': ('h264_pcma', [], [], [(8, 'stall 25', 25)], 50),
    'drop': ('h264_pcma', [], [], [(8, 'drop', 0)], 22),
    'black hole 20 s': ('h264_pcma', [], [], [(8, 'blackhole 20', 20)], 45),
    'refuse 10 s': ('h264_pcma', [], [], [(8, 'refuse 10', 10), (8.2, 'drop', 9.8)], 35),
    'parameters change': ('pschange', ['--ps-change', '5'], [], [], 25),
    'UDP': ('h264_aac', ['--transport', 'udp'], ['--transport', 'udp'], [], 20),
    'UDP, stall 12 s': ('h264_aac', ['--transport', 'udp'], ['--transport', 'udp'], [(8, 'stall 12', 12)], 38),
    'TLS, basic': ('h264_aac', ['--tls', '--auth', 'basic'], ['--username', 'admin'], [], 15),
    'session of 10 s, kept alive': ('h264_pcma', ['--session-timeout', '10'], [], [], 40),
    'digest': ('h264_aac', ['--auth', 'digest'], ['--username', 'admin'], [], 12),
    'Opus': ('h264_opus', [], [], [], 12),
    'L16': ('h264_l16', [], [], [], 12),
    'MJPEG': ('mjpeg', [], [], [], 12),
    'MJPEG over UDP': ('mjpeg', ['--transport', 'udp'], ['--transport', 'udp'], [], 12),
    'wrong password': ('h264_aac', ['--auth', 'digest'], ['--username', 'admin'], [], 8),
}

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]

def control(port, line):
    with socket.create_connection(('127.0.0.1', port), 5) as s:
        s.sendall(line.encode() + b'\n')

def certificate(folder):
    """A PEM with key and certificate, and the SHA-256 of the latter."""
    pem = os.path.join(folder, 'camera.pem')
    run = lambda *a: subprocess.run(a, check=True, capture_output=True).stdout
    made = run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=camera', '-days', '9',
               '-keyout', pem + '.key', '-out', pem + '.crt')
    with open(pem, 'w') as out:
        out.write(open(pem + '.key').read() + open(pem + '.crt').read())
    text = run('openssl', 'x509', '-in', pem + '.crt', '-noout', '-fingerprint', '-sha256').decode()
    return pem, text.split('=')[1].strip()

def probe(path):
    out = subprocess.run(['ffprobe', '-v', 'error', '-show_entries', 'packet=stream_index,duration_time', '-of', 'csv=p=0',
                          path], capture_output=True, text=True)
    durations = {}
    for line in out.stdout.splitlines():
        words = line.split(',')
        if len(words) > 1 and words[1] not in ('', 'N/A'):
            durations.setdefault(words[0], []).append(float(words[1]))
    decoded = subprocess.run(['ffmpeg', '-v', 'error', '-i', path, '-map', '0', '-f', 'null', '-'], capture_output=True, text=True)
    return durations, decoded.stderr.splitlines() + out.stderr.splitlines()

def scene(name, args, results):
    mount, server, options, faults, seconds = SCENES[name]
    with tempfile.TemporaryDirectory() as folder:
        port, ctl = free_port(), free_port()
        scheme, env = 'rtsp', dict(os.environ, RTSP_MEDIA=args.media)
        if '--tls' in server:
            pem, fingerprint = certificate(folder)
            server = ['--tls-cert', pem, *server[1:]]
            options, scheme = [*options, '--tls-fingerprint', fingerprint], 'rtsps'
        peer = subprocess.Popen(['/usr/bin/python3', os.path.join(args.tools, 'rtsp_server.py'), '--port', str(port), '--control',
                                 str(ctl), *server], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        peer.stdout.readline()
        out = os.path.join(folder, 'out')
        password = 'wrong' if name == 'wrong password' else 'secret'
        tapo = subprocess.Popen([args.tapo, 'record', '--json', '-o', out, '--name', '%Y%m%d-%H%M%S', *options,
                                 f'{scheme}://127.0.0.1:{port}/{mount}'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=dict(os.environ, TAPO_PASSWORD=password))
        events = []
        reader = threading.Thread(target=lambda: [events.append((time.monotonic(), json.loads(l))) for l in tapo.stdout])
        reader.start()
        # Seconds count from the first picture on.
        began = time.monotonic()
        while time.monotonic() < began + 20 and tapo.poll() is None and not any(e['event'] == 'progress' for _, e in events):
            time.sleep(0.02)
        start, ends = time.monotonic(), []
        for second, line, lasts in faults:
            time.sleep(max(0, start + second - time.monotonic()))
            ends.append((time.monotonic(), time.monotonic() + lasts))
            control(ctl, line)
        while time.monotonic() < start + seconds and tapo.poll() is None:
            time.sleep(0.1)
        alive = tapo.poll() is None
        rss = 0
        if alive:
            with open(f'/proc/{tapo.pid}/status') as status:
                rss = int(re.search(r'VmHWM:\s+(\d+)', status.read())[1])
            tapo.send_signal(signal.SIGINT)
        said = tapo.stderr.read()
        code = tapo.wait()
        reader.join()
        peer.kill()
        peer.wait()
        row = {'scene': name, 'alive': alive, 'exit': code, 'rss_mb': round(rss / 1024, 1)}
        if ends:
            first, last = ends[0][0], max(e for _, e in ends)
            lost = [t for t, e in events if e['event'] == 'state' and e.get('state') == 'waiting' and t > first]
            row['noticed_s'] = round(lost[0] - first, 1) if lost else None
            back = [t for t, e in events if e['event'] == 'opened' and t > first]
            row['back_s'] = round(back[-1] - last, 1) if back else None
            row['gaps_told_s'] = [round(e['duration_s'], 2) for _, e in events if e['event'] == 'gap']
        closed = [e for _, e in events if e['event'] == 'closed']
        times, longest, packets, problems = [], 0, {}, []
        for file in sorted(f for f in os.listdir(out) if f.endswith('.mp4')) if os.path.isdir(out) else []:
            path = os.path.join(out, file)
            found, errors = probe(path)
            problems += errors
            for stream, durations in found.items():
                packets[stream] = packets.get(stream, 0) + len(durations)
                if len(durations) > 2:
                    longest = max(longest, max(durations) / statistics.median(durations))
            said_of = json.loads(subprocess.run([args.tapo, 'inspect', '--json', path], capture_output=True, text=True).stdout)
            own = (said_of.get('files') or [said_of])[0].get('recorded_by_tapo')
            video = max(sum(d) for d in found.values()) if found else 0
            times.append((own['started_ns'] / 1e9, sum(found.get('0', [])) or video))
        row['gaps_in_files_s'] = [round(b[0] - a[0] - a[1], 2) for a, b in zip(times, times[1:])]
        row |= {'files': len(times), 'packets': packets, 'longest_over_median': round(longest, 2), 'lost': sum(e.get('lost_packets', 0) for e in closed),
                'errors': problems[:3], 'secret_told': 'secret' in said or any('secret' in json.dumps(e) for _, e in events)}
        if not alive:
            row['said'] = said.strip().splitlines()[-1:]
        results.append(row)
        print(json.dumps(row), flush=True)

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ('tapo', 'tools', 'media'):
        p.add_argument('--' + name, required=True)
    p.add_argument('--only', default='')
    p.add_argument('--json')
    args = p.parse_args()
    results = []
    names = [n for n in SCENES if re.search(args.only, n)]
    threads = [threading.Thread(target=scene, args=(n, args, results)) for n in names]
    for t in threads:
        t.start()
        time.sleep(0.5)
    for t in threads:
        t.join()
    if args.json:
        json.dump(results, open(args.json, 'w'), indent=1)
    return 0 if len(results) == len(names) else 1

sys.exit(main())
