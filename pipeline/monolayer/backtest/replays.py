"""One vessel's record replayed visit by visit: only what was known then is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from monolayer.culture import outlook_of, recommend_for
from monolayer.decide.answer import Action, Outlook, State
from monolayer.history import Ending, VesselHistory
from monolayer.recipe import Recipe

__all__ = ["MOVES", "Replay", "Step", "outlooks_of", "replay"]

MOVES: tuple[Action, ...] = ("PASSAGE", "HARVEST")


@dataclass(frozen=True, slots=True)
class Step:
    """What would have been recommended at one visit; hours since seeding.

    Attributes
    ----------
    time_h : float
        The visit.
    action, code, state : str
        The recommendation.
    confluence, lower_bound : float or None
        As measured then.
    crossing_h, prediction_low_h, prediction_high_h : float or None
        As forecast then.
    not_evaluated : tuple of str
        Rules that lacked inputs.
    """

    time_h: float
    action: Action
    code: str
    state: State
    confluence: float | None
    lower_bound: float | None
    crossing_h: float | None
    prediction_low_h: float | None
    prediction_high_h: float | None
    not_evaluated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """A vessel's whole course by one recipe, beside what was done.

    Attributes
    ----------
    vessel : str
        Its name.
    recipe, recipe_sha256, history_sha256 : str
        What it was made from.
    steps : tuple of Step
        One a visit.
    done_as, done_h : str and float, or None
        How and when the culture really ended.
    """

    vessel: str
    recipe: str
    recipe_sha256: str
    history_sha256: str
    steps: tuple[Step, ...]
    done_as: Ending | None
    done_h: float | None

    @property
    def move(self) -> Step | None:
        """The first visit at which a passage or harvest would have been recommended."""
        return next((step for step in self.steps if step.action in MOVES), None)

    @property
    def until_move(self) -> tuple[Step, ...]:
        """Steps up to the first passage or harvest: the vessel would not have gone on after it."""
        last = self.move
        return self.steps if last is None else self.steps[: self.steps.index(last) + 1]

    @property
    def n_images_asked(self) -> int:
        """Visits that a recommendation asked for."""
        return sum(step.action == "REIMAGE" for step in self.until_move)

    @property
    def n_calls(self) -> int:
        """Times that it was newly held or escalated."""
        called = [step.action in ("HOLD", "ESCALATE") for step in self.until_move]
        return sum(
            now and not before for before, now in zip([False, *called], called, strict=False)
        )


def replay(
    history: VesselHistory, recipe: Recipe, outlooks: Mapping[float, Outlook] | None = None
) -> Replay:
    """Replay a vessel's record.

    Parameters
    ----------
    history : VesselHistory
        Finished or not; how it ended is not known to the recommendations.
    recipe : Recipe
        Targets and limits.
    outlooks : mapping of float to Outlook, optional
        Growth as it was known at each visit (`outlooks_of`); fitted here where left out.
    """
    alive = replace(history, ended_as=None, ended_h=None)
    if outlooks is None:
        outlooks = outlooks_of(history, recipe)
    steps = []
    for visit in alive.acquisitions:
        found = recommend_for(alive, recipe, at_h=visit.time_h, outlook=outlooks[visit.time_h])
        steps.append(
            Step(
                visit.time_h,
                found.action,
                found.code,
                found.state,
                visit.confluence,
                visit.confluence_lower_bound,
                found.outlook.crossing_h,
                found.outlook.prediction_low_h,
                found.outlook.prediction_high_h,
                tuple(found.not_evaluated),
            )
        )
    return Replay(
        history.vessel.name,
        f"{recipe.name} {recipe.version}",
        recipe.sha256,
        history.sha256,
        tuple(steps),
        history.ended_as,
        history.ended_h,
    )


def outlooks_of(history: VesselHistory, recipe: Recipe) -> dict[float, Outlook]:
    """Growth and forecast as they were known at each visit, by its time."""
    alive = replace(history, ended_as=None, ended_h=None)
    times = [visit.time_h for visit in alive.acquisitions]
    return {time_h: outlook_of(alive.until(time_h), recipe) for time_h in times}
