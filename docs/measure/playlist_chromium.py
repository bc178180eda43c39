#!/usr/bin/env python3
"""Plays the playlist of a day in Chromium as HLS players do: initial part and byte ranges into Media Source Extensions, from a server
that serves ranges. Prints how much was buffered and decoded.

  tapo record --demo -o out --playlist --segment 5s --duration 20s; playlist_chromium.py out/demo-2026-11-22.m3u8"""
import argparse, http.server, json, os, pathlib, re, shutil, subprocess, tempfile, threading

PAGE = '''<!doctype html><video muted></video><pre></pre><script>
const list = LIST, video = document.querySelector('video'), out = {};
const tell = () => { fetch('/done', {method: 'POST', body: JSON.stringify(out)}); };
const range = async (uri, r) => (await fetch(uri, r ? {headers: {Range: `bytes=${r[1]}-${r[1] + r[0] - 1}`}} : {})).arrayBuffer();
const source = new MediaSource();
video.src = URL.createObjectURL(source);
source.onsourceopen = async () => { try {
  const buffer = source.addSourceBuffer(TYPE);
  const append = data => new Promise((ok, no) => { buffer.onupdateend = ok; buffer.onerror = () => no('append'); buffer.appendBuffer(data); });
  let end = 0, expected = 0;
  for (const line of list) {
    if (line.map) { buffer.timestampOffset = end; await append(await range(line.map)); }
    else { await append(await range(line.uri, line.range)); end = buffer.buffered.end(buffer.buffered.length - 1); expected += line.duration; }
  }
  source.endOfStream();
  out.expected = expected; out.ranges = buffer.buffered.length; out.end = end;
  video.currentTime = end * 0.6;
  await new Promise(r => video.onseeked = r);
  await video.play(); await new Promise(r => setTimeout(r, 2000));
  out.played = video.currentTime - end * 0.6; out.frames = video.getVideoPlaybackQuality().totalVideoFrames;
} catch (e) { out.error = `${e} ${video.error && video.error.message}`; } tell(); };
</script>'''


def lines(path):
    found, duration, ranged = [], 0, None
    for line in path.read_text().splitlines():
        if m := re.match(r'#EXT-X-MAP:URI="(.*)"', line):
            found.append({'map': '/' + m[1]})
        elif m := re.match(r'#EXTINF:([\d.]+),', line):
            duration = float(m[1])
        elif m := re.match(r'#EXT-X-BYTERANGE:(\d+)@(\d+)', line):
            ranged = [int(m[1]), int(m[2])]
        elif line and not line.startswith('#'):
            found.append({'uri': '/' + line, 'range': ranged, 'duration': duration})
    return found


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--codecs', default='avc1.640016, mp4a.40.2')
    ap.add_argument('playlist', type=pathlib.Path)
    a = ap.parse_args()
    folder, answers, done = a.playlist.parent, [], threading.Event()
    page = PAGE.replace('LIST', json.dumps(lines(a.playlist))).replace('TYPE', json.dumps(f'video/mp4; codecs="{a.codecs}"'))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass

        def do_POST(self):
            answers.append(json.loads(self.rfile.read(int(self.headers['Content-Length']))))
            self.send_response(204)
            self.end_headers()
            done.set()

        def do_GET(self):
            if self.path == '/':
                body, status = page.encode(), 200
            elif not os.path.isfile(self.translate_path(self.path)):
                return self.send_error(404)
            else:
                body, status = pathlib.Path(self.translate_path(self.path)).read_bytes(), 200
                if m := re.match(r'bytes=(\d+)-(\d+)', self.headers.get('Range', '')):
                    body, status = body[int(m[1]):int(m[2]) + 1], 206
            self.send_response(status)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    profile = tempfile.mkdtemp()
    chromium = subprocess.Popen(['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required',
                                 f'--user-data-dir={profile}', f'http://127.0.0.1:{server.server_port}/'],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done.wait(90)
    chromium.terminate()
    chromium.wait(10)
    shutil.rmtree(profile, ignore_errors=True)
    print(json.dumps(answers[0] if answers else {'error': 'no answer'}))
    return 0 if answers and 'error' not in answers[0] else 1


if __name__ == '__main__':
    os._exit(main())
