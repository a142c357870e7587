"""Synonyms for the site's search: someone who types `grayscale`, `colour`, or `video` finds pages that write gray, color, and film."""
import re

from docutils import nodes

# A pattern of words on a page -> other words that people search for
SYNONYMS = {
    r'color': 'colour colours colouring colourise',
    r'gray|black-and-white': 'grayscale greyscale grey monochrome bw',
    r'film': 'video movie clip mp4',
    r'photo': 'image picture',
    r'old photograph|scan': 'restore vintage antique',
    r'validation': 'held-out test set',
    r'chroma': 'saturation',
    r'brown|sepia': 'dull desaturated pale',
    r'CUDA|GPU': 'gpu cuda nvidia'}
# A page -> what a reader who needs it would type
QUERIES = {
    'nbs/tutorials/05_train_your_own': 'train my own model custom photos folder dataset finetune fine-tune',
    'nbs/tutorials/03_why_brown': 'why is my photo gray brown dull sepia',
    'color': 'try online browser upload demo colorize my photo',
    'nbs/infer/02_film': 'video movie mp4 frames flicker',
    'nbs/tutorials/01_color_a_photo': 'start begin quickstart first colorize my photo',
    'nbs/app/00_cli': 'command line terminal batch folder',
    'nbs/train/00_losses': 'loss losses',
    'model_card': 'weights download pretrained license',
    'index': 'install installation repository gpu cuda'}


def synonyms(text, name=''):
    "Return the extra search words for the page `name` with this `text`."
    return ' '.join([more for word,more in SYNONYMS.items() if re.search(rf'(?i)\b(?:{word})', text)] + [QUERIES.get(name, '')]).strip()


def add(app, tree):
    "Add the extra words as keywords, which the search index includes."
    name = app.env.docname
    if words := synonyms(tree.astext(), name): tree += nodes.meta(name='keywords', content=', '.join(words.split()))


def setup(app):
    app.connect('doctree-read', add)
    return dict(parallel_read_safe=True)
