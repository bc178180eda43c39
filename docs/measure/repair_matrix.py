#!/usr/bin/env python3
"""Damage recordings in every way, repair them, and say what came back: the tables of docs/measurements.md.

  repair_matrix.py --tools DIR --tapo target/release/tapo CASES [--only REGEX] [--damage KIND,..] [--jobs N]
                   [--against ROWS.txt] [--json OUT.json]
  repair_matrix.py --from OUT.json [CASES] [--against ROWS.txt]      # only the tables

DIR holds damage.py and score_repair.py (the judge, which reads both files with ffprobe), CASES is what
make_repair_cases.py wrote: ref/NAME and full/NAME, two scenes recorded alike. ROWS.txt is what run_repair.py
printed for another tool. The exit status is 1 if a row misses what is promised (see `misses`)."""
import argparse, collections, concurrent.futures, json, os, pathlib, random, re, shutil, subprocess, sys, tempfile, time

PLAIN = ('truncate:60,no-moov,moov-cut:50,moov-zeroed,mdat-size-zero:60,mdat-size-unset:60,prealloc:60:4m,garbage-tail:60:256k,'
         'zero-hole:30:64k,rand-hole:30:4k,lost:30:4k,head-lost:48,head-cut:4k')
FRAGMENTED = 'frag-truncate:60,frag-zero-hole:40:64k,frag-no-init,frag-moof-zero:2'
FASTSTART = 'keep-moov-truncate:60'
# Nothing between the samples is damaged: everything must come back, and exactly.
CLEAN = {'truncate', 'no-moov', 'moov-cut', 'moov-zeroed', 'mdat-size-zero', 'mdat-size-unset', 'keep-moov-truncate', 'frag-truncate',
         'frag-no-init', 'frag-moof-zero'}
# The file ends within its data: the last cut chunk of PCM may be lost.
CUT = {'truncate', 'mdat-size-zero', 'mdat-size-unset', 'keep-moov-truncate'}
# Their times are not in the media data.
VARIABLE = ('h264_vfr', 'h264_nightfps')


def tools(folder):
    """The judge and the vandal."""
    sys.path.insert(0, str(folder))
    import damage, score_repair
    read, truths = score_repair.packets, {}
    def packets(path):
        # The intact file is the same in every row.
        if os.sep + 'full' + os.sep not in path:
            return read(path)
        if path not in truths:
            truths[path] = read(path)
        return truths[path]
    score_repair.packets = packets
    return damage, score_repair


def repair(judge, command, reference, full, kind, timeout=60):
    """One row: `full` damaged, repaired by `command(reference, broken, out)`, compared with `full`."""
    damage, score = judge
    with tempfile.TemporaryDirectory() as dir:
        suffix = pathlib.Path(full).suffix
        broken, out = pathlib.Path(dir, 'broken' + suffix), pathlib.Path(dir, 'out' + suffix)
        data, cut, holes = damage.damage(kind, pathlib.Path(full).read_bytes(), random.Random(1))
        broken.write_bytes(data)
        start = time.monotonic()
        try:
            done = subprocess.run(command(reference, broken, out), capture_output=True, text=True, timeout=timeout, cwd=dir, stdin=subprocess.DEVNULL)
            code, said = done.returncode, done.stderr.strip().replace(dir + '/', '')
        except subprocess.TimeoutExpired:
            code, said = 'timeout', ''
        row = {'case': pathlib.Path(full).name, 'damage': kind, 'rc': code, 'seconds': round(time.monotonic() - start, 2)}
        row.update(score.score(str(full), str(out if out.exists() else '/dev/null'), cut, holes))
        if row['extra'] and out.exists():
            row['extra'] = beyond(score, full, out, row['tracks'])
        row['said'] = '' if out.exists() else said[:300]
        return row


