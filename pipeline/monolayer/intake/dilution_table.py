"""Dilution series in files: NIST COMET's full template, in and out, and its adherent twin.

Columns that are read: ``counting_method``, ``target_dilution_fraction`` (0 is a blank),
``measured_dilution_fraction`` (optional), ``random_sample_number``, ``rep_obsv``, ``cell_conc``;
``NA`` and an empty cell are unknown. An adherent series has ``seeding_density_cells_per_cm2`` in
place of the fractions and ``density_cells_per_cm2`` in place of ``cell_conc``. Other columns are
kept and written again.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monolayer.errors import InputError
from monolayer.intake.columns import read_columns, read_number
from monolayer.qualify.series import Kind, Observation

__all__ = ["Series", "read_series", "to_comet"]

SEEDING = "seeding_density_cells_per_cm2"
_UNIT: dict[Kind, str] = {"dilution": "cells/mL", "seeding": "cells/cm²"}
_COMET = (
    "counting_method",
    "target_dilution_fraction",
    "measured_dilution_fraction",
    "random_sample_number",
    "rep_obsv",
    "cell_conc",
)
# What COMET keeps apart besides the method: total and viable counts of one sample are two series.
_APART = ("cell_type", "concentration_type")


@dataclass(frozen=True, slots=True)
class Series:
    """One counting method's series.

    Attributes
    ----------
    method : str
        Its name.
    kind : str
        ``dilution`` or ``seeding``.
    unit : str
        Of the values.
    observations : tuple of Observation
        In the file's order.
    seeded_cells_per_cm2 : float or None
        Density that fraction 1 stands for, of a seeding series.
    """

    method: str
    kind: Kind
    unit: str
    observations: tuple[Observation, ...]
    seeded_cells_per_cm2: float | None = None

    @property
    def blanks(self) -> list[float]:
        """Values of samples without cells."""
        return [each.value for each in self.observations if each.target == 0]

    @property
    def lowest(self) -> list[list[float]]:
        """Values of each sample of the smallest fraction above 0."""
        least = min((each.target for each in self.observations if each.target > 0), default=0.0)
        found: dict[str, list[float]] = {}
        for each in self.observations:
            if each.target == least > 0:
                found.setdefault(each.sample, []).append(each.value)
        return list(found.values())


def read_series(path: Path) -> list[Series]:
    """Read the series of every counting method of a file, in the order of first appearance.

    Raises
    ------
    InputError
        One sentence that names file, line and mend.
    """
    rows = read_columns(path)
    kind = _kind(path, rows[0][1].keys()) if rows else "dilution"
    most = max((_dose(path, line, row, kind) for line, row in rows), default=0.0)
    scale = most if kind == "seeding" else 1.0
    if not rows or most <= 0:
        raise InputError(f"{path}: holds no sample with cells; give a row for each observation.")
    found: dict[str, list[Observation]] = {}
    apart = [name for name in _APART if len({row.get(name, "") for _, row in rows}) > 1]
    for line, row in rows:
        each = _observation(path, line, row, kind, scale)
        if each is not None:
            found.setdefault(_method(path, line, row, apart), []).append(each)
    return [
        Series(name, kind, _UNIT[kind], tuple(members), most if kind == "seeding" else None)
        for name, members in found.items()
    ]


def _kind(path: Path, columns: Iterable[str]) -> Kind:
    names = set(columns)
    if SEEDING in names:
        wanted, kind = {"counting_method", "density_cells_per_cm2"}, "seeding"
    else:
        wanted, kind = {"counting_method", "target_dilution_fraction", "cell_conc"}, "dilution"
    wanted = wanted | {"random_sample_number"}
    missing = sorted(wanted - names)
    if missing:
        raise InputError(
            f"{path}: has no column '{missing[0]}'; give COMET's columns, or {SEEDING} with "
            "density_cells_per_cm2."
        )
    return "seeding" if kind == "seeding" else "dilution"


def _method(path: Path, line: int, row: Mapping[str, str], apart: Sequence[str]) -> str:
    """Counting method, and what tells its series apart where the file holds several of them."""
    if not row["counting_method"]:
        raise InputError(f"{path}, line {line}: names no counting_method; fill the column.")
    return ", ".join([row["counting_method"], *(row[name] for name in apart if row[name])])


def _dose(path: Path, line: int, row: Mapping[str, str], kind: Kind) -> float:
    column = SEEDING if kind == "seeding" else "target_dilution_fraction"
    dose = read_number(path, line, row, column)
    if dose is None or dose < 0 or (kind == "dilution" and dose > 1):
        told = row.get(column) or "nothing"
        wanted = "0 (a blank) or more" if kind == "seeding" else "a fraction of 0 (a blank) to 1"
        raise InputError(f"{path}, line {line}: {column} is {told}; give {wanted}.")
    return dose


def _observation(
    path: Path, line: int, row: Mapping[str, str], kind: Kind, scale: float
) -> Observation | None:
    """One observation; None where its value is unknown."""
    column = "density_cells_per_cm2" if kind == "seeding" else "cell_conc"
    value = read_number(path, line, row, column)
    if value is None:
        return None
    if value < 0:
        raise InputError(f"{path}, line {line}: {column} {value:g} is negative; mend the count.")
    sample = row["random_sample_number"]
    if not sample:
        raise InputError(f"{path}, line {line}: names no random_sample_number; number the samples.")
    measured = read_number(path, line, row, "measured_dilution_fraction")
    if measured is not None and not 0 < measured <= 1.5 and kind == "dilution":
        raise InputError(
            f"{path}, line {line}: measured_dilution_fraction {measured:g} is no fraction; leave "
            "it empty if unknown."
        )
    target = _dose(path, line, row, kind) / scale
    return Observation(target, measured if kind == "dilution" else None, sample, value)


def to_comet(series: Sequence[Series]) -> bytes:
    """Series as CSV in the columns that NIST's COMET reads; unknown fractions are ``NA``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COMET)
    for each in series:
        seen: dict[str, int] = {}
        for one in each.observations:
            seen[one.sample] = seen.get(one.sample, 0) + 1
            measured = "NA" if one.measured is None else repr(one.measured)
            writer.writerow(
                [each.method, repr(one.target), measured, one.sample, seen[one.sample],
                 repr(one.value)]
            )  # fmt: skip
    return out.getvalue().encode()
