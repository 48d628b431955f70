"""A vessel's significant steps in time: from its history, and who performed and checked them."""

import math
from collections.abc import Sequence
from dataclasses import replace

from monolayer.batch.content import Step
from monolayer.history import VesselHistory

__all__ = ["steps_of"]


def steps_of(history: VesselHistory, named: Sequence[Step]) -> tuple[Step, ...]:
    """The vessel's steps in time; a recorded step stands for the one of its kind at its time."""
    steps = list(_derived(history))
    for step in named:
        same = [
            i for i, each in enumerate(steps)
            if each.kind == step.kind and _near(each.at_h, step.at_h)
        ]  # fmt: skip
        if same:
            old = steps[same[0]]
            steps[same[0]] = replace(
                old,
                what=step.what or old.what,
                performed_by=step.performed_by,
                checked_by=step.checked_by,
            )
        else:
            steps.append(step)
    return tuple(sorted(steps, key=lambda each: math.inf if each.at_h is None else each.at_h))


def _near(first: float | None, second: float | None) -> bool:
    return first is not None and second is not None and abs(first - second) < 1 / 60


def _derived(history: VesselHistory) -> list[Step]:
    clock, vessel = history.clock, history.vessel
    density = vessel.seeding_density_cells_per_cm2
    at = "" if density is None else f" at {density:,.6g} viable cells/cm²"
    steps = [Step("seeding", 0.0, vessel.seeded_at, f"seeded{at}")]
    for exchange in history.exchanges:
        volume = "" if exchange.volume_ml is None else f", {exchange.volume_ml:g} mL"
        steps.append(
            Step("exchange", exchange.time_h, clock(exchange.time_h), f"medium exchanged{volume}")
        )
    for visit in history.acquisitions:
        fields = (
            "" if visit.n_fields is None else f", {visit.n_fields_ok} of {visit.n_fields} fields"
        )
        what = f"imaged and evaluated{fields}"
        steps.append(Step("acquisition", visit.time_h, clock(visit.time_h), what, automated=True))
    for count in history.viabilities:
        share = "" if count.viability is None else f", {100 * count.viability:.1f} % viable"
        steps.append(
            Step("viability", count.time_h, clock(count.time_h), f"viability counted{share}")
        )
    if history.ended_as is not None:
        steps.append(Step("end", history.ended_h, clock(history.ended_h), history.ended_as))
    return steps
