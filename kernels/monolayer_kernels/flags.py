"""Where the flags of a row stand, from bytes that are looked at eight at a time.

A row's comparison with its neighbour is written as one byte a pixel, which the compiler
vectorises. Of these bytes most words of eight are zero.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["list_flags"]

_ONE = np.uint64(1)
# One flag a byte.
_FLAGS = np.uint64(0x0101_0101_0101_0101)


@kernel
def list_flags(
    words: NDArray[np.uint64], hits: NDArray[np.int32], n: int, places: NDArray[np.int32]
) -> int:
    """Write where flags stand from ``places[n]`` on; return n and how many there are.

    ``words`` are bytes of 0 and 1 in groups of eight, ``hits`` is room for as many numbers. The
    words that hold any are listed first, without a branch, then the flags of each: a word seldom
    holds two, so that no step is hard for the processor to guess.
    """
    m = 0
    for w in range(words.size):
        hits[m] = w
        m += int(words[w] != 0)
    for j in range(m):
        word = words[hits[j]]
        while word != 0:
            rest = word & (word - _ONE)
            # A bit for each byte below the lowest flag, and how many there are.
            below = ((word ^ rest) - _ONE) & _FLAGS
            below += below >> np.uint64(32)
            below += below >> np.uint64(16)
            below += below >> np.uint64(8)
            places[n] = 8 * hits[j] + int(below & np.uint64(15))
            word = rest
            n += 1
    return n
