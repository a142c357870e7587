"""Make pages load only what they use: no icon library (icons.css draws the icons), and Sphinx's search replaced by
our own (find.js), on the search page only.
Foldable entries of the sidebar get accessible names."""
import re

ICONS = re.compile(r'\s*<script defer src="[^"]*fontawesome\.js[^"]*"></script>')
SEARCH = re.compile(r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')
FOLD = re.compile(r'(<a class="[^"]*reference internal" href="[^"]*">((?:(?!</a>).)*)</a><details[^>]*>)<summary>', re.S)
FIND = ''.join(f'<script src="_static/{f}.js" defer></script>' for f in ('search-index', 'find'))
UNUSED = ('searchindex.js', '_static/searchtools.js', '_static/language_data.js', '**/*.map', '_static/locales/**/*.*o', '**/LC_MESSAGES/*', '_static/scripts/*.map', '_static/styles/*.map', '_static/scripts/fontawesome*', '_static/vendor/fontawesome/webfonts/*')

def named(text):
    "Give foldable entries of the sidebar a name for screen readers."
    return FOLD.sub(lambda m: f'{m[1]}<summary aria-label="Pages of: {re.sub("<[^>]*>", "", m[2])}">', text)

def light(text, name):
    "Return the page `name` without scripts that it doesn't use."
    text = named(ICONS.sub('', text))
    text = SEARCH.sub('', text)
    return text.replace('</head>', f'{FIND}</head>', 1) if name=='search.html' else text

def drop_unused(folder):
    "Remove the files that no page loads."
    for f in (f for kind in UNUSED for f in folder.glob(kind)): f.unlink()
