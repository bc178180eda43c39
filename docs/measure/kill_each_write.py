#!/usr/bin/env python3
"""The real binary, killed at each of its writes, and with each of them failing. Needs strace and FFmpeg.

  kill_each_write.py finalize --tapo target/release/tapo FRAGMENTED.mp4
  kill_each_write.py record   --tapo target/release/tapo CLIP.mp4 [--cases 200] [--jobs 10]

finalize: for every N, killed (SIGKILL) when it makes its N-th call of each kind that changes a file, and with that call failing
with ENOSPC and EIO. Whatever is left must play with all packets; finalize again must make it final, and undo must give the
original bytes.

record: `tapo camera` plays CLIP, which is recorded in files of 2 s, each time killed or failing at another write. Every file that
is left must play, `tapo finalize DIR` must finish it with no packet less, and where the run was not killed it must have gone
on."""
import argparse, concurrent.futures, hashlib, itertools, pathlib, shutil, signal, subprocess, tempfile, threading
from power_cut import packets

CALLS = ['pwrite64', 'fdatasync', 'ftruncate', 'fallocate', 'renameat2', 'unlink']
FAULTS = {'kill': 'signal=SIGKILL', 'ENOSPC': 'error=ENOSPC', 'EIO': 'error=EIO'}


def traced(tapo, args, call, fault, when, log, **more):
    trace = ['strace', '-f', '-qq', '-o', str(log), '-e', f'trace={call}', '-e', f'inject={call}:{FAULTS[fault]}:when={when}']
    return subprocess.Popen(trace + [tapo, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)


def run(*args):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True)


def sha(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def struck(log):
    return 'INJECTED' in log.read_text() or 'killed by' in log.read_text() if log.exists() else False


def finalize(a):
    expected, original = packets(a.file)[0], sha(a.file)
    rows, wrong = [], []
    with tempfile.TemporaryDirectory() as dir:
        dir = pathlib.Path(dir)
        file, log = dir / 'a.mp4', dir / 'log'
        for fault, call in itertools.product(FAULTS, CALLS):
            tried = refused = 0
            for n in itertools.count(1):
                shutil.copy(a.file, file)
                process = traced(a.tapo, ['finalize', '-q', file], call, fault, n, log)
                said = process.communicate()[1].decode()
                if not struck(log):
                    break
                tried += 1
                refused += process.returncode not in (0, -signal.SIGKILL, 137)
                case = f'{fault} at {call} {n}'
                if packets(file)[0] != expected:
                    wrong.append(f'{case}: does not play as before ({said.strip()})')
                again = run(a.tapo, 'finalize', '-q', file)
                if again.returncode or packets(file)[0] != expected or run(a.tapo, 'finalize', '--check', '-q', file).returncode:
                    wrong.append(f'{case}: not final afterwards: {again.stderr.strip()}')
                undone = run(a.tapo, 'finalize', '--undo', '-q', file)
                if undone.returncode or sha(file) != original:
                    wrong.append(f'{case}: undo gives other bytes: {undone.stderr.strip()}')
            if tried:
                rows.append((fault, call, tried, refused))
    print('| fault | at | calls | said as an error |\n|---|---|---|---|')
    for row in rows:
        print('| ' + ' | '.join(map(str, row)) + ' |')
    return wrong


def one_recording(a, url, number, dir):
    kinds = list(itertools.product(FAULTS, ['pwrite64', 'fdatasync']))
    fault, call = kinds[number % len(kinds)]
    when = 1 + number // len(kinds) % 14
    out, log = dir / f'out{number}', dir / f'log{number}'
    process = traced(a.tapo, ['record', url, '-o', out, '--segment', '2s', '--duration', '7s'], call, fault, when, log)
    said = process.communicate()[1].decode()
    case, wrong = f'{fault} at {call} {when}', []
    files = sorted(out.rglob('*.mp4'))
    before = {f: packets(f)[0] for f in files}
    # A disk that fails at once is an error; later on recording goes on.
    at_once = when == 1 and process.returncode not in (0, None)
    if struck(log) and fault != 'kill' and not at_once and sum(map(len, before.values())) < 40:
        wrong.append(f'{case}: did not go on: {said[-300:]}')
    done = run(a.tapo, 'finalize', '-q', out) if files else None
    for f in files:
        now = packets(f)[0]
        if now[:len(before[f])] != before[f]:
            wrong.append(f'{case}: {f.name} had {len(before[f])} packets, and has {len(now)}')
        if not before[f] and f.stat().st_size > 0 and run(a.tapo, 'inspect', '-q', f).returncode not in (0, 1, 5, 6):
            wrong.append(f'{case}: {f.name} does not play')
    if done and done.returncode not in (0, 5):
        wrong.append(f'{case}: finalize: {done.stderr.strip()}')
    shutil.rmtree(out, ignore_errors=True)
    return struck(log), wrong


def record(a):
    with tempfile.TemporaryDirectory() as dir:
        dir = pathlib.Path(dir)
        camera = subprocess.Popen([a.tapo, 'camera', '--port', '0', a.file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        url = next(w for line in camera.stdout for w in line.split() if w.startswith('rtsp://'))
        threading.Thread(target=camera.stdout.read, daemon=True).start()
        try:
            with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
                results = list(pool.map(lambda n: one_recording(a, url, n, dir), range(a.cases)))
        finally:
            camera.terminate()
    print(f'{len(results)} recordings, {sum(s for s, _ in results)} of them struck')
    return [w for _, wrong in results for w in wrong]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('what', choices=['finalize', 'record'])
    ap.add_argument('file')
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--cases', type=int, default=200)
    ap.add_argument('--jobs', type=int, default=10)
    a = ap.parse_args()
    wrong = {'finalize': finalize, 'record': record}[a.what](a)
    print('nothing was lost' if not wrong else '\n'.join(wrong))
    raise SystemExit(bool(wrong))


if __name__ == '__main__':
    main()
