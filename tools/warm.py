"""Start kernels by forking a process that has already imported everything. Pages open faster, and the imports share their memory.

Linux only, because forking a process with threads isn't safe elsewhere. On other systems, kernels start as usual.
"""
import asyncio
import os
import signal
import sys
from contextlib import suppress
from multiprocessing import get_context
from types import SimpleNamespace

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

# Includes jsonschema, which a kernel would otherwise spend seconds importing when it gets its first message
IMPORTED = ['__main__', 'ipykernel.kernelapp', 'ipywidgets', 'jsonschema', 'matplotlib.pyplot', 'colorize_nb.all', 'frozen']


def kernel(argv, cwd, env):
    "Turn a forked process into a kernel."
    os.setsid() # Keep signals for this kernel from reaching the others
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd or '.')
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from ipykernel.kernelapp import IPKernelApp
    # Without a history, visitors' code isn't stored and kernels don't wait for a shared file
    IPKernelApp.launch_instance([*argv, '--HistoryManager.enabled=False', f'--IPKernelApp.parent_handle={os.getppid()}'])


class Copy:
    "Give a `multiprocessing` process the methods of `subprocess.Popen` that a provisioner calls."
    stdin = stdout = stderr = None
    def __init__(self, process): self.process, self.pid = process, process.pid
    def poll(self): return self.process.exitcode
    def wait(self, timeout=None):
        self.process.join(timeout)
        return self.process.exitcode
    def send_signal(self, number):
        with suppress(ProcessLookupError): os.kill(self.pid, number) # It may already be gone
    def terminate(self): self.process.terminate()
    def kill(self): self.process.kill()


class Warm(LocalProvisioner):
    "Start kernels by forking."
    context = None
    async def launch_kernel(self, cmd, **kwargs):
        args = [*cmd[cmd.index('-f'):]], kwargs.get('cwd'), {**os.environ, **(kwargs.get('env') or {})}
        process = self.context.Process(target=kernel, args=args, daemon=False)
        await asyncio.get_running_loop().run_in_executor(None, process.start)
        self.process, self.pid, self.pgid, self.cwd = Copy(process), process.pid, None, kwargs.get('cwd')
        return self.connection_info


def use():
    "Fork this server's kernels on Linux."
    if sys.platform!='linux': return
    Warm.context = get_context('forkserver')
    Warm.context.set_forkserver_preload(IMPORTED)
    factory = KernelProvisionerFactory.instance()
    factory.provisioners['warm'] = SimpleNamespace(load=lambda: Warm)
    factory.default_provisioner_name = 'warm'
    from multiprocessing import forkserver
    forkserver.ensure_running()
