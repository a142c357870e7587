"Find an example for each name of the API reference: the shortest cell of its page that uses the name and displays something."
import base64, functools, io, json, re

from PIL import Image

import house
from readme import directives, text

LINES, WIDTH, HTML = 12, 560, 6000 # Longest example in lines, width of a picture in pixels, and longest table in characters

def lesson_cells(name):
    "Return `(source, outputs)` of the cells that a reader of the module `name` sees, without definitions."
    page = next(p for p in house.pages() if house.module(p)==name)
    for c in json.loads(page.read_text('utf8'))['cells']:
        if c['cell_type']!='code': continue
        opts, source = directives(text(c['source']))
        if not {'export', 'exporti', 'hide', 'default_exp'} & {*opts} and source.count('\n')<LINES and c['outputs']: yield source, c['outputs']

def data_uri(data):
    "Return a notebook's picture as a small data URI."
    img = Image.open(io.BytesIO(base64.b64decode(text(data)))).convert('RGB')
    img.thumbnail((WIDTH, WIDTH))
    img.save(out := io.BytesIO(), 'JPEG', quality=72)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"

def output_html(name, outputs):
    "Return the outputs of a cell as HTML, or an empty string if they need Python or are too large."
    for o in outputs:
        data = o.get('data', {})
        if any('widget' in k for k in data): return ''
        if found := next((data[k] for k in ('image/jpeg', 'image/png') if k in data), None):
            return f'<img src="{data_uri(found)}" alt="Output of the example for {name}">'
        table = text(data.get('text/html', ''))
        if table: return f'<div class="scroll">{" ".join(table.split())}</div>' if len(table)<HTML and '<script' not in table and 'id=' not in table else ''
        plain = text(o.get('text') or data.get('text/plain', '')).strip() if o.get('name')!='stderr' else ''
        if plain and len(plain)<1500: return f'<pre class="result">{plain.replace("&", "&amp;").replace("<", "&lt;")}</pre>'
    return ''

@functools.cache
def cells(module): return list(lesson_cells(module))

def example(module, name):
    "Return `(source, output as HTML)` of the best example for a public name, or None if its page has none."
    uses = [c for c in cells(module) if re.search(rf'(?<![\w.]){re.escape(name)}\(', c[0])]
    for source,outputs in sorted(uses, key=lambda c: len(c[0])):
        if html := output_html(name, outputs): return source, html

def lines(full, name):
    "Return an example as lines of reStructuredText."
    module = full.removeprefix('colorize_nb.')
    found = example(module, name) if module in house.modules() else None
    if not found: return []
    source, html = found
    return ['', '.. code-block:: python', '', *(f'   {l}' for l in source.split('\n')), '', '.. raw:: html', '',
            *(f'   {l}' for l in f'<div class="example">{html}</div>'.split('\n')), '']
