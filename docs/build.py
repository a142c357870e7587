"""Build the site into docs/_build/html from the notebooks, the library, and docs/pages. Warnings are errors.

    python docs/build.py
"""
import hashlib, json, re, shutil, subprocess, sys, time, warnings
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT, BUILD = DOCS.parent, DOCS/'_build'
SRC, HTML = BUILD/'src', BUILD/'html'
sys.path[:0] = [str(DOCS), str(ROOT/'tools')]
import house
warnings.filterwarnings('ignore', category=FutureWarning, module='torch')
# The files that the pages need from the packages in package.json
VENDORED = {'onnxruntime-web/dist': ('ort', ['ort.wasm.min.js','ort-wasm-simd-threaded.wasm','ort-wasm-simd-threaded.mjs']),
            'mathjax/es5': ('mathjax', ['tex-svg.js'])}
# The sources of the site: (folder, files)
SOURCES = (('colorize_nb','*.py'), ('colorize_nb/weights','*'), ('lab','*.py'), ('lab/results','*'), ('colorize_nb/course','*'), ('nbs','*.ipynb'), ('docs/pages','*.md'), ('docs','robustness.csv'),
             ('docs/static','*'), ('docs/play','*'), ('docs/find','*'), ('colorize_nb','static/*'), ('colorize_nb','static/explore/*'))
# Pages that aren't notebooks, for llms.txt: name -> description
MORE = {'recipes': 'every published system as data', 'gallery': 'pictures', 'glossary': 'terms', 'robustness': 'unusual and damaged files, and their tests',
        'playground': 'train a network in the page and compare losses',
        'explorers': 'Lab, averages, bins, and distributions with sliders', 'color': 'color a photo in the page'}

def first_lines(p):
    "Return the title and summary of a notebook as plain text."
    first = ''.join(json.loads(p.read_text('utf8'))['cells'][0]['source'])
    return re.match(r'# ([^\n]+)\n+> ([^\n]+)', re.sub(r'\[([^]]+)\]\([^)]*\)', r'\1', first)).groups()

def books():
    "Return the notebooks of the site by section."
    nbs = ROOT/'nbs'
    def numbered(folder): return sorted((nbs/folder).glob('[0-9]*.ipynb'))
    return {'Do the claims hold up?': numbered('claims'), 'Tutorials': [nbs/'tutorials/index.ipynb', *numbered('tutorials'), nbs/'tutorials/troubleshooting.ipynb'],
            'Solutions': numbered('tutorials/solutions'),
            **{house.TITLES[f]: house.index_pages(f)+house.pages(f) for f in house.FOLDERS}}

def digest():
    "Return a hash of the site's sources, to detect an outdated site."
    files = [p for d,kind in SOURCES for p in (ROOT/d).rglob(kind)
             if p.is_file() and not p.name.startswith('_modidx') and not {'.ipynb_checkpoints','runs','__pycache__'} & {*p.parts}]
    return hashlib.sha256(b''.join(hashlib.sha256(p.read_bytes()).digest() for p in sorted(files))).hexdigest()

def npm():
    "Install the packages in package.json, with npm from the environment or the system."
    tool = Path(sys.executable).parent/'npm'
    subprocess.run([str(tool if tool.exists() else 'npm'), 'ci', '--no-audit', '--no-fund', '--silent'], cwd=DOCS, check=True)

def contents(title, summary, sections, opening=''):
    "Return a page that lists other pages, after the Markdown `opening`."
    headings = {'Do the claims hold up?': 'The experiments', 'Tutorials': 'Chapters'}
    lines = [f'# {title}', '', f'> {summary}', '', opening, '']
    for name,files in sections.items():
        lines += [f'## {headings.get(name, name)}', '', *(f"- [{first_lines(p)[0]}]({p.relative_to(ROOT).as_posix()}): {first_lines(p)[1]}" for p in files), '']
        toctree = [p.relative_to(ROOT).with_suffix('').as_posix() for p in files]
        lines += ['```{toctree}', ':hidden:', f':caption: {name}', '', *toctree, '```', '']
    return '\n'.join(lines)

