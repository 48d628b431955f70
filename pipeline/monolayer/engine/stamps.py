"""Whether a field's files are still those that were seen: sizes and times, no content."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from monolayer.errors import InputError
from monolayer.field import Field
from monolayer.read.ngff import is_group, stamp
from monolayer.read.roots import Remote, Root, folder_of

__all__ = ["Stamps", "stamps_of"]

_BYTES = 8


def stamps_of(field: Field, root: Root) -> str:
    """What changes when a file of a field does, or any file of its image in an OME-Zarr.

    Parameters
    ----------
    field : Field
        The field.
    root : Path or Remote
        The image folder, or the one image or table that was given in its place.
    """
    folder = folder_of(root)
    return "".join([_stamp(folder, path) for path in field.paths])


def _stamp(folder: Root, path: str) -> str:
    if is_group(path) or isinstance(folder, Remote):
        return stamp(folder, path)
    try:
        stat = os.stat(f"{folder}/{path}")  # noqa: PTH116 - a third of the time a field takes
    except OSError:
        return "absent"
    return f"{stat.st_size}.{stat.st_mtime_ns}"


@dataclass(frozen=True, slots=True)
class Stamps:
    """Stamps of a saved plan's fields, hashed to 8 bytes a field.

    Attributes
    ----------
    path : Path
        The saved plan.
    hashes : bytes
        One a field, in the plan's order.
    """

    path: Path
    hashes: bytes

    @classmethod
    def take(cls, path: Path, fields: Iterable[Field], root: Root) -> "Stamps":
        """Look at all fields' files now."""
        return cls(path, b"".join(_hashed(stamps_of(field, root)) for field in fields))

    def check(self, placed: Iterable[tuple[int, Field]], root: Root) -> None:
        """Compare fields, each with its place in the plan, with their files as they are now.

        Raises
        ------
        InputError
            Some have changed.
        """
        changed = [field for place, field in placed if self._at(place) != _now(field, root)]
        if changed:
            first = changed[0]
            raise InputError(
                f"{self.path}: the files of {len(changed)} of its fields have changed since it was "
                f"saved, first those of {first.field_id} ({first.paths[0]}); save the plan again "
                f"('monolayer plan {root} --save {self.path}')."
            )

    def _at(self, place: int) -> bytes:
        return self.hashes[_BYTES * place : _BYTES * (place + 1)]


def _now(field: Field, root: Root) -> bytes:
    return _hashed(stamps_of(field, root))


def _hashed(stamps: str) -> bytes:
    return hashlib.sha256(stamps.encode()).digest()[:_BYTES]
