"""From covered area to cells, and back: the Poisson-Boolean model and its calibration.

Cells of mean area ``a`` that lie at random, density ``rho``, leave ``exp(-rho a)`` of the surface
bare (Hall 1988, Introduction to the Theory of Coverage Processes). The count that comes out is
*indirect* in ISO 20391-1's words. Real cells avoid one another, so the area is calibrated on
fields with counted nuclei, and nothing is estimated beyond the confluence of those fields.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scipy import special

from monolayer.summarise.intervals import Interval, no_interval

__all__ = [
    "Calibration",
    "CellArea",
    "complementary_log_log",
    "coverage_of_density",
    "density_of_coverage",
    "doubling_time_of_coverage",
    "fit_cell_area",
    "indirect_density",
]

_UM2_PER_CM2 = 1e8


class Calibration(Protocol):
    """Mean cell area with what is known of it; a method's settings and `CellArea` are such."""

    @property
    def cell_area_um2(self) -> float:
        """Mean area that one cell covers."""
        ...

    @property
    def n_fields(self) -> int:
        """Fields it was fitted to."""
        ...

    @property
    def rmse_cells_per_cm2(self) -> float:
        """Root mean square difference between estimated and counted densities."""
        ...

    @property
    def confluence_low(self) -> float:
        """Lowest confluence of those fields."""
        ...

    @property
    def confluence_high(self) -> float:
        """Highest confluence of those fields."""
        ...


@dataclass(frozen=True, slots=True)
class CellArea:
    """A calibration as fitted by `fit_cell_area`; see `Calibration`."""

    cell_area_um2: float
    n_fields: int
    rmse_cells_per_cm2: float
    confluence_low: float
    confluence_high: float


def coverage_of_density(density_cells_per_cm2: float, cell_area_um2: float) -> float:
    """Expected confluence (0 to 1) of cells placed at random: ``1 - exp(-rho a)``.

    Raises
    ------
    ValueError
        A density below 0, or an area that is not above 0.
    """
    _check_positive("cell_area_um2", cell_area_um2)
    if not density_cells_per_cm2 >= 0:
        raise ValueError(f"density {density_cells_per_cm2} cells/cm2 must be 0 or more")
    return -math.expm1(-density_cells_per_cm2 * cell_area_um2 / _UM2_PER_CM2)


def density_of_coverage(confluence: float, cell_area_um2: float) -> float:
    """Density in cells/cm2 that covers so much at random: ``-ln(1 - C) / a``.

    Raises
    ------
    ValueError
        A confluence of 1, which any high density gives, or outside 0 to 1.
    """
    _check_positive("cell_area_um2", cell_area_um2)
    return _layers(confluence) * _UM2_PER_CM2 / cell_area_um2


def complementary_log_log(confluence: float) -> float:
    """``ln(-ln(1 - C))``: its slope in time is the specific growth rate, as ln C's is not.

    Raises
    ------
    ValueError
        A confluence of 0, or one that is none.
    """
    if confluence == 0:
        raise ValueError("confluence 0 has no complementary log-log: leave bare fields out")
    return math.log(_layers(confluence))


def doubling_time_of_coverage(before: float, after: float, hours: float) -> float:
    """Doubling time in hours from two confluences (0 to 1) so many hours apart.

    Raises
    ------
    ValueError
        The confluence did not rise, or one of them is 0 or 1.
    """
    _check_positive("hours", hours)
    growth = complementary_log_log(after) - complementary_log_log(before)
    if growth <= 0:
        raise ValueError(f"confluence {before} to {after} is no growth: there is no doubling time")
    return math.log(2) * hours / growth


def fit_cell_area(confluences: Sequence[float], densities: Sequence[float]) -> CellArea:
    """Calibrate the mean cell area on fields whose cells were counted.

    Least squares of counted density on ``-ln(1 - C)`` through the origin.

    Parameters
    ----------
    confluences : sequence of float
        One a field, above 0 and below 1.
    densities : sequence of float
        Counted cells/cm2 of the same fields.

    Raises
    ------
    ValueError
        Fewer than three fields, unequal numbers, no cover, or densities that are all 0.
    """
    if len(confluences) != len(densities) or len(densities) < 3:
        raise ValueError(
            f"{len(confluences)} confluences and {len(densities)} densities: a calibration needs "
            "three fields or more, with one of each"
        )
    layers = [_layers(confluence) for confluence in confluences]
    products = math.fsum(x * rho for x, rho in zip(layers, densities, strict=True))
    squares = math.fsum(x * x for x in layers)
    if not (products > 0 and squares > 0):
        raise ValueError("no field has both cover and cells: there is no area to be fitted")
    slope = products / squares
    rest = math.fsum((rho - slope * x) ** 2 for x, rho in zip(layers, densities, strict=True))
    rmse = math.sqrt(rest / (len(densities) - 1))
    low, high = min(confluences), max(confluences)
    return CellArea(_UM2_PER_CM2 / slope, len(densities), rmse, low, high)


def indirect_density(
    confluence: float | None, calibration: Calibration | None, confidence: float
) -> tuple[float | None, Interval]:
    """Density of cells in cells/cm2 from confluence, or None with the reason in the interval.

    The interval is for one field's true density: the calibration's scatter between fields, and
    the doubt about its slope, by Student's t with one degree of freedom less than fields.
    """
    if confluence is None or calibration is None:
        reason = "no usable area" if confluence is None else "no calibration"
        return None, no_interval(reason, confidence)
    if not calibration.confluence_low <= confluence <= calibration.confluence_high:
        reason = (
            f"confluence outside the calibrated {calibration.confluence_low:g} to "
            f"{calibration.confluence_high:g}"
        )
        return None, no_interval(reason, confidence)
    density = density_of_coverage(confluence, calibration.cell_area_um2)
    free, n = calibration.n_fields - 1, calibration.n_fields
    reach = -float(special.stdtrit(free, (1 - confidence) / 2))
    half = reach * calibration.rmse_cells_per_cm2 * math.sqrt(1 + 1 / n)
    interval = Interval(density - half, density + half, f"calibration of {n} fields, t", confidence)
    return density, interval.clipped(0.0, math.inf)


def _layers(confluence: float) -> float:
    """Mean number of cells that lie over a point, ``rho a``."""
    if not 0 <= confluence < 1:
        raise ValueError(f"confluence {confluence} must be at least 0 and below 1")
    return -math.log1p(-confluence)


def _check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value} but must be above 0")
