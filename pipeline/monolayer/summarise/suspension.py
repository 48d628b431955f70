"""Counts of a counting chamber become cells per mL, and cells in the sample, with intervals.

concentration = count / counted volume x dilution factor, the volume being squares x their area x
depth, or the imaged area x depth. Counts of one field are Poisson (Garwood's exact interval).
Those of several fields are pooled, and Garwood's interval holds for the sum unless the fields
scatter more than Poisson counts do (p < 0.05): then Student's t between fields decides, as cells
that settle in drifts or clumps are not drawn one by one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from monolayer.summarise.estimates import Cell, Columns, interval_columns, interval_schema
from monolayer.summarise.intervals import Interval, no_interval, poisson_interval

__all__ = [
    "CONCENTRATIONS",
    "ChamberCount",
    "concentration_columns",
    "concentration_figures",
    "counted_volume_ml",
    "scatter_of",
]

CONCENTRATIONS = ("concentration_live_cells_per_ml", "concentration_cells_per_ml")
"""Of the living cells, and of all."""

_SAMPLES = ("live_cells_in_sample", "cells_in_sample")
_ML_PER_MM3 = 1e-3
_SCATTER_P = 0.05


@dataclass(frozen=True, slots=True)
class ChamberCount:
    """Cells counted in a field.

    Attributes
    ----------
    live, dead : int
    volume_ml : float or None
        Volume they were counted in; None where it is not known.
    """

    live: int
    dead: int
    volume_ml: float | None

    def __post_init__(self) -> None:
        if self.live < 0 or self.dead < 0:
            raise ValueError(f"{self.live} live and {self.dead} dead: give numbers of cells")
        if self.volume_ml is not None and not self.volume_ml > 0:
            raise ValueError(f"volume_ml {self.volume_ml} must be above 0, or None if unknown")


@dataclass(frozen=True, slots=True)
class Scatter:
    """How counts of fields scatter about one concentration.

    Attributes
    ----------
    index : float or None
        Chi-square over its degrees of freedom: about 1 for Poisson counts.
    p : float or None
        Chance of such a scatter, or more, from Poisson counts.
    variance : float or None
        Of the pooled ratio count / volume, between fields.
    fields : int
    """

    index: float | None
    p: float | None
    variance: float | None
    fields: int


def counted_volume_ml(
    shape: tuple[int, int],
    pixel_size_um: float | None,
    depth_mm: float,
    squares: float | None,
    square_area_mm2: float,
) -> float | None:
    """Volume that one image's count stands for, mL.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image in pixels.
    pixel_size_um : float or None
    depth_mm : float
        Of the chamber.
    squares : float or None
        Counted squares in the image; None takes the whole imaged area.
    square_area_mm2 : float

    Returns
    -------
    float or None
        None where the imaged area is counted and the pixel size unknown.
    """
    if squares is not None:
        return squares * square_area_mm2 * depth_mm * _ML_PER_MM3
    if pixel_size_um is None:
        return None
    return shape[0] * shape[1] * (pixel_size_um * 1e-3) ** 2 * depth_mm * _ML_PER_MM3


def concentration_columns() -> Columns:
    """Names and types of `concentration_figures`, in order."""
    return [
        column
        for name in (*CONCENTRATIONS, *_SAMPLES)
        for column in [(name, "float64"), *interval_schema(name)]
    ]


def concentration_figures(
    fields: Sequence[ChamberCount],
    dilution_factor: float,
    sample_volume_ml: float | None,
    confidence: float = 0.95,
) -> dict[str, Cell]:
    """Concentrations of the undiluted suspension and numbers of cells in it, with intervals.

    Parameters
    ----------
    fields : sequence of ChamberCount
        One or more fields of one sample; without any, or without their volumes, all is null.
    dilution_factor : float
        Total volume over volume of sample.
    sample_volume_ml : float or None
        Of the undiluted suspension.
    confidence : float
    """
    row: dict[str, Cell] = {}
    samples: dict[str, Cell] = {}
    counts = [[field.live for field in fields], [field.live + field.dead for field in fields]]
    for name, sample, numbers in zip(CONCENTRATIONS, _SAMPLES, counts, strict=True):
        value, interval = _concentration(numbers, _volumes(fields), dilution_factor, confidence)
        row |= {name: value, **interval_columns(name, interval)}
        inside = no_interval("sample_volume_ml not given", confidence)
        if sample_volume_ml is not None:
            inside = interval.scaled(sample_volume_ml)
            value = None if value is None else value * sample_volume_ml
        samples[sample] = None if sample_volume_ml is None else value
        samples |= interval_columns(sample, inside)
    return row | samples


def scatter_of(counts: Sequence[int], volumes: Sequence[float]) -> Scatter:
    """Scatter of counts about the pooled concentration; all None for one field or no cell.

    Notes
    -----
    With c = sum n / sum v: chi-square sum (n - c v)^2 / (c v) of k - 1 degrees of freedom (Fisher
    1950, Biometrics 6:17), and the variance k / (k - 1) sum (n - c v)^2 / (sum v)^2 of a ratio
    (Cochran 1977, Sampling Techniques, 6.3). For equal volumes both are the usual ones.
    """
    k, total, volume = len(counts), sum(counts), math.fsum(volumes)
    if k < 2 or not total:
        return Scatter(None, None, None, k)
    ratio = total / volume
    apart = [(n - ratio * v) ** 2 for n, v in zip(counts, volumes, strict=True)]
    chi2 = math.fsum(d / (ratio * v) for d, v in zip(apart, volumes, strict=True))
    variance = k / (k - 1) * math.fsum(apart) / volume**2
    return Scatter(chi2 / (k - 1), float(special.chdtrc(k - 1, chi2)), variance, k)


def _volumes(fields: Sequence[ChamberCount]) -> list[float] | None:
    volumes = [field.volume_ml for field in fields if field.volume_ml is not None]
    return volumes if volumes and len(volumes) == len(fields) else None


def _concentration(
    counts: Sequence[int], volumes: Sequence[float] | None, dilution: float, confidence: float
) -> tuple[float | None, Interval]:
    if volumes is None:
        reason = "counted volume unknown" if counts else "no ok field"
        return None, no_interval(reason, confidence)
    volume = math.fsum(volumes)
    scatter = scatter_of(counts, volumes)
    interval = poisson_interval(sum(counts), confidence).scaled(1 / volume)
    if scatter.p is not None and scatter.p < _SCATTER_P:
        interval = _between_fields(sum(counts) / volume, scatter, confidence)
    return sum(counts) / volume * dilution, interval.scaled(dilution)


def _between_fields(ratio: float, scatter: Scatter, confidence: float) -> Interval:
    quantile = -float(special.stdtrit(scatter.fields - 1, (1 - confidence) / 2))
    half = quantile * math.sqrt(scatter.variance or 0.0)
    interval = Interval(ratio - half, ratio + half, "t between fields", confidence)
    return interval.clipped(0.0, math.inf)
