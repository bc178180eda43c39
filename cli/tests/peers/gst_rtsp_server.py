#!/usr/bin/python3
"""An RTSP server that is not ours, for end-to-end tests: GStreamer's, on loopback.

    gst_rtsp_server.py NAME=CLIP[,alaw] ...

Each clip is looped for ever by an ffmpeg child with a clock that goes on, and served as /NAME: H.264 or
H.265 with parameter sets before every IDR, and AAC, or G.711 A-law if asked for. Prints the URL when
ready. Ends when its standard input does, so that a dead test leaves nothing behind."""
import os, shlex, subprocess, sys, threading
import gi
gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
children = []


class Looped(GstRtspServer.RTSPMediaFactory):
    def __init__(self, clip, alaw):
        super().__init__()
        probe = ['ffprobe', '-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', clip]
        codecs = subprocess.run(probe, check=True, capture_output=True, text=True).stdout.split()
        queue = 'queue max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0'
        video = 'h265' if 'hevc' in codecs else 'h264'
        self.launch = (f'( fdsrc name=fsrc ! matroskademux name=d d.video_0 ! {queue} ! {video}parse '
                       f'config-interval=-1 ! rtp{video}pay name=pay0 pt=96 config-interval=-1')
        if len(codecs) > 1:
            pay = 'rtppcmapay name=pay1 pt=8' if alaw else 'aacparse ! rtpmp4gpay name=pay1 pt=97'
            self.launch += f' d.audio_0 ! {queue} ! {pay}'
        self.launch += ' )'
        audio = '-c:a pcm_alaw -ar 8000 -ac 1' if alaw else '-c:a copy'
        self.feed = (f'exec ffmpeg -v error -nostdin -re -stream_loop -1 -i {shlex.quote(clip)} -c:v copy '
                     f'{audio} -f matroska -flush_packets 1 pipe:1')
        self.set_shared(True)

    def do_create_element(self, url):
        element = Gst.parse_launch(self.launch)
        child = subprocess.Popen(['/bin/sh', '-c', self.feed], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        children.append(child)
        element.get_by_name('fsrc').set_property('fd', child.stdout.fileno())
        return element


server = GstRtspServer.RTSPServer()
server.set_address('127.0.0.1')
server.set_service('0')
for word in sys.argv[1:]:
    name, clip = word.split('=', 1)
    clip, _, alaw = clip.partition(',')
    server.get_mount_points().add_factory('/' + name, Looped(clip, alaw == 'alaw'))
server.attach(None)
loop = GLib.MainLoop()


def until_stdin_ends():
    sys.stdin.buffer.read()
    GLib.idle_add(loop.quit)


threading.Thread(target=until_stdin_ends, daemon=True).start()
print(f'rtsp://127.0.0.1:{server.get_bound_port()}', flush=True)
try:
    loop.run()
finally:
    for child in children:
        child.kill()
    os._exit(0)
