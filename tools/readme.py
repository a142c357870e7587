"Write README.md and its pictures from nbs/index.ipynb. `--check` only reports whether they are up to date."
import base64, json, re, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
head = '<!-- Written by tools/readme.py from nbs/index.ipynb: edit the notebook. -->\n'
kinds = {'image/jpeg':'jpg', 'image/png':'png'}

def text(o):
    "Return a notebook's string, which can be a list of lines."
    return o if isinstance(o, str) else ''.join(o)

def directives(source):
    "Return a dict of the cell's #| directives and the source without them."
    lines = source.split('\n')
    n = next((i for i,l in enumerate(lines) if not l.startswith('#|')), len(lines))
    pairs = [l[2:].strip().partition(':') for l in lines[:n]]
    return {k.split()[0]: v.strip().strip('"\'') for k,_,v in pairs if k}, '\n'.join(lines[n:]).strip()

def relink(md):
    "Rewrite links relative to the notebook as links relative to the root."
    return re.sub(r'\]\((?![a-z]+:|#|/)(?:\.\./)?([^)]+)\)',
                  lambda m: f"]({m[1] if '](../' in m[0] else 'nbs/'+m[1]})", md)

def output(o, name, alt, pics):
    "Return one output as Markdown, and add pictures to `pics`."
    data = o.get('data', {})
    for mime,ext in kinds.items():
        if mime in data:
            path = f'docs/images/{name}.{ext}'
            pics[path] = base64.b64decode(text(data[mime]))
            return f'![{alt}]({path})'
    if 'text/markdown' in data: return relink(text(data['text/markdown'])).strip()
    plain = text(o.get('text') or data.get('text/plain', '')).rstrip()
    return plain and f'```text\n{plain}\n```'

def readme(nb):
    "Return README.md and `{path: bytes of a picture}` for a notebook given as a dict."
    parts, pics = [], {}
    for i,c in enumerate(nb['cells']):
        opts, source = directives(text(c['source']))
        if 'hide' in opts or 'false' in (opts.get('include'), opts.get('readme')): continue
        if c['cell_type']=='markdown':
            parts.append(relink(source))
            continue
        if source and opts.get('echo')!='false': parts.append(f"```python\n{source}\n```")
        if opts.get('output')=='false': continue
        for j,o in enumerate(c['outputs']):
            parts.append(output(o, opts.get('label', f'index-{i}') + (f'-{j}' if j else ''), opts.get('fig-alt', ''), pics))
    return head + '\n\n'.join(p for p in parts if p) + '\n', pics

def stale(root=root):
    "Return the paths that differ from the notebook, with their correct content."
    md,pics = readme(json.loads((root/'nbs/index.ipynb').read_text('utf8')))
    want = {'README.md': md.encode(), **pics}
    return {p:b for p,b in want.items() if not (root/p).is_file() or (root/p).read_bytes()!=b}

if __name__=='__main__':
    todo = stale()
    if '--check' in sys.argv: sys.exit(f"These differ from nbs/index.ipynb: {', '.join(todo)}. Run make readme." if todo else 0)
    for p,b in todo.items():
        (root/p).parent.mkdir(parents=True, exist_ok=True)
        (root/p).write_bytes(b)
        print('wrote', p)
