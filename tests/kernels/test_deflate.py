"""Streams of label images beside zlib, which decodes them, and the tables of RFC 1951."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from monolayer_kernels.deflate import deflate_labels


def image(*runs: tuple[int, int]) -> NDArray[np.int32]:
    """One row of runs: value and length of each."""
    return np.repeat(*np.array(runs or [(0, 0)]).T).astype(np.int32)[None]


def decoded(labels: NDArray[np.int32], rows: int) -> bytes:
    strips = deflate_labels(labels, rows)
    assert strips is not None
    return b"".join(map(zlib.decompress, strips))


def test_a_stream_by_hand() -> None:
    # Three bits say: the last block, fixed codes. Then literals 1 and 0 (0x31 and 0x30 in 8 bits),
    # a copy of 4 bytes (0000010) from 2 before (00001), the end (0000000). Highest bits first.
    bits = "1" + "10" + "00110001" + "00110000" + "0000010" + "00001" + "0000000"
    body = bytes(int(bits[i : i + 8].ljust(8, "0")[::-1], 2) for i in range(0, len(bits), 8))
    checksum = zlib.adler32(b"\1\0\1\0\1\0").to_bytes(4, "big")
    assert deflate_labels(image((1, 3)), 1) == [b"\x78\x01" + body + checksum]


def test_every_length_of_a_run_and_every_byte() -> None:
    lengths = image(*((n % 2, n) for n in range(1, 300)), (7, 40_000))
    assert decoded(lengths, 1) == lengths.astype("<u2").tobytes()
    values = np.arange(65536, dtype=np.int32).reshape(128, 512)[:, ::2].copy()
    assert decoded(values, 50) == values.astype("<u2").tobytes()


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(1, 600)), max_size=12))
def test_any_runs(runs: list[tuple[int, int]]) -> None:
    labels = image(*runs)
    assert decoded(labels, 1) == labels.astype("<u2").tobytes()


def test_strips_of_objects_and_their_size() -> None:
    y, x = np.mgrid[:150, :200]
    labels = (
        ((y % 30 - 15) ** 2 + (x % 25 - 12) ** 2 < 80) * (y // 30 * 8 + x // 25 + 300)
    ).astype(np.int32)
    strips = deflate_labels(labels, 64)
    assert strips is not None
    assert len(strips) == 3
    assert b"".join(map(zlib.decompress, strips)) == labels.astype("<u2").tobytes()
    runs = np.count_nonzero(np.diff(labels.reshape(-1))) + len(strips)
    assert sum(map(len, strips)) < 4.5 * runs + 10 * len(strips)
    assert deflate_labels(labels[:0], 64) == []


@pytest.mark.parametrize("value", [-1, 65536])
def test_a_value_that_does_not_fit(value: int) -> None:
    assert deflate_labels(image((0, 9), (value, 1), (0, 9)), 1) is None


@pytest.mark.parametrize(
    ("labels", "rows", "error", "words"),
    [
        (np.zeros((2, 2), np.int64), 1, TypeError, "int64"),
        (np.zeros(4, np.int32), 1, ValueError, r"\(4,\)"),
        (np.zeros((4, 4), np.int32)[:, ::2], 1, ValueError, "C-contiguous"),
        (np.zeros((4, 4), np.int32), 0, ValueError, "got 0"),
        (np.broadcast_to(np.int32(0), (2**14, 2**14)), 2**14, ValueError, "C-contiguous"),
    ],
)
def test_bad_input(
    labels: NDArray[np.int32], rows: int, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        deflate_labels(labels, rows)


def test_a_strip_beyond_what_is_summed() -> None:
    # Pages that nobody touches take no memory.
    with pytest.raises(ValueError, match="at most 134217728 pixels; got 134217729"):
        deflate_labels(np.empty((1, 2**27 + 1), np.int32), 1)
