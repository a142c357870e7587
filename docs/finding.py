"""Write the site's search index: the text of each page in several fields, and the words that people type when they need the page.
`docs/find/engine.js` weights the fields and ranks the pages."""
import json, re

from bs4 import BeautifulSoup # installed with sphinx-book-theme

# Page -> words that people type when they need it
QUERIES = {
    'nbs/tutorials/05_train_your_own': 'train my own model custom photos folder dataset finetune fine-tune how long does training take time',
    'nbs/tutorials/03_why_brown': 'why is my photo gray brown dull sepia pale',
    'nbs/tutorials/10_old_photographs': 'old vintage restore black and white archive',
    'nbs/tutorials/13_hints_and_examples': 'add choose change pick a color colors by hand hint hints click paint scribble dress manually',
    'nbs/tutorials/troubleshooting': 'problem wrong bad strange result help troubleshooting faces skin green look looks greenish',
    'nbs/tutorials/15_the_field': 'which model best should use choose',
    'nbs/models/03_store': 'device mps apple silicon',
    'glossary': 'what does mean meaning term definition T temperature',
    'color': 'try online browser upload own demo colorize my photo color',
    'nbs/infer/02_film': 'video movie mp4 frames flicker black and white old',
    'nbs/tutorials/01_color_a_photo': 'start begin quickstart first colorize my photo',
    'nbs/app/00_cli': 'command line terminal batch folder many photos album',
    'nbs/train/00_losses': 'loss losses',
    'model_card': 'weights download pretrained license commercial commercially use',
    'index': 'install installation requirements setup gpu cuda nvidia'}
KINDS = (('nbs/tutorials/solutions/', 'solution'), ('nbs/tutorials/', 'lesson'), ('nbs/claims/', 'claim'), ('nbs/', 'library'),
         ('changelog', 'other'), ('contributing', 'other'), ('publish', 'other'))
DROPPED = ('.notebook', '.headerlink', '.cell_output', 'div.highlight', 'table', 'script', 'style', 'noscript', '.toctree-wrapper', '.copybtn', 'dl.py', 'figure.panel', '#photo-colorizer', 'svg')
LONGEST = 20_000 # Maximum characters of text per page

def plain_text(el):
    "Return the text of an element on one line."
    return re.sub(r'\s+', ' ', el.get_text(' ')).strip(' #¶\n')

def symbol(tex):
    "Return a short formula as text, and nothing for an equation."
    plain = re.sub(r'\\[()]', '', tex)
    return '' if '\\' in plain else plain

def entry(url, page):
    "Return the fields of a page for the index, or None if the page has no article."
    article, name = BeautifulSoup(page, 'html.parser').select_one('article.bd-article'), url.removesuffix('.html')
    title = article and article.select_one('h1')
    if not title: return None
    names = [e.get_text() for e in article.select('dl.py > dt .sig-name')]
    code = ' '.join(map(plain_text, article.select('div.highlight')))
    for el in article.select('.math'): el.string = symbol(el.get_text())
    for el in article.select(', '.join(DROPPED)): el.decompose()
    summary = article.select_one('h1 + blockquote')
    fields = dict(title=plain_text(title), summary=plain_text(summary) if summary else '', queries=QUERIES.get(name, ''), code=code[:LONGEST])
    fields['headings'] = ' '.join([*map(plain_text, article.select('h2, h3')), *names])
    for el in article.select('h1, h2, h3, h1 + blockquote'): el.decompose()
    kind = next((k for prefix,k in KINDS if name.startswith(prefix)), 'page')
    return dict(url=url, kind=kind, **fields, text=plain_text(article)[:LONGEST])

def write(folder, pages):
    "Write the search index from `pages` (path -> HTML)."
    urls = {p.relative_to(folder).as_posix(): text for p,text in pages.items()}
    entries = [entry(u, t) for u,t in urls.items() if not u.startswith(('_modules/', '_static/')) and u not in ('search.html', 'genindex.html')]
    text = json.dumps([e for e in entries if e], ensure_ascii=False).replace('</', r'<\/')
    (folder/'_static/search-index.js').write_text(f'globalThis.SEARCH = {text}', 'utf8')
