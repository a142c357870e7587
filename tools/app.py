"""`make app`: serve a notebook as a page without code, with Voila. Limits the number of visitors and frees their memory when they leave.

    python tools/app.py tools/app.ipynb --visitors 8 --port 8866
"""
import argparse, asyncio, os, re
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

import warm

PER_VISITOR = 1.2e9 # Bytes for one kernel with PyTorch, fastai, and the model
EXTERNAL = re.compile(r'<link\b[^>]*\bhref="https?://[^>]*>') # Voila's page loads icons from another host, but the widgets include theirs
PROTOCOL = 'v1.kernel.websocket.jupyter.org' # the only message format that Voila 0.5 can read
FULL = ('<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="20">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<title>This page is busy</title><body style="font:1.1rem/1.5 system-ui;max-width:32rem;margin:20vh auto;padding:0 1rem">\n'
        "<h1>This page is busy</h1><p>{n} people are coloring photos here, as many as fit in this machine's memory. "
        'This page tries again every 20 seconds.</p></body></html>')

# Without this, Voila and the visitor would wait forever for a kernel that died
RELOAD = '<meta http-equiv="refresh" content="2"><p>This page lost its kernel and will reload.</p>'

def max_visitors():
    "Return how many visitors fit in half of this machine's memory."
    return max(1, int(os.sysconf('SC_PAGE_SIZE')*os.sysconf('SC_PHYS_PAGES')/2/PER_VISITOR))

class Seats:
    "Keep track of the visits that have a kernel, or are about to get one."
    def __init__(self, kernels, most):
        self.kernels, self.most = kernels, most
        self.starting, self.running, self.kernel_of = set(), set(), {}
        self.start, kernels.start_kernel = kernels.start_kernel, self.start_kernel

    async def start_kernel(self, *args, **kw):
        kernel_id, visit = await self.start(*args, **kw), asyncio.current_task()
        self.starting.discard(visit)
        self.running.add(kernel_id)
        self.kernel_of[visit] = kernel_id
        return kernel_id

    async def lost(self, visit, every=1):
        "Wait for a visit. Return True if its kernel dies before the page is complete."
        while not (await asyncio.wait([visit], timeout=every))[0]:
            kernel = self.kernel_of.get(visit)
            if kernel and not await self.alive(kernel): return True

    async def alive(self, kernel):
        "Return whether a kernel is alive. One that died is removed, which frees its seat."
        if kernel not in self.kernels: return False
        if await self.kernels.get_kernel(kernel).is_alive(): return True
        await self.kernels.shutdown_kernel(kernel, now=True)

    def taken(self):
        "Return the number of seats that are taken."
        self.running = {k for k in self.running if k in self.kernels}
        return len(self.running)+len(self.starting)

class Page(TornadoVoilaHandler):
    "Give each visitor a kernel while there are free seats, and show a waiting page otherwise."
    async def get(self, path=None):
        seats = self.settings['seats']
        if seats.taken()>=seats.most:
            self.set_status(503)
            self.set_header('Retry-After', '20')
            return self.finish(FULL.format(n=seats.most))
        visit = asyncio.ensure_future(super().get(path))
        seats.starting.add(visit)
        try:
            if await seats.lost(visit):
                visit.cancel()
                await self.finish(RELOAD)
            else: visit.result()
        finally:
            seats.starting.discard(visit)
            seats.kernel_of.pop(visit, None)

    def write(self, chunk): super().write(EXTERNAL.sub('', chunk) if isinstance(chunk, str) else chunk)

class Shutdown(VoilaShutdownKernelHandler):
    "Let a closing page end its kernel without the XSRF token. Nobody else can guess the kernel's ID."
    def check_xsrf_cookie(self): pass

class Socket(VoilaKernelWebsocketHandler):
    "Reject clients with the older protocol, whose first message would stop Voila for everybody."
    async def get(self, kernel_id):
        if PROTOCOL not in self.request.headers.get('Sec-WebSocket-Protocol', ''):
            self.set_status(400)
            return self.finish(f'this server only supports {PROTOCOL}')
        return await super().get(kernel_id)

OURS = {o.__bases__[0]: o for o in (Page, Shutdown, Socket)}

class App(Voila):
    "Voila with a limited number of seats."
    visitors = 1
    def init_settings(self):
        settings = super().init_settings()
        return {**settings, 'seats': Seats(self.kernel_manager, self.visitors)}

    def init_handlers(self):
        return [(h[0], OURS.get(h[1], h[1]), *h[2:]) for h in super().init_handlers()]

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('notebook')
    p.add_argument('--visitors', type=int, default=max_visitors(), help="maximum number of visitors at the same time (default: as many as fit in half of this machine's memory)")
    p.add_argument('--idle', type=int, default=120, help='seconds until a kernel without a connected page ends (default: 120)')
    a, more = p.parse_known_args()
    App.visitors = a.visitors
    warm.use()
    culling = [f'--MappingKernelManager.{k}={v}' for k,v in dict(cull_idle_timeout=a.idle, cull_interval=max(1, a.idle//4)).items()]
    patience = '--VoilaExecutor.iopub_timeout=60' # by default, a kernel that is busy for 4 s loses its output, and the page stays empty
    App.launch_instance([a.notebook, '--theme=light', *culling, patience, *more])

if __name__=='__main__': main()
