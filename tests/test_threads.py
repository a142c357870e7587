"Work in threads: the result doesn't depend on their number, and nested calls don't deadlock."
import subprocess, sys, threading

import numpy as np, pytest, torch

from conftest import torch_threads
from colorize_nb.color.space import lab2rgb, rgb2lab
from colorize_nb.infer.paint import paint
from colorize_nb.core.photo import bundled_photos, open_photo
from colorize_nb.core.files import in_threads


@pytest.fixture
def two():
    "Use two torch threads during the test."
    with torch_threads(2): yield

def test_the_result_does_not_depend_on_the_number_of_threads(two):
    photo, ab = open_photo(bundled_photos()['coffee']), 20*torch.randn(1, 2, 30, 45)
    x = torch.rand(2, 3, 300, 400)
    found = []
    for n in (2, 1):
        torch.set_num_threads(n)
        found.append((np.asarray(paint(photo, ab, rows=40)), rgb2lab(x), lab2rgb(rgb2lab(x))))
    for a,b in zip(*found): assert np.array_equal(a, b)

def test_two_threads_share_the_work_and_start_no_others(two):
    meet = threading.Barrier(2, timeout=200) # two threads must reach it at the same time
    def part(i):
        meet.wait()
        return threading.current_thread().name, torch.get_num_threads()
    names, inner = zip(*in_threads(part, range(2)))
    assert len(set(names))==2 and inner==(1, 1)
    assert torch.get_num_threads()==2

CHILD = '''
import os, torch
from colorize_nb.core.files import in_threads
torch.set_num_threads(2)
two = in_threads(lambda i: in_threads(lambda k: i*k, range(3)), range(3)) # nested calls
assert two==[[0,0,0], [0,1,2], [0,2,4]], two
pid = os.fork()
if not pid: os._exit(in_threads(abs, [-1, -2])!=[1, 2]) # a fork doesn't have its parent's threads
assert os.waitpid(pid, 0)[1]==0
'''

def test_nested_calls_and_forks_do_not_hang():
    subprocess.run([sys.executable, '-W', 'ignore', '-c', CHILD], check=True, timeout=120)

def test_an_error_is_raised_and_the_next_call_works(two):
    with pytest.raises(ZeroDivisionError): in_threads(lambda i: 1/i, range(4))
    assert in_threads(lambda i: i+1, range(4))==[1, 2, 3, 4]

def test_grad_modes_reach_the_threads(two):
    x = torch.ones(4, requires_grad=True)
    assert not any(t.requires_grad for t in in_threads(lambda t: t*t, [x, x]))
    with torch.inference_mode(): assert all(t.is_inference() for t in in_threads(lambda t: t*t, [x, x]))