def beyond(score, full, out, tracks):
    """Samples of `out` that `full` does not have at all: ffprobe leaves out what an edit list hides, tapo does not."""
    def hidden(path):
        # Both lists in full.
        p = subprocess.run(['ffprobe', '-v', 'error', '-ignore_editlist', '1', '-show_entries', 'packet=stream_index,size,data_hash', '-show_data_hash', 'MD5',
                            '-of', 'json', str(path)], capture_output=True, text=True)
        return collections.Counter((k['data_hash'], k['size']) for k in json.loads(p.stdout or '{}').get('packets', []))
    known = hidden(full)
    known.subtract(hidden(out))
    surplus = -sum(n for n in known.values() if n < 0)
    # Constant-rate sound is cut as one likes: the judge has compared its bytes.
    pcm = sum(t.get('extra') or 0 for t in tracks if '/pcm' in t['track'])
    for t in tracks:
        if '/pcm' not in t['track']:
            t['extra'] = min(t.get('extra') or 0, surplus)
    return pcm + min(surplus, sum(t.get('extra') or 0 for t in tracks if '/pcm' not in t['track']))


def name_of(row):
    return row['damage'].split(':')[0]


def is_exact(row):
    return row['exact'] == row['recoverable'] and not row['extra']


def times_are_exact(row):
    return all((t.get('pts_err_ms') or 0) < 0.6 and abs(t.get('av_skew_ms') or 0) < 0.6 and not t.get('sync_wrong') for t in row['tracks'])


def frame_ms(row, cases):
    """How long a picture of the case lasts."""
    if cases is None:
        return 40.0
    path = pathlib.Path(cases, 'full', row['case'])
    if path not in frame_ms.known:
        p = subprocess.run(['ffprobe', '-v', 'error', '-select_streams', 'v:0', '-show_entries', 'stream=r_frame_rate', '-of', 'csv=p=0', str(path)],
                           capture_output=True, text=True)
        rate = (p.stdout.strip().strip(',') or '25/1').split('/')
        frame_ms.known[path] = 1000 * float(rate[1]) / float(rate[0])
    return frame_ms.known[path]


frame_ms.known = {}


def misses(row, cases=None):
    """What a row lacks of the promise: everything exactly where the media data is whole up to where it ends; at least 99.8 %, one
    extra and times within one picture where it is damaged."""
    kind, found = name_of(row), []
    variable = row['case'].startswith(VARIABLE)
    pcm = [t for t in row['tracks'] if '/pcm' in t['track']]
    spared = sum(min(1, t['recoverable'] - t['exact']) for t in pcm)
    lost = row['recoverable'] - row['exact']
    picture = frame_ms(row, cases)
    if kind in CLEAN:
        if lost > (spared if kind in CUT else 0):
            found.append(f'{lost} lost')
        if row['extra']:
            found.append(f"{row['extra']} extra")
        limit = 40.0 if variable else 0.6
    else:
        if lost - spared > 0.002 * row['recoverable']:
            found.append(f'{lost} lost')
        if row['extra'] > 1:
            found.append(f"{row['extra']} extra")
        limit = max(picture, 40.0 if variable else 0) + 0.6
    for t in row['tracks']:
        if (t.get('pts_err_ms') or 0) >= limit:
            found.append(f"{t['track']} times {t['pts_err_ms']} ms")
        if abs(t.get('av_skew_ms') or 0) >= limit:
            found.append(f"{t['track']} starts {t['av_skew_ms']} ms off")
        if t.get('sync_wrong'):
            found.append(f"{t['track']} {t['sync_wrong']} sync flags")
    return found


def others(path):
    """Rows of run_repair.py's text: {(case, damage): (exact samples, extra, exit code)}."""
    rows = {}
    for line in pathlib.Path(path).read_text().splitlines():
        m = re.match(r'[! ] (\S+)\s+(\S+)\s+rc=(\S+)', line)
        if m:
            exact = sum(int(n) for n in re.findall(r' (\d+)/\d+', line[m.end():]))
            extra = sum(int(n) for n in re.findall(r' \+(\d+)', line[m.end():]))
            rows[m[1], m[2]] = exact, extra, m[3]
    return rows


