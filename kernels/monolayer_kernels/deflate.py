"""Label images as zlib streams (RFC 1950, RFC 1951), which every reader of TIFF decodes.

A label image is runs of one value, and Deflate says a run as the value and a stretch copied from
one pixel before. General encoders look for stretches at every byte and take twice as long to find
the same ones. Codes are made once, for what label images are made of: background, small numbers'
upper bytes, copies of some ten to a hundred pixels from one place.
"""

import heapq

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["deflate_labels"]

Codes = NDArray[np.uint64]
Int32 = NDArray[np.int32]
Bytes = NDArray[np.uint8]

U = np.uint64
_LARGEST = 0xFFFF
_MOD = 65521  # of Adler's checksum
_MOST = 2**27  # pixels of one run, above which its sum would leave 64 bits
_COPIED = 258  # bytes that one code copies at most; the shortest copy is 3
# A code and its number of bits in one word.
_BITS, _SHIFT = U(63), U(6)


def deflate_labels(labels: Int32, rows: int) -> list[bytes] | None:
    """Encode strips of a label image, as little-endian uint16.

    Parameters
    ----------
    labels : ndarray of int32, shape (height, width)
        C-contiguous.
    rows : int
        Rows of a strip; the last one may have fewer.

    Returns
    -------
    list of bytes or None
        A zlib stream a strip; None where a value does not fit, being negative or above 65535.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Not 2-D, not C-contiguous, no rows, or a strip of more than 2**27 pixels.
    """
    if labels.dtype != np.int32:
        raise TypeError(f"labels must be int32; got {labels.dtype}.")
    if labels.ndim != 2 or not labels.flags.c_contiguous:
        raise ValueError(f"labels must be 2-D and C-contiguous; got shape {labels.shape}.")
    if rows < 1:
        raise ValueError(f"rows must be at least 1; got {rows}.")
    most = min(rows, labels.shape[0]) * labels.shape[1]
    if most > _MOST:
        raise ValueError(f"a strip must have at most {_MOST} pixels; got {most}.")
    strips: list[bytes] = []
    changes, ends = np.zeros(most // 8 + 1, np.uint64), np.empty(most + 1, np.int64)
    # At most 24 bits a pixel that is unlike the one before; the end, and words cut short.
    out = np.empty(_HEAD.size + most * 3 + 32, np.uint8)
    out[: _HEAD.size] = _HEAD
    for top in range(0, labels.shape[0], rows):
        pixels = labels[top : top + rows].reshape(-1)
        n = _find_ends(pixels, changes.view(np.uint8), changes, ends)
        size = _encode(pixels, ends[:n], _LITERALS, _COPIES, _START, out)
        if not size:
            return None
        strips.append(out[:size].tobytes())
    return strips


def _weights() -> list[int]:
    """How often a byte (0 to 255), the end (256) and a copy's length (257 to 285) are met."""
    weights = [8] * 256 + [1] + [60] * 8 + [200] * 20 + [800]
    weights[0], weights[1:8] = 4000, [200] * 7
    return weights


def _code_lengths(weights: list[int]) -> list[int]:
    """Bits of each symbol's code, by Huffman's method."""
    lengths = [0] * len(weights)
    heap = [(weight, symbol, [symbol]) for symbol, weight in enumerate(weights)]
    heapq.heapify(heap)
    while len(heap) > 1:
        first, second = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in first[2] + second[2]:
            lengths[symbol] += 1
        heapq.heappush(heap, (first[0] + second[0], first[1], first[2] + second[2]))
    return lengths


def _codes(lengths: list[int]) -> list[tuple[int, int]]:
    """Code and bits of each symbol (RFC 1951, section 3.2.2).

    Codes are packed highest bit first, all else lowest bit first, so they are turned round.
    """
    codes, code, last = [(0, 0)] * len(lengths), 0, 0
    for n, symbol in sorted((n, symbol) for symbol, n in enumerate(lengths)):
        code <<= n - last
        codes[symbol], last = (int(f"{code:0{n}b}"[::-1], 2), n), n
        code += 1
    return codes


def _copies(codes: list[tuple[int, int]]) -> list[int]:
    """Codes of a copy of each length from two bytes before, by length; none below 3."""
    found, length = [0] * (_COPIED + 1), 3
    for symbol in range(257, 285):
        code, n = codes[symbol]
        extra = max(0, (symbol - 261) // 4)
        for more in range(min(1 << extra, _COPIED - length)):
            # The one distance there is takes one bit, a zero.
            found[length + more] = (code | more << n) << 6 | (n + extra + 1)
        length += 1 << extra
    found[_COPIED] = codes[285][0] << 6 | (codes[285][1] + 1)
    return found


def _head(lengths: list[int]) -> tuple[list[int], int, int]:
    """Bytes before the first code, and the bits that no byte is full of, with their number.

    One block, the last, with its own codes (RFC 1951, section 3.2.7): 286 lengths, 2 distances of
    which the second is used, and every length of a code said in four bits.
    """
    words = [(1, 1), (2, 2), (29, 5), (1, 5), (15, 4)]
    words += [(0, 3)] * 3 + [(4, 3)] * 16
    words += [(int(f"{n:04b}"[::-1], 2), 4) for n in [*lengths, 0, 1]]
    bits = n_bits = 0
    for word, n in words:
        bits |= word << n_bits
        n_bits += n
    whole = n_bits // 8
    body = (bits & (1 << 8 * whole) - 1).to_bytes(whole, "little")
    return [0x78, 0x01, *body], bits >> 8 * whole, n_bits % 8


_LENGTHS = _code_lengths(_weights())
_CODES = _codes(_LENGTHS)
_LITERALS = np.array([code << 6 | n for code, n in _CODES[:257]], np.uint64)
_COPIES = np.array(_copies(_CODES), np.uint64)
_HEAD = np.array(_head(_LENGTHS)[0], np.uint8)
# Bytes, bits and number of bits before the first code.
_START = np.array([_HEAD.size, *_head(_LENGTHS)[1:]], np.uint64)


@kernel
def _find_ends(pixels: Int32, changes: Bytes, eights: Codes, ends: NDArray[np.int64]) -> int:
    """List where runs end; `eights` is the same memory as `changes`, looked at in one step."""
    n = pixels.size
    if n == 0:
        return 0
    left, right, change = pixels[:-1], pixels[1:], changes[: n - 1]
    for x in range(change.size):
        change[x] = left[x] != right[x]
    changes[n - 1 : (n + 7) // 8 * 8] = 0
    found = 0
    for k in range((n + 7) // 8):
        if eights[k] != 0:
            # Written in any case and kept if it is one: a branch would be guessed wrongly.
            for x in range(8 * k, 8 * k + 8):
                ends[found] = x + 1
                found += int(changes[x])
    ends[found] = n
    return found + 1


@kernel
def _encode(
    pixels: Int32,
    ends: NDArray[np.int64],
    literals: Codes,
    copies: Codes,
    head: Codes,
    out: Bytes,
) -> int:
    """Write codes and checksum after the head; return all bytes, 0 where a value does not fit."""
    at, bits, n_bits = int(head[0]), head[1], head[2]
    low, high, start = np.int64(1), np.int64(0), np.int64(0)
    for end in ends:
        value, n = np.int64(pixels[start]), end - start
        if value < 0 or value > _LARGEST:
            return 0
        a, b = value & 0xFF, value >> 8
        high = (high + n * (2 * low + 2 * a + b) + (a + b) * n * (n - 1)) % _MOD
        low = (low + n * (a + b)) % _MOD
        first, second = literals[a], literals[b]
        pixel = first >> _SHIFT | (second >> _SHIFT) << (first & _BITS)
        pixel_bits = (first & _BITS) + (second & _BITS)
        at, bits, n_bits = _put(out, at, bits, n_bits, pixel, pixel_bits)
        for rest in range(2 * n - 2, 0, -_COPIED):
            code, length = pixel, pixel_bits  # of a pixel, which is too short to be copied
            if rest > 2:
                copy = copies[min(rest, _COPIED)]
                code, length = copy >> _SHIFT, copy & _BITS
            at, bits, n_bits = _put(out, at, bits, n_bits, code, length)
        start = end
    last = literals[256]  # the end of the block
    at, bits, n_bits = _put(out, at, bits, n_bits, last >> _SHIFT, last & _BITS)
    at += int(n_bits > 0)
    for shift in (24, 16, 8, 0):
        out[at] = (high << 16 | low) >> shift & 0xFF
        at += 1
    return at


@kernel
def _put(
    out: Bytes, at: int, bits: np.uint64, n_bits: np.uint64, code: np.uint64, length: np.uint64
) -> tuple[int, np.uint64, np.uint64]:
    """Add a code of at most 24 bits; write four bytes, of which the whole ones count."""
    bits |= code << n_bits
    n_bits += length
    byte = U(0xFF)
    out[at], out[at + 1] = bits & byte, bits >> U(8) & byte
    out[at + 2], out[at + 3] = bits >> U(16) & byte, bits >> U(24) & byte
    return at + int(n_bits >> U(3)), bits >> (n_bits & ~U(7)), n_bits & U(7)
