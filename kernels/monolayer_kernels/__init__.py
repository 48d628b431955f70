"""Compiled loops over images and label images: arrays in, arrays out.

numpy and numba, nothing else. One file a family; each family has a thin checked shell that
validates and names the offending value, and kernels that assume what the shell guarantees.
Every kernel is serial and releases the GIL: parallelism is the caller's.
"""
