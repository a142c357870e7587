"""Remove scripts that pages don't use: the icon library (icons.css draws the icons) and Sphinx's search (the search page loads our own,
find.js). Also give the sidebar's foldable entries accessible names, and store pictures in a smaller format."""
import re
from PIL import Image

ICONS = re.compile(r'\s*<script defer src="[^"]*fontawesome\.js[^"]*"></script>')
SEARCH = re.compile(r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')
FOLD = re.compile(r'(<a class="[^"]*reference internal" href="[^"]*">((?:(?!</a>).)*)</a><details[^>]*>)<summary>', re.S)
FIND = ''.join(f'<script src="_static/{f}.js" defer></script>' for f in ('search-index', 'find'))
UNUSED = ('searchindex.js', '_static/searchtools.js', '_static/language_data.js', '**/*.map', '_static/locales/**/*.*o', '**/LC_MESSAGES/*', '_static/scripts/*.map', '_static/styles/*.map', '_static/scripts/fontawesome*', '_static/vendor/fontawesome/webfonts/*')

def name_folds(text):
    "Give the sidebar's foldable entries names for screen readers."
    return FOLD.sub(lambda m: f'{m[1]}<summary aria-label="Pages of: {re.sub("<[^>]*>", "", m[2])}">', text)

def lighten(text, name):
    "Return the page `name` without scripts that it doesn't use."
    text = name_folds(ICONS.sub('', text))
    text = SEARCH.sub('', text)
    return text.replace('</head>', f'{FIND}</head>', 1) if name=='search.html' else text

def drop_unused(folder):
    "Remove the files that no page loads."
    for f in (f for kind in UNUSED for f in folder.glob(kind)): f.unlink()

def shrink_pictures(folder, pages):
    "Store the PNG pictures of `pages` (path -> text) as lossless WebP, and return the pages with the new names."
    for png in folder.glob('_images/*.png'):
        with Image.open(png) as im: im.save(png.with_suffix('.webp'), lossless=True, quality=100, method=6)
        png.unlink()
    return {p: re.sub(r'(_images/[^"\s]+)\.png', r'\1.webp', text) for p,text in pages.items()}
