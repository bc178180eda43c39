"""Runs a command and tells what it cost: wall and CPU seconds, peak memory, bytes written."""
import os, signal, subprocess, time


def measure(args, seconds=None, **kw):
    """Ends it by SIGINT after `seconds`, if given."""
    start = time.monotonic()
    p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **kw)
    if seconds:
        time.sleep(seconds)
        p.send_signal(signal.SIGINT)
    said = p.stderr.read()
    _, status, r = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    return {'exit': p.returncode, 'wall': time.monotonic() - start, 'cpu': r.ru_utime + r.ru_stime,
            'rss_mb': r.ru_maxrss / 1024, 'written': r.ru_oublock * 512, 'said': said.decode(errors='replace')}
