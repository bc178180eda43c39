"""Runs a command and tells what it cost: wall and CPU seconds, peak memory, bytes written."""
import os, re, signal, subprocess, threading, time


def peak_mb(pid):
    """VmHWM: unlike ru_maxrss it does not count what the parent had before exec."""
    try:
        with open(f'/proc/{pid}/status') as f:
            found = re.search(r'VmHWM:\s+(\d+) kB', f.read())
        return int(found.group(1)) / 1024 if found else 0
    except OSError:
        return 0


def measure(args, seconds=None, **kw):
    """Ends it by SIGINT after `seconds`, if given."""
    start = time.monotonic()
    p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **kw)
    peak, over = [0], threading.Event()

    def watch():
        while not over.is_set():
            peak[0] = max(peak[0], peak_mb(p.pid))
            time.sleep(0.002 if not seconds else 0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    if seconds:
        time.sleep(seconds)
        p.send_signal(signal.SIGINT)
    said = p.stderr.read()
    over.set()
    watcher.join()
    _, status, r = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    return {'exit': p.returncode, 'wall': time.monotonic() - start, 'cpu': r.ru_utime + r.ru_stime,
            'user': r.ru_utime,
            'rss_mb': peak[0], 'written': r.ru_oublock * 512, 'said': said.decode(errors='replace')}
