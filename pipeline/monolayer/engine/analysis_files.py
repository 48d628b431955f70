"""What an analysis leaves: one page, and each of its tables as Parquet and CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pyarrow import csv

from monolayer.engine.files import write_file
from monolayer.engine.runfolder import program_version
from monolayer.report.analysis import AnalysisPage, render_analysis
from monolayer.settings import Settings

__all__ = ["as_table", "write_analysis", "write_yaml"]

Row = Mapping[str, Any]


def as_table(rows: Sequence[Row], described: Mapping[str, str]) -> pa.Table:
    """Rows as a table; a column without any value is one of numbers, not of nothing."""
    table = pa.Table.from_pylist([dict(row) for row in rows])
    for place, column in enumerate(table.schema):
        if pa.types.is_null(column.type):
            filled = pa.nulls(len(table), pa.float64())
            table = table.set_column(place, column.name, filled)
    maker = {"data-producer": "monolayer", "data-producer-version": program_version()}
    return table.replace_schema_metadata(maker | dict(described))


def write_analysis(
    folder: Path,
    page: AnalysisPage,
    tables: Mapping[str, Sequence[Row]],
    described: Mapping[str, str],
) -> list[Path]:
    """Write ``report.html`` and each table as Parquet and CSV; no clock in them.

    Returns
    -------
    list of Path
        The page first.
    """
    paths = [folder / "report.html"]
    shown = [*page.provenance, ("monolayer", program_version())]
    named = replace(page, provenance=tuple(shown))
    write_file(paths[0], render_analysis(named).encode())
    for name, rows in tables.items():
        if not rows:
            continue
        content = as_table(rows, described)
        for suffix, write in ((".parquet", pq.write_table), (".csv", csv.write_csv)):
            paths.append(folder / f"{name}{suffix}")
            write_file(paths[-1], partial(write, content))
    return paths


def write_yaml(path: Path, settings: Settings) -> Path:
    """Write settings or a record, every value spelled out; return the path."""
    text: str = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
    write_file(path, text.encode())
    return path
