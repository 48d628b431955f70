"""What a qualification reads besides the series: pairs of two counters, and repeats.

Pairs: ``sample``, ``count`` and ``count_second``, both in one unit. Repeats of one sample: a
``value`` and one or more of ``operator``, ``day``, ``instrument``.
"""

from pathlib import Path

from monolayer.errors import InputError
from monolayer.intake.columns import read_columns, read_number
from monolayer.qualify.precision import FACTORS, Precision, variance_components
from monolayer.qualify.qualification import Pair

__all__ = ["read_pairs", "read_precision"]


def read_pairs(path: Path) -> list[Pair]:
    """Read samples that two counters counted.

    Raises
    ------
    InputError
        One sentence that names file, line and mend.
    """
    rows = read_columns(path)
    _need(path, rows, ("sample", "count", "count_second"))
    pairs = []
    for line, row in rows:
        first, second = (read_number(path, line, row, name) for name in ("count", "count_second"))
        if first is None or second is None:
            continue
        if min(first, second) < 0:
            raise InputError(f"{path}, line {line}: a count is negative; mend it.")
        pairs.append(Pair(row["sample"] or f"line {line}", first, second))
    if len(pairs) < 2:
        raise InputError(f"{path}: holds {len(pairs)} pairs; agreement needs two or more.")
    return pairs


def read_precision(path: Path, confidence: float = 0.95, seed: int = 1) -> Precision:
    """Read repeats of one sample and split their variance.

    Raises
    ------
    InputError
        One sentence that names file and mend.
    """
    rows = read_columns(path)
    _need(path, rows, ("value",))
    factors = [name for name in FACTORS if rows and name in rows[0][1]]
    values: list[float] = []
    levels: dict[str, list[str]] = {name: [] for name in factors}
    for line, row in rows:
        value = read_number(path, line, row, "value")
        if value is None:
            continue
        values.append(value)
        for name in factors:
            if not row[name]:
                raise InputError(f"{path}, line {line}: names no {name}; fill the column.")
            levels[name].append(row[name])
    try:
        return variance_components(values, levels, confidence=confidence, seed=seed)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _need(path: Path, rows: list[tuple[int, dict[str, str]]], names: tuple[str, ...]) -> None:
    if not rows:
        raise InputError(f"{path}: holds no row; give one for each measurement.")
    missing = [name for name in names if name not in rows[0][1]]
    if missing:
        raise InputError(f"{path}: has no column '{missing[0]}'; it needs {', '.join(names)}.")
