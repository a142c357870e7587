"Sphinx configuration. `build.py` prepares the pages first."
import configparser, sys, warnings
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent), str(DOCS.parent/'tools')]
warnings.filterwarnings('ignore') # from libraries that autodoc imports; Sphinx's own warnings are errors
cfg = configparser.ConfigParser(delimiters=['='])
cfg.read(DOCS.parent/'settings.ini', encoding='utf8')
cfg = cfg['DEFAULT']

project, author, version, copyright = cfg['lib_name'], cfg['author'], cfg['version'], cfg['copyright']
release = version
extensions = ['myst_nb', 'sphinx.ext.autodoc', 'sphinx.ext.mathjax', 'sphinx_copybutton', 'reference']
exclude_patterns = ['**/.ipynb_checkpoints']
default_role = 'code'

nb_execution_mode = 'off' # use the committed outputs
nb_ipywidgets_js = {} # panels are replaced by pictures
nb_merge_streams = True
nb_render_markdown_format = 'gfm' # with tables
myst_enable_extensions = ['dollarmath', 'colon_fence', 'attrs_inline', 'deflist']
myst_heading_anchors = 3
myst_url_schemes = ('http', 'https', 'mailto')
suppress_warnings = ['mystnb.unknown_mime_type']

autodoc_default_options = dict(members=True, undoc_members=False, show_inheritance=False, special_members='__call__')
autodoc_member_order = 'bysource'
autodoc_typehints = 'none' # the tables contain the types
autodoc_inherit_docstrings = False

html_theme = 'sphinx_book_theme'
html_title = 'colorize_nb'
html_static_path = [str(DOCS/'_build/src/_static')] # prepared by build.py
html_css_files = ['site.css']
html_js_files = [('wipe.js', dict(defer='defer')), ('site.js', dict(defer='defer'))]
copybutton_selector = 'div.highlight pre, .first pre, pre.cite'
html_favicon = str(DOCS/'static/favicon.svg')
html_theme_options = dict(
    use_download_button=False, use_fullscreen_button=False, use_source_button=False, use_issues_button=False, show_toc_level=2,
    navigation_with_keys=False, navbar_persistent=[],
    pygments_light_style='a11y-high-contrast-light', pygments_dark_style='a11y-high-contrast-dark',
    logo=dict(text='colorize_nb'))
html_copy_source = html_show_sourcelink = False
html_context = dict(default_mode='auto')
mathjax_path = 'mathjax/tex-svg.js'
mathjax3_config = dict(options=dict(enableMenu=False)) # otherwise, every symbol is a stop for the Tab key
