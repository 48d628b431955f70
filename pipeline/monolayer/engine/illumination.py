"""Flat fields of a run: one per plate and channel, estimated once and kept in the folder.

Estimated from evenly spaced fields of the plate in the plan's order, so neither the number of
workers nor the order of the files on disk changes them; kept, so a resumed run uses the same.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.engine.files import write_file
from monolayer.errors import ConfigError, ImageError
from monolayer.field import Field, FieldImage, State
from monolayer.inspect import estimate_flat_field, inspect_field
from monolayer.method import Method
from monolayer.read import Root, channel_to_segment, read_field
from monolayer.read.scans import is_scan

__all__ = ["flat_folder", "load_flat_fields", "make_flat_fields"]

MAX_FIELDS = 48


def flat_folder(run_folder: Path) -> Path:
    """Where a run keeps its flat fields."""
    return run_folder / "illumination"


def make_flat_fields(
    run_folder: Path, fields: Sequence[Field], root: Root, method: Method
) -> dict[str, str]:
    """Estimate what is not there yet; return a hash of each plate's, for its fields' signatures.

    By plate, so that another plate that arrives later leaves the others' work as it is.
    """
    folder = flat_folder(run_folder)
    hashes = {}
    for plate in dict.fromkeys(field.plate for field in fields):
        path = _path(folder, plate)
        if not path.is_file():
            members = [field for field in fields if field.plate == plate]
            write_file(path, partial(_save, flats=_estimate(members, root, method)))
        hashes[plate] = hashlib.sha256(path.read_bytes()).hexdigest()
    return hashes


@lru_cache(maxsize=4)
def load_flat_fields(folder: Path | None, plate: str) -> dict[str, NDArray[np.float32]]:
    """Flat field of each channel of a plate; none where correction is off."""
    if folder is None:
        return {}
    with np.load(_path(folder, plate)) as stored:
        return {name: stored[name] for name in stored.files}


def _estimate(
    fields: Sequence[Field], root: Root, method: Method
) -> dict[str, NDArray[np.float32]]:
    """Estimate channel by channel, so that one field's pixels are held at a time."""
    chosen = _evenly(fields, MAX_FIELDS)
    shapes = [image.shape for image in _evaluable(chosen, root, method)]
    # Fields of another size than most were taken with other settings and are not corrected.
    shape = max(dict.fromkeys(shapes), key=shapes.count, default=None)
    names = dict.fromkeys(name for field in chosen for name in field.channels)

    def pixels_of(name: str) -> Iterator[NDArray[Any]]:
        for image in _evaluable(chosen, root, method):
            if image.shape == shape and name in image.channels:
                yield image.channels[name]

    return {name: estimate_flat_field(pixels_of(name), method.illumination) for name in names}


def _evaluable(fields: Sequence[Field], root: Root, method: Method) -> Iterator[FieldImage]:
    for field in fields:
        if is_scan(field, root, method.read) is not None:
            continue  # many images of the microscope's, each with the lamp's own light
        try:
            image = read_field(field, root, method.read)
            channel = channel_to_segment(field, method.read)
        except (ImageError, ConfigError):
            continue  # its row will say why
        if inspect_field(image, method.inspect, channel).state is State.OK:
            yield image


def _evenly(fields: Sequence[Field], n: int) -> list[Field]:
    good = [field for field in fields if field.problem is None]
    if len(good) <= n:
        return good
    return [good[(2 * i + 1) * len(good) // (2 * n)] for i in range(n)]


def _save(path: Path, flats: dict[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, **flats)


def _path(folder: Path, plate: str) -> Path:
    return folder / f"{hashlib.sha256(plate.encode()).hexdigest()[:16]}.npz"
