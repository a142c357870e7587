"Forms this repository does not use, and what stands in their place; tests/test_tutorials.py looks for them in every page, module and note."
import re

MANY = 'images|pictures|photos|pixels|frames|batches|steps|numbers|bins|classes|weights|channels|bytes|parameters|values'
ONE = 'second|minute|hour|epoch|step|batch|photo|picture|image|frame|pixel|channel|layer|seed'
RIGHT = 'photo|true|truth|target|how it was|what the camera saw'
FORMS = {
    rf'(?i)\b({MANY}) an? ({ONE})\b(?! of)': 'per: images per second',
    r'(?i)\b(milliseconds|seconds|minutes|ms) an? (step|batch|epoch|photo|frame)\b': 'per: milliseconds per step',
    r'(?<![\w.,#:/-])00[0-4](?!\w|[.,:]\d)': "the paper's name and year: Fordham, Cats, Stanford, Koalarization, Indiana",
    r"\bseen *\| *predicted *\| *true\b": 'input | prediction | target',
    rf"'(given|gray|seen|what [^']+)', ?'(answer|answered|predicted|what [^']+)', ?'({RIGHT})'": "'input','prediction','target'",
    r'(?i)\b(learn|learns|learned|know|knows)\b[^.\n]{0,30}\bby heart\b': 'overfit',
    r'\b(HandX|TrainFacts|OneAtATime|grid_centres|from_centres|torch_adam)\b': 'the name of the field (CHANGELOG has the table)',
    r'\b(Drawn|Steady|Judge)\(': 'GeneratedBatches, TemporalSmoothing',
    r'\b(twin|sheet)\(': 'static_view, image_grid',
    r"[.'\"]colourfulness\b|\bcentres\b(?! (of|lie|are|in)\b|':)": 'one spelling in code: colorfulness, centers',
    r'(?i)\b(optimiser|optimisers)\b': 'optimizer',
    r'(?i)\bstatic twins?\b': 'static view',
    r'(?i)\bfield of sight\b|\bwhat it has in sight\b': 'receptive field',
}

def banned(text):
    "What `text` has of `FORMS`, as 'found -> write'."
    return [f'{m[0]!r}: write {instead}' for form,instead in FORMS.items() for m in re.finditer(form, text)]
