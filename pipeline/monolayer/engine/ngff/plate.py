"""Where fields lie in a converted plate, and the metadata that say so.

Fields of wells become an HCS plate; fields without become a collection of images in
bioformats2raw's layout. Times are acquisitions, each field and time an image of its own: a time
that a field lacks is an image that is not there, and no black plane.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monolayer.engine.ngff.image import VERSION, write_group
from monolayer.field import Field, natural_key

__all__ = ["image_paths", "row_and_column", "write_metadata"]


def image_paths(fields: Sequence[Field]) -> dict[str, str]:
    """Path of each field's image group, by field id.

    Parameters
    ----------
    fields : sequence of Field
        All of one plate, in the order of the tables; with wells, or all without.

    Returns
    -------
    dict of str to str
        ``B/03/0``: one field and time has one number in all wells, as viewers expect.
    """
    if not any(field.well for field in fields):
        return {field.field_id: str(i) for i, field in enumerate(fields)}
    when = {field.field_id: (natural_key(field.time), natural_key(field.field)) for field in fields}
    numbers = {key: i for i, key in enumerate(sorted(set(when.values())))}
    return {
        field.field_id: "/".join((*row_and_column(field.well), str(numbers[when[field.field_id]])))
        for field in fields
    }


def write_metadata(
    folder: Path, fields: Sequence[Field], paths: Mapping[str, str], ours: Mapping[str, Any]
) -> None:
    """Write all groups above the images, the top one last.

    Parameters
    ----------
    folder : Path
        Of the plate.
    fields : sequence of Field
        Those whose images are there.
    paths : mapping of str to str
        From `image_paths`.
    ours : mapping
        What monolayer keeps beside OME-Zarr's metadata.
    """
    if any(field.well for field in fields):
        _write_plate(folder, fields, paths, ours)
    else:
        series = [paths[field.field_id] for field in fields]
        write_group(folder / "OME", {"series": series})
        write_group(folder, {"bioformats2raw.layout": 3}, monolayer=ours)


def _write_plate(
    folder: Path, fields: Sequence[Field], paths: Mapping[str, str], ours: Mapping[str, Any]
) -> None:
    times = sorted({field.time for field in fields}, key=natural_key)
    wells: dict[str, list[dict[str, Any]]] = {}
    for field in fields:
        well, _, name = paths[field.field_id].rpartition("/")
        image: dict[str, Any] = {"path": name}
        if times != [""]:
            image["acquisition"] = times.index(field.time)
        wells.setdefault(well, []).append(image)
    rows, columns = (sorted({w.split("/")[i] for w in wells}, key=natural_key) for i in (0, 1))
    for row in rows:
        write_group(folder / row)
    for well, images in wells.items():
        write_group(folder / well, {"well": {"images": images}})
    plate: dict[str, Any] = {
        "version": VERSION,
        "name": fields[0].plate,
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
        "field_count": max(map(len, wells.values())),
    }
    if times != [""]:
        plate["acquisitions"] = [{"id": i, "name": time} for i, time in enumerate(times)]
    write_group(folder, {"plate": plate}, monolayer=ours)


def row_and_column(well: str) -> tuple[str, str]:
    """Row and column of a well: ``B`` and ``03`` of ``B03``."""
    row = well.rstrip("0123456789")
    return row, well[len(row) :]
