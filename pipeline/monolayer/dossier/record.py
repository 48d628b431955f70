"""From vessels' histories, a recipe and what persons recorded to a batch record.

The stages grow, decide and batch, composed; `monolayer.culture` does the same for one decision.
Recommendations that nobody stored are made again from the records, at each visit with what was
known then, and are called so.
"""

import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from monolayer.batch.content import (
    BatchRecord,
    Comparison,
    Decision,
    Deviation,
    Disposition,
    Document,
    Forecast,
    Lot,
    Signature,
    Step,
    VesselRecord,
    VisitPicture,
)
from monolayer.culture import outlook_of, recommend_for
from monolayer.decide.evidence import is_valid
from monolayer.dossier.deviations import deviations_of
from monolayer.dossier.figures import doublings_of, growth_of, yield_of
from monolayer.dossier.steps import steps_of
from monolayer.history import VesselHistory
from monolayer.recipe import Recipe

if TYPE_CHECKING:
    from monolayer.decide.answer import Recommendation

__all__ = ["Recorded", "RecordedVessel", "batch_record", "decision_of"]

Pictures = Mapping[str, Sequence[VisitPicture]]
_LIBRARIES = ("numpy", "scipy", "numba")


@dataclass(frozen=True, slots=True)
class RecordedVessel:
    """What is recorded of a vessel beside its history.

    Attributes
    ----------
    kind : str or None
        Its type, as ``CellSTACK-10``.
    parents, children : tuple of str
        Vessels that its cells came from and went to.
    cells_seeded, cells_harvested : float or None
        Viable cells in and out; seeded ones are density times area where they are left out.
    decisions : tuple of Decision or None
        Recommendations as they were stored; None: make them again.
    """

    kind: str | None = None
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    cells_seeded: float | None = None
    cells_harvested: float | None = None
    decisions: tuple[Decision, ...] | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What persons recorded of a lot; what is left out is told as not recorded.

    ``recipe_status`` is where the recipe stands, None where nobody can tell; empty: the recipe's
    own word. ``steps`` name who performed and checked a step of a vessel; a recommendation's
    person stands in its disposition.
    """

    lot: Lot = field(default_factory=Lot)
    vessels: Mapping[str, RecordedVessel] = field(default_factory=dict)
    methods: tuple[Document, ...] = ()
    recipe_status: str | None = ""
    recipe_approved_by: str | None = None
    dispositions: tuple[Disposition, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    steps: tuple[tuple[str, Step], ...] = ()
    signatures: tuple[Signature, ...] = ()
    audit_head_sha256: str | None = None
    audit_entries: int | None = None
    source: str = ""
    simulated: bool = False


def batch_record(
    histories: Sequence[VesselHistory],
    recipe: Recipe,
    recorded: Recorded | None = None,
    pictures: Pictures | None = None,
    issued_at: datetime | None = None,
) -> BatchRecord:
    """Put a batch record together.

    Parameters
    ----------
    histories : sequence of VesselHistory
        Vessels of one lot, in the report's order.
    recipe : Recipe
        Targets and limits; its status and hash stand on the report.
    recorded : Recorded, optional
        What persons recorded.
    pictures : mapping of str to sequence of VisitPicture, optional
        Images of each vessel's visits.
    issued_at : datetime, optional
        When this copy is made, with its offset from UTC.
    """
    recorded = recorded or Recorded()
    pictures = pictures or {}
    return BatchRecord(
        lot=_lot(histories, recorded.lot),
        vessels=tuple(
            _vessel(history, recipe, recorded, tuple(pictures.get(history.vessel.name, ())))
            for history in histories
        ),
        target=recipe.decide.target_confluence,
        documents=(_recipe_document(recipe, recorded), *recorded.methods),
        software=_software(),
        deviations=tuple(each for each in recorded.deviations if each.vessel is None),
        signatures=recorded.signatures,
        audit_head_sha256=recorded.audit_head_sha256,
        audit_entries=recorded.audit_entries,
        source=recorded.source,
        issued_at=issued_at,
        simulated=recorded.simulated,
    )


def _lot(histories: Sequence[VesselHistory], lot: Lot) -> Lot:
    """The lot; name and donor from the vessels where nobody recorded them and they agree."""
    names = {history.vessel.lot for history in histories}
    donors = {history.vessel.donor for history in histories}
    return replace(
        lot,
        name=lot.name or (names.pop() if len(names) == 1 else None),
        donor=lot.donor or (donors.pop() if len(donors) == 1 else None),
    )


def _software() -> tuple[tuple[str, str], ...]:
    named = [("monolayer", version("monolayer")), ("Python", platform.python_version())]
    return tuple(named + [(name, version(name)) for name in _LIBRARIES])


def _recipe_document(recipe: Recipe, recorded: Recorded) -> Document:
    flat = tuple(
        line
        for section, settings in recipe.model_dump(mode="json").items()
        if isinstance(settings, dict)
        for name, value in settings.items()
        for line in _lines(f"{section}.{name}", value)
    )
    return Document(
        kind="recipe",
        name=recipe.name,
        version=recipe.version,
        status=recipe.status if recorded.recipe_status == "" else recorded.recipe_status,
        sha256=recipe.sha256,
        approved_by=recorded.recipe_approved_by,
        settings=flat,
    )


def _lines(name: str, value: object) -> Iterator[tuple[str, str]]:
    """A setting by its name; one that has settings of its own as a line for each of them."""
    if isinstance(value, dict) and any(isinstance(each, dict) for each in value.values()):
        yield from ((f"{name}.{key}", _text(each)) for key, each in value.items())
    else:
        yield name, _text(value)


def _text(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_text(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _vessel(
    history: VesselHistory, recipe: Recipe, recorded: Recorded, pictures: tuple[VisitPicture, ...]
) -> VesselRecord:
    name = history.vessel.name
    its = recorded.vessels.get(name, RecordedVessel())
    mine = tuple(each for each in recorded.dispositions if each.vessel == name)
    made = its.decisions if its.decisions is not None else _recomputed(history, recipe)
    decisions = _disposed(made, mine)
    yielded = yield_of(history, recipe, its.cells_seeded, its.cells_harvested)
    doublings, cumulative, basis = doublings_of(history, yielded)
    growth, curve, forecast = growth_of(history, recipe)
    found = deviations_of(history, recipe, decisions, mine, yielded, pictures)
    told = tuple(each for each in recorded.deviations if each.vessel == name)
    return VesselRecord(
        history=history,
        growth=growth,
        forecast=forecast,
        yielded=yielded,
        curve=curve,
        kind=its.kind,
        parents=its.parents,
        children=its.children,
        valid=tuple(is_valid(visit, recipe.decide) for visit in history.acquisitions),
        decisions=decisions,
        dispositions=mine,
        steps=steps_of(history, [step for vessel, step in recorded.steps if vessel == name]),
        pictures=pictures,
        deviations=tuple(sorted((*told, *found), key=_in_time)),
        doublings=doublings,
        cumulative_doublings=cumulative,
        doublings_basis=basis,
    )


def _in_time(deviation: Deviation) -> float:
    return math.inf if deviation.at_h is None else deviation.at_h


def _recomputed(history: VesselHistory, recipe: Recipe) -> tuple[Decision, ...]:
    """A recommendation at each visit, from what was known then."""
    # At a time before its end the vessel was not known to end.
    alive = replace(history, ended_as=None, ended_h=None)
    found = []
    for visit in history.acquisitions:
        known = alive.until(visit.time_h)
        outlook = outlook_of(known, recipe)
        made = recommend_for(known, recipe, at_h=visit.time_h, outlook=outlook)
        found.append(decision_of(made, recipe.decide.target_confluence, "recomputed"))
    return tuple(found)


def decision_of(found: "Recommendation", target: float, origin: str = "recorded") -> Decision:
    """A recommendation as the report shows it."""
    outlook = found.outlook
    return Decision(
        at_h=found.at_h,
        at=found.at,
        expires_h=found.expires_h,
        expires_at=found.expires_at,
        action=found.action,
        code=found.code,
        state=found.state,
        rule=found.rule,
        evidence=tuple(Comparison(c.name, c.value, c.limit, c.margin) for c in found.evidence),
        not_evaluated=tuple((rule, tuple(lacks)) for rule, lacks in found.not_evaluated.items()),
        warnings=tuple(found.warnings),
        behind=found.masked,
        forecast=Forecast(
            target,
            outlook.crossing_h,
            outlook.prediction_low_h,
            outlook.prediction_high_h,
            outlook.model,
            outlook.reason,
        ),
        recipe_sha256=found.recipe_sha256,
        history_sha256=found.history_sha256,
        origin="recorded" if origin == "recorded" else "recomputed",
    )


def _disposed(
    decisions: tuple[Decision, ...], dispositions: Sequence[Disposition]
) -> tuple[Decision, ...]:
    """Each recommendation with the first decision of a person between it and the next one."""
    if any(each.disposition for each in decisions):
        return decisions
    found = list(decisions)
    for disposition in dispositions:
        before = [
            i
            for i, each in enumerate(found)
            if each.at is not None and disposition.at is not None and each.at <= disposition.at
        ]
        if before and found[before[-1]].disposition is None:
            found[before[-1]] = replace(found[before[-1]], disposition=disposition)
    return tuple(found)
