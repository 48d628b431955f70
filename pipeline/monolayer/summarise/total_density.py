"""Area density of all cells from a differential count: what a nuclei count can be held against.

The sum of the densities of living and dead cells has no interval of its own, as both come from the
same fields and rise and fall together; so the cells of each field are added up first.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from monolayer.summarise.estimates import Cell, estimate, interval_between, ok_rows
from monolayer.summarise.intervals import no_interval, poisson_interval
from monolayer.summarise.settings import SummariseSettings

__all__ = ["NEEDED", "total_density"]

Row = Mapping[str, Any]

NEEDED = ("n_live", "n_dead", "n_indeterminate", "area_cm2")
"""Columns of a fields table that `total_density` uses."""

_NAME = "density_cells_per_cm2"


def total_density(field_rows: Sequence[Row], settings: SummariseSettings) -> dict[str, Cell]:
    """Return the area density of living, dead and indeterminate cells of a well.

    Parameters
    ----------
    field_rows : sequence of mapping
        Rows of the fields table with `NEEDED` and ``state``.
    settings : SummariseSettings
        Confidence.

    Returns
    -------
    dict
        ``density_cells_per_cm2`` with its spread and its interval: Student's t between fields,
        or Poisson's where fields have no spread or there is one. Null without a pixel size.
    """
    ok = ok_rows(field_rows)
    areas = [row["area_cm2"] for row in ok]
    if not ok or None in areas:
        reason = "pixel size unknown" if ok else "no ok field"
        return estimate(_NAME, [], no_interval(reason, settings.confidence))
    counts = [row["n_live"] + row["n_dead"] + row["n_indeterminate"] for row in ok]
    densities = [count / area for count, area in zip(counts, areas, strict=True)]
    interval = interval_between(densities, "field", settings)
    if interval.low is None:
        kind = "one field" if len(ok) == 1 else "fields without spread"
        pooled = poisson_interval(sum(counts), settings.confidence).renamed(f"Poisson, {kind}")
        interval = pooled.scaled(1 / math.fsum(areas))
    return estimate(_NAME, densities, interval)
