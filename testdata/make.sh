#!/bin/sh
# Makes the clips of this folder: testdata/make.sh (needs ffmpeg with libx264 and libx265).
# All are synthetic, whole numbers of video and audio frames long, so that they loop.
set -eu
cd "$(dirname "$0")"
x="ffmpeg -y -v error -fflags +bitexact -flags +bitexact -threads 1"
picture="-f lavfi -i testsrc2=s=640x360:r=15"
small="-f lavfi -i testsrc2=s=320x180:r=25"
tone="-f lavfi -i 'aevalsrc=0.25*sin(440*2*PI*t)*lt(mod(t\,1)\,0.1):s=16000'"
aac="-c:a aac -b:a 24k -ac 1"
h264="-c:v libx264 -threads 1 -pix_fmt yuv420p"

# The clip of `tapo record --demo`: 8 s = 120 frames = 125 AAC frames, a keyframe every 2 s.
eval "$x $picture $tone -t 8 $h264 -preset slow -bf 0 -g 30 -keyint_min 30 -sc_threshold 0 -crf 30 $aac -movflags +faststart demo.mp4"
# B-frames with a pyramid, closed GOPs of one second.
eval "$x $small $tone -t 3.2 $h264 -preset medium -bf 3 -g 25 -sc_threshold 0 -crf 34 $aac h264_bframes_aac.mp4"
# H.265 with B-frames and open GOPs (CRA).
eval "$x $small -t 3.2 -c:v libx265 -x265-params log-level=none:keyint=25:min-keyint=25:scenecut=0:open-gop=1:pools=1:frame-threads=1:crf=34:info=0 -pix_fmt yuv420p -tag:v hvc1 h265_open_gop.mp4"
# A Tapo's pair: H.264 and G.711 A-law at 8 kHz (QuickTime, since ffmpeg has no A-law in MP4).
eval "$x $small $tone -t 3.2 $h264 -preset medium -bf 0 -g 50 -sc_threshold 0 -crf 34 -c:a pcm_alaw -ar 8000 -ac 1 h264_alaw.mov"
# Another size with its own parameter sets, for a change in mid-stream.
eval "$x -f lavfi -i testsrc2=s=480x270:r=15 $tone -t 3.2 $h264 -preset medium -bf 0 -g 30 -sc_threshold 0 -crf 34 $aac h264_other_size.mp4"
sha256sum *.mp4 *.mov > SHA256SUMS
