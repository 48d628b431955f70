"""LZW of TIFF beside imagecodecs, which encodes, and decodes by another road."""

import imagecodecs
import numpy as np
import pytest

from monolayer_kernels.lzw import MOST_BYTES, decode_lzw, decode_lzw_strip, open_lzw


def decoded(data: bytes, n: int) -> bytes | None:
    out = np.zeros(n, np.uint8)
    return out.tobytes() if decode_lzw(data, out) else None


def packed(*codes: tuple[int, int]) -> bytes:
    """Codes with their widths, the highest bit first."""
    bits = "".join(f"{code:0{width}b}" for code, width in codes)
    return bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))


def nine(*codes: int) -> bytes:
    return packed(*((code, 9) for code in codes))


CASES = {
    "nothing": b"",
    "one byte": b"\x07",
    "one value": bytes(2000),
    "two values": b"\x00\x01" * 300,
    "text": b"-----A---B--AB-ABAB---" * 40,
    "noise, tables that fill": np.random.default_rng(1).bytes(9000),
    "a dim image": np.random.default_rng(2).poisson(9, 6000).astype(np.uint16).tobytes(),
    "periods of 7 and 8": b"abcdefg" * 200 + b"abcdefgh" * 200,
    "long strings": (bytes(range(60)) * 3 + bytes(9)) * 30,
}


@pytest.mark.parametrize("name", CASES)
def test_what_imagecodecs_encodes(name: str) -> None:
    data = CASES[name]
    codes = bytes(imagecodecs.lzw_encode(data))
    assert decoded(codes, len(data)) == data
    if data:
        assert decoded(codes + b"beside", len(data)) == data
        assert decoded(codes, len(data) + 1) is None
        assert decoded(codes[: len(codes) // 2], len(data)) is None


def test_the_worked_example_of_the_specification() -> None:
    # TIFF 6.0, section 13, page 60: 7 7 7 8 8 7 7 6 6.
    assert decoded(nine(256, 7, 258, 8, 8, 258, 6, 6, 257), 9) == bytes([7, 7, 7, 8, 8, 7, 7, 6, 6])
    assert decoded(nine(256, 7, 258), 3) == b"\7\7\7"  # whole without the code for the end


@pytest.mark.parametrize(
    ("codes", "n", "why"),
    [
        (nine(256, 300), 5, "an entry that is not there"),
        (nine(256, 258), 5, "the next entry with nothing before it"),
        (nine(256, 7, 258), 2, "more bytes than fit"),
        (nine(256, 7, 257), 2, "an end before the end"),
        (nine(256, 7), 2, "no end"),
        (nine(7, 8, 9, 257), 3, "a table that is not cleared at the start"),
        (b"\x80", 0, "less than a code"),
        (b"\x00\x01" + bytes(20), 20, "the old kind, with the lowest bit first"),
    ],
)
def test_what_cannot_be_is_left_to_others(codes: bytes, n: int, why: str) -> None:
    assert decoded(codes, n) is None, why


def test_a_table_that_is_never_cleared_is_left_to_others() -> None:
    codes = [(256, 9)]
    for i in range(4200):
        width = 9 if i <= 253 else 10 if i <= 765 else 11 if i <= 1789 else 12
        codes.append((i % 256, width))
    whole = bytes(i % 256 for i in range(4200))
    assert decoded(packed(*codes), 3000) == whole[:3000]
    assert decoded(packed(*codes), 4200) is None


def test_damaged_codes_are_decoded_alike_or_not_at_all() -> None:
    chance = np.random.default_rng(5)
    data = np.random.default_rng(3).poisson(4, 700).astype(np.uint8).tobytes()
    whole = imagecodecs.lzw_encode(data)
    left = 0
    for _ in range(60):
        codes = bytearray(whole)
        codes[chance.integers(2, len(codes))] ^= 1 << int(chance.integers(8))
        ours = decoded(bytes(codes), len(data))
        left += ours is None
        if ours is not None:
            assert ours == imagecodecs.lzw_decode(bytes(codes), out=len(data))
    assert 0 < left < 60


@pytest.mark.parametrize(
    "out", [np.zeros(4, np.uint16), np.zeros((2, 2), np.uint8), np.zeros(8, np.uint8)[::2]]
)
def test_another_array_is_refused(out: np.ndarray) -> None:
    with pytest.raises(TypeError, match="C-contiguous uint8 of one axis"):
        decode_lzw(b"", out)


def test_strips_one_after_another_in_one_work() -> None:
    work = open_lzw(max(map(len, CASES.values())) + 1)
    for name in [*CASES, *reversed(CASES)]:
        data = CASES[name]
        codes = bytes(imagecodecs.lzw_encode(data))
        found = decode_lzw_strip(codes, work, len(data))
        assert found is not None
        assert found.tobytes() == data, name
        assert decode_lzw_strip(codes, work, len(data) + 1) is None, name


def test_more_than_there_is_room_for() -> None:
    with pytest.raises(ValueError, match="0 to the 5 bytes there is room for; got 6"):
        decode_lzw_strip(b"", open_lzw(5), 6)
    with pytest.raises(ValueError, match=f"0 to {MOST_BYTES} bytes; got {MOST_BYTES + 1}"):
        open_lzw(MOST_BYTES + 1)
