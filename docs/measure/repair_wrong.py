#!/usr/bin/env python3
"""Repair every recording with the references of all others, and say how it ends.

  repair_wrong.py --tools DIR --tapo target/release/tapo CASES [--references CASES] [--only REGEX] [--damage KIND] [--jobs N] [--json OUT]

DIR and CASES are those of repair_matrix.py. A repair by another's reference ends right if it is refused (exit 7), or if
the output decodes as the recording does, holds none but its samples, and the exit code is 0 only if it holds all of
them. The exit status is 1 if one does not."""
import argparse, collections, concurrent.futures, json, os, pathlib, random, re, subprocess, sys, tempfile
import repair_matrix


def complaints(path):
    """Lines that FFmpeg says about a file while it decodes all of it."""
    p = subprocess.run(['ffmpeg', '-v', 'error', '-nostdin', '-i', str(path), '-map', '0:v?', '-map', '0:a?', '-f', 'null', '-'],
                       capture_output=True, text=True, errors='replace')
    return len(p.stderr.splitlines())


def judge(tools, tapo, reference, full, kind):
    damage, score = tools
    with tempfile.TemporaryDirectory(dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None) as dir:
        broken, out = pathlib.Path(dir, 'broken' + full.suffix), pathlib.Path(dir, 'out' + full.suffix)
        if full.name.startswith('fmp4'):
            kind = 'frag-no-init'
        data, cut, holes = damage.damage(kind, full.read_bytes(), random.Random(1))
        broken.write_bytes(data)
        row = {'reference': reference.name, 'case': full.name, 'damage': kind}
        try:
            p = subprocess.run([tapo, 'repair', '-r', reference, broken, '-o', out], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return row | {'rc': 'timeout', 'ends': 'WRONG'}
        row['rc'], row['said'] = p.returncode, p.stderr.strip().replace(dir + '/', '')[:400]
        if not out.exists():
            return row | {'ends': 'refused' if p.returncode == 7 else 'nothing' if p.returncode in (4, 5) else 'WRONG'}
        row['said'] = p.stdout
        s = score.score(str(full), str(out), cut, holes)
        missing = sum(t.get('missing') or 0 for t in s['tracks'])
        extra = repair_matrix.beyond(score, full, out, s['tracks']) if s['extra'] else 0
        exact = sum(t.get('exact') or 0 for t in s['tracks'])
        row |= {'exact': exact, 'missing': missing, 'extra': extra, 'complaints': complaints(out),
                'pts': max((t.get('pts_err_ms') or 0 for t in s['tracks']), default=0)}
        sound = not extra and not row['complaints'] and (p.returncode == 3 or p.returncode == 0 and not missing)
        late = row['pts'] > 40
        return row | {'ends': 'WRONG' if not sound else 'late' if late else 'part' if missing else 'all'}


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('cases', type=pathlib.Path)
    a.add_argument('--references', type=pathlib.Path)
    a.add_argument('--tools', required=True)
    a.add_argument('--tapo', required=True)
    a.add_argument('--only', default='', help='REGEX for REFERENCE>CASE')
    a.add_argument('--damage', default='no-moov')
    a.add_argument('--jobs', type=int, default=os.cpu_count())
    a.add_argument('--json', type=pathlib.Path)
    a = a.parse_args()
    tools = repair_matrix.tools(a.tools)
    references = sorted((a.references or a.cases).glob('ref/*.m*'))
    # The index of the former stands in front: nothing but damage to it would ask for a reference.
    recordings = [f for f in sorted(a.cases.glob('full/*.m*')) if not f.name.startswith('faststart')]
    jobs = [(r, f) for f in recordings for r in references
            if (a.references or r.name != f.name) and re.search(a.only, f'{r.name}>{f.name}')]
    rows = []
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for row in pool.map(lambda j: judge(tools, os.path.abspath(a.tapo), *j, a.damage), jobs):
            rows.append(row)
            if row['ends'] in ('WRONG', 'late'):
                print(row['ends'], row['reference'], '>', row['case'], {k: v for k, v in row.items() if k in ('rc', 'exact', 'missing', 'extra', 'complaints', 'pts')}, flush=True)
    print(dict(collections.Counter(row['ends'] for row in rows)), 'of', len(rows))
    if a.json:
        a.json.write_text(json.dumps(rows, indent=1))
    sys.exit(any(row['ends'] == 'WRONG' for row in rows))


if __name__ == '__main__':
    main()
