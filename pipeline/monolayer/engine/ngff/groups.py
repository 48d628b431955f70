"""Lists that groups keep of what is in them: labels in OME-Zarr's way, tables in ngio's."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monolayer.engine.ngff.image import write_group
from monolayer.errors import InputError
from monolayer.read.ngff.metadata import ZarrFormat

__all__ = ["add_to_list", "zarr_format_of"]


def zarr_format_of(folder: Path) -> ZarrFormat:
    """3, or 2 for a group of OME-Zarr 0.4."""
    return 3 if (folder / "zarr.json").is_file() else 2


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
