"""Label images as zlib streams (RFC 1950, RFC 1951), which every reader of TIFF decodes.

A label image is runs of one value, and Deflate says a run as the value and a stretch copied from
one pixel before. General encoders look for stretches at every byte and take twice as long to find
the same ones. Codes are the fixed ones of RFC 1951, section 3.2.6, so that no statistics are taken.
"""

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
    # 18 bits a pixel that is unlike the one before; header, end, checksum, and words cut short.
    out = np.empty(most * 9 // 4 + 32, np.uint8)
    for top in range(0, labels.shape[0], rows):
        pixels = labels[top : top + rows].reshape(-1)
        n = _find_ends(pixels, changes.view(np.uint8), changes, ends)
        size = _encode(pixels, ends[:n], _LITERALS, _COPIES, out)
        if not size:
            return None
        strips.append(out[:size].tobytes())
    return strips


def _reversed_bits(code: int, n: int) -> int:
    """Huffman codes are packed highest bit first, all else lowest bit first."""
    return int(f"{code:0{n}b}"[::-1], 2)


def _literal(byte: int) -> int:
    code, n = (0x30 + byte, 8) if byte < 144 else (0x190 + byte - 144, 9)
    return _reversed_bits(code, n) << 6 | n


def _copies() -> list[int]:
    """Codes of a copy of each length from two bytes before, by length; none below 3."""
    codes = [0] * (_COPIED + 1)
    length = 3
    for symbol in range(257, 285):
        extra = max(0, (symbol - 261) // 4)
        for more in range(min(1 << extra, _COPIED - length)):
            codes[length + more] = _copy(symbol, more, extra)
        length += 1 << extra
    codes[_COPIED] = _copy(285, 0, 0)
    return codes


def _copy(symbol: int, more: int, extra: int) -> int:
    code, n = (symbol - 256, 7) if symbol < 280 else (0xC0 + symbol - 280, 8)
    bits = _reversed_bits(code, n) | more << n | _reversed_bits(1, 5) << (n + extra)
    return bits << 6 | (n + extra + 5)


_LITERALS = np.array([_literal(byte) for byte in range(256)], np.uint64)
_COPIES = np.array(_copies(), np.uint64)


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
    pixels: Int32, ends: NDArray[np.int64], literals: Codes, copies: Codes, out: Bytes
) -> int:
    """Write header, one block and checksum; return their bytes, 0 where a value does not fit."""
    out[0], out[1] = 0x78, 0x01
    at, bits, n_bits = 2, U(0b011), U(3)  # the last block, with fixed codes
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
    at, bits, n_bits = _put(out, at, bits, n_bits, U(0), U(7))  # the end of the block
    at += int(n_bits > 0)
    for shift in (24, 16, 8, 0):
        out[at] = (high << 16 | low) >> shift & 0xFF
        at += 1
    return at


@kernel
def _put(
    out: Bytes, at: int, bits: np.uint64, n_bits: np.uint64, code: np.uint64, length: np.uint64
) -> tuple[int, np.uint64, np.uint64]:
    """Add a code of at most 18 bits; write four bytes, of which the whole ones count."""
    bits |= code << n_bits
    n_bits += length
    byte = U(0xFF)
    out[at], out[at + 1] = bits & byte, bits >> U(8) & byte
    out[at + 2], out[at + 3] = bits >> U(16) & byte, bits >> U(24) & byte
    return at + int(n_bits >> U(3)), bits >> (n_bits & ~U(7)), n_bits & U(7)
