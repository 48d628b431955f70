"""What of a run is worth a look: its tables, given to `monolayer.review.queue.rank`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from monolayer.classify import stain_named
from monolayer.engine.reviewing import RunReview
from monolayer.errors import ConfigError
from monolayer.method import Method
from monolayer.review.queue import OBJECT_COLUMNS, Doubt, rank
from monolayer.review.settings import Limit, QueueSettings

__all__ = ["read_disagreements", "review_queue"]

Key = tuple[str | None, ...]

_OF_FIELDS = (
    "field_id", "plate", "well", "time", "state", "quality_gate", "quality_detail", "n_objects",
)  # fmt: skip


def review_queue(
    run: RunReview,
    settings: QueueSettings | None = None,
    disagreements: Mapping[Key, str] | None = None,
) -> Sequence[Doubt]:
    """Rank a run's fields and objects by doubt; see `monolayer.review.queue.rank`.

    Parameters
    ----------
    run : RunReview
        The run; its automatic tables are read.
    settings : QueueSettings, optional
        Limits and weights; the method's own thresholds between classes are added.
    disagreements : mapping of (plate, well, time) to str, optional
        From `read_disagreements`.
    """
    settings = settings or QueueSettings()
    limits = (*settings.object_limits, *_class_limits(run.method, settings))
    settings = settings.model_copy(update={"object_limits": limits})
    of_objects = {*OBJECT_COLUMNS, *(limit.column for limit in limits)}
    of_fields = {*_OF_FIELDS, *(limit.column for limit in settings.field_limits)}
    names = [name for name in run.fields.column_names if name in of_fields]
    rows = run.fields.select(names).to_pylist()
    return rank(rows, _objects(run.folder / "objects", of_objects), settings, disagreements)


def read_disagreements(path: Path) -> dict[Key, str]:
    """Wells of which assays disagree, from the table that ``monolayer crosscheck`` writes.

    Raises
    ------
    ConfigError
        The file cannot be read, or is no such table.
    """
    from pyarrow import csv

    try:
        table = csv.read_csv(path) if path.suffix == ".csv" else pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ConfigError(f"{path}: cannot be read as a table ({error}).") from None
    lacks = {"plate", "well", "time", "verdict", "detail"} - set(table.column_names)
    if lacks:
        raise ConfigError(
            f"{path}: has no column {sorted(lacks)[0]}; 'monolayer crosscheck' writes the table."
        )
    told = [row for row in table.to_pylist() if row["verdict"] == "disagree"]
    names = ("plate", "well", "time")
    return {tuple(row[name] or None for name in names): str(row["detail"]) for row in told}


def _class_limits(method: Method, settings: QueueSettings) -> list[Limit]:
    """The method's thresholds between living and dead."""
    found: list[tuple[str, float]] = []
    if method.assay == "viability" and method.viability.lot is not None:
        lot = method.viability.lot
        dead = stain_named(lot.stain).dyes[1]
        found = [(f"compensated_mean_{dead}", float(level)) for level in lot.dead_band]
    if method.assay == "suspension":
        own = method.suspension
        dyed = own.mode == "trypan_blue"
        found = [
            ("centre_contrast", own.max_dye_contrast)
            if dyed
            else ("live_probability", own.min_live_probability)
        ]
    return [
        Limit(column=column, value=value, margin=settings.class_margin * abs(value) or 1e-9)
        for column, value in found
    ]


def _objects(folder: Path, wanted: set[str]) -> dict[str, NDArray[np.generic]]:
    tables = []
    for path in sorted(folder.glob("[!.]*.parquet")):
        with pq.ParquetFile(path) as file:
            names = [name for name in file.schema_arrow.names if name in wanted]
            if "label" in names:
                tables.append(file.read(columns=names))
    if not tables:
        return {}
    table = pa.concat_tables(tables, promote_options="default")
    others = [name for name in table.column_names if name != "field_id"]
    found: dict[str, NDArray[Any]] = {
        name: table[name].to_numpy(zero_copy_only=False) for name in others
    }
    found["field_id"] = _names(table["field_id"])
    return found


def _names(column: pa.ChunkedArray) -> NDArray[np.object_]:
    """One string a field, and not one an object."""
    coded = column.dictionary_encode().combine_chunks()
    names = np.array(coded.dictionary.to_pylist(), object)
    of_each: NDArray[np.object_] = names.take(coded.indices.to_numpy())
    return of_each
