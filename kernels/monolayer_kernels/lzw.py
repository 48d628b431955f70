"""TIFF's LZW (TIFF 6.0, section 13): codes of 9 to 12 bits, the highest bit first.

An entry of the table is a stretch of what was written before: the string of the code before,
and the one byte that came after it. Libraries follow an entry byte by byte through a chain of
prefixes and take six times as long.

What comes often, strings that are whole, goes through a loop of few branches, of which the
processor seldom guesses one wrongly. All bytes stand before what is written, so that a byte's code
is an entry like any other. All else is done a code at a time, with care.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["MOST_BYTES", "LzwWork", "decode_lzw", "decode_lzw_strip", "open_lzw"]

Bytes = NDArray[np.uint8]

# Unsigned, or numba looks at each index whether it counts from the end.
U = np.uintp
_ONE, _TWO, _THREE, _FOUR, _SEVEN, _EIGHT = U(1), U(2), U(3), U(4), U(7), U(8)
_CLEAR, _END, _FIRST, _CODES = U(256), U(257), U(258), U(4096)
_BYTES = U(256)
_NOWHERE = 2**32 - 1  # where the string of a code that has none would be
MOST_BYTES = 2**32 - 1024
"""Of a strip, since places are kept in 32 bits."""


class LzwWork(NamedTuple):
    """What decoding writes to, used for one strip after another: made by `open_lzw`.

    Attributes
    ----------
    written : ndarray of uint8, shape (size + 264,)
        All bytes, then the decoded ones, then room for a copy that is cut.
    starts : ndarray of uint32, shape (4096,)
        Where each code's string lies in `written`.
    lengths : ndarray of uint16, shape (4096,)
        How many bytes it has.
    """

    written: Bytes
    starts: NDArray[np.uint32]
    lengths: NDArray[np.uint16]


def open_lzw(size: int) -> LzwWork:
    """Make room for strips of up to so many bytes.

    Raises
    ------
    ValueError
        A size below 0, or beyond some 4 GB.
    """
    if not 0 <= size <= MOST_BYTES:
        raise ValueError(f"size must be 0 to {MOST_BYTES} bytes; got {size}.")
    written = np.empty(size + 264, np.uint8)
    starts, lengths = np.zeros(4096, np.uint32), np.zeros(4096, np.uint16)
    written[:256] = starts[:256] = np.arange(256)
    lengths[:256], starts[256:258] = 1, _NOWHERE
    return LzwWork(written, starts, lengths)


def decode_lzw_strip(data: bytes, work: LzwWork, size: int) -> Bytes | None:
    """Decode a strip.

    Parameters
    ----------
    data : bytes
        Codes; they may end with or without the code for the end.
    work : LzwWork
        From `open_lzw`.
    size : int
        Bytes that were encoded.

    Returns
    -------
    ndarray of uint8, shape (size,), or None
        A view of `work`, which the next strip overwrites. None where the codes are not of this
        kind, or make fewer or more bytes; who knows other kinds may try.

    Raises
    ------
    ValueError
        A size for which `work` has no room.
    """
    most = work.written.size - 264
    if not 0 <= size <= most:
        raise ValueError(f"size must be 0 to the {most} bytes there is room for; got {size}.")
    codes = np.frombuffer(data, np.uint8)
    # The first code clears the table. The old kind, lowest bit first, begins with other bits.
    if codes.size < 2 or codes[0] != 0x80 or codes[1] >= 0x80:
        return None
    if _decode(codes, *work, U(256 + size)) != 256 + size:
        return None
    return work.written[256 : 256 + size]


def decode_lzw(data: bytes, out: Bytes) -> bool:
    """Decode into an array that holds exactly what was encoded.

    Parameters
    ----------
    data : bytes
        Codes; they may end with or without the code for the end.
    out : ndarray of uint8, shape (size,)
        C-contiguous; filled.

    Returns
    -------
    bool
        False where the codes are not of this kind, or make fewer or more bytes: `out` is then
        left alone, and who knows other kinds may try.

    Raises
    ------
    TypeError
        An array of another dtype or layout.
    """
    if out.dtype != np.uint8 or out.ndim != 1 or not out.flags.c_contiguous:
        msg = f"out must be C-contiguous uint8 of one axis; got {out.dtype} of shape {out.shape}."
        raise TypeError(msg)
    found = decode_lzw_strip(data, open_lzw(out.size), out.size)
    if found is not None:
        out[:] = found
    return found is not None


@kernel
def _decode(
    data: Bytes,
    written: Bytes,
    starts: NDArray[np.uint32],
    lengths: NDArray[np.uint16],
    end: np.uintp,
) -> int:
    """Write the strings of the codes; return where they end, 0 where one cannot be."""
    n_bits, at, to = U(data.size) << _THREE, U(0), _BYTES
    width, entries, limit = U(9), _FIRST, U(0)
    before, before_length = U(0), U(0)
    while to < end:
        at, to, entries, before, before_length = _decode_whole(
            data, written, starts, lengths, (at, to, entries, before, before_length),
            (width, limit, end),
        )  # fmt: skip
        if to >= end:
            break
        if entries == limit and width < U(12):
            width += _ONE
            limit = _limit(width)
            continue
        if at + width > n_bits:
            return 0
        word = U(0)
        for byte in range(at >> _THREE, (at >> _THREE) + _THREE):
            word = word << _EIGHT | (U(data[byte]) if byte < data.size else U(0))
        code = word >> (U(24) - width - (at & _SEVEN)) & ((_ONE << width) - _ONE)
        at += width
        if code == _CLEAR:
            # Nothing is completed by the code that follows: it comes here once more.
            width, entries, limit, before_length = U(9), _FIRST, U(0), U(0)
            continue
        if code == _END:
            break
        start, length = before, before_length + _ONE  # of the entry that this code completes
        if code < entries:
            start, length = U(starts[code]), U(lengths[code])
        elif code > entries or before_length == 0:
            return 0
        if to + length > end:
            return 0
        for k in range(length):  # it may reach into its own copy
            written[to + U(k)] = written[start + U(k)]
        if before_length:
            if entries >= _CODES:
                return 0
            starts[entries], lengths[entries] = before, before_length + _ONE
            entries += _ONE
        limit = _limit(width)
        before, before_length = to, length
        to += length
    return int(to)


@kernel
def _limit(width: np.uintp) -> np.uintp:
    """Entries at which codes become wider, one before they must; of the widest, all there are."""
    return (_ONE << width) - _ONE if width < U(12) else _CODES


@kernel
def _decode_whole(
    data: Bytes,
    written: Bytes,
    starts: NDArray[np.uint32],
    lengths: NDArray[np.uint16],
    state: tuple[np.uintp, np.uintp, np.uintp, np.uintp, np.uintp],
    bounds: tuple[np.uintp, np.uintp, np.uintp],
) -> tuple[np.uintp, np.uintp, np.uintp, np.uintp, np.uintp]:
    """Decode for as long as strings are there as a whole, and fit."""
    at, to, entries, before, before_length = state
    width, limit, end = bounds
    n_bits, mask, unused = U(data.size) << _THREE, (_ONE << width) - _ONE, U(32) - width
    while at + U(32) <= n_bits and entries < limit:
        byte = at >> _THREE
        word = U(data[byte]) << U(24) | U(data[byte + _ONE]) << U(16)
        word |= U(data[byte + _TWO]) << _EIGHT | U(data[byte + _THREE])
        code = word >> (unused - (at & _SEVEN)) & mask
        start, length = U(starts[code]), U(lengths[code])
        # One branch for all that is rare.
        if (start + length > to) | (to + length > end) | (code >= entries):
            break
        copy, stop = to, to + length
        while True:
            # All eight are read before the first is written: one load and one store, which a
            # kernel of its own, called for each code, would undo. What is written too much is
            # written over by what follows.
            a, b = written[start], written[start + _ONE]
            c, d = written[start + _TWO], written[start + _THREE]
            start += _FOUR
            e, f = written[start], written[start + _ONE]
            g, h = written[start + _TWO], written[start + _THREE]
            written[copy], written[copy + _ONE] = a, b
            written[copy + _TWO], written[copy + _THREE] = c, d
            copy += _FOUR
            written[copy], written[copy + _ONE] = e, f
            written[copy + _TWO], written[copy + _THREE] = g, h
            start, copy = start + _FOUR, copy + _FOUR
            if copy >= stop:
                break
        # After the look-up: a load that might be of what was just stored waits for it, and so
        # does each code for the one before.
        starts[entries], lengths[entries] = before, before_length + _ONE
        entries += _ONE
        at += width
        before, before_length = to, length
        to = stop
    return at, to, entries, before, before_length
