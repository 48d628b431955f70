"""OME-Zarr plates of the tests, written by zarr alone: 0.4 and 0.5, as they are asked for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

UM = "micrometer"


def axes(letters: str, unit: str | None = UM) -> list[dict[str, str]]:
    """Axes of an image; only those of space have a unit."""
    kinds = {"t": "time", "c": "channel"}
    made = []
    for letter in letters:
        axis = {"name": letter, "type": kinds.get(letter, "space")}
        if unit is not None and letter in "zyx":
            axis["unit"] = unit
        made.append(axis)
    return made


def set_group(folder: Path, version: str, ome: dict[str, Any]) -> None:
    """Write a group's metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    if version == "0.4":
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps(ome))
        return
    attributes = {"ome": {"version": version, **ome}}
    told = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (folder / "zarr.json").write_text(json.dumps(told))


def write_image(
    folder: Path,
    pixels: NDArray[Any],
    version: str = "0.5",
    *,
    letters: str | None = None,
    labels: list[str] | None = None,
    pixel_size: float | None = 0.65,
    unit: str | None = UM,
    levels: int = 2,
    chunk: int = 64,
    **array: Any,
) -> None:
    """Write a multiscale image; the axes are the last of tczyx if not named."""
    letters = letters or "tczyx"[-pixels.ndim :]
    datasets = []
    for level in range(levels):
        data = pixels[..., :: 2**level, :: 2**level]
        steps = [
            1.0 if a in "tcz" or pixel_size is None else pixel_size * 2**level for a in letters
        ]
        datasets.append(
            {
                "path": str(level),
                "coordinateTransformations": [{"type": "scale", "scale": steps}],
            }
        )
        settings = {"config": {"write_empty_chunks": True}} | array
        made = zarr.create_array(
            store=str(folder / str(level)),
            shape=data.shape,
            dtype=data.dtype,
            chunks=(1,) * (data.ndim - 2) + (chunk, chunk),
            zarr_format=2 if version == "0.4" else 3,
            **settings,
        )
        made[...] = data
    scales: dict[str, Any] = {"axes": axes(letters, unit), "datasets": datasets}
    if version == "0.4":
        scales["version"] = version
    ome: dict[str, Any] = {"multiscales": [scales]}
    if labels is not None:
        ome["omero"] = {"channels": [{"label": label, "color": "FFFFFF"} for label in labels]}
    set_group(folder, version, ome)


def write_plate(
    folder: Path,
    images: dict[str, NDArray[Any]],
    version: str = "0.5",
    *,
    acquisitions: dict[str, int] | None = None,
    name: str | None = None,
    **image: Any,
) -> None:
    """Write a plate from images by path, such as ``B/03/0``."""
    wells: dict[str, list[str]] = {}
    for path, pixels in images.items():
        well, _, field = path.rpartition("/")
        wells.setdefault(well, []).append(field)
        write_image(folder / path, pixels, version, **image)
    rows = sorted({well.split("/")[0] for well in wells})
    columns = sorted({well.split("/")[1] for well in wells})
    plate: dict[str, Any] = {
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {
                "path": well,
                "rowIndex": rows.index(well.split("/")[0]),
                "columnIndex": columns.index(well.split("/")[1]),
            }
            for well in wells
        ],
    }
    if name is not None:
        plate["name"] = name
    if acquisitions:
        ids = sorted(set(acquisitions.values()))
        plate["acquisitions"] = [{"id": i, "name": f"day{i}"} for i in ids]
    told: dict[str, Any] = {"version": version} if version == "0.4" else {}
    set_group(folder, version, {"plate": told | plate})
    for well, fields in wells.items():
        listed = [
            {"path": field}
            | ({"acquisition": acquisitions[f"{well}/{field}"]} if acquisitions else {})
            for field in fields
        ]
        set_group(folder / well, version, {"well": told | {"images": listed}})


def noise(seed: int, shape: tuple[int, ...] = (96, 96)) -> NDArray[np.uint16]:
    """Pixels that no two fields share."""
    return np.random.default_rng(seed).integers(100, 4000, shape, dtype=np.uint16)