def tables(rows, cases, against):
    peer = others(against) if against else {}
    kinds = list(dict.fromkeys(name_of(r) for r in rows))
    columns = ['damage', 'files', 'samples recovered exactly', 'extra', 'every sample, none extra', 'and exact times', 'as promised']
    if peer:
        columns.append('the other tool')
    print('| ' + ' | '.join(columns) + ' |\n' + '|---' * len(columns) + '|')
    for kind in kinds + ['all']:
        of = [r for r in rows if kind in ('all', name_of(r))]
        exact, recoverable = (sum(r[k] for r in of) for k in ('exact', 'recoverable'))
        cells = [kind, len(of), f'{exact:,} of {recoverable:,} ({100 * exact / max(1, recoverable):.2f} %)', sum(r['extra'] for r in of),
                 sum(map(is_exact, of)), sum(is_exact(r) and times_are_exact(r) for r in of), sum(not misses(r, cases) for r in of)]
        if peer:
            theirs = [peer[r['case'], r['damage']] for r in of if (r['case'], r['damage']) in peer]
            cells.append(f'{100 * sum(t[0] for t in theirs) / max(1, recoverable):.2f} %, {sum(t[1] for t in theirs):,} extra')
        print('| ' + ' | '.join(map(str, cells)) + ' |')
    short = [(r, misses(r, cases)) for r in rows]
    short = sorted(((r, m) for r, m in short if m), key=lambda x: x[0]['exact'] - x[0]['recoverable'])
    if short:
        print('\n| recording | damage | recovered | misses |\n|---|---|---|---|')
    for r, m in short:
        print(f"| {r['case']} | {r['damage']} | {r['exact']} of {r['recoverable']} | {'; '.join(m)}{' (' + r['said'] + ')' if r.get('said') else ''} |")
    if peer:
        worse = [r for r in rows if r['exact'] < peer.get((r['case'], r['damage']), (0,))[0]]
        print(f'\nfewer samples than the other tool: {len(worse)} rows', *(f"{r['case']} {r['damage']}" for r in worse), sep='\n- ')
    slow = max(rows, key=lambda r: r['seconds'])
    codes = collections.Counter(str(r['rc']) for r in rows)
    print(f"\nslowest {slow['seconds']} s ({slow['case']}, {slow['damage']}); exit codes {dict(sorted(codes.items()))}")
    return len(short)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('cases', nargs='?', type=pathlib.Path)
    ap.add_argument('--tools', type=pathlib.Path, default=os.environ.get('TAPO_TOOLS'))
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--only', default='')
    ap.add_argument('--damage', help='instead of all')
    ap.add_argument('--jobs', type=int, default=os.cpu_count())
    ap.add_argument('--against', type=pathlib.Path)
    ap.add_argument('--json', type=pathlib.Path)
    ap.add_argument('--from', dest='rows', type=pathlib.Path)
    a = ap.parse_args()
    if a.rows:
        rows = json.loads(a.rows.read_text())
    else:
        if not (a.tools and a.cases and shutil.which('ffprobe')):
            ap.error('CASES, --tools and ffprobe are needed')
        judge, tapo = tools(a.tools), os.path.abspath(a.tapo)
        command = lambda reference, broken, out: [tapo, 'repair', '--reference', str(reference), str(broken), '-o', str(out)]
        todo = []
        for full in sorted(p for p in a.cases.absolute().joinpath('full').iterdir() if re.search(a.only, p.name)):
            kinds = FRAGMENTED if full.name.startswith('fmp4') else FASTSTART if full.name.startswith('faststart') else a.damage or PLAIN
            todo += [(full, kind) for kind in kinds.split(',')]
        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            rows = list(pool.map(lambda x: repair(judge, command, x[0].parent.parent / 'ref' / x[0].name, *x), todo))
        if a.json:
            a.json.write_text(json.dumps(rows, indent=1))
    sys.exit(1 if tables(rows, a.cases, a.against) else 0)


if __name__ == '__main__':
    main()
