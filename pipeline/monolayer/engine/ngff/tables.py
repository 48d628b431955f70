"""Tables in ngio's convention: Parquet in a group whose attributes say what it is.

IMAGE/tables/NAME    feature_table: one row an object, bound to a label image
PLATE/tables/NAME    condition_table: one row a field or well, with its row and column
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from monolayer.engine.ngff.groups import add_to_list, replaced_folder
from monolayer.engine.ngff.image import write_group
from monolayer.read.ngff.metadata import ZarrFormat

__all__ = ["write_condition_table", "write_feature_table"]

NAMED_BY_PLACE = ("field_id", "plate", "well", "field", "time")


def write_feature_table(
    image: Path, name: str, objects: pa.Table, zarr_format: ZarrFormat = 3
) -> None:
    """Write the objects of a field, bound to the label image of the same name.

    Parameters
    ----------
    image : Path
        Group of the image.
    name : str
        Of the table and of the labels.
    objects : pyarrow.Table
        With the column ``label``; what names the field is left to the place.
    zarr_format : int
        That of the image.
    """
    told = {
        "type": "feature_table",
        "index_key": "label",
        "index_type": "int",
        "instance_key": "label",
        "region": {"path": f"../labels/{name}"},
    }
    kept = [column for column in objects.column_names if column not in NAMED_BY_PLACE]
    _write(image / "tables", name, objects.select(kept), told, zarr_format)


def write_condition_table(
    plate: Path, name: str, table: pa.Table, zarr_format: ZarrFormat = 3
) -> None:
    """Write rows that belong to wells; ``row`` and ``column`` say to which."""
    _write(plate / "tables", name, table, {"type": "condition_table"}, zarr_format)


def _write(
    tables: Path, name: str, table: pa.Table, told: Mapping[str, Any], zarr_format: ZarrFormat
) -> None:
    attributes = {"table_version": "1", "backend": "parquet", **told}
    with replaced_folder(tables / name) as folder:
        write_group(folder, zarr_format=zarr_format, **attributes)
        pq.write_table(table, folder / "table.parquet")
    add_to_list(tables, "tables", name, zarr_format)
