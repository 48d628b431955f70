"""Many fields in few bytes: a sequence that holds them packed and makes them when asked.

A `Field` with its planes and paths is some 500 bytes of Python objects; neighbours share most of
their text, so blocks of them compress to a tenth. Walking along is made for: the last block
stays unpacked.
"""

import json
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import Any, overload

from monolayer.field import Field, Plane

__all__ = ["PackedFields", "Places"]

BLOCK = 128


class PackedFields(Sequence[Field]):
    """Fields in the order given; equal to any sequence of the same fields.

    Parameters
    ----------
    fields : iterable of Field
        Taken one at a time.
    """

    __slots__ = ("_blocks", "_last", "_length")

    def __init__(self, fields: Iterable[Field] = ()) -> None:
        self._blocks: list[bytes] = []
        self._length = 0
        self._last: tuple[int, list[Any]] = (-1, [])
        rest = iter(fields)
        while block := [_packed(field) for field in islice(rest, BLOCK)]:
            self._blocks.append(zlib.compress(json.dumps(block).encode(), 1))
            self._length += len(block)

    def to_bytes(self) -> bytes:
        """What `from_bytes` makes the same fields of."""
        lengths = json.dumps([self._length, *map(len, self._blocks)])
        return b"".join((lengths.encode(), b"\n", *self._blocks))

    @classmethod
    def from_bytes(cls, content: bytes) -> "PackedFields":
        """Take what `to_bytes` gave."""
        head, _, rest = content.partition(b"\n")
        length, *lengths = json.loads(head)
        ends = list(accumulate(lengths))
        fields = cls()
        fields._length = length
        fields._blocks = [rest[end - n : end] for n, end in zip(lengths, ends, strict=True)]
        return fields

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Field]:
        for block in self._blocks:
            yield from map(_field, json.loads(zlib.decompress(block)))

    @overload
    def __getitem__(self, at: int) -> Field: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Field, ...]: ...
    def __getitem__(self, at: int | slice) -> Field | tuple[Field, ...]:
        if isinstance(at, slice):
            return tuple(self[i] for i in range(*at.indices(self._length)))
        place = range(self._length)[at]
        number, row = divmod(place, BLOCK)
        if self._last[0] != number:
            self._last = number, json.loads(zlib.decompress(self._blocks[number]))
        return _field(self._last[1][row])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(other) != len(self):
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self._blocks))

    def __repr__(self) -> str:
        return f"<PackedFields: {self._length} fields>"


class Places:
    """Place of each id in the order given, in 16 bytes an id and not the 160 of a dict.

    Only 64-bit hashes are kept: a million ids have one chance in 40 million that two of them
    share theirs.

    Parameters
    ----------
    ids : iterable of str
        Taken one at a time.
    """

    __slots__ = ("_hashes", "_places")

    def __init__(self, ids: Iterable[str]) -> None:
        hashes = array("q", map(hash, ids))
        self._places = array("q", sorted(range(len(hashes)), key=hashes.__getitem__))
        self._hashes = array("q", map(hashes.__getitem__, self._places))

    def __len__(self) -> int:
        return len(self._hashes)

    def of(self, wanted: str) -> int | None:
        """Place of an id, counted from 0; None where it is not among them."""
        key = hash(wanted)
        at = bisect_left(self._hashes, key)
        return self._places[at] if at < len(self._hashes) and self._hashes[at] == key else None


def _packed(field: Field) -> tuple[Any, ...]:
    channels = [
        (name, [(plane.path, plane.page, plane.z) for plane in planes])
        for name, planes in field.channels.items()
    ]
    names = (field.plate, field.well, field.field, field.time, field.well_text)
    return (*names, field.problem, channels)


def _field(packed: tuple[Any, ...]) -> Field:
    plate, well, field, time, well_text, problem, channels = packed
    found = {name: tuple(Plane(*plane) for plane in planes) for name, planes in channels}
    told = None if problem is None else (problem[0], problem[1])
    return Field(plate, well, field, time, found, well_text, told)
