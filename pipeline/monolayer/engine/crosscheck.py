"""Cross-check runs: the wells tables of several assays over the same vessels, side by side."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from monolayer.engine.files import write_file
from monolayer.engine.runfolder import program_version
from monolayer.errors import ConfigError, InputError
from monolayer.field import natural_key
from monolayer.results import Run, open_run
from monolayer.summarise.agreement import bland_altman
from monolayer.summarise.crosscheck import (
    BY_CELL_AREA,
    COMPARISON_COLUMNS,
    compare_well,
)
from monolayer.summarise.figures import DIRECT, figures_of
from monolayer.summarise.settings import CrosscheckSettings, SummariseSettings
from monolayer.summarise.total_density import NEEDED as COUNTED
from monolayer.summarise.total_density import total_density

__all__ = ["KEYS", "agreement_of", "crosscheck_runs", "tally", "write_crosscheck"]

KEYS = ("plate", "well", "time")
_PAIR = ("quantity", "unit", "run_a", "assay_a", "run_b", "assay_b")
_AGREEMENT = [
    ("n_wells", "int64"),
    ("n_wells_disagree", "int64"),
    ("bias", "float64"),
    ("bias_sd", "float64"),
    ("bias_ci_low", "float64"),
    ("bias_ci_high", "float64"),
    ("bias_ci_method", "string"),
    ("bias_percent", "float64"),
    ("limit_low", "float64"),
    ("limit_high", "float64"),
]

Row = dict[str, Any]
Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """One run's wells."""

    run: str
    assay: str
    confidence: float
    columns: tuple[str, ...]
    wells: dict[Key, Row]


def crosscheck_runs(
    folders: Sequence[Path], settings: CrosscheckSettings, match: Sequence[str] = KEYS
) -> pa.Table:
    """Hold the wells of two or more runs against one another.

    Parameters
    ----------
    folders : sequence of Path
        Finished runs of different assays, or of different methods of one, over the same vessels.
    settings : CrosscheckSettings
        Confidence, plausible cell areas.
    match : sequence of str
        Keys by which a well of one run is the same as a well of another: ``plate``, ``well``
        and ``time``, or fewer where the microscopes named the plate differently.

    Returns
    -------
    pyarrow.Table
        One row a comparison: ``plate``, ``well``, ``time`` and `COMPARISON_COLUMNS`.

    Raises
    ------
    ConfigError
        Fewer than two runs, or keys that do not tell wells apart.
    InputError
        The runs have no well, or no quantity, in common.
    RunFolderError
        A folder is no finished run.
    """
    wanted = _checked_keys(match)
    if len(set(folders)) < 2:
        raise ConfigError(f"{len(set(folders))} run given: a cross-check needs two or more.")
    sides = [_side(name, open_run(folder), wanted) for name, folder in _named(folders).items()]
    keys = _keys(sides)
    rows = [
        {**dict.fromkeys(KEYS), **dict(zip(wanted, key, strict=True)), **comparison.row()}
        for key in keys
        for comparison in compare_well(
            [
                figure
                for side in sides
                for figure in figures_of(
                    side.wells.get(key), side.columns, side.run, side.assay, side.confidence
                )
            ],
            settings,
        )
    ]
    if not rows:
        told = "; ".join(f"{side.run} is of {side.assay}" for side in sides)
        raise InputError(
            f"the runs measure nothing in common ({told}): give runs with an area density, a "
            "confluence or a viability each."
        )
    columns = [*((name, "string") for name in KEYS), *COMPARISON_COLUMNS]
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns])
    described = _described(folders, settings)
    return pa.Table.from_pylist(rows, schema).replace_schema_metadata(described)


def tally(table: pa.Table) -> dict[str, int]:
    """Number of comparisons by verdict."""
    verdicts = table["verdict"].to_pylist()
    return {name: verdicts.count(name) for name in ("agree", "disagree", "not_evaluable")}


def agreement_of(table: pa.Table, confidence: float) -> pa.Table:
    """Bias and limits of agreement of each pair of runs and quantity, over all wells.

    Parameters
    ----------
    table : pyarrow.Table
        What `crosscheck_runs` gave.
    confidence : float
        Of the bias's interval and the limits.

    Returns
    -------
    pyarrow.Table
        One row a quantity and pair, ``a - b`` in the quantity's unit; confluence by cell area is
        left out, as it has a range and no value.
    """
    groups: dict[Key, list[Row]] = {}
    for row in table.to_pylist():
        if row["difference"] is not None and row["quantity"] != BY_CELL_AREA:
            groups.setdefault(tuple(row[name] for name in _PAIR), []).append(row)
    rows = [
        dict(zip(_PAIR, pair, strict=True)) | _agreement(members, confidence)
        for pair, members in groups.items()
    ]
    columns = [*((name, "string") for name in _PAIR), *_AGREEMENT]
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns])
    return pa.Table.from_pylist(rows, schema).replace_schema_metadata(table.schema.metadata)


