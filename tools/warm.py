"""Kernels that are copies of one process with everything imported: a visit begins at once, and what it imported is in memory once.

Linux only: elsewhere a copy of a process with threads in it is not safe, and kernels start as they always do.
"""
import asyncio
import os
import signal
import sys
from contextlib import suppress
from multiprocessing import get_context
from types import SimpleNamespace

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

# jsonschema comes with a kernel's first message and takes seconds to build the grammars it checks addresses by
IMPORTED = ['__main__', 'ipykernel.kernelapp', 'ipywidgets', 'jsonschema', 'matplotlib.pyplot', 'colorize_nb.all', 'frozen']


def kernel(argv, cwd, env):
    "What the copy does: become a kernel."
    os.setsid() # a signal to it reaches nobody else
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd or '.')
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from ipykernel.kernelapp import IPKernelApp
    # no history: what visitors' pages run is not to be kept, and its file would be one that all kernels wait for
    IPKernelApp.launch_instance([*argv, '--HistoryManager.enabled=False', f'--IPKernelApp.parent_handle={os.getppid()}'])


class Copy:
    "A process of `multiprocessing` with the methods of `subprocess.Popen` that a provisioner calls."
    stdin = stdout = stderr = None
    def __init__(self, process): self.process, self.pid = process, process.pid
    def poll(self): return self.process.exitcode
    def wait(self, timeout=None):
        self.process.join(timeout)
        return self.process.exitcode
    def send_signal(self, number):
        with suppress(ProcessLookupError): os.kill(self.pid, number) # it may have ended
    def terminate(self): self.process.terminate()
    def kill(self): self.process.kill()


class Warm(LocalProvisioner):
    "Starts kernels as copies."
    context = None
    async def launch_kernel(self, cmd, **kwargs):
        args = [*cmd[cmd.index('-f'):]], kwargs.get('cwd'), {**os.environ, **(kwargs.get('env') or {})}
        process = self.context.Process(target=kernel, args=args, daemon=False)
        await asyncio.get_running_loop().run_in_executor(None, process.start)
        self.process, self.pid, self.pgid, self.cwd = Copy(process), process.pid, None, kwargs.get('cwd')
        return self.connection_info


def use():
    "Let this server's kernels be copies, where the system allows it."
    if sys.platform!='linux': return
    Warm.context = get_context('forkserver')
    Warm.context.set_forkserver_preload(IMPORTED)
    factory = KernelProvisionerFactory.instance()
    factory.provisioners['warm'] = SimpleNamespace(load=lambda: Warm)
    factory.default_provisioner_name = 'warm'
    from multiprocessing import forkserver
    forkserver.ensure_running()
