"""Fields become a well's row, wells become a plate's row, each estimate with its interval.

The unit of a well's interval is the field, of a plate's the well. Why Student's t between
fields, and not the tighter Poisson interval wherever the dispersion test is silent: with few
fields the test has little power, and choosing by it was wrong far too often (95 % intervals held
the mean in 77 % of simulated wells of two fields with a mean of 100 cells and a CV of 20 %
between fields; t held it in 95 %; tests/pipeline/test_summarise_coverage.py). The test is
reported beside the interval for the reader. Poisson is used where t has nothing to work on:
a single field, or fields that all hold the same number of cells, as empty ones do.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.summarise.distributions import describe, measure_names
from monolayer.summarise.estimates import (
    Cell,
    estimate,
    estimate_between,
    interval_between,
    known,
    ok_rows,
    total,
)
from monolayer.summarise.intervals import (
    Interval,
    mean_and_sd,
    no_interval,
    weighted_poisson_interval,
)
from monolayer.summarise.sampling import (
    Dispersion,
    dispersion_test,
    fields_for_cv,
    fields_of_poisson,
    whole_fields,
)
from monolayer.summarise.schema import ESTIMATES, channels_of
from monolayer.summarise.settings import SummariseSettings

__all__ = ["summarise_plate", "summarise_well"]

Row = Mapping[str, Any]

_TOTALS = ("n_objects", "n_border_objects", "n_unbiased")
_PER_FIELD = ("n_unbiased", "density_cells_per_cm2", "nuclei_area_fraction")
_HIGHEST = {"nuclei_area_fraction": 1.0, "eccentricity_mean": 1.0}


def summarise_well(
    field_rows: Sequence[Row], objects: Mapping[str, NDArray[Any]], settings: SummariseSettings
) -> dict[str, Cell]:
    """Return one well's figures at one time, without its keys.

    Parameters
    ----------
    field_rows : sequence of mapping
        Rows of the fields table, one for every planned field whatever became of it.
    objects : mapping of str to ndarray, shape (n,)
        ``weight`` and the measured columns of all objects of the well's ok fields.
    settings : SummariseSettings
        Confidence, wanted CV and quantiles.

    Returns
    -------
    dict
        `well_schema`'s columns. A well without an ok field has nulls, never zeros.

    Raises
    ------
    ValueError
        If there is no field row, or the objects are not those of the ok fields.
    """
    if not field_rows:
        raise ValueError("a well needs at least one field row")
    ok = ok_rows(field_rows)
    _check_objects(ok, objects)
    measures = measure_names(channels_of(field_rows[0]))
    dispersion = _dispersion(ok)
    return {
        **{name: total(ok, name) for name in _TOTALS},
        **_estimate_well(ok, objects, settings),
        "dispersion_index": dispersion.index,
        "dispersion_p": dispersion.p,
        "fields_needed_for_cv": _fields_needed(ok, settings),
        **describe(objects, measures, settings),
    }


def summarise_plate(well_rows: Sequence[Row], settings: SummariseSettings) -> dict[str, Cell]:
    """Return one plate's figures at one time, without its keys; the unit is the well.

    Parameters
    ----------
    well_rows : sequence of mapping
        Rows of the wells table. A layout without wells gives one row whose ``well`` is null: its
        estimates, and their intervals between fields, are then the plate's own.
    settings : SummariseSettings
        Confidence.

    Returns
    -------
    dict
        `plate_schema`'s columns: means of the wells' values, each well counting
        the same, with the SD and CV between wells.

    Raises
    ------
    ValueError
        If there is no well row.
    """
    if not well_rows:
        raise ValueError("a plate needs at least one well row")
    ok = [row for row in well_rows if row["n_fields_ok"]]
    means = [f"{measure}_mean" for measure in measure_names(channels_of(well_rows[0]))]
    row: dict[str, Cell] = {
        **{name: total(ok, name) for name in _TOTALS},
    }
    for name in (*ESTIMATES, *means):
        row |= _estimate_plate(name, ok, settings)
    return row


def _check_objects(ok: Sequence[Row], objects: Mapping[str, NDArray[Any]]) -> None:
    counted, given = sum(row["n_objects"] for row in ok), len(objects.get("weight", ()))
    if counted != given:
        message = f"the well's ok fields count {counted} objects but {given} were given"
        raise ValueError(message)


def _estimate_well(
    ok: Sequence[Row], objects: Mapping[str, NDArray[Any]], settings: SummariseSettings
) -> dict[str, Cell]:
    """Mean over fields, spread and interval of count, density and area fraction."""
    intervals = [no_interval("no ok field", settings.confidence)] * len(_PER_FIELD)
    if ok:
        pooled = _pooled_poisson(ok, objects, settings)
        intervals = [
            _count_interval(ok, pooled, settings),
            _density_interval(ok, pooled, settings),
            interval_between(known(ok, "nuclei_area_fraction"), "field", settings, high=1.0),
        ]
    row: dict[str, Cell] = {}
    for name, source, interval in zip(ESTIMATES, _PER_FIELD, intervals, strict=True):
        row |= estimate(name, known(ok, source), interval)
    return row


def _count_interval(ok: Sequence[Row], pooled: Interval, settings: SummariseSettings) -> Interval:
    if not _counts_vary(ok):
        return pooled.scaled(1 / len(ok))
    return interval_between(known(ok, "n_unbiased"), "field", settings)


def _density_interval(ok: Sequence[Row], pooled: Interval, settings: SummariseSettings) -> Interval:
    densities = known(ok, "density_cells_per_cm2")
    if len(densities) < len(ok) and len(densities) < 2:
        return no_interval("pixel size unknown", settings.confidence)
    if not _counts_vary(ok) and len(densities) == len(ok):
        return pooled.scaled(1 / math.fsum(row["area_cm2"] for row in ok))
    return interval_between(densities, "field", settings)


def _pooled_poisson(
    ok: Sequence[Row], objects: Mapping[str, NDArray[Any]], settings: SummariseSettings
) -> Interval:
    """Interval of the sum over all ok fields, as if cells lay at random."""
    weights = objects.get("weight", np.empty(0))
    method = "Poisson, one field" if len(ok) == 1 else "Poisson, fields without spread"
    return weighted_poisson_interval(weights, settings.confidence).renamed(method)


def _counts_vary(ok: Sequence[Row]) -> bool:
    """Whether t can be used: judged on whole counts, as weights always differ a little."""
    return len({row["n_objects"] - row["n_border_objects"] for row in ok}) > 1


def _dispersion(ok: Sequence[Row]) -> Dispersion:
    """Test on whole counts; fields of unequal area would scatter for that reason alone."""
    if len({(row["height_px"], row["width_px"]) for row in ok}) > 1:
        return Dispersion(None, None, None)
    return dispersion_test([row["n_objects"] for row in ok])


def _fields_needed(ok: Sequence[Row], settings: SummariseSettings) -> int | None:
    mean, sd = mean_and_sd([row["n_unbiased"] for row in ok])
    if not mean:
        return None
    if sd is None or not _counts_vary(ok):
        return whole_fields(fields_of_poisson(mean, settings.target_cv))
    return whole_fields(fields_for_cv(sd / mean, settings.target_cv))


def _estimate_plate(name: str, ok: Sequence[Row], settings: SummariseSettings) -> dict[str, Cell]:
    values = known(ok, name)
    highest = _HIGHEST.get(name, math.inf)
    columns = estimate_between(name, values, "well", settings, high=highest)
    if len(ok) == 1 and not ok[0]["well"] and name in ESTIMATES:
        return {key: ok[0][key] for key in columns}
    return columns
