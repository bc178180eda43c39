#!/usr/bin/env python3
"""Whether players open, seek and play what tapo writes: open, final, joined, repaired, and open files that end at each of
their boxes. Needs FFmpeg, GStreamer, mpv, VLC and Chromium (Debian's packages); Linux.

  players.py --tapo target/release/tapo [--keep DIR]

The camera's clip has 200 pictures and sound; a player must count as many pictures as the file has, and be at 60 % of it after a
seek. VLC tells no count: it must play without a word of error."""
import argparse, http.server, json, os, pathlib, re, shutil, struct, subprocess, tempfile, threading, time

CLIP = ('-f lavfi -i testsrc2=s=320x240:r=25 -f lavfi -i sine=r=16000 -t 8 -c:v libx264 -preset superfast -g 25 -bf 0 -pix_fmt yuv420p '
        '-c:a aac -b:a 32k').split()
FRAGMENTED = '-movflags +frag_keyframe+empty_moov+default_base_moof'.split()


def run(*args, seconds=120, **more):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, errors='replace', timeout=seconds, **more)


def boxes(data):
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        yield at, size, kind
        at += size


def make(tapo, dir):
    """The files, by name, with the pictures each has."""
    run('ffmpeg', '-v', 'error', '-y', *CLIP, dir / 'clip.mp4')
    run('ffmpeg', '-v', 'error', '-y', '-i', dir / 'clip.mp4', '-c', 'copy', *FRAGMENTED, dir / 'foreign.mp4')
    camera = subprocess.Popen([tapo, 'camera', '--port', '0', dir / 'clip.mp4'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    url = next(w for line in camera.stdout for w in line.split() if w.startswith('rtsp://'))
    threading.Thread(target=camera.stdout.read, daemon=True).start()
    run(tapo, 'record', '-q', url, '-o', dir / 'recorded', '--segment', '5s', '--duration', '11s')
    camera.terminate()
    segments = sorted((dir / 'recorded').rglob('*.mp4'))[:2]
    files = {}

    def add(name, source=None):
        path = dir / f'{name}.mp4'
        if source:
            shutil.copy(source, path)
        files[name] = path
        return path

    final = add('recorded, final', segments[0])
    run(tapo, 'finalize', '--undo', '-q', add('recorded, open', final))
    run(tapo, 'finalize', '-q', add('FFmpeg’s fragments, final', dir / 'foreign.mp4'))
    run(tapo, 'finalize', '-q', *segments, '-o', add('joined'))
    broken = dir / 'broken.mp4'
    data = (dir / 'clip.mp4').read_bytes()
    moov = next(at for at, _, kind in boxes(data) if kind == b'moov')
    broken.write_bytes(data[:moov])
    run(tapo, 'repair', '-q', '-r', dir / 'clip.mp4', broken, '-o', add('repaired'))
    run(tapo, 'repair', '-q', '-r', dir / 'clip.mp4', '--in-place', add('repaired in place', broken))
    data = files['recorded, open'].read_bytes()
    ends = [(at + size, kind.decode()) for at, size, kind in boxes(data)]
    moofs = [n for n, (_, kind) in enumerate(ends) if kind == 'moof']
    for n in range(moofs[1], moofs[1] + 5):
        at, kind = ends[n]
        path = add(f'open, ends behind {n}: {kind}')
        path.write_bytes(data[:at])
    return files


def ffprobe(path):
    out = run('ffprobe', '-v', 'error', '-select_streams', 'v', '-count_frames', '-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0', path)
    return out.stdout.strip().strip(',') or out.stderr.strip()[-60:]


def gstreamer(path):
    out = run('gst-launch-1.0', '-v', 'filesrc', f'location={path}', '!', 'qtdemux', 'name=d', 'd.video_0', '!', 'h264parse', '!', 'avdec_h264',
              '!', 'identity', 'silent=false', '!', 'fakesink', 'sync=false')
    frames = len(re.findall(r'identity0: last-message = chain ', out.stdout))
    return str(frames) if frames else out.stderr.strip()[-60:]


def mpv(path, start=None):
    call = ['mpv', '--no-config', '--no-audio', '--o=-', '--of=framemd5', '--ovc=rawvideo', '--orawts', '--msg-level=all=error']
    out = run(*call, *([f'--start={start}'] if start else []), path)
    frames = [line.split(',') for line in out.stdout.splitlines() if line and not line.startswith('#')]
    clock = re.search(r'#tb 0: (\d+)/(\d+)', out.stdout)
    if not frames or not clock:
        return out.stderr.strip()[-60:]
    return f'{int(frames[0][2]) * int(clock[1]) / int(clock[2]):.1f} s' if start else str(len(frames))


def vlc(path):
    call = ['cvlc', '-I', 'dummy', '--no-video-title-show', '--vout', 'dummy', '--aout', 'dummy', '--rate', '8', '--play-and-exit', str(path), 'vlc://quit']
    out = run('setpriv', '--reuid', '65534', '--clear-groups', 'env', 'HOME=/tmp', *call) if os.getuid() == 0 else run(*call)
    bad = [l for l in (out.stdout + out.stderr).splitlines() if re.search('error|cannot|fail|unsupported|no suitable', l, re.I)]
    bad = [l for l in bad if not re.search('dbus|config|vlcrc|pulse|alsa|xcb|vdpau|glconv|interface', l, re.I)]
    return 'plays' if not bad else bad[0][-60:]


def vlc_at(path, seconds):
    """Where VLC says it is, a while after it was told to go there: it counts whole seconds."""
    call = ['cvlc', '-I', 'rc', '--no-video-title-show', '--vout', 'dummy', '--aout', 'dummy', '--rate', '0.25', str(path)]
    if os.getuid() == 0:
        call = ['setpriv', '--reuid', '65534', '--clear-groups', 'env', 'HOME=/tmp', *call]
    player = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for pause, command in ((2, f'seek {seconds:.0f}'), (1, 'get_time'), (.3, 'quit')):
        time.sleep(pause)
        try:
            player.stdin.write(command + '\n')
            player.stdin.flush()
        except BrokenPipeError:
            break
    try:
        out, _ = player.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        player.kill()
        return 'hangs'
    told = re.findall(r'^[> ]*(\d+)\s*$', out, re.M)
    return f'{told[-1]} s' if told else 'nothing said'


def chromium(files, dir):
    said, done = [], threading.Event()

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            text = self.rfile.read(int(self.headers['Content-Length'])).decode()
            done.set() if text == 'DONE' else said.append(text)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = dir / 'page.html'
    page.write_text(f'<body><script>const names={json.dumps([p.name for p in files.values()])}, to="http://127.0.0.1:{server.server_port}/";' + """
const wait=(v,e,ms)=>new Promise(r=>{v.addEventListener(e,()=>r(true),{once:true});setTimeout(()=>r(false),ms)});
const say=t=>fetch(to,{method:'POST',mode:'no-cors',body:t});
(async()=>{for(const n of names){const v=document.createElement('video');v.muted=true;v.preload='auto';v.src=encodeURIComponent(n);document.body.append(v);
let r;if(!await wait(v,'loadeddata',10000))r='does not open: '+(v.error?v.error.message:'');else{let d=v.duration;
let q=wait(v,'seeked',10000);v.currentTime=d*.6;let s=await q;r=`${v.videoWidth}x${v.videoHeight}, ${d.toFixed(1)} s, `+(s?`at ${v.currentTime.toFixed(1)} s`:'no seek')}
v.remove();await say(n+'|'+r)}await say('DONE')})()</script>""")
    browser = subprocess.Popen(['chromium', '--headless=new', '--no-sandbox', '--disable-gpu', '--allow-file-access-from-files', '--disable-web-security',
                                f'--user-data-dir={dir}/profile', f'file://{page}'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done.wait(200)
    browser.terminate()
    browser.wait()
    server.shutdown()
    return dict(l.split('|', 1) for l in said)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--keep')
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as dir:
        os.chmod(dir, 0o755)
        dir = pathlib.Path(a.keep or dir)
        files = make(str(pathlib.Path(a.tapo).resolve()), dir)
        web = chromium(files, dir)
        print('| file | samples | ffprobe | GStreamer | mpv | mpv at 60 % | VLC | VLC at 60 % | Chromium |\n|---|---|---|---|---|---|---|---|---|')
        for name, path in files.items():
            said = json.loads(run(a.tapo, 'inspect', '--json', path).stdout.splitlines()[0])
            track = next(t for t in said['tracks'] if t['kind'] == 'video')
            samples = track.get('samples', '?')
            seconds = float(run('ffprobe', '-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', path).stdout or 0)
            row = [name, samples, ffprobe(path), gstreamer(path), mpv(path), f'{mpv(path, f"{seconds * .6:.2f}")} of {seconds:.1f} s', vlc(path), vlc_at(path, seconds * .6), web.get(path.name, 'nothing said')]
            print('| ' + ' | '.join(map(str, row)) + ' |', flush=True)


if __name__ == '__main__':
    main()
