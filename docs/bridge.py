"Turn an nbdev notebook into a page of the site: drop hidden cells, turn directives into tags, link names, and describe pictures."
import html, json, re

from colorize_nb.widgets.explorers import PAGE
from readme import directives, text

NAME = re.compile(r'(?<![`\w\[])`([A-Za-z_][\w.]*)(\(\))?`(?!`)')
EXPLORERS, HERE = 'explorers.html', 'Try it on this site'
# Call in a panel's cell -> its picture in docs/static/panels (made by docs/panels.py), description, link for readers without Python
PANELS = {
    'color_app': ('app', 'The panel that colors photos you upload', 'color.html', 'Color a photo on this site instead'),
    'LabExplorer': ('lab', 'The Lab explorer: sliders for lightness and chroma', EXPLORERS, HERE),
    'SepiaExplorer': ('sepia', 'The sepia explorer: several possible colors, and what each loss predicts', EXPLORERS, HERE),
    'BinsExplorer': ('bins', 'The bins explorer: colors grouped into bins', EXPLORERS, HERE),
    'DistributionExplorer': ('distribution', 'The distribution explorer: which colors are likely at a pixel', EXPLORERS, HERE),
    'turing_test': ('turing', 'The Turing test: which of two photos was colorized?', 'nbs/widgets/05_turing.html', 'More about this panel'),
    'tune': ('tune', 'The training panel: settings, curves, validation photos, and a row for each run',
             'nbs/widgets/03_tune.html', 'More about this panel'),
    'hint': ('hint', 'The hint panel: click a pixel, choose its color, and it spreads', 'nbs/widgets/04_hint.html', 'More about this panel'),
    'compare': ('compare', 'The comparison panel: several models on one photo, with a line to drag, blended, or side by side, and metrics',
                'nbs/widgets/02_compare.html', 'More about this panel')}

def panel_picture(source, up):
    "Return the picture of a panel, for pages where no Python is running."
    found = next((v for k,v in PANELS.items() if re.search(rf'\b{k}\(', source)), None)
    if not found: raise ValueError(f'a panel without a picture: {source[:80]!r}; add it to PANELS here and in docs/panels.py')
    name, what, page, link = found
    picture = f'<img src="{up}_static/panels/{name}.jpg" alt="{what}" loading="lazy">'
    caption = f'{what}. Run <code>make lab</code> to use it live. <a href="{up}{page}">{link}</a>.'
    return f'```{{raw}} html\n<figure class="panel">{picture}<figcaption>{caption}</figcaption></figure>\n```'

def live_panel(data, up):
    "Return an explorer that runs in the page, with the data from the notebook."
    start = f'<link rel="stylesheet" href="{up}_static/explore.css"><script src="{up}_static/explorers.js" defer></script>'
    noscript = '<noscript>The sliders need JavaScript, which is turned off in your browser.</noscript>'
    return f'```{{raw}} html\n{start}<div class="live-panel" data-explorer="{html.escape(json.dumps(data))}">{noscript}</div>\n```'

def is_chapter(path):
    "Return whether a notebook is a numbered chapter of the course."
    return path.parent.name=='tutorials' and path.name[0].isdigit()

def is_progress(output):
    "Return whether an output is a progress bar, which the page doesn't need."
    return bool(re.search(r'\d+%|it/s|B/s|HBox\(', text(output.get('data', {}).get('text/plain', ''))))

def notebook_bar(path, up):
    "Return the bar under a page's summary: open or download the notebook, and a tutorial's solutions."
    from published import COLAB, published, settings
    cfg, download = settings(), f'<a href="{path.name}" download>Download this notebook</a>'
    to = f"{cfg['user']}/{cfg['repo']}/blob/{cfg['branch']}/{path.as_posix()}"
    colab, lab = f'<a href="{COLAB}/{to}">Open in Colab</a>', f'<span>Open this notebook: <code>jupyter lab {path.as_posix()}</code></span>'
    opened = colab if published() else lab
    answers = f'<a href="solutions/{path.stem}.html">Solutions</a>' if is_chapter(path) else ''
    return f'```{{raw}} html\n<div class="notebook">{download}{opened}{answers}</div>\n```'

