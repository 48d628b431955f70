"""Groups that finish or do not exist, and the lists that others keep of what is in them."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monolayer.engine.files import UNFINISHED
from monolayer.engine.ngff.image import write_group
from monolayer.errors import InputError
from monolayer.read.ngff.metadata import ZarrFormat

__all__ = ["add_to_list", "flush_tree", "replaced_folder", "zarr_format_of"]


def zarr_format_of(folder: Path) -> ZarrFormat:
    """3, or 2 for a group of OME-Zarr 0.4."""
    return 3 if (folder / "zarr.json").is_file() else 2


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Give a folder to fill, which then takes the place of what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=path.parent))
    try:
        yield beside
        beside.chmod(path.parent.stat().st_mode)
        flush_tree(beside)
        shutil.rmtree(path, ignore_errors=True)
        beside.rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def flush_tree(folder: Path, *, files_only_here: bool = False) -> None:
    """Flush a folder's files to disk: a name must never be there before its content."""
    for path in folder.glob("*" if files_only_here else "**/*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def add_to_list(folder: Path, key: str, name: str, zarr_format: ZarrFormat) -> None:
    """Add a name to a group's list, making the group where it is absent.

    Parameters
    ----------
    folder : Path
        Of the group.
    key : str
        ``labels``, which is OME-Zarr's own, or ``tables``.
    name : str
        What is added, once.
    zarr_format : int
        That of the image.

    Raises
    ------
    InputError
        The group is there, and damaged.
    """
    attributes = dict(_attributes(folder, zarr_format))
    ome = dict(attributes.pop("ome", {})) if zarr_format == 3 else {}
    ome.pop("version", None)
    holder = ome if key == "labels" and zarr_format == 3 else attributes
    holder[key] = [*(one for one in holder.get(key, ()) if one != name), name]
    write_group(folder, ome if key == "labels" else None, zarr_format=zarr_format, **attributes)


def _attributes(folder: Path, zarr_format: ZarrFormat) -> Mapping[str, Any]:
    path = folder / ("zarr.json" if zarr_format == 3 else ".zattrs")
    try:
        told = json.loads(path.read_bytes())
        attributes: Mapping[str, Any] = told.get("attributes", {}) if zarr_format == 3 else told
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path}: is damaged ({error}); remove it.") from None
    return attributes
