#!/usr/bin/env python3
"""Repair of real recordings: every file of a folder is damaged in several ways, and repaired with a reference.

  repair_corpus.py --tools DIR --tapo target/release/tapo MEDIA [--only REGEX] [--damage KIND,..] [--reference KIND,..] [--json OUT.json]

A file whose index stands in front has it moved behind the media data first, by moving the box: the interleaving stays that of the
camera. The references are
  self      the file itself
  half      the file with an index of its first half only: a recording of the same camera, half of whose data was never seen
  sibling   each other file of the folder with the same sample entries (0 to 3 of them)
The judge and the damages are those of repair_matrix.py."""
import argparse, collections, concurrent.futures, json, os, pathlib, re, struct, sys, tempfile
import repair_matrix as M

PLAIN = 'truncate:60,no-moov,moov-cut:50,garbage-tail:60:64k,zero-hole:30:{n},rand-hole:40:{n},lost:50:{n},head-lost:48'
FRAGMENTED = 'frag-truncate:60,frag-no-init,frag-moof-zero:0'
CONTAINERS = {b'moov', b'trak', b'mdia', b'minf', b'stbl', b'edts'}


def boxes(b, at=0, end=None):
    end = len(b) if end is None else end
    while at + 8 <= end:
        size, kind = struct.unpack_from('>I4s', b, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from('>Q', b, at + 8)[0], 16
        if size == 0:
            size = end - at
        if size < head or at + size > end:
            return
        yield kind, at, head, size
        at += size


def rebuilt(b, at, head, size, change):
    """A box with `change(kind, payload)` applied to every leaf in it."""
    kind = b[at + 4:at + 8]
    if kind in CONTAINERS:
        payload = b''.join(rebuilt(b, *child[1:], change) for child in boxes(b, at + head, at + size))
    else:
        payload = change(kind, b[at + head:at + size])
    return struct.pack('>I4s', 8 + len(payload), kind) + payload


def behind(b):
    """The file with its index behind the media data."""
    top = list(boxes(b))
    kinds = [k for k, *_ in top]
    if b'moof' in kinds or b'moov' not in kinds or b'mdat' not in kinds or kinds.index(b'moov') > kinds.index(b'mdat'):
        return b
    _, at, head, size = top[kinds.index(b'moov')]
    def shifted(kind, p):
        form = {b'stco': 'I', b'co64': 'Q'}.get(kind)
        if not form:
            return p
        n, = struct.unpack_from('>I', p, 4)
        offsets = struct.unpack_from(f'>{n}{form}', p, 8)
        return p[:8] + struct.pack(f'>{n}{form}', *(o - size if o > at else o for o in offsets))
    return b[:at] + b[at + size:] + rebuilt(b, at, head, size, shifted)


def table(p, form):
    """The records behind a full box's header and entry count."""
    n, = struct.unpack_from('>I', p, 4)
    step = struct.calcsize('>' + form)
    return [struct.unpack_from('>' + form, p, 8 + i * step) for i in range(min(n, (len(p) - 8) // step))]


def encoded(p, form, records):
    return p[:4] + struct.pack('>I', len(records)) + b''.join(struct.pack('>' + form, *r) for r in records)


def half(b):
    """The file with an index of the first half of its media data: the chunks that begin there. None if no track has any."""
    moov = next(((at, head, size) for k, at, head, size in boxes(b) if k == b'moov'), None)
    media = [(at, size) for k, at, head, size in boxes(b) if k == b'mdat']
    if not moov or not media:
        return None
    at, size = max(media, key=lambda m: m[1])
    limit = at + size // 2
    def track(trak):
        """A trak box with its sample tables cut."""
        leaf = {}
        rebuilt(trak, 0, 8, len(trak), lambda k, p: leaf.setdefault(k, p) if k in (b'stco', b'co64', b'stsc') else p)
        offsets = table(leaf[b'stco'], 'I') if b'stco' in leaf else table(leaf[b'co64'], 'Q')
        chunks = sum(o < limit for o, in offsets)
        runs = table(leaf[b'stsc'], '3I') if b'stsc' in leaf else []
        keep = 0
        for i, (first, per, _) in enumerate(runs):
            last = runs[i + 1][0] if i + 1 < len(runs) else len(offsets) + 1
            keep += per * max(0, min(last, chunks + 1) - first)
        def cut(kind, p):
            if kind in (b'stco', b'co64'):
                form = 'I' if kind == b'stco' else 'Q'
                return encoded(p, form, table(p, form)[:chunks])
            if kind == b'stsc':
                return encoded(p, '3I', [r for r in runs if r[0] <= chunks])
            if kind in (b'stts', b'ctts'):
                left, out = keep, []
                for n, v in table(p, '2I'):
                    if left:
                        out.append((min(n, left), v)); left -= min(n, left)
                return encoded(p, '2I', out)
            if kind in (b'stss', b'stps'):
                return encoded(p, 'I', [r for r in table(p, 'I') if r[0] <= keep])
            if kind == b'stsz':
                one, n = struct.unpack_from('>2I', p, 4)
                return p[:4] + struct.pack('>2I', one, min(n, keep)) + (b'' if one else p[12:12 + 4 * keep])
            if kind in (b'sdtp',):
                return p[:4 + keep]
            return p
        # What is not cut here names samples that are gone.
        return drop(rebuilt(trak, 0, 8, len(trak), cut), {b'sgpd', b'sbgp', b'stsh', b'cslg', b'subs'})
    at, head, size = moov
    out = b''
    for k, child, h, s in boxes(b, at + head, at + size):
        out += track(b[child:child + s]) if k == b'trak' else b[child:child + s]
    return b[:at] + struct.pack('>I4s', 8 + len(out), b'moov') + out + b[at + size:]


def drop(box, kinds):
    """A box without the leaves of these kinds."""
    kind = box[4:8]
    if kind not in CONTAINERS:
        return box
    out = b''.join(drop(box[at:at + size], kinds) for k, at, _, size in boxes(box, 8) if k not in kinds)
    return struct.pack('>I4s', 8 + len(out), kind) + out


def entries(b):
    """The sample entry types of the tracks, and the pictures' size."""
    found = []
    for k, at, head, size in boxes(b):
        if k == b'moov':
            def look(kind, p):
                if kind == b'stsd':
                    found.append(p[12:16] + (p[40:44] if p[12:14] in (b'av', b'hv', b'he') else b''))
                return p
            rebuilt(b, at, head, size, look)
    return tuple(found)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('media', type=pathlib.Path)
    ap.add_argument('--tools', type=pathlib.Path, default=os.environ.get('TAPO_TOOLS'), required='TAPO_TOOLS' not in os.environ)
    ap.add_argument('--tapo', default='target/release/tapo')
    ap.add_argument('--only', default='')
    ap.add_argument('--damage')
    ap.add_argument('--reference', default='self,half,sibling')
    ap.add_argument('--jobs', type=int, default=os.cpu_count())
    ap.add_argument('--json', type=pathlib.Path)
    a = ap.parse_args()
    judge, tapo = M.tools(a.tools), os.path.abspath(a.tapo)
    command = lambda reference, broken, out: [tapo, 'repair', '--reference', str(reference), str(broken), '-o', str(out)]
    with tempfile.TemporaryDirectory() as dir:
        dir = pathlib.Path(dir)
        like, todo = collections.defaultdict(list), []
        for sub in ('full', 'half'):
            (dir / sub).mkdir()
        for path in sorted(p for p in a.media.iterdir() if p.suffix.lower() in ('.mp4', '.mov', '.m4a', '.m4v', '.3gp')):
            b = behind(path.read_bytes())
            kinds = [k for k, *_ in boxes(b)]
            if b'moov' not in kinds or b'mdat' not in kinds:
                continue
            (dir / 'full' / path.name).write_bytes(b)
            like[entries(b)].append(dir / 'full' / path.name)
            if not re.search(a.only, path.name):
                continue
            n = max(512, len(b) // 100)
            short = half(b) if b'moof' not in kinds else None
            if short:
                (dir / 'half' / path.name).write_bytes(short)
            todo.append((dir / 'full' / path.name, short is not None, a.damage or (FRAGMENTED if b'moof' in kinds else PLAIN.format(n=n)), entries(b)))
        jobs = []
        for full, short, kinds, of in todo:
            references = [('self', full)] if 'self' in a.reference else []
            references += [('half', dir / 'half' / full.name)] if short and 'half' in a.reference else []
            if 'sibling' in a.reference:
                references += [('sibling ' + p.name, p) for p in like[of] if p != full][:3]
            jobs += [(how, reference, full, kind) for how, reference in references for kind in kinds.split(',')]
        def run(job):
            how, reference, full, kind = job
            try:
                return M.repair(judge, command, reference, full, kind) | {'reference': how}
            except (SystemExit, IndexError, StopIteration) as e:
                print(f'{full.name} {kind}: cannot be damaged so: {e}', file=sys.stderr)
        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            rows = [r for r in pool.map(run, jobs) if r]
        if a.json:
            a.json.write_text(json.dumps(rows, indent=1))
        report(rows, dir)


def report(rows, cases):
    print('| reference | rows | samples recovered exactly | extra | every sample, none extra | and exact times | refused |\n|---|---|---|---|---|---|---|')
    for how in ('self', 'half', 'sibling'):
        of = [r for r in rows if r['reference'].startswith(how)]
        exact, recoverable = (sum(r[k] for r in of) for k in ('exact', 'recoverable'))
        print(f"| {how} | {len(of)} | {exact:,} of {recoverable:,} ({100 * exact / max(1, recoverable):.2f} %) | {sum(r['extra'] for r in of)} "
              f"| {sum(map(M.is_exact, of))} | {sum(M.is_exact(r) and M.times_are_exact(r) for r in of)} | {sum(r['rc'] in (5, 7) for r in of)} |")
    print('\n| recording | reference | damage | exit | recovered | misses |\n|---|---|---|---|---|---|')
    for r in rows:
        missed = M.misses(r, cases)
        if missed:
            print(f"| {r['case']} | {r['reference']} | {r['damage']} | {r['rc']} | {r['exact']} of {r['recoverable']} | {'; '.join(missed)}{' (' + r['said'] + ')' if r['said'] else ''} |")


if __name__ == '__main__':
    main()