def link_names(md, names):
    "Turn public names in backticks, outside code blocks and headings, into links to their documentation."
    def link(m): return f'{{py:obj}}`{m[1]}{m[2] or ""} <{names[m[1]]}>`' if m[1] in names else m[0]
    parts = re.split(r'(```.*?```|^#.*?$|<details>.*?</details>|^\|.*?$)', md, flags=re.S|re.M)
    return ''.join(p if i%2 else NAME.sub(link, p) for i,p in enumerate(parts))

def alt_text(heading, prose):
    "Return the alternative text of a picture: its section and the sentence before it."
    plain = re.sub(r'[`*_|$<>#]|\{py:obj\}|\]\([^)]*\)|\[', '', prose).strip()
    last = re.split(r'(?<=[.:!?])\s', plain)[-1] if plain else ''
    return re.sub(r'\s+', ' ', f'{heading}: {last}'.rstrip(': .'))[:220]

def with_bar(source, bar):
    "Return a page's first cell with `bar` under the title and summary."
    return re.sub(r'^(# [^\n]+\n+> [^\n]+)', lambda m: f'{m[0]}\n\n{bar}\n', source, count=1)

def markdown_cell(source): return dict(cell_type='markdown', metadata={}, source=source)

def code_cell(source, outputs, tags, alt):
    metadata = dict(tags=tags, mystnb=dict(image=dict(alt=alt)))
    return dict(cell_type='code', execution_count=None, metadata=metadata, source=source, outputs=outputs)

def page(nb, names, up='', path=None):
    """Return the notebook (a dict) as a page for MyST-NB.

    `names` maps public names to full names, `up` is the path to the site's root, and `path` is the notebook's path."""
    cells, heading, prose = [], '', ''
    for c in nb['cells']:
        opts, source = directives(text(c['source']))
        if 'hide' in opts or 'default_exp' in opts or opts.get('include')=='false' or not source: continue
        if c['cell_type']=='markdown':
            if found := re.findall(r'(?m)^#+ (.+)$', source): heading = re.sub(r'[`*]', '', found[-1])
            prose = re.sub(r'(?m)^(#+|>) .*$', '', source)
            cells.append(markdown_cell(link_names(source, names)))
            if path and len(cells)==1: cells[0]['source'] = with_bar(cells[0]['source'], notebook_bar(path, up))
            continue
        outputs = [] if opts.get('output')=='false' else [o for o in c['outputs'] if o.get('name')!='stderr']
        live = next((o['data'][PAGE] for o in outputs if PAGE in o.get('data', {})), None)
        panel = any('widget-view' in k and not is_progress(o) for o in outputs for k in o.get('data', {}))
        outputs = [o for o in outputs if not any('widget-view' in k for k in o.get('data', {}))]
        tags = ['remove-input'] if opts.get('echo')=='false' else ['hide-input'] if opts.get('code-fold')=='true' else []
        alt = opts.get('fig-alt') or alt_text(heading, prose)
        cells.append(code_cell(source, outputs, tags, alt))
        if live: cells.append(markdown_cell(live_panel(live, up)))
        elif panel: cells.append(markdown_cell(panel_picture(source, up)))
    if path and is_chapter(path): cells.append(markdown_cell(f'```{{toctree}}\n:hidden:\n\nSolutions <solutions/{path.stem}>\n```'))
    for i,c in enumerate(cells): c['id'] = f'c{i}'
    kernel = dict(display_name='python3', language='python', name='python3')
    return dict(cells=cells, metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)

def write(src, dst, names, up, path=None, end=''):
    "Write the notebook `src` as a page to `dst`, with the Markdown `end` as its last cell."
    dst.parent.mkdir(parents=True, exist_ok=True)
    nb = page(json.loads(src.read_text('utf8')), names, up, path)
    if end: nb['cells'].append(dict(markdown_cell(end), id='api'))
    dst.write_text(json.dumps(nb), 'utf8')

def without_outputs(nb):
    "Return a notebook (a dict) without outputs, for downloading."
    clean = lambda c: {**c, 'outputs': [], 'execution_count': None} if c['cell_type']=='code' else c
    return {**nb, 'cells': [clean(c) for c in nb['cells']]}
