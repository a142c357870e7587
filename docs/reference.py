"""Write the API reference at the end of each module's page, and the Sphinx extension that adds an example and a table of parameters to
each name."""
import importlib, inspect, re

from fastcore.docments import docments

import examples, house

def module(name):
    "Import a module by its name within the package."
    return importlib.import_module(f'colorize_nb.{name}')

def public(m):
    "Return the names that module `m` exports and defines."
    return [n for n in m.__all__ if getattr(getattr(m, n, None), '__module__', m.__name__) in (m.__name__, None, 'functools')]

def all_names():
    "Return `{public name: full name}` for every name that only one module has."
    full = {}
    for m in map(module, house.modules()):
        for n in public(m): full.setdefault(n, []).append(f'{m.__name__}.{n}')
    return {n: f[0] for n,f in full.items() if len(f)==1 and (len(n)>3 or n.isupper())}

def patched(m):
    "Return the methods that module `m` adds to classes of other packages, as `(class, name)`."
    from fastai.learner import Learner
    from fastai.data.core import DataLoaders
    return [(c, k) for c in (Learner, DataLoaders) for k,f in vars(c).items() if getattr(f, '__module__', '')==m.__name__]

def directive(m, n):
    "Return the autodoc directive for the name `n` of module `m`."
    o, full = getattr(m, n), f'{m.__name__}.{n}'
    if inspect.isclass(o): return f'.. autoclass:: {full}'
    if callable(o) and inspect.isfunction(inspect.unwrap(o)): return f'.. autofunction:: {full}'
    value = re.sub(r'\s+', ' ', re.sub(r' at 0x[0-9a-f]+', '', repr(o))) # memory addresses differ in each build
    return f'.. py:data:: {full}\n   :value: {value if len(value)<90 else value[:86]+" ..."}'

def section(name):
    "Return the API section of the module `name` as Markdown, or an empty string if it exports nothing."
    m = module(name)
    names = sorted(public(m), key=lambda n: not callable(getattr(m, n))) # constants last
    methods = [(f'.. py:currentmodule:: {c.__module__}', f'.. automethod:: {c.__module__}.{c.__name__}.{k}') for c,k in patched(m)]
    if not names and not methods: return ''
    lines = ['## API', '', f'`from {m.__name__} import ...`', '', '```{eval-rst}', f'.. py:module:: {m.__name__}', '']
    for n in names: lines += [directive(m, n), '']
    for at,method in methods: lines += [at, '', method, '']
    return '\n'.join([*lines, '```', ''])

def rst(s):
    "Convert a line of a docstring from Markdown to reStructuredText."
    parts = re.split(r'`([^`]+)`', re.sub(r'\[([^]]+)\]\([^)]*\)', r'\1', s))
    for i,p in enumerate(parts): # every second part is code, which must not touch letters
        if i%2: parts[i] = ('\\ ' if parts[i-1][-1:].isalnum() else '') + f'``{p}``' + ('\\ ' if parts[i+1][:1].isalnum() else '')
        else: parts[i] = re.sub(r'([*|_`\\])', r'\\\1', p)
    return ''.join(parts)

def type_name(a):
    "Return the name of an annotation, or an empty string."
    if a is inspect.Parameter.empty or a in (None, type(None)): return ''
    return a if isinstance(a, str) else getattr(a, '__name__', str(a).replace('typing.', ''))

def table(o):
    "Return the parameters of `o` as a list-table, from its docments. Return an empty list if there are none."
    try: found, source = docments(o, full=True), inspect.getsource(o)
    except (TypeError, ValueError, OSError, AttributeError): return []
    own = re.search(r'\*\*(\w+) *# *(.+)', source) # fastcore assigns the comment on **kwargs to the return value
    if own and own[1] in found:
        found[own[1]]['docment'] = own[2]
        if found.get('return') and found['return'].docment==own[2]: found['return']['docment'] = None
    rows, waiting = [], [] # if parameters share a line of code, only the last one has a comment
    for k,d in found.items():
        if k in ('self','cls','return') or k.startswith('_'): continue
        default = '' if d.default is inspect.Parameter.empty else d.default.__name__ if callable(d.default) else repr(d.default)
        rows.append([f'``{k}``', type_name(d.anno), default, d.docment or ''])
        if d.docment:
            for r in waiting: r[3] = f'with `{k}`'
        waiting = [] if d.docment else waiting+[rows[-1]]
    back = found.get('return')
    if back is not None and (back.docment or type_name(back.anno)): rows.append(['*returns*', type_name(back.anno), '', back.docment or ''])
    if not any(r[3] for r in rows): return []
    one_line = lambda s: re.sub(r'\s+', ' ', s).strip()
    code = lambda s: f'``{s}``' if s and len(s)<60 else ''
    lines = ['', '.. list-table::', '   :header-rows: 1', '   :widths: 16 14 16 54', '   :class: params', '',
             '   * - parameter', '     - type', '     - default', '     - description']
    for k,t,v,doc in rows: lines += [f'   * - {k}', f'     - {code(t)}', f'     - {code(one_line(v))}', f'     - {rst(one_line(doc))}']
    return lines + ['']

def process_docstring(app, what, name, o, options, lines):
    "Convert a docstring to reStructuredText, and add an example and a table of parameters."
    whole = re.sub(r'`[^`]+`', lambda m: ' '.join(m[0].split()), '\n'.join(lines)) # join code that spans two lines
    lines[:] = [rst(l) for l in whole.split('\n')]
    if what in ('function','class'): lines += examples.lines(o.__module__, name.split('.')[-1])
    if what in ('function','method','class'): lines += table(o.__init__ if what=='class' and '__init__' in vars(o) else o)

def setup(app):
    app.connect('autodoc-process-docstring', process_docstring)
    return dict(parallel_read_safe=True)
