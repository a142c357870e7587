"`make app` with several visitors: it limits their number, frees their memory, and rejects clients that could stop the server."
import os, re, socket, sys, threading, time, urllib.error, urllib.request
import nbformat, pytest

pytest.importorskip('playwright')
pytest.importorskip('voila')
psutil = pytest.importorskip('psutil')


class App:
    "Run tools/app.py in a separate process."
    def __init__(self, root, home, *args):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        self.url, self.log = f'http://127.0.0.1:{port}', open(home/'log.txt', 'w')
        env = {**os.environ, 'PYTHONWARNINGS': 'ignore', 'OMP_NUM_THREADS': '1',
               'JUPYTER_CONFIG_DIR': str(home/'c'), 'JUPYTER_DATA_DIR': str(home/'d')}
        page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("from colorize_nb.all import *\ncolor_app(bundled_photos()['coffee'])")])
        nbformat.write(page, home/'page.ipynb')
        command = [sys.executable, 'tools/app.py', str(home/'page.ipynb'), '--no-browser', f'--port={port}', *args]
        self.process = psutil.Popen(command, cwd=root, stdout=self.log, stderr=self.log, env=env)
        end = time.time()+120
        while time.time()<end and not self.up(): time.sleep(.25)

    def up(self):
        "Return whether the server responds."
        try: urllib.request.urlopen(f'{self.url}/static/', timeout=2)
        except urllib.error.HTTPError: return True
        except OSError: return False
        return True

    def request(self, path='/', method='GET', **headers):
        "Send a request. Return the response's status and text."
        headers = {k.replace('_', '-'): v for k,v in headers.items()}
        request = urllib.request.Request(self.url+path, method=method, headers=headers, data=b'' if method=='POST' else None)
        try: r = urllib.request.urlopen(request, timeout=400)
        except urllib.error.HTTPError as e: r = e
        with r: return r.status, r.read().decode()

    def processes(self):
        "Return the living child processes. While a thread of a process is still ending, the process shares its parent's memory."
        def is_alive(p):
            try: return p.status()!=psutil.STATUS_ZOMBIE or p.num_threads()>1
            except psutil.Error: return False
        return [p for p in self.process.children(recursive=True) if is_alive(p)]

    def kernels(self):
        "Return the kernels' processes, which are started directly or forked."
        def is_kernel(p):
            try: command = ' '.join(p.cmdline())
            except psutil.ZombieProcess: return True # its other threads are still ending
            except psutil.Error: return False # the process has just ended
            return 'ipykernel' in command and not ('forkserver' in command and p.ppid()==self.process.pid)
        return [p for p in self.processes() if is_kernel(p)]

    def memory(self):
        "Return the memory of the server and its kernels in GB. Shared memory is counted once (on Linux) or not at all."
        def gigabytes(p):
            try: m = p.memory_full_info()
            except psutil.Error: return 0
            return getattr(m, 'pss', m.uss)/1e9
        return sum(gigabytes(p) for p in [self.process, *self.processes()])

    def wait_until_empty(self, seconds=200):
        "Wait until no kernel is left. Return False if that takes longer than `seconds`."
        end = time.time()+seconds
        while self.kernels() and time.time()<end: time.sleep(.5)
        return not self.kernels()

    def stop(self):
        for p in self.kernels(): p.kill()
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


WS = dict(Upgrade='websocket', Connection='Upgrade', Sec_WebSocket_Key='dGhlIHNhbXBsZSBub25jZQ==', Sec_WebSocket_Version='13')

def test_one_visitor_at_a_time(root, tmp_path):
    "The second visitor has to wait, a client with an older protocol is rejected, and a closing page frees its seat without a cookie."
    app = App(root, tmp_path, '--visitors', '1')
    try:
        status, page = app.request()
        kernel = re.search(r'"kernelId": ?"([\w-]+)"', page)[1]
        assert status==200 and len(app.kernels())==1
        status, full = app.request()
        assert status==503 and 'This page is busy' in full and len(app.kernels())==1
        assert app.request(f'/api/kernels/{kernel}/channels', **WS)[0]==400, 'a client without the subprotocol would stop Voila 0.5 for everybody'
        assert app.request(f'/voila/api/shutdown/{kernel}', 'POST')[0]==204
        assert app.wait_until_empty()
    finally: app.stop()


def test_a_page_reloads_if_its_kernel_dies(root, tmp_path):
    "The page reloads, and the seat is free."
    app = App(root, tmp_path, '--visitors', '1')
    def kill_kernel():
        while not app.kernels(): time.sleep(.1)
        for k in app.kernels(): k.kill()
    try:
        thread = threading.Thread(target=kill_kernel)
        thread.start()
        status, page = app.request()
        thread.join()
        assert 'will reload' in page and 'http-equiv="refresh"' in page
        status, page = app.request()
        assert status==200 and 'will reload' not in page and 'kernelId' in page
    finally: app.stop()

@pytest.mark.slow
def test_memory_is_freed_after_visits(root, tmp_path, browser, note):
    "After ten visits one after another, and after five at once, no kernel is left and memory use is back to normal."
    app = App(root, tmp_path, '--visitors', '6')
    def visit():
        page = browser.new_context().new_page()
        page.goto(app.url, timeout=400_000, wait_until='commit')
        return page
    def wait(page): page.locator('.widget-image').last.wait_for(timeout=400_000)
    def leave(page):
        page.goto('about:blank')
        page.context.close()
    try:
        page = visit() # the first visit also warms up the process that kernels are forked from
        wait(page)
        leave(page)
        assert app.wait_until_empty()
        before, during = app.memory(), []
        for _ in range(10):
            page = visit()
            wait(page)
            during.append(app.memory())
            leave(page)
        assert app.wait_until_empty()
        after = app.memory()
        note(f'make app, memory in GB: {before:.2f} before; {during[0]:.2f} during the first visit, {during[-1]:.2f} during the tenth; '
             f'{after:.2f} after ten visits')
        pages = [visit() for _ in range(5)]
        for p in pages: wait(p)
        peak = app.memory()
        for p in pages: leave(p)
        assert app.wait_until_empty()
        note(f'five visitors at once: {peak:.2f} GB, {(peak-after)/5:.2f} each; {app.memory():.2f} GB after they left')
        assert max(during)<before+1 and after<before+.2 and app.memory()<before+.2
    finally: app.stop()
