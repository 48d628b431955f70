"""Which images have which truth masks: a CSV manifest, and the masks it names.

A manifest has a header with at least ``path`` and ``mask``; ``dataset``, ``modality`` and
``pixel_size_um`` are used where given, other columns are ignored. Paths are relative to the
manifest. A wrong manifest is the caller's to mend, so it stops everything with the line's
number; a wrong mask costs one row.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from monolayer.errors import ConfigError, ImageError

__all__ = ["Manifest", "ManifestRow", "read_manifest", "read_mask"]

MODALITY = "fluorescence nuclei"


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One image with its truth mask.

    Attributes
    ----------
    path, mask : Path
        Files on disk.
    dataset : str
        Name under which images are pooled; ``all`` where the manifest gives none.
    pixel_size_um : float or None
        Micrometres per pixel, where the manifest says so.
    path_text, mask_text : str
        The files as the manifest names them.
    line : int
        Line of the manifest, the header being 1.
    record : mapping of str to str
        All of the row, as the manifest has it.
    """

    path: Path
    mask: Path
    dataset: str = "all"
    pixel_size_um: float | None = None
    path_text: str = ""
    mask_text: str = ""
    line: int = 0
    record: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Rows to evaluate, and how many were left out for their modality."""

    rows: tuple[ManifestRow, ...]
    n_skipped: int = 0


def read_manifest(
    path: Path, modality: str = MODALITY, needs: Sequence[str] = ("path", "mask")
) -> Manifest:
    """Read a manifest of images and their truth.

    Rows whose ``modality`` is given and does not start with the wanted one are left out and
    counted, so that one manifest can serve several assays. ``needs`` are columns that must be
    there and filled: ``mask`` among them where truth is a label image.

    Raises
    ------
    ConfigError
        The manifest cannot be read, lacks a column, has a bad value, names a file that is not
        there, or keeps no row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="")
            _check_columns(path, reader.fieldnames, needs)
            lines = [(reader.line_num, record) for record in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read as a CSV manifest ({why}): check it.") from None
    ours = [(line, record) for line, record in lines if _is_ours(record, modality)]
    if not ours:
        raise ConfigError(f"{path} holds no row of modality '{modality}': nothing to evaluate.")
    rows = tuple(_parse_row(path, line, record, needs) for line, record in ours)
    return Manifest(rows, len(lines) - len(ours))


def read_mask(path: Path, *, one_value: bool = False) -> NDArray[Any]:
    """Read a label image: 0 for background, one number an object.

    With ``one_value`` objects need not be told apart: the mask of a covered area will do.

    Returns
    -------
    ndarray of integer, shape (H, W)

    Raises
    ------
    ImageError
        Unreadable (``unreadable``), in colour or a stack (``mask_kind``), not whole numbers
        (``mask_kind``), or one value for all objects (``mask_binary``).
    """
    mask = np.squeeze(_decode(path))
    if mask.ndim != 2:
        detail = f"{path.name} has shape {mask.shape}: a truth mask is one grey label image."
        raise ImageError("mask_kind", detail)
    labels = _as_integers(path, mask)
    if not one_value and _is_binary(labels):
        raise ImageError(
            "mask_binary",
            f"{path.name} marks all objects with one value: give each object its own number.",
        )
    return labels


def _check_columns(path: Path, names: object, needs: Sequence[str]) -> None:
    present = list(names) if isinstance(names, (list, tuple)) else []
    for name in needs:
        if name not in present:
            raise ConfigError(
                f"{path} line 1: column '{name}' is missing; the header has "
                f"{', '.join(present) or 'nothing'}."
            )


def _is_ours(record: Mapping[str, Any], wanted: str) -> bool:
    modality = (record.get("modality") or "").strip().casefold()
    return not modality or modality.startswith(wanted)


def _parse_row(
    manifest: Path, line: int, record: Mapping[str, Any], needs: Sequence[str]
) -> ManifestRow:
    where = f"{manifest} line {line}"
    if "" in record or None in record.values():
        raise ConfigError(f"{where}: the number of columns is not the header's.")
    image = _existing(where, "path", manifest.parent, record["path"])
    masked = "mask" in needs
    return ManifestRow(
        path=image,
        # Where truth is no label image, nobody asks for one.
        mask=_existing(where, "mask", manifest.parent, record["mask"]) if masked else image,
        dataset=(record.get("dataset") or "").strip() or "all",
        pixel_size_um=_pixel_size_um(where, (record.get("pixel_size_um") or "").strip()),
        path_text=record["path"],
        mask_text=record["mask"] if masked else "",
        line=line,
        record=dict(record),
    )


def _existing(where: str, column: str, folder: Path, text: str) -> Path:
    if not text.strip():
        raise ConfigError(f"{where}: '{column}' is empty; name the file relative to the manifest.")
    path = folder / text
    if not path.is_file():
        raise ConfigError(f"{where}: {column} '{text}' is no file in {folder}.")
    return path


def _pixel_size_um(where: str, text: str) -> float | None:
    if not text:
        return None
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 < size < math.inf:
        raise ConfigError(f"{where}: pixel_size_um '{text}' is no positive number of micrometres.")
    return size


def _decode(path: Path) -> NDArray[Any]:
    try:
        if path.suffix.lower() in {".tif", ".tiff"}:
            return np.asarray(tifffile.imread(path))
        return np.asarray(imagecodecs.imread(str(path)))
    except (OSError, ValueError, RuntimeError) as error:
        detail = f"{path.name} cannot be read as a mask: {error}"
        raise ImageError("unreadable", detail) from error


def _as_integers(path: Path, mask: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers of at least 0; ImageJ keeps labels above 65,535 as float32."""
    if mask.dtype.kind == "b":
        return mask.astype(np.uint8)
    if mask.dtype.kind == "f" and np.array_equal(mask, np.rint(mask)):
        mask = mask.astype(np.int64)
    if mask.dtype.kind not in "iu" or mask.min(initial=0) < 0:
        detail = (
            f"{path.name} holds {mask.dtype} values that are no labels: use whole numbers >= 0."
        )
        raise ImageError("mask_kind", detail)
    return mask


def _is_binary(labels: NDArray[Any]) -> bool:
    """One value for everything: white, or any on several separate objects."""
    values = np.unique(labels[labels > 0])
    if len(values) != 1:
        return False
    if values[0] == np.iinfo(labels.dtype).max:
        return True
    n_components, _ = cv2.connectedComponents((labels > 0).astype(np.uint8))
    return n_components > 2  # OpenCV counts the background as one.
