"""The field: one image position, all channels. The unit of work, of failure and of retry.

`Plane` -> `Field` say where pixels lie; `FieldImage` holds them once read. Names are text as a
plate reader writes them, normalised: wells ``A01``, field and time without leading zeros.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

__all__ = ["FAILURES", "Field", "FieldImage", "Plane", "State", "natural_key"]


class State(StrEnum):
    """What became of a planned field. Only ``ok`` has counts; none of the others is a zero."""

    OK = "ok"
    NOT_EVALUABLE = "not_evaluable"
    FAILED = "failed"
    CRASHED = "crashed"
    MISSING = "missing"


FAILURES = (State.FAILED, State.CRASHED)
"""States that make a run end with exit code 3, and that a retry takes up again."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One 2-D image on disk.

    Attributes
    ----------
    path : str
        POSIX path relative to the image folder.
    page : int
        Position of the plane in the file's own order of 2-D images; 0 for a plain file.
    z : int
        Position in the stack, counted from 0 in the order of the stack.
    """

    path: str
    page: int = 0
    z: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """Where one field's pixels lie, and what the file names said of it.

    Attributes
    ----------
    plate, well, field, time : str
        Normalised names; ``well`` and ``time`` are empty where the layout knows none.
    channels : mapping of str to tuple of Plane
        Planes of each channel in stack order; one plane where there is no stack.
    well_text : str
        The well as the file name wrote it.
    problem : tuple of (str, str) or None
        Reason code and sentence where the plan already knows that the field cannot be read,
        such as two files that claim one position.
    """

    plate: str
    well: str
    field: str
    time: str
    channels: Mapping[str, tuple[Plane, ...]]
    well_text: str = ""
    problem: tuple[str, str] | None = None

    @property
    def field_id(self) -> str:
        """Unique within the run: ``plate/well/field`` and ``/time`` where there is one."""
        return "/".join(part for part in (self.plate, self.well, self.field, self.time) if part)

    @property
    def paths(self) -> tuple[str, ...]:
        """Files of the field, each once, in channel and stack order."""
        planes = (plane.path for planes in self.channels.values() for plane in planes)
        return tuple(dict.fromkeys(planes))

    @property
    def sort_key(self) -> str:
        """Order of fields in every table: plate, well, time, field, each in natural order."""
        parts = (self.plate, self.well, self.time, self.field)
        return _END.join(map(_part_key, parts))


@dataclass(frozen=True, slots=True)
class FieldImage:
    """A field's pixels.

    Attributes
    ----------
    channels : mapping of str to ndarray
        One 2-D array each, shape (height, width), uint8, uint16 or float32; equal shapes.
    pixel_size_um : float or None
        Micrometres per pixel; None where nobody said, and then no um result is given.
    pixel_size_source : str
        Who said: ``OME-XML``, ``ImageJ``, ``MetaMorph``, a side file's name, ``--pixel-size-um``.
    full_scale : mapping of str to float
        The largest value each channel's detector can give (255, 4095, 65535); absent for float.
    image_sha256, pixels_sha256 : str
        Of the files' bytes, and of the pixels used.
    notes : tuple of str
        What was done on reading that a reader of the report must know.
    """

    channels: Mapping[str, NDArray[Any]]
    pixel_size_um: float | None = None
    pixel_size_source: str = ""
    full_scale: Mapping[str, float] = field(default_factory=dict)
    image_sha256: str = ""
    pixels_sha256: str = ""
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        first = next(iter(self.channels.values()))
        return int(first.shape[0]), int(first.shape[1])


_END, _NUMBER = "\0", "\1"
"""Characters that no name has, and that sort before those it has."""


def natural_key(text: str) -> str:
    """Sort key that puts ``f2`` before ``f10``; equal only for equal texts.

    A text and no tuple of its parts: sorting 100,000 paths would take 100 MB for these.
    """
    return f"{_DIGITS.sub(_by_length, text)}{_END}{text}"


# Plates, wells and fields of wells are few words, said again and again.
_part_key = lru_cache(maxsize=4096)(natural_key)


def _by_length(number: re.Match[str]) -> str:
    """A number so written that texts of it sort as numbers do: before letters, short ones first."""
    digits = str(int(number[0]))
    return f"{_NUMBER}{chr(len(digits))}{digits}"


_DIGITS = re.compile(r"\d+")
