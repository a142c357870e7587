"Fixtures and helpers for all tests, among them a real browser if one is installed."
import ctypes, functools, gc, importlib.util, os, re, shutil, signal, socket, subprocess, sys, time, urllib.error, urllib.request
from contextlib import contextmanager
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
# If pytest runs in the background, it ignores Ctrl-C, and the processes that tests start would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)
REQUIRED = bool(os.environ.get('REQUIRE_BROWSER'))

def find_chromium():
    "Return the path to the system's Chromium, to the one that Playwright installed, or None."
    for name in ('chromium','chromium-browser','google-chrome','google-chrome-stable'):
        if path := shutil.which(name): return path
    try:
        from playwright.sync_api import sync_playwright
        with sync_playwright() as p: path = p.chromium.executable_path
        return path if Path(path).is_file() else None
    except Exception: return None

def why_no_browser():
    "Return why browser tests can't run, or None if they can."
    if importlib.util.find_spec('playwright') is None: return 'playwright is not installed'
    if find_chromium() is None: return 'no Chromium found (install chromium, or run: python -m playwright install chromium)'

def pytest_itemcollected(item):
    "Mark the tests in `tests/browser`, which need a browser and are slow."
    if 'browser' in item.path.parts:
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.slow)

@pytest.hookimpl(trylast=True) # run this last, on the tests that `-m` and `-k` select
def pytest_collection_modifyitems(config, items):
    has_nbdev = importlib.util.find_spec('nbdev') is not None
    for item in items:
        if 'nbdev' in item.keywords and not has_nbdev: item.add_marker(pytest.mark.skip(reason='nbdev is not installed'))
    wanted = [o for o in items if 'browser' in o.keywords]
    if wanted and (why := why_no_browser()):
        if REQUIRED: raise pytest.UsageError(f'REQUIRE_BROWSER is set, but {why}')
        config.stash[skipped_browser] = f'{len(wanted)} browser tests skipped: {why}'
        for item in wanted: item.add_marker(pytest.mark.skip(reason=why))

@contextmanager
def torch_threads(n):
    "Use `n` torch threads in a `with` block."
    import torch
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try: yield
    finally: torch.set_num_threads(before)

@contextmanager
def serving(command, cwd, home, path='/', **env):
    """Run a server in `cwd` on a free port. `--port=N` is appended to the list `command`. Yields the server's URL as soon as `path`
    responds. The server's log and settings go to `home`."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        url = f'http://127.0.0.1:{s.getsockname()[1]}'
    env = {**os.environ, 'PYTHONWARNINGS': 'ignore', 'OMP_NUM_THREADS': '1',
           'JUPYTER_CONFIG_DIR': str(home/'c'), 'JUPYTER_DATA_DIR': str(home/'d'), **env}
    with open(home/'log.txt', 'w') as log:
        server = subprocess.Popen([*command, f"--port={url.rpartition(':')[2]}"], cwd=cwd, stdout=log, stderr=log, env=env)
        try:
            wait_for(url+path, home/'log.txt')
            yield url
        finally:
            server.terminate()
            server.wait(60)

def wait_for(url, log, seconds=120):
    "Wait until a server responds, even if it responds with an error status."
    end = time.monotonic()+seconds
    while time.monotonic()<end:
        try: return urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError: return
        except OSError: time.sleep(.25)
    pytest.fail(f'no response from {url}: {log.read_text()[-800:]}')

skipped_browser = pytest.StashKey()

def pytest_terminal_summary(terminalreporter, config):
    if msg := config.stash.get(skipped_browser, ''): terminalreporter.write_line(msg, yellow=True)
    for line in config.stash.get(notes, []): terminalreporter.write_line(line)

notes = pytest.StashKey()

@pytest.fixture
def note(request):
    "Return a function that prints a line at the end of the run."
    return lambda line: request.config.stash.setdefault(notes, []).append(line)

@pytest.fixture(scope='session')
def root(): return ROOT

@pytest.fixture(scope='module', autouse=True)
def freed_memory(request):
    "Close the figures and empty the caches of a finished file, and return their memory to the system. Otherwise, glibc keeps much of it."
    yield
    if pyplot := sys.modules.get('matplotlib.pyplot'): pyplot.close('all')
    for found in vars(request.module).values():
        if hasattr(found, 'cache_clear') and found.__module__==request.module.__name__: found.cache_clear()
    gc.collect()
    if sys.platform=='linux': ctypes.CDLL(None).malloc_trim(0)

def open_widgets():
    "Return the widgets that are open, by ID."
    return dict(getattr(sys.modules.get('ipywidgets.widgets.widget'), '_instances', {}))

@pytest.fixture(autouse=True)
def closed_panels():
    "Close the panels that a test opened. Otherwise, ipywidgets keeps them, with their models and pictures (18 MB for a panel with one model)."
    before = open_widgets()
    yield
    for key,widget in open_widgets().items():
        if key not in before: widget.close()

@pytest.fixture(scope='session')
def browser():
    from playwright.sync_api import expect, sync_playwright
    expect.set_options(timeout=240_000)
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=find_chromium(), args=['--no-sandbox','--disable-gpu','--disable-background-networking',
                                                                     '--disable-component-update','--disable-sync'])
        new_context = b.new_context
        def patient_context(**options):
            context = new_context(**options)
            context.set_default_timeout(240_000) # Playwright's 30 s are too short for a busy machine
            return context
        b.new_context = patient_context
        yield b
        b.close()

def until(page, expression, timeout=240_000, **_):
    "Wait until a JavaScript expression is true. Playwright's `wait_for_function` needs eval, which the site's policy forbids."
    end = time.monotonic()+timeout/1000
    while not page.evaluate(expression):
        if time.monotonic()>end: raise TimeoutError(f'{expression} was not true within {timeout/1000:g} s')
        page.wait_for_timeout(50)

@pytest.fixture
def page(browser):
    "Open a page. The test fails on a JavaScript error or a request to another machine."
    ctx = browser.new_context(viewport=dict(width=1100, height=900))
    page, errors, requests = ctx.new_page(), [], []
    page.wait_for_function = functools.partial(until, page)
    page.on('pageerror', lambda e: errors.append(str(e)))
    page.on('console', lambda m: errors.append(m.text) if m.type=='error' else None)
    ctx.route(re.compile(r'https?://(?!127\.0\.0\.1[:/])'), lambda r: (requests.append(r.request.url), r.abort()))
    yield page
    ctx.close()
    assert not errors and not requests, (errors, requests)

@pytest.fixture
def bucket(monkeypatch):
    "Start a local S3 server and set its URL and keys in the environment. Return a function that makes buckets and returns their file system."
    server, s3fs = pytest.importorskip('moto.server'), pytest.importorskip('s3fs')
    s3 = server.ThreadedMotoServer(port=0, verbose=False)
    s3.start()
    host, port = s3.get_host_and_port()
    settings = dict(AWS_ENDPOINT_URL=f'http://{host}:{port}', AWS_ACCESS_KEY_ID='a', AWS_SECRET_ACCESS_KEY='b', AWS_DEFAULT_REGION='us-east-1')
    for k,v in {**settings, 'NO_PROXY': host}.items(): monkeypatch.setenv(k, v)
    def make(*names):
        s3fs.S3FileSystem.clear_instance_cache()
        fs = s3fs.S3FileSystem()
        for n in names: fs.mkdir(n)
        return fs
    yield make
    reset = urllib.request.Request(f"{settings['AWS_ENDPOINT_URL']}/moto-api/reset", method='POST')
    urllib.request.urlopen(reset).close() # otherwise, the next server would still have these buckets
    s3.stop()
