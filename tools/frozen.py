"""The last thing the process imports that kernels are copies of: what is there by now is no garbage, and a collection that looks at it
would copy its pages."""
import gc

gc.collect()
gc.freeze()
