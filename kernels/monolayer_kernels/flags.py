"""Where the flags of a row stand, from bytes that are looked at eight at a time.

A row's comparison with its neighbour is written as one byte a pixel, which the compiler
vectorises. Of these bytes most words of eight are zero.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["count_bits", "list_flags", "lowest_bit"]

_ONE = np.uint64(1)
# Bits of a byte, as a power of two.
_EIGHT = np.uint64(3)


@kernel
def count_bits(word: np.uint64) -> np.uint64:
    """Count the set bits of a word: a loop that the compiler knows as one instruction."""
    n = _ONE - _ONE
    while word != 0:
        word &= word - _ONE
        n += _ONE
    return n


@kernel
def lowest_bit(word: np.uint64) -> np.uint64:
    """Place of the lowest set bit of a word that has one, from 0."""
    return count_bits((word ^ (word & (word - _ONE))) - _ONE)


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
        word = words[int(hits[j])]
        while word != 0:
            places[n] = 8 * hits[j] + int(lowest_bit(word) >> _EIGHT)
            word &= word - _ONE
            n += 1
    return n
