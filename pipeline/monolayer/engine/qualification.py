"""A series out of a run: wells are samples, their fields the observations."""

from pathlib import Path

from monolayer.errors import InputError
from monolayer.intake.columns import read_columns, read_number
from monolayer.intake.dilution_table import Series
from monolayer.qualify.series import Kind, Observation
from monolayer.read.wells import normalise_well
from monolayer.results import Run, open_run

__all__ = ["method_of_run", "series_of_run"]

_DENSITY = "density_cells_per_cm2"
_DOSES: dict[str, Kind] = {
    "seeding_density_cells_per_cm2": "seeding",
    "target_dilution_fraction": "dilution",
}


def series_of_run(folder: Path, doses: Path) -> Series:
    """Read the field densities of a run as a series; `doses` says what each well was given.

    Parameters
    ----------
    folder : Path
        A finished run with densities of cells.
    doses : Path
        CSV with ``well`` (and ``plate`` where there are several) and one of
        ``seeding_density_cells_per_cm2`` and ``target_dilution_fraction``; 0 is a blank.

    Raises
    ------
    InputError
        No densities, or no well of the run is in the table.
    """
    run = open_run(folder)
    if _DENSITY not in run.fields.column_names:
        raise InputError(
            f"{folder}: has no {_DENSITY} (an indirect assay, or no pixel size); a series needs "
            "counts with a pixel size."
        )
    given, kind = _doses(doses)
    most = max(given.values(), default=0.0)
    scale = most if kind == "seeding" else 1.0
    observations = _observations(run, given, scale)
    if not observations or most <= 0:
        raise InputError(f"{doses}: names no well with cells that {folder} evaluated; check both.")
    method = run.record["method"]
    return Series(
        f"{method['name']} {method['version']}", kind, "cells/cm²", observations,
        most if kind == "seeding" else None,
    )  # fmt: skip


def method_of_run(folder: Path) -> tuple[str, str, str]:
    """Name, version and hash of the method that a run was counted with."""
    record = open_run(folder).record
    method = record["method"]
    return str(method["name"]), str(method["version"]), str(record["method_sha256"])


def _observations(
    run: Run, given: dict[tuple[str, str], float], scale: float
) -> tuple[Observation, ...]:
    found = []
    for row in run.fields.arrow(["plate", "well", "time", _DENSITY]).to_pylist():
        plate, well = str(row["plate"] or ""), str(row["well"] or "")
        dose = given.get((plate, well), given.get(("", well)))
        if dose is not None and row[_DENSITY] is not None:
            sample = "/".join(part for part in (plate, well, row["time"]) if part)
            found.append(Observation(dose / scale, None, sample, float(row[_DENSITY])))
    return tuple(found)


def _doses(path: Path) -> tuple[dict[tuple[str, str], float], Kind]:
    rows = read_columns(path)
    columns = list(rows[0][1]) if rows else []
    named = [name for name in _DOSES if name in columns]
    if "well" not in columns or len(named) != 1:
        raise InputError(
            f"{path}: give a column 'well' and one of {' and '.join(_DOSES)}; a row a well."
        )
    found: dict[tuple[str, str], float] = {}
    for line, row in rows:
        dose = read_number(path, line, row, named[0])
        if dose is None or dose < 0:
            raise InputError(f"{path}, line {line}: {named[0]} must be 0 (a blank) or more.")
        key = (row.get("plate", ""), normalise_well(row["well"]) or row["well"])
        if found.setdefault(key, dose) != dose:
            raise InputError(f"{path}, line {line}: well {row['well']} is in it twice; drop one.")
    return found, _DOSES[named[0]]
