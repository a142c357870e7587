"""A page fetches what it uses: no library of icons (icons.css draws them), the search's index on the search page alone."""
import re

ICONS = re.compile(r'\s*<script defer src="[^"]*fontawesome\.js[^"]*"></script>')
SEARCH = re.compile(r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')
UNUSED = ('_static/scripts/*.map', '_static/styles/*.map', '_static/scripts/fontawesome*', '_static/vendor/fontawesome/webfonts/*')

def lighten(folder):
    "Take out of every page in `folder` what nothing on it uses, then the files that no page asks for."
    for p in folder.rglob('*.html'):
        text = ICONS.sub('', p.read_text('utf8'))
        p.write_text(text if p.name=='search.html' else SEARCH.sub('', text), 'utf8')
    for f in (f for kind in UNUSED for f in folder.glob(kind)): f.unlink()