def _agreement(rows: Sequence[Row], confidence: float) -> Row:
    found = bland_altman([row["difference"] for row in rows], confidence)
    mean = math.fsum(row["value_a"] + row["value_b"] for row in rows) / (2 * len(rows))
    assert found.bias is not None
    return {
        "n_wells": found.n,
        "n_wells_disagree": sum(row["verdict"] == "disagree" for row in rows),
        "bias": found.bias,
        "bias_sd": found.sd,
        "bias_ci_low": found.interval.low,
        "bias_ci_high": found.interval.high,
        "bias_ci_method": found.interval.method,
        "bias_percent": 100 * found.bias / mean if mean else None,
        "limit_low": found.low,
        "limit_high": found.high,
    }


def write_crosscheck(folder: Path, table: pa.Table, agreement: pa.Table) -> list[Path]:
    """Write ``crosscheck`` and ``agreement`` as Parquet and CSV; return their paths."""
    paths = []
    for name, content in (("crosscheck", table), ("agreement", agreement)):
        for suffix, write in ((".parquet", pq.write_table), (".csv", csv.write_csv)):
            paths.append(folder / f"{name}{suffix}")
            write_file(paths[-1], partial(write, content))
    return paths


def _checked_keys(match: Sequence[str]) -> tuple[str, ...]:
    for name in match:
        if name not in KEYS:
            raise ConfigError(f"--match '{name}': wells are matched by {', '.join(KEYS)}.")
    if not match:
        raise ConfigError(f"--match is empty: give some of {', '.join(KEYS)}.")
    return tuple(name for name in KEYS if name in match)


def _named(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders by their last name, or by their whole path where two share it."""
    last = [folder.name for folder in folders]
    return {
        folder.name if last.count(folder.name) == 1 else str(folder): folder for folder in folders
    }


def _side(name: str, run: Run, match: tuple[str, ...]) -> _Side:
    wells: dict[Key, Row] = {}
    method = run.record["method"]
    rows, columns = _wells(run, float(method["summarise"]["confidence"]))
    for row in rows:
        key = tuple(row[part] or None for part in match)
        if key in wells:
            told = ", ".join(f"{part} {value}" for part, value in zip(match, key, strict=True))
            raise ConfigError(
                f"{name}: two wells are alike by --match {','.join(match)} ({told}); match by more "
                "keys."
            )
        wells[key] = row
    confidence = float(method["summarise"]["confidence"])
    return _Side(name, str(method["assay"]), confidence, columns, wells)


def _wells(run: Run, confidence: float) -> tuple[list[Row], tuple[str, ...]]:
    """Rows of the wells table; an adherent differential count's with the density of all cells."""
    table = run.wells.arrow()
    rows, columns = table.to_pylist(), tuple(table.column_names)
    floating = run.record["method"].get("viability", {}).get("specimen") == "suspension"
    if floating or DIRECT in columns or not set(COUNTED) <= set(run.fields.column_names):
        return rows, columns
    by_well: dict[Key, list[Row]] = {}
    for field in run.fields.arrow([*KEYS, "state", *COUNTED]).to_pylist():
        by_well.setdefault(tuple(field[key] for key in KEYS), []).append(field)
    settings = SummariseSettings(confidence=confidence)
    totals = (total_density(by_well[tuple(row[key] for key in KEYS)], settings) for row in rows)
    return [row | total for row, total in zip(rows, totals, strict=True)], (*columns, DIRECT)


def _keys(sides: Sequence[_Side]) -> list[Key]:
    """Wells of any run in natural order, at least one of them in two runs."""
    found = dict.fromkeys(key for side in sides for key in side.wells)
    if all(sum(key in side.wells for side in sides) < 2 for key in found):
        first = "; ".join(
            f"{side.run}: {'/'.join(part or '-' for part in next(iter(side.wells), ('none',)))}"
            for side in sides
        )
        raise InputError(
            f"the runs have no well in common (first wells {first}); where only the plates' names "
            "differ, match by --match well,time."
        )
    return sorted(found, key=lambda key: [natural_key(part or "") for part in key])


def _described(folders: Sequence[Path], settings: CrosscheckSettings) -> dict[str, str]:
    """Who made the table, from what; no clock, so that equal tables are equal files."""
    methods = {
        name: open_run(folder).record["method_sha256"] for name, folder in _named(folders).items()
    }
    return {
        "data-producer": "monolayer",
        "data-producer-version": program_version(),
        "crosscheck": settings.model_dump_json(),
        "methods_sha256": json.dumps(methods),
    }
