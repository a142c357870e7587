"""Other words for what a page says: a search for `grayscale`, `color` or `video` finds pages that write gray, colour and film."""
import re

from docutils import nodes

# A word of these pages -> what people type instead
WORDS = {
    r'colour': 'color colors coloring colorize colorization',
    r'colouris|coloriz|colour a photo': 'colourise colorize',
    r'gray|black-and-white': 'grayscale greyscale grey monochrome bw',
    r'films|color_film|film\.mp4': 'video movie clip mp4',
    r'photo': 'image picture',
    r'old photograph|scan': 'restore vintage antique',
    r'held-out': 'validation test set',
    r'chroma': 'saturation'}
# A page -> the words of somebody who looks for it
ASKED = {
    'nbs/tutorials/05_train_your_own': 'train my own photos folder dataset custom finetune fine-tune',
    'color': 'try online browser upload demo colorize my photo',
    'nbs/infer/02_film': 'video movie mp4 frames flicker',
    'nbs/tutorials/01_color_a_photo': 'start begin quickstart first colorize my photo',
    'nbs/app/00_cli': 'command line terminal batch folder',
    'model_card': 'weights download pretrained licence license',
    'index': 'install installation repository'}

def other_words(text, name=''):
    "The words to add to the index for a page with this `text` and this `name`."
    return ' '.join([more for word,more in WORDS.items() if re.search(rf'(?i)\b(?:{word})', text)] + [ASKED.get(name, '')]).strip()

def add(app, tree):
    "As keywords, which the index of the search takes in."
    name = app.env.docname
    if words := other_words(tree.astext(), name): tree += nodes.meta(name='keywords', content=', '.join(words.split()))

def setup(app):
    app.connect('doctree-read', add)
    return dict(parallel_read_safe=True)
