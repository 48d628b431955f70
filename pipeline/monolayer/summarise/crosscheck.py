"""Cross-checks: whether two assays of one well say the same within their joint interval.

Each figure comes with an interval; the half of it that faces the other figure, over the normal
quantile of its confidence, is its standard uncertainty u. Then (a - b)^2 / (u_a^2 + u_b^2) is
chi-square with one degree of freedom if both measure the same. A t interval of few fields keeps
its width this way, and Wilson's interval its lopsidedness. The test is therefore slow to accuse:
of two counts of four fields with a CV of 20 %, one in 70 is accused wrongly, and a count half as
large again is found out in two of three wells (tests/pipeline/test_crosscheck.py). It takes the
fields as independent; of two assays of the same images it accuses less often still.

Confluence without a calibration speaks of density too, but as a range: cells of the largest area
that do not overlap are the fewest that can cover so much, cells of the smallest area thrown at
random the most. A direct count is then held against the plausible density nearest to it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from scipy import special

from monolayer.summarise.coverage import density_of_coverage
from monolayer.summarise.figures import DIRECT, INDIRECT, MEASURES, Figure
from monolayer.summarise.settings import CrosscheckSettings

__all__ = [
    "BY_CELL_AREA",
    "COMPARISON_COLUMNS",
    "Comparison",
    "compare",
    "compare_by_area",
    "compare_well",
    "plausible_density",
]

Columns = list[tuple[str, str]]

_UM2_PER_CM2 = 1e8

BY_CELL_AREA = "area density by cell area"
"""The quantity of `compare_by_area`, whose second side is a range."""

COMPARISON_COLUMNS: Columns = [
    ("quantity", "string"),
    ("unit", "string"),
    *(
        (f"{name}_{side}", kind)
        for side in ("a", "b")
        for name, kind in (
            ("run", "string"),
            ("assay", "string"),
            ("column", "string"),
            ("value", "float64"),
            ("ci_low", "float64"),
            ("ci_high", "float64"),
        )
    ),
    ("difference", "float64"),
    ("u_difference", "float64"),
    ("chi2", "float64"),
    ("joint_value", "float64"),
    ("joint_u", "float64"),
    ("verdict", "string"),
    ("reason", "string"),
    ("detail", "string"),
]
"""Columns of a comparison, in order, with Arrow's aliases; ``_a`` and ``_b`` are its sides."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two figures held against each other.

    Attributes
    ----------
    quantity, unit : str
        What both speak of.
    a, b : Figure
        The two sides.
    difference, u, chi2 : float or None
        ``a - b``, its standard uncertainty, and its square over the square of that.
    joint_value, joint_u : float or None
        Mean weighted by inverse variance, and its standard uncertainty; None unless they agree,
        as figures that contradict each other have no common value. It takes the two as
        independent: assays of the same images share their sampling, and `joint_u` is then too low.
    verdict : str
        ``agree``, ``disagree`` or ``not_evaluable``.
    reason, detail : str
        Empty when they agree; otherwise a code and a sentence.
    """

    quantity: str
    unit: str
    a: Figure
    b: Figure
    difference: float | None = None
    u: float | None = None
    chi2: float | None = None
    joint_value: float | None = None
    joint_u: float | None = None
    verdict: str = "agree"
    reason: str = ""
    detail: str = ""

    def row(self) -> dict[str, Any]:
        """One value a column of `COMPARISON_COLUMNS`."""
        sides = {
            f"{name}_{side}": value
            for side, figure in (("a", self.a), ("b", self.b))
            for name, value in _side(figure).items()
        }
        return {
            "quantity": self.quantity,
            "unit": self.unit,
            **sides,
            "difference": self.difference,
            "u_difference": self.u,
            "chi2": self.chi2,
            "joint_value": self.joint_value,
            "joint_u": self.joint_u,
            "verdict": self.verdict,
            "reason": self.reason or None,
            "detail": self.detail or None,
        }


def compare_well(figures: Sequence[Figure], settings: CrosscheckSettings) -> list[Comparison]:
    """Hold the figures of one well against one another, each pair that can be.

    Parameters
    ----------
    figures : sequence of Figure
        Of all runs, in the runs' order.
    settings : CrosscheckSettings
        Confidence, plausible cell areas.

    Returns
    -------
    list of Comparison
        Pairs of one quantity. Confluence without a calibrated density is held against direct
        area densities by the plausible areas of a cell.
    """
    covered = [f for f in figures if f.column == "confluence"]
    silent = {f.run for f in figures if f.column == INDIRECT and f.value is None}
    calibrated = {f.run for f in figures if f.column == INDIRECT} - silent
    told = [f for f in figures if f.column != INDIRECT or f.run in calibrated or not covered]
    found = [compare(a, b, settings) for a, b in combinations(told, 2) if a.quantity == b.quantity]
    direct = [f for f in figures if f.column == DIRECT]
    uncalibrated = [f for f in covered if f.run not in calibrated]
    return found + [compare_by_area(a, b, settings) for a in direct for b in uncalibrated]


def compare(a: Figure, b: Figure, settings: CrosscheckSettings) -> Comparison:
    """Hold two figures of one quantity against each other.

    Notes
    -----
    JCGM 100:2008 for the uncertainty of a difference; the halves of a lopsided interval are
    taken as Barlow (2004, arXiv:physics/0406120) does.
    """
    quantity, unit = MEASURES[a.column]
    for figure in (a, b):
        if figure.problem is not None:
            return _unanswered(Comparison(quantity, unit, a, b), figure.problem)
    assert a.value is not None
    assert b.value is not None
    difference = a.value - b.value
    u_a = _uncertainty(a, b.value, settings)
    u_b = _uncertainty(b, a.value, settings)
    u = math.hypot(u_a, u_b)
    if u == 0 and difference != 0:
        problem = ("no_interval", "neither interval has a width; count more fields.")
        return _unanswered(Comparison(quantity, unit, a, b, difference, u), problem)
    chi2 = (difference / u) ** 2 if u else 0.0
    compared = Comparison(quantity, unit, a, b, difference, u, chi2)
    if chi2 > float(special.chdtri(1, 1 - settings.confidence)):
        return replace(compared, verdict="disagree", reason="beyond", detail=_beyond(compared))
    share = u_b**2 / u**2 if u else 0.5
    joint = share * a.value + (1 - share) * b.value
    return replace(compared, joint_value=joint, joint_u=u_a * u_b / u if u else 0.0)


def compare_by_area(a: Figure, b: Figure, settings: CrosscheckSettings) -> Comparison:
    """Hold an area density against a confluence by the plausible areas of a cell.

    Parameters
    ----------
    a : Figure
        Area density, counted directly.
    b : Figure
        Confluence. In the comparison it stands as the plausible density nearest to `a`, with
        the plausible densities at its interval's ends as interval; None where there is no end.
    settings : CrosscheckSettings
        ``cell_area_um2`` and ``max_confluence``.
    """
    if a.problem is not None or b.problem is not None:
        return replace(compare(a, b, settings), quantity=BY_CELL_AREA)
    assert a.value is not None
    assert b.value is not None
    assert b.low is not None
    assert b.high is not None
    (fewest, most), (least, _), (_, utmost) = (
        plausible_density(value, settings.cell_area_um2) for value in (b.value, b.low, b.high)
    )
    if b.high > settings.max_confluence:
        most = utmost = math.inf
    nearest = min(max(a.value, fewest), most)
    end = None if math.isinf(utmost) else utmost
    seen = replace(b, value=nearest, low=min(least, nearest), high=end)
    if nearest == a.value:
        return Comparison(BY_CELL_AREA, "cells/cm2", a, seen, 0.0, chi2=0.0)
    compared = compare(a, seen, settings)
    least_area, largest_area = settings.cell_area_um2
    why = (
        f" A confluence of {b.value:.3g} is {_range(fewest, end and most)} cells/cm2 for cells of "
        f"{least_area:g} to {largest_area:g} um2."
    )
    detail = compared.detail + why if compared.detail else ""
    return replace(compared, quantity=BY_CELL_AREA, detail=detail, joint_value=None, joint_u=None)


def plausible_density(confluence: float, cell_area_um2: tuple[float, float]) -> tuple[float, float]:
    """Return the fewest and the most cells per cm2 that can cover so much.

    Parameters
    ----------
    confluence : float
        Covered fraction, 0 to 1.
    cell_area_um2 : (float, float)
        Smallest and largest mean area of a spread cell.

    Returns
    -------
    fewest, most : float
        Of the largest cells side by side, C / a, and of the smallest thrown at random,
        -ln(1 - C) / a (Hall 1988, Introduction to the Theory of Coverage Processes); the latter
        is infinite at a confluence of 1.

    Raises
    ------
    ValueError
        The confluence is not a fraction.
    """
    if not 0 <= confluence <= 1:
        raise ValueError(f"confluence {confluence} must lie between 0 and 1")
    smallest, largest = cell_area_um2
    most = density_of_coverage(confluence, smallest) if confluence < 1 else math.inf
    return confluence / largest * _UM2_PER_CM2, most


def _uncertainty(figure: Figure, other: float, settings: CrosscheckSettings) -> float:
    """Standard uncertainty of a figure on the side where the other lies."""
    assert figure.value is not None
    assert figure.low is not None
    if figure.high is None or other < figure.value:
        half = figure.value - figure.low
    elif other > figure.value:
        half = figure.high - figure.value
    else:
        half = (figure.high - figure.low) / 2
    quantile = float(special.ndtri((1 + figure.confidence) / 2))
    return math.hypot(max(half, 0.0) / quantile, settings.method_uncertainty * figure.value)


def _beyond(compared: Comparison) -> str:
    a, b = compared.a, compared.b
    assert compared.chi2 is not None
    sentence = (
        f"{a.assay} of {a.run} says {_short(a.value)} and {b.assay} of {b.run} "
        f"{_short(b.value)} {compared.unit}: {math.sqrt(compared.chi2):.1f} standard "
        "uncertainties apart; look at both segmentations of this well."
    )
    if compared.quantity == "viability" and a.assay != b.assay:
        sentence += " Cells that came off count in suspension only: the measurands differ."
    return sentence


def _unanswered(compared: Comparison, problem: tuple[str, str]) -> Comparison:
    return replace(compared, verdict="not_evaluable", reason=problem[0], detail=problem[1])


def _side(figure: Figure) -> dict[str, Any]:
    return {
        "run": figure.run,
        "assay": figure.assay,
        "column": figure.column,
        "value": figure.value,
        "ci_low": figure.low,
        "ci_high": figure.high,
    }


def _range(low: float, high: float | None) -> str:
    return f"at least {low:,.0f}" if high is None else f"{low:,.0f} to {high:,.0f}"


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