def write_sources():
    "Write the pages and files that Sphinx reads into `docs/_build/src`. Return the notebooks by section."
    import bridge, generated, playground, reference
    from colorize_nb.infer.colorizer import Colorizer
    shutil.rmtree(BUILD, ignore_errors=True)
    static = SRC/'_static'
    shutil.copytree(DOCS/'pages', SRC)
    shutil.copytree(DOCS/'static', static)
    for package,(to,files) in VENDORED.items():
        (static/to).mkdir()
        for f in files: shutil.copy2(DOCS/'node_modules'/package/f, static/to/f)
    names, found = reference.all_names(), books()
    library = set(house.pages())
    for p in (p for ps in found.values() for p in ps):
        q = SRC/p.relative_to(ROOT)
        end = reference.section(house.module(p)) if p in library else ''
        bridge.write(p, q, names, '../'*(len(q.relative_to(SRC).parts)-1), p.relative_to(ROOT), end)
    claims = {k: found[k] for k in ('Do the claims hold up?',)}
    tutorials, answers = {'Tutorials': found['Tutorials']}, {k: found[k] for k in ('Solutions',)}
    others = {k: v for k,v in found.items() if k not in {**claims, **tutorials, **answers}}
    lists = (('claims', 'Do the claims hold up?', 'What five papers claim about colorization, and whether it holds up.', claims),
             ('tutorials', 'Tutorials', 'A course that runs on a laptop, from a first photo to flow matching, attention, and film.', tutorials),
             ('book', 'The book', 'Every module of the library, explained in the notebook it comes from.', others))
    for name,title,summary,sections in lists:
        opening = generated.verdicts() if name=='claims' else ''
        (SRC/f'{name}.md').write_text(contents(title, summary, sections, opening), 'utf8')
    for f in ('CHANGELOG.md','CONTRIBUTING.md'): shutil.copy2(ROOT/f, SRC/f.lower())
    colorizer = Colorizer.load('shipped')
    generated.script_and_style(static)
    generated.hero(SRC, colorizer)
    generated.home(SRC)
    generated.explorers(SRC, colorizer)
    generated.robustness(SRC)
    generated.gallery(SRC, colorizer)
    generated.recipes(SRC)
    generated.papers(SRC)
    generated.card(SRC)
    generated.models(static)
    playground.write(static, BUILD/'play')
    return found

def finish():
    "Read and write every page once: remove what it doesn't use and add its content security policy."
    import finding, lighten, policy
    pages = {p: lighten.lighten(p.read_text('utf8'), p.name) for p in sorted(HTML.rglob('*.html'))}
    pages = lighten.shrink_pictures(HTML, pages)
    finding.write(HTML, pages)
    for p,text in policy.add_policies(pages).items(): p.write_text(text, 'utf8')
    lighten.drop_unused(HTML)

def main():
    import bridge, generated
    t0 = time.time()
    npm()
    found = write_sources()
    t1 = time.time()
    options = ['-b', 'html', '-d', str(BUILD/'doctrees'), '-c', str(DOCS), '-j', 'auto', '-q', '-W', '--keep-going']
    r = subprocess.run([sys.executable, '-m', 'sphinx', *options, str(SRC), str(HTML)], cwd=ROOT)
    if r.returncode: sys.exit(r.returncode)
    for ps in found.values(): # download links point to these notebooks
        for p in ps: (HTML/p.relative_to(ROOT)).write_text(json.dumps(bridge.without_outputs(json.loads(p.read_text('utf8')))), 'utf8')
    finish()
    line = lambda p: (first_lines(p)[0], p.relative_to(ROOT).with_suffix('.html').as_posix(), first_lines(p)[1])
    lines = {k: [line(p) for p in ps] for k,ps in found.items() if k!='Solutions'}
    generated.llms(HTML, lines | {'More': [(n, f'{n}.html', a) for n,a in MORE.items()]})
    (HTML/'made-from.txt').write_text(digest())
    size = sum(f.stat().st_size for f in HTML.rglob('*') if f.is_file())
    pages = sum(1 for _ in HTML.rglob('*.html'))
    print(f'docs/_build/html: {pages} pages, {size/1e6:.0f} MB; prepared in {t1-t0:.0f} s, built in {time.time()-t1:.0f} s')

if __name__=='__main__': main()
