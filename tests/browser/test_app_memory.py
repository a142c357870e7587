"`make app` for many: memory comes back when visitors leave, a full house says so, a client that could stop the server is refused."
import os, re, socket, subprocess, sys, threading, time, urllib.error, urllib.request
import pytest

pytest.importorskip('playwright')
pytest.importorskip('voila')
psutil = pytest.importorskip('psutil')


class Served:
    "tools/app.py in a process of its own."
    def __init__(self, root, home, *args):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        self.url, self.log = f'http://127.0.0.1:{port}', open(home/'log.txt', 'w')
        env = {**os.environ, 'PYTHONWARNINGS': 'ignore', 'OMP_NUM_THREADS': '1',
               'JUPYTER_CONFIG_DIR': str(home/'c'), 'JUPYTER_DATA_DIR': str(home/'d')}
        run = [sys.executable, 'tools/app.py', 'nbs/tutorials/01_color_a_photo.ipynb', '--no-browser', f'--port={port}', *args]
        self.process = psutil.Popen(run, cwd=root, stdout=self.log, stderr=self.log, env=env)
        end = time.time()+120
        while time.time()<end and not self.up(): time.sleep(.25)

    def up(self):
        try: urllib.request.urlopen(f'{self.url}/static/', timeout=2)
        except urllib.error.HTTPError: return True
        except OSError: return False
        return True

    def ask(self, path='/', method='GET', **headers):
        "The status and the text of an answer."
        headers = {k.replace('_', '-'): v for k,v in headers.items()}
        request = urllib.request.Request(self.url+path, method=method, headers=headers, data=b'' if method=='POST' else None)
        try: r = urllib.request.urlopen(request, timeout=400)
        except urllib.error.HTTPError as e: r = e
        with r: return r.status, r.read().decode()

    def alive(self):
        def is_alive(p):
            try: return p.status()!=psutil.STATUS_ZOMBIE
            except psutil.Error: return False
        return [p for p in self.process.children(recursive=True) if is_alive(p)]

    def kernels(self):
        "Processes of kernels: started by themselves, or copies of the one that has everything imported."
        def is_kernel(p):
            try: said = ' '.join(p.cmdline())
            except psutil.Error: return False # it has just ended
            return 'ipykernel' in said and not ('forkserver' in said and p.ppid()==self.process.pid)
        return [p for p in self.alive() if is_kernel(p)]

    def memory(self):
        "What it and its kernels take, in GB: what they share is counted once (Linux), or not at all."
        def of(p):
            try: m = p.memory_full_info()
            except psutil.Error: return 0
            return getattr(m, 'pss', m.uss)/1e9
        return sum(of(p) for p in [self.process, *self.alive()])

    def until_empty(self, seconds):
        end = time.time()+seconds
        while self.kernels() and time.time()<end: time.sleep(.5)
        return not self.kernels()

    def stop(self):
        for p in self.kernels(): p.kill()
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


WS = dict(Upgrade='websocket', Connection='Upgrade', Sec_WebSocket_Key='dGhlIHNhbXBsZSBub25jZQ==', Sec_WebSocket_Version='13')

def test_one_seat(root, tmp_path):
    "A visit takes the seat; another is told so; an older client is refused; the farewell frees the seat, without a cookie."
    app = Served(root, tmp_path, '--visitors', '1')
    try:
        status, page = app.ask()
        kernel = re.search(r'"kernelId": ?"([\w-]+)"', page)[1]
        assert status==200 and len(app.kernels())==1
        status, full = app.ask()
        assert status==503 and 'This page is busy' in full and len(app.kernels())==1
        assert app.ask(f'/api/kernels/{kernel}/channels', **WS)[0]==400, 'a client without the subprotocol stops Voila 0.5 for everybody'
        assert app.ask(f'/voila/api/shutdown/{kernel}', 'POST')[0]==204
        assert app.until_empty(20)
    finally: app.stop()


def test_a_kernel_that_dies_while_the_page_is_made(root, tmp_path):
    "The page ends and asks to be loaded again; the seat is free."
    app = Served(root, tmp_path, '--visitors', '1')
    def end():
        while not app.kernels(): time.sleep(.1)
        for k in app.kernels(): k.kill()
    try:
        thread = threading.Thread(target=end)
        thread.start()
        start = time.time()
        status, page = app.ask()
        thread.join()
        assert 'will reload' in page and 'http-equiv="refresh"' in page and time.time()-start<60
        status, page = app.ask()
        assert status==200 and 'will reload' not in page and 'kernelId' in page
    finally: app.stop()

@pytest.mark.slow
def test_memory_comes_back(root, tmp_path, browser, note):
    """After a first visit, ten one after another, then five at once: when all have left, no kernel is there and no more memory is taken
    than before."""
    app = Served(root, tmp_path, '--visitors', '6', '--idle', '30')
    def visit():
        page = browser.new_context().new_page()
        page.goto(app.url, timeout=400_000, wait_until='commit')
        return page
    def seen(page): page.locator('.widget-image').last.wait_for(timeout=400_000)
    def leave(page):
        page.goto('about:blank')
        page.context.close()
    try:
        page = visit() # on Linux, kernels are copies of a process that is warm by now
        seen(page)
        leave(page)
        assert app.until_empty(90)
        before, within = app.memory(), []
        for _ in range(10):
            page = visit()
            seen(page)
            within.append(app.memory())
            leave(page)
        assert app.until_empty(90)
        ten = app.memory()
        note(f'make app, memory in GB: {before:.2f} before; {within[0]:.2f} in the first visit, {within[-1]:.2f} in the tenth; '
             f'{ten:.2f} after ten visits')
        pages = [visit() for _ in range(5)]
        for p in pages: seen(p)
        top = app.memory()
        for p in pages: leave(p)
        assert app.until_empty(90)
        note(f'five at once: {top:.2f} GB, {(top-ten)/5:.2f} each; {app.memory():.2f} GB when they have left')
        assert max(within)<before+1 and ten<before+.2 and app.memory()<before+.2
    finally: app.stop()
