"""A page fetches what it uses: no library of icons (icons.css draws them), the search's index on the search page alone.
What folds in the sidebar gets a name."""
import re

ICONS = re.compile(r'\s*<script defer src="[^"]*fontawesome\.js[^"]*"></script>')
SEARCH = re.compile(r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')
FOLD = re.compile(r'(<a class="[^"]*reference internal" href="[^"]*">((?:(?!</a>).)*)</a><details[^>]*>)<summary>', re.S)
UNUSED = ('**/*.map', '_static/locales/**/*.*o', '**/LC_MESSAGES/*', '_static/scripts/*.map', '_static/styles/*.map', '_static/scripts/fontawesome*', '_static/vendor/fontawesome/webfonts/*')

def named(text):
    "Pages of the sidebar that fold, with a name for those who do not see the arrow."
    return FOLD.sub(lambda m: f'{m[1]}<summary aria-label="Pages of: {re.sub("<[^>]*>", "", m[2])}">', text)

def light(text, name):
    "The page `name` without what nothing on it uses."
    text = named(ICONS.sub('', text))
    return text if name=='search.html' else SEARCH.sub('', text)

def drop_unused(folder):
    "Remove the files that no page asks for."
    for f in (f for kind in UNUSED for f in folder.glob(kind)): f.unlink()
