"""Exclude everything imported so far from garbage collection. `warm.py` imports this last, before it forks kernels: a collection in a
kernel would otherwise touch the shared memory pages, and so copy them.
"""
import gc

gc.collect()
gc.freeze()
