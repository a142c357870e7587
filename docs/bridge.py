"A notebook of nbdev becomes a page of the site: what is hidden goes, directives become tags, names become links, pictures get words."
import json, re

from readme import directives, text # the same cells, read the same way

NAME = re.compile(r'(?<![`\w\[])`([A-Za-z_][\w.]*)(\(\))?`(?!`)')
PANELS = {'color_app': 'On this site, [a page](%scolor.md) does the same, in your own browser.', # a panel's name in its cell -> where a reader without Python goes
          '': 'Some of its states are drawn beside this note, or on the page of [the panels](%snbs/widgets/03_explorers.ipynb).'}

def panel_note(source, up):
    "What stands where a notebook shows a panel that needs a running Python."
    instead = next(v for k,v in PANELS.items() if k in source)
    return f'```{{note}}\nHere a notebook shows a panel with sliders and buttons; `make lab` opens it live. {instead % up}\n```'

def link_names(md, names):
    "Public names in backticks, outside code blocks and headings, as links to the reference."
    def link(m): return f'{{py:obj}}`{m[1]}{m[2] or ""} <{names[m[1]]}>`' if m[1] in names else m[0]
    parts = re.split(r'(```.*?```|^#.*?$|<details>.*?</details>|^\|.*?$)', md, flags=re.S|re.M)
    return ''.join(p if i%2 else NAME.sub(link, p) for i,p in enumerate(parts))

def words_for(heading, said):
    "Alternative text of a picture: the section it stands in and the sentence before it."
    plain = re.sub(r'[`*_|$<>#]|\{py:obj\}|\]\([^)]*\)|\[', '', said).strip()
    last = re.split(r'(?<=[.:!?])\s', plain)[-1] if plain else ''
    return re.sub(r'\s+', ' ', f'{heading}: {last}'.rstrip(': .'))[:220]

def page(nb, names, up=''):
    "The notebook (a dict) as MyST-NB shall show it; `names` maps public names to their full ones; `up` leads to the site's root."
    cells, heading, said = [], '', ''
    for c in nb['cells']:
        opts, source = directives(text(c['source']))
        if 'hide' in opts or 'default_exp' in opts or opts.get('include')=='false' or not source: continue
        if c['cell_type']=='markdown':
            if found := re.findall(r'(?m)^#+ (.+)$', source): heading = re.sub(r'[`*]', '', found[-1])
            said = re.sub(r'(?m)^(#+|>) .*$', '', source)
            cells.append(dict(cell_type='markdown', metadata={}, source=link_names(source, names)))
            continue
        outputs = [] if opts.get('output')=='false' else [o for o in c['outputs'] if o.get('name')!='stderr']
        panel = any('widget-view' in k for o in outputs for k in o.get('data', {}))
        outputs = [o for o in outputs if not any('widget-view' in k for k in o.get('data', {}))]
        tags = ['remove-input'] if opts.get('echo')=='false' else ['hide-input'] if opts.get('code-fold')=='true' else []
        alt = opts.get('fig-alt') or words_for(heading, said)
        cells.append(dict(cell_type='code', execution_count=None, metadata=dict(tags=tags, mystnb=dict(image=dict(alt=alt))), source=source, outputs=outputs))
        if panel: cells.append(dict(cell_type='markdown', metadata={}, source=panel_note(source, up)))
    for i,c in enumerate(cells): c['id'] = f'c{i}'
    return dict(cells=cells, metadata=dict(kernelspec=dict(display_name='python3', language='python', name='python3')), nbformat=4, nbformat_minor=5)

def write(src, dst, names, up):
    dst.parent.mkdir(parents=True, exist_ok=True)
    dst.write_text(json.dumps(page(json.loads(src.read_text('utf8')), names, up)), 'utf8')
