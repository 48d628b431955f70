"""Events of a review: what a person did to one field, frozen, bound to that field's content.

An event names the field, the bytes of its images and the pixels of its automatic labels
(`FieldKey`): on another image or on other labels it does not apply, and says so. Undo and redo
are events like any other: nothing is ever taken out of the record.

An object's pixels are written as runs, ``(row, start, stop)``, which any language reads.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from monolayer.errors import CorrectionError
from monolayer.settings import Settings

__all__ = [
    "Act",
    "Add",
    "Delete",
    "Event",
    "Exclude",
    "FieldKey",
    "Merge",
    "Paint",
    "Redo",
    "Redraw",
    "Relabel",
    "SplitByLine",
    "SplitBySeeds",
    "Undo",
    "act_of",
    "labels_sha256",
]

Label = Annotated[int, Field(gt=0, le=2**31 - 1)]
Point = tuple[float, float]
Run = tuple[int, int, int]
"""Row, first column, column after the last."""


class Merge(Settings):
    """Several objects become one, under the smallest of their labels."""

    kind: Literal["merge"] = "merge"
    labels: tuple[Label, ...] = Field(min_length=2)
    """The objects; they need not touch."""


class SplitByLine(Settings):
    """A drawn line cuts an object; the largest part keeps the label."""

    kind: Literal["split_by_line"] = "split_by_line"
    label: Label
    points: tuple[Point, ...] = Field(min_length=2)
    """Corners of the line, (row, column) in pixels; a pixel's centre is a whole number."""


class SplitBySeeds(Settings):
    """An object is parted between points in it; the largest part keeps the label."""

    kind: Literal["split_by_seeds"] = "split_by_seeds"
    label: Label
    points: tuple[Point, ...] = Field(min_length=2)
    """One point in each cell, (row, column) in pixels."""


class Delete(Settings):
    """Objects that are none."""

    kind: Literal["delete"] = "delete"
    labels: tuple[Label, ...] = Field(min_length=1)


class Add(Settings):
    """An object that was not found; what it covers of others is taken off them."""

    kind: Literal["add"] = "add"
    runs: tuple[Run, ...] = Field(min_length=1)


class Redraw(Settings):
    """An object gets another outline; what it covers of others is taken off them."""

    kind: Literal["redraw"] = "redraw"
    label: Label
    runs: tuple[Run, ...] = Field(min_length=1)


class Paint(Settings):
    """Pixels of an image of classes (confluence: 0 bare, 1 covered, 2 not usable) change class."""

    kind: Literal["paint"] = "paint"
    value: int = Field(ge=0, le=255)
    runs: tuple[Run, ...] = Field(min_length=1)


class Relabel(Settings):
    """Objects are of another class than the stain said, such as live or dead."""

    kind: Literal["relabel"] = "relabel"
    labels: tuple[Label, ...] = Field(min_length=1)
    to: str = Field(min_length=1)


class Exclude(Settings):
    """The field is left out of all results; the event's ``why`` says for what reason."""

    kind: Literal["exclude"] = "exclude"


class Undo(Settings):
    """An earlier event of the field is out of effect."""

    kind: Literal["undo"] = "undo"
    number: int = Field(gt=0)


class Redo(Settings):
    """An undone event is in effect again."""

    kind: Literal["redo"] = "redo"
    number: int = Field(gt=0)


Act = Annotated[
    Merge
    | SplitByLine
    | SplitBySeeds
    | Delete
    | Add
    | Redraw
    | Paint
    | Relabel
    | Exclude
    | Undo
    | Redo,
    Field(discriminator="kind"),
]
_ACT: TypeAdapter[Any] = TypeAdapter(Act)


def act_of(data: Any) -> Any:
    """Read an act from plain data.

    Raises
    ------
    CorrectionError
        It is no act; the sentence says what of it is wrong.
    """
    try:
        return _ACT.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise CorrectionError(
            f"a correction is not as it must be: {where}: {first['msg']}."
        ) from None


@dataclass(frozen=True, slots=True)
class FieldKey:
    """What an event is bound to.

    Attributes
    ----------
    field_id : str
        The field, as the run names it.
    image_sha256 : str
        Of the bytes of its files.
    labels_sha256 : str
        Of its automatic labels' pixels, see `labels_sha256`.
    """

    field_id: str
    image_sha256: str
    labels_sha256: str

    def mismatch(self, now: "FieldKey") -> str | None:
        """Say why an event with this key does not apply to the field as it is now."""
        if self == now:
            return None
        if self.field_id != now.field_id:
            return f"it belongs to field '{self.field_id}'"
        if self.image_sha256 != now.image_sha256:
            return "the field's image has changed since"
        return "the run's automatic labels of the field have changed since"


@dataclass(frozen=True, slots=True)
class Event:
    """One act of one person on one field.

    Attributes
    ----------
    number : int
        Its place among the run's events, from 1.
    key : FieldKey
        What it is bound to.
    act : Act
        What was done.
    made : tuple of int
        Labels that the act gave to new objects: written down, so that undoing another event never
        renames them.
    who, role, why : str
        The person, in which role (may be empty), and the reason in words.
    at : datetime
        When, in UTC.
    local_offset_minutes : int
        What the clock on the wall was ahead of UTC.
    """

    number: int
    key: FieldKey
    act: Any
    made: tuple[int, ...]
    who: str
    why: str
    at: datetime
    local_offset_minutes: int = 0
    role: str = ""


def labels_sha256(labels: NDArray[Any]) -> str:
    """Hash of a label image's shape and pixels, whatever dtype and file they came in.

    Parameters
    ----------
    labels : ndarray of int, shape (height, width)
    """
    pixels = np.ascontiguousarray(labels, dtype="<i4")
    digest = hashlib.sha256(f"{pixels.shape[0]} {pixels.shape[1]}\n".encode())
    digest.update(pixels.data)
    return digest.hexdigest()
