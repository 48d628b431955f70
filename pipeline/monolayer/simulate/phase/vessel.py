"""A whole culture vessel: many fields, denser here and sparser there as vessels are.

Cells settle unevenly: the swirl of carrying a vessel gathers them in bands, the edge has more or
fewer of them, and fields differ at random beyond that. All three act on the area of cells per
area of plastic; the fields' expected coverage follows from it, and the vessel's mean is the one
asked for.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from monolayer.settings import Settings
from monolayer.simulate.draws import Draws
from monolayer.simulate.phase.place import coverage_of_area
from monolayer.simulate.phase.plate import PlannedPhase, with_confluence, write_phase_fields
from monolayer.simulate.phase.settings import PhaseSettings

__all__ = ["VesselSettings", "plan_vessel", "simulate_vessel"]

# Fields are numbered from 0; the pattern of a vessel has a stream of its own.
PATTERN = 1_000_000
FULLEST = 6.0

ABOUT = """One vessel at one time: {rows} x {columns} fields over its growth area,
{confluence_pct:g} % covered on average. `place_y` and `place_x` in `truth.csv` run
from -1 to 1 over the vessel."""


class VesselSettings(Settings):
    """One vessel and how its cells are spread over it."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "T75-1"
    """Name of the vessel, the first part of each file name."""
    field_rows: Annotated[int, Field(ge=1, le=99)] = 3
    """Fields down the vessel."""
    field_columns: Annotated[int, Field(ge=1, le=99)] = 4
    """Fields across the vessel."""
    confluence_pct: Annotated[float, Field(ge=0, le=100)] = 60
    """Expected mean over the fields."""
    field_cv: Annotated[float, Field(ge=0, le=1)] = 0.12
    """Coefficient of variation from field to field beyond any pattern (log-normal)."""
    edge_effect: Annotated[float, Field(ge=-0.9, le=0.9)] = -0.25
    """Cells at the vessel's edge relative to its middle: -0.25 is a quarter fewer."""
    swirl: Annotated[float, Field(ge=0, le=0.9)] = 0.25
    """Amplitude of the bands that carrying leaves, relative to the mean."""
    obstructed_fields: tuple[str, ...] = ("4",)
    """Sites with a wall at one side."""
    scratched_fields: tuple[str, ...] = ("7",)
    """Sites with a scratch."""
    phase: PhaseSettings = PhaseSettings()
    """The images; the pattern stands in for their confluence."""


def plan_vessel(settings: VesselSettings, seed: int = 0) -> list[PlannedPhase]:
    """List the fields of the vessel, row by row, each with its expected confluence."""
    places = [
        (_unit(row, settings.field_rows), _unit(column, settings.field_columns))
        for row in range(settings.field_rows)
        for column in range(settings.field_columns)
    ]
    coverages = _coverages(settings, places, Draws(seed, PATTERN))
    return [
        _plan(settings, index, place, coverage)
        for index, (place, coverage) in enumerate(zip(places, coverages, strict=True))
    ]


def simulate_vessel(
    folder: Path,
    settings: VesselSettings,
    seed: int,
    on_field: Callable[[PlannedPhase], None] | None = None,
) -> None:
    """Simulate a vessel and write it; see `phase_plate.write_phase_fields`."""
    about = ABOUT.format(
        rows=settings.field_rows,
        columns=settings.field_columns,
        confluence_pct=settings.confluence_pct,
    )
    texts = {"what": "vessel", "kind": "vessel", "about": about}
    write_phase_fields(folder, plan_vessel(settings, seed), settings, texts, seed, on_field)


def _plan(
    settings: VesselSettings, index: int, place: tuple[float, float], coverage: float
) -> PlannedPhase:
    site = str(index + 1)
    phase = with_confluence(settings.phase, 100 * coverage)
    update: dict[str, object] = {}
    if site in settings.obstructed_fields:
        update["channel_wall"] = True
    if site in settings.scratched_fields:
        update["scratches"] = 1
    phase = phase.model_copy(update={"artefacts": phase.artefacts.model_copy(update=update)})
    where = {"place_y": place[0], "place_x": place[1]}
    return PlannedPhase(index, settings.name, "A01", site, phase, where)


def _coverages(
    settings: VesselSettings, places: Sequence[tuple[float, float]], draws: Draws
) -> list[float]:
    """Expected coverage of each field, whose mean is the vessel's."""
    turn, tightness = draws.angle(), draws.uniform(2, 4)
    weights = [
        _pattern(settings, y, x, turn, tightness) * draws.log_normal(1, settings.field_cv)
        for y, x in places
    ]
    target = settings.confluence_pct / 100
    if target == 1:
        return [1.0] * len(places)
    ratio = _solve(weights, target)
    # To six decimals, so that no last bit of a mathematical library reaches the settings.
    return [round(coverage_of_area(ratio * weight), 6) for weight in weights]


def _pattern(settings: VesselSettings, y: float, x: float, turn: float, tightness: float) -> float:
    """Relative density: an edge that differs, and one spiral arm."""
    radius = math.hypot(y, x) / math.sqrt(2)
    edge = 1 + settings.edge_effect * radius**2
    spiral = settings.swirl * math.sin(math.atan2(y, x) + tightness * radius + turn)
    return max(0.02, edge * (1 + spiral))


def _solve(weights: Sequence[float], target: float) -> float:
    """Area of cells per area of plastic at which the mean coverage is the target."""
    low, high = 0.0, FULLEST / min(weights)
    for _ in range(60):
        middle = (low + high) / 2
        mean = float(np.mean([coverage_of_area(middle * weight) for weight in weights]))
        low, high = (middle, high) if mean < target else (low, middle)
    return high


def _unit(k: int, n: int) -> float:
    """Middle of the k-th of n equal parts of -1 to 1."""
    return (2 * k + 1) / n - 1
