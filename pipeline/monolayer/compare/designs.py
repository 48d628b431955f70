"""The design written out as plates: every donor a block of its own plates, wells randomised.

pyDOE gives the coded designs; here they become levels with units, wells and plates. The outer wells
can be left empty, because they evaporate faster and are the first that differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monolayer.compare.plan import ComparisonPlan, DesignSettings
from monolayer.errors import ConfigError, MissingExtraError
from monolayer.read.wells import well_name

__all__ = ["PlacedWell", "layout", "runs_of"]

_SHAPES = {6: (2, 3), 12: (3, 4), 24: (4, 6), 48: (6, 8), 96: (8, 12), 384: (16, 24)}
_CENTRES = 3


@dataclass(frozen=True, slots=True)
class PlacedWell:
    """One well of the layout.

    Attributes
    ----------
    plate, well, donor : str
        Where, and whose cells; an empty well has no donor.
    run : int
        Number of the run, from 1; 0 for a well that is left empty.
    replicate : int
        Of the run within the donor.
    medium : str
        Arm, for designs of media.
    levels : tuple of (str, float)
        Factor and level, for designs of factors.
    """

    plate: str
    well: str
    donor: str
    run: int
    replicate: int
    medium: str = ""
    levels: tuple[tuple[str, float], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether medium only goes in."""
        return self.run == 0


def layout(plan: ComparisonPlan) -> list[PlacedWell]:
    """Place every run of every donor.

    Raises
    ------
    ConfigError
        A donor twice, one donor only, or a design that its factors do not suit.
    """
    design = plan.design
    if len(set(design.donors)) < max(2, plan.min_donors):
        raise ConfigError(
            f"the design names {len(set(design.donors))} different donors and the plan asks for "
            f"{plan.min_donors}; more wells of one donor are no further donors."
        )
    if len(set(design.donors)) < len(design.donors):
        raise ConfigError("the design names a donor twice; each donor is one block.")
    runs = runs_of(plan)
    rng = np.random.default_rng(design.seed)
    placed: list[PlacedWell] = []
    for donor in design.donors:
        placed += _block(donor, runs, design, rng)
    return placed


def runs_of(plan: ComparisonPlan) -> list[tuple[str, tuple[tuple[str, float], ...]]]:
    """Medium or levels of each run, in the design's own order.

    Raises
    ------
    ConfigError
        Factors that are too few, named twice, or of a design of media.
    MissingExtraError
        The library of designs is not installed.
    """
    design = plan.design
    if design.kind == "media":
        if design.factors:
            raise ConfigError("a design of media has no factors; take them out, or name its kind.")
        return [(arm.name, ()) for arm in plan.arms]
    names = [factor.name for factor in design.factors]
    if len(set(names)) < len(names):
        raise ConfigError("the design names a factor twice.")
    least = 2 if design.kind in ("screening", "response-surface") else 3
    if len(names) < least:
        raise ConfigError(
            f"a {design.kind} design needs {least} factors or more, not {len(names)}."
        )
    try:
        coded = _CODED[design.kind](len(names))
    except ImportError:
        raise MissingExtraError.named("pydoe", "science") from None
    return [
        ("", tuple((factor.name, _level(factor.low, factor.high, float(code)))
                   for factor, code in zip(design.factors, row, strict=True)))
        for row in coded
    ]  # fmt: skip


def _level(low: float, high: float, code: float) -> float:
    """Level of a coded value of -1 to 1, free of the last digits' noise."""
    return float(f"{(low + high) / 2 + code * (high - low) / 2:.10g}")


def _plackett_burman(n: int) -> np.ndarray:
    from pydoe import pbdesign

    return np.vstack([pbdesign(n), np.zeros((_CENTRES, n))])


def _definitive(n: int) -> np.ndarray:
    from pydoe import definitive_screening_design

    return np.asarray(definitive_screening_design(n), np.float64)


def _central_composite(n: int) -> np.ndarray:
    """Inscribed: its axial points are the limits, and nothing lies beyond them."""
    from pydoe import ccdesign

    centres: Any = (0, _CENTRES)  # pydoe's own annotation knows tuples of one only
    return np.asarray(ccdesign(n, center=centres, alpha="rotatable", face="inscribed"))


def _box_behnken(n: int) -> np.ndarray:
    from pydoe import bbdesign

    return np.asarray(bbdesign(n, center=_CENTRES), np.float64)


_CODED: dict[str, Callable[[int], np.ndarray]] = {
    "screening": _plackett_burman,
    "definitive-screening": _definitive,
    "response-surface": _central_composite,
    "box-behnken": _box_behnken,
}


def _block(
    donor: str,
    runs: Sequence[tuple[str, tuple[tuple[str, float], ...]]],
    design: DesignSettings,
    rng: np.random.Generator,
) -> list[PlacedWell]:
    """A donor's plates: all of its runs, shuffled, then the wells that are left empty."""
    inner, edge = _wells(design)
    wanted = [(run, again) for again in range(1, design.replicates + 1)
              for run in range(1, len(runs) + 1)]  # fmt: skip
    order = [wanted[i] for i in rng.permutation(len(wanted))]
    placed = []
    for start in range(0, len(order), len(inner)):
        plate = f"{donor} plate {start // len(inner) + 1}"
        taken = order[start : start + len(inner)]
        for well, (run, again) in zip(inner, taken, strict=False):
            medium, levels = runs[run - 1]
            placed.append(PlacedWell(plate, well, donor, run, again, medium, levels))
        placed += [PlacedWell(plate, well, "", 0, 0) for well in (*inner[len(taken) :], *edge)]
    return placed


def _wells(design: DesignSettings) -> tuple[list[str], list[str]]:
    """Wells that are used, and those that are left empty."""
    rows, columns = _SHAPES[design.plate_wells]
    inside = design.edge_wells == "leave empty" and min(rows, columns) > 3
    inner: list[str] = []
    edge: list[str] = []
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            outer = row in (1, rows) or column in (1, columns)
            (edge if inside and outer else inner).append(str(well_name(row, column)))
    return inner, edge
