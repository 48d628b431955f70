"""A run's results as OME-Zarr: label images and tables beside the pixels they were made of.

`export_plates` makes plates of their own, pixels included, which validate and open anywhere;
`add_to_input` writes labels and tables into the OME-Zarr that was counted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tifffile

from monolayer.engine import runfolder
from monolayer.engine.convert import Converted, convert
from monolayer.engine.executors import ExecutionSettings
from monolayer.engine.files import labels_path, objects_path
from monolayer.engine.ngff.groups import zarr_format_of
from monolayer.engine.ngff.image import Storage
from monolayer.engine.ngff.labels import write_labels
from monolayer.engine.ngff.plate import row_and_column
from monolayer.engine.ngff.tables import write_condition_table, write_feature_table
from monolayer.engine.plan import Notify, Plan, make_plan
from monolayer.errors import InputError, RunFolderError
from monolayer.field import Field, State
from monolayer.method import Method
from monolayer.read import Remote
from monolayer.read.ngff import is_ngff

__all__ = ["add_to_input", "export_plates"]


def export_plates(
    run_folder: Path,
    output: Path,
    storage: Storage,
    execution: ExecutionSettings,
    notify: Notify = lambda stage, done, total: None,
) -> list[Converted]:
    """Write a run's images, labels and tables as OME-Zarr 0.5.

    Parameters
    ----------
    run_folder : Path
        A finished run.
    output, storage, execution, notify
        As `monolayer.engine.convert.convert` takes them.

    Returns
    -------
    list of Converted
        One a plate.

    Raises
    ------
    RunFolderError
        The run has no tables yet, or its images are gone.
    """
    plan, tables_of = _plan_of(run_folder)
    finish = partial(_write_results, run_folder=run_folder, name=plan.method.assay, storage=storage)
    return convert(plan, output, storage, execution, notify, also=(tables_of, finish))


def add_to_input(run_folder: Path, storage: Storage) -> int:
    """Write a run's labels and tables into the OME-Zarr on disk that it counted.

    In the version that the input has; labels and tables of the same name are replaced, nothing
    else is touched.

    Returns
    -------
    int
        Number of images that were given labels.

    Raises
    ------
    InputError
        The input is no OME-Zarr, or lies in an object store.
    """
    plan, _ = _plan_of(run_folder)
    if isinstance(plan.root, Remote):
        raise InputError(f"{plan.root}: is in an object store; give a plate of its own with -o.")
    others = [f.field_id for f in plan.fields if f.problem is None and not is_ngff(f)]
    if others:
        raise InputError(
            f"{plan.root}: field {others[0]} is in no OME-Zarr; give a plate of its own with -o."
        )
    paths = {field.field_id: field.paths[0].strip("/") for field in plan.fields if field.paths}
    return _write_images(plan.root, plan.fields, paths, run_folder, plan.method.assay, storage)


def _plan_of(run_folder: Path) -> tuple[Plan, str]:
    """The run's plan, as its images are now, and the name of its tables."""
    record = runfolder.read_record(run_folder)
    if not record.get("tables_of"):
        raise RunFolderError(f"{run_folder}: is not finished; run it to its end first.")
    given = record["given"]
    plan = make_plan(given["images"], Method.model_validate(record["method"]), given["layout"])
    counted = set(_read(run_folder, "fields")["field_id"].to_pylist())
    return (
        replace(
            plan,
            fields=tuple(field for field in plan.fields if field.field_id in counted),
            missing=tuple(field for field in plan.missing if field.field_id in counted),
        ),
        str(record["tables_of"]),
    )


def _read(run_folder: Path, name: str) -> pa.Table:
    with pq.ParquetFile(run_folder / f"{name}.parquet") as file:
        return file.read()


def _write_results(
    plate: Path,
    fields: Sequence[Field],
    paths: Mapping[str, str],
    *,
    run_folder: Path,
    name: str,
    storage: Storage,
) -> None:
    """Labels and tables of a plate that is being made."""
    _write_images(plate, fields, paths, run_folder, name, storage)
    names = {field.plate for field in fields}
    for kind in ("fields", "wells"):
        table = _read(run_folder, kind)
        table = table.filter(pc.field("plate").isin(sorted(names)))
        if not any(table["well"].to_pylist()):
            continue
        places = [row_and_column(well or "") for well in table["well"].to_pylist()]
        columns: dict[str, list[Any]] = {
            "row": [row for row, _ in places],
            "column": [column for _, column in places],
        }
        if kind == "fields":
            found = [paths.get(field_id) for field_id in table["field_id"].to_pylist()]
            columns["path_in_well"] = [path and path.rpartition("/")[2] for path in found]
        for at, (column, values) in enumerate(columns.items()):
            table = table.add_column(at, column, pa.array(values, pa.string()))
        write_condition_table(plate, kind, table.replace_schema_metadata())


def _write_images(
    plate: Path,
    fields: Sequence[Field],
    paths: Mapping[str, str],
    run_folder: Path,
    name: str,
    storage: Storage,
) -> int:
    """Labels and objects of each evaluated field, into the group of its image."""
    table = _read(run_folder, "fields").select(["field_id", "state", "pixel_size_um"])
    rows = {row["field_id"]: row for row in table.to_pylist()}
    objects_of = _objects_source(run_folder)
    written = 0
    for field in fields:
        row = rows[field.field_id]
        source = run_folder / labels_path(field.field_id)
        if row["state"] != State.OK or not source.is_file():
            continue
        image = plate / paths[field.field_id]
        zarr_format = zarr_format_of(image)
        labels = tifffile.imread(source)
        write_labels(image, name, labels, row["pixel_size_um"], storage, zarr_format)
        objects = objects_of(field)
        if "label" in objects.column_names:
            write_feature_table(image, name, objects, zarr_format)
        written += 1
    return written


def _objects_source(run_folder: Path) -> Callable[[Field], pa.Table]:
    """Give the objects of fields; a plate's file is read once for all that follow each other."""
    held: dict[str, pa.Table] = {}

    def objects_of(field: Field) -> pa.Table:
        if field.plate not in held:
            held.clear()
            held[field.plate] = _read(
                run_folder, objects_path(field.plate).removesuffix(".parquet")
            )
        return held[field.plate].filter(pc.field("field_id") == field.field_id)

    return objects_of
