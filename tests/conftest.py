"What every test may use: the bundled photos, and a real browser where one is installed."
import functools, importlib.util, os, re, shutil, signal, socket, subprocess, time, urllib.error, urllib.request
from contextlib import contextmanager
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
# a run in the background ignores Ctrl-C, and so would the processes that tests start
signal.signal(signal.SIGINT, signal.default_int_handler)
NEED = bool(os.environ.get('REQUIRE_BROWSER'))

def find_chromium():
    "The system's Chromium, else the one playwright brought, else None."
    for name in ('chromium','chromium-browser','google-chrome','google-chrome-stable'):
        if path := shutil.which(name): return path
    try:
        from playwright.sync_api import sync_playwright
        with sync_playwright() as p: path = p.chromium.executable_path
        return path if Path(path).is_file() else None
    except Exception: return None

def why_no_browser():
    if importlib.util.find_spec('playwright') is None: return 'playwright is not installed'
    if find_chromium() is None: return 'no Chromium found (install chromium, or run: python -m playwright install chromium)'

def pytest_itemcollected(item):
    "Tests in `tests/browser` need a browser, and they are slow."
    if 'browser' in item.path.parts:
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.slow)

@pytest.hookimpl(trylast=True) # only the tests that are left after `-m` and `-k`
def pytest_collection_modifyitems(config, items):
    has_nbdev = importlib.util.find_spec('nbdev') is not None
    for item in items:
        if 'nbdev' in item.keywords and not has_nbdev: item.add_marker(pytest.mark.skip(reason='nbdev is not installed'))
    wanted = [o for o in items if 'browser' in o.keywords]
    if wanted and (why := why_no_browser()):
        if NEED: raise pytest.UsageError(f'REQUIRE_BROWSER is set, but {why}')
        config.stash[skipped_browser] = f'{len(wanted)} browser tests skipped: {why}'
        for item in wanted: item.add_marker(pytest.mark.skip(reason=why))

@contextmanager
def torch_threads(n):
    "Torch with `n` threads, then with as many as before."
    import torch
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try: yield
    finally: torch.set_num_threads(before)

@contextmanager
def serving(run, cwd, home, ask='/', **env):
    """A server that the list `run` starts in `cwd`, with `--port=` put behind it: its address, once `ask` is answered; its log and settings
    lie in `home`."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        address = f'http://127.0.0.1:{s.getsockname()[1]}'
    env = {**os.environ, 'PYTHONWARNINGS': 'ignore', 'OMP_NUM_THREADS': '1',
           'JUPYTER_CONFIG_DIR': str(home/'c'), 'JUPYTER_DATA_DIR': str(home/'d'), **env}
    with open(home/'log.txt', 'w') as log:
        server = subprocess.Popen([*run, f"--port={address.rpartition(':')[2]}"], cwd=cwd, stdout=log, stderr=log, env=env)
        try:
            until_answered(address+ask, home/'log.txt')
            yield address
        finally:
            server.terminate()
            server.wait(60)

def until_answered(url, log, seconds=120):
    end = time.monotonic()+seconds
    while time.monotonic()<end:
        try: return urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError: return # an answer too
        except OSError: time.sleep(.25)
    pytest.fail(f'no answer from {url}: {log.read_text()[-800:]}')

skipped_browser = pytest.StashKey()

def pytest_terminal_summary(terminalreporter, config):
    if msg := config.stash.get(skipped_browser, ''): terminalreporter.write_line(msg, yellow=True)
    for line in config.stash.get(notes, []): terminalreporter.write_line(line)

notes = pytest.StashKey()

@pytest.fixture
def note(request):
    "`note(line)` prints a line at the end of the run."
    return lambda line: request.config.stash.setdefault(notes, []).append(line)

@pytest.fixture(scope='session')
def root(): return ROOT

@pytest.fixture(scope='session')
def browser():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=find_chromium(), args=['--no-sandbox','--disable-gpu','--disable-background-networking',
                                                                     '--disable-component-update','--disable-sync'])
        yield b
        b.close()

def until(page, expression, timeout=30_000, **_):
    "Wait until a JavaScript expression holds, asked from outside: playwright's own way needs eval, which the site's policy forbids."
    end = time.monotonic()+timeout/1000
    while not page.evaluate(expression):
        if time.monotonic()>end: raise TimeoutError(f'{expression} did not come true in {timeout/1000:g} s')
        page.wait_for_timeout(50)

@pytest.fixture
def page(browser):
    "A page that may reach nothing outside this machine; fails the test on a JavaScript error."
    ctx = browser.new_context(viewport=dict(width=1100, height=900))
    page, errors, asked = ctx.new_page(), [], []
    page.wait_for_function = functools.partial(until, page)
    page.on('pageerror', lambda e: errors.append(str(e)))
    page.on('console', lambda m: errors.append(m.text) if m.type=='error' else None)
    ctx.route(re.compile(r'https?://(?!127\.0\.0\.1[:/])'), lambda r: (asked.append(r.request.url), r.abort()))
    yield page
    ctx.close()
    assert not errors and not asked, (errors, asked)

@pytest.fixture
def bucket(monkeypatch):
    "A local server that speaks S3, its address and keys in the environment: makes the buckets named, and gives their file system."
    server, s3fs = pytest.importorskip('moto.server'), pytest.importorskip('s3fs')
    s3 = server.ThreadedMotoServer(port=0, verbose=False)
    s3.start()
    host, port = s3.get_host_and_port()
    there = dict(AWS_ENDPOINT_URL=f'http://{host}:{port}', AWS_ACCESS_KEY_ID='a', AWS_SECRET_ACCESS_KEY='b', AWS_DEFAULT_REGION='us-east-1')
    for k,v in {**there, 'NO_PROXY': host}.items(): monkeypatch.setenv(k, v)
    def make(*names):
        s3fs.S3FileSystem.clear_instance_cache()
        fs = s3fs.S3FileSystem()
        for n in names: fs.mkdir(n)
        return fs
    yield make
    forget = urllib.request.Request(f"{there['AWS_ENDPOINT_URL']}/moto-api/reset", method='POST')
    urllib.request.urlopen(forget).close() # a second server would still have the buckets
    s3.stop()
