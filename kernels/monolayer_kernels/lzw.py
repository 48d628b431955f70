"""TIFF's LZW (TIFF 6.0, section 13): codes of 9 to 12 bits, the highest bit first.

An entry of the table is a stretch of what was written before: the string of the code before,
and the one byte that came after it. Libraries follow an entry byte by byte through a chain of
prefixes and take five times as long.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["decode_lzw"]

# Unsigned, or numba looks at each index whether it counts from the end.
U = np.uintp
_ONE, _EIGHT = U(1), U(8)
_CLEAR, _END, _FIRST, _CODES = U(256), U(257), U(258), U(4096)
_START, _LENGTH = U(16), U(0xFFFF)


def decode_lzw(data: bytes, out: NDArray[np.uint8]) -> bool:
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
        False where the codes are not of this kind, or make fewer or more bytes: what `out` holds
        is then of no use, and who knows other kinds may try.

    Raises
    ------
    TypeError
        An array of another dtype or layout.
    """
    if out.dtype != np.uint8 or out.ndim != 1 or not out.flags.c_contiguous:
        msg = f"out must be C-contiguous uint8 of one axis; got {out.dtype} of shape {out.shape}."
        raise TypeError(msg)
    codes = np.frombuffer(data, np.uint8)
    # The first code clears the table. The old kind, lowest bit first, begins with other bits.
    if codes.size < 2 or codes[0] != 0x80 or codes[1] >= 0x80:
        return False
    return bool(_decode(codes, out, np.zeros(int(_CODES), U)) == out.size)


@kernel
def _decode(data: NDArray[np.uint8], out: NDArray[np.uint8], table: NDArray[np.uintp]) -> int:
    """Write the strings of the codes; return how many bytes they are, -1 where one cannot be."""
    size, at = U(out.size), U(0)
    bits, n_bits, width, mask = U(0), U(0), U(9), U(511)
    entries, written, before, before_length = _FIRST, U(0), U(0), U(0)
    while written < size:
        if n_bits < width:
            bits, n_bits, at = _more(data, bits, n_bits, at)
            if n_bits < width:
                return -1
        n_bits -= width
        code = (bits >> n_bits) & mask
        length = _ONE
        if code < _CLEAR:
            out[written] = code
        elif code == _CLEAR:
            width, mask, entries, before_length = U(9), U(511), _FIRST, U(0)
            continue
        elif code == _END:
            break
        else:
            start, length = before, before_length + _ONE  # of the entry that this code completes
            if code < entries:
                start, length = table[code] >> _START, table[code] & _LENGTH
            elif code > entries or before_length == 0:
                return -1
            if written + length > size:
                return -1
            if length <= _EIGHT and start + length <= written and written + _EIGHT <= size:
                # All eight are read before the first is written: one load and one store, which a
                # kernel of its own, called for each code, would undo. What is written too much is
                # written over by what follows.
                a, b, c, d = out[start], out[start + _ONE], out[start + U(2)], out[start + U(3)]
                start += U(4)
                e, f, g, h = out[start], out[start + _ONE], out[start + U(2)], out[start + U(3)]
                to = written
                out[to], out[to + _ONE], out[to + U(2)], out[to + U(3)] = a, b, c, d
                to += U(4)
                out[to], out[to + _ONE], out[to + U(2)], out[to + U(3)] = e, f, g, h
            else:  # it may reach into its own copy
                for k in range(length):
                    out[written + U(k)] = out[start + U(k)]
        if before_length:
            if entries >= _CODES:
                return -1
            table[entries] = (before << _START) | (before_length + _ONE)
            entries += _ONE
            if entries == mask and width < U(12):
                width, mask = width + _ONE, (mask << _ONE) | _ONE
        before, before_length = written, length
        written += length
    return int(written)


@kernel
def _more(
    data: NDArray[np.uint8], bits: np.uintp, n_bits: np.uintp, at: np.uintp
) -> tuple[np.uintp, np.uintp, np.uintp]:
    """Take four more bytes, or the last ones."""
    if at + U(4) <= U(data.size):
        four = U(data[at]) << U(24) | U(data[at + _ONE]) << U(16)
        four |= U(data[at + U(2)]) << U(8) | U(data[at + U(3)])
        return bits << U(32) | four, n_bits + U(32), at + U(4)
    while at < U(data.size):
        bits, n_bits, at = bits << _EIGHT | U(data[at]), n_bits + _EIGHT, at + _ONE
    return bits, n_bits, at
