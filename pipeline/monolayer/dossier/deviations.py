"""What was not as planned with a vessel, found in its records: excursions, gaps, overrides.

Every limit is the recipe's. A deviation is told, never judged: whether it matters is a person's
to say. What follows one another and is alike becomes one deviation with its span.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from monolayer.batch.content import Decision, Deviation, Disposition, VisitPicture, Yield
from monolayer.batch.settings import BatchSettings
from monolayer.decide.evidence import is_valid
from monolayer.decide.settings import DecideSettings
from monolayer.history import Acquisition, SensorReading, VesselHistory
from monolayer.recipe import Recipe

__all__ = ["deviations_of"]

Found = Iterator[tuple[str, float | None, str]]
_UNITS = {
    "ph": ("pH", ""),
    "temperature_c": ("temperature", " °C"),
    "glucose_mmol_per_l": ("glucose", " mmol/L"),
    "lactate_mmol_per_l": ("lactate", " mmol/L"),
}
_MOVES = {"passaged": "PASSAGE", "harvested": "HARVEST"}


def deviations_of(
    history: VesselHistory,
    recipe: Recipe,
    decisions: Sequence[Decision],
    dispositions: Sequence[Disposition],
    yielded: Yield,
    pictures: Sequence[VisitPicture] = (),
) -> tuple[Deviation, ...]:
    """List a vessel's deviations, kind by kind.

    Parameters
    ----------
    history : VesselHistory
        Its records.
    recipe : Recipe
        Limits that the records are held against.
    decisions : sequence of Decision
        Its recommendations, in time.
    dispositions : sequence of Disposition
        What persons decided about it.
    yielded : Yield
        What came out of it.
    pictures : sequence of VisitPicture, optional
        Of its visits, with what their runs say.
    """
    limits = recipe.decide
    found = [
        *_integrity(history),
        *_other_runs(pictures, recipe.batch),
        *_excursions(history, limits),
        *_sensor_events(history),
        *_visits(history, limits),
        *_gaps(history, limits),
        *_feeds(history, limits),
        *_answers(decisions),
        *_overrides(decisions, dispositions),
        *_ends(history, decisions, dispositions),
        *_yields(yielded, recipe.batch),
    ]
    return tuple(
        Deviation(kind, history.vessel.name, at_h, history.clock(at_h), what)
        for kind, at_h, what in found
    )


def _integrity(history: VesselHistory) -> Found:
    for visit in history.acquisitions:
        recorded, used = visit.image_sha256, visit.image_sha256_found
        if recorded is not None and used is not None and recorded != used:
            yield "image integrity", visit.time_h, "images evaluated are not those recorded"
        if visit.contamination:
            yield "contamination", visit.time_h, "signs of contamination were seen"


def _other_runs(pictures: Sequence[VisitPicture], limits: BatchSettings) -> Found:
    for shown in pictures:
        recorded, found = shown.confluence, shown.run_confluence
        if recorded is None or found is None:
            continue
        if abs(recorded - found) > limits.max_difference_to_run:
            yield (
                "run differs",
                shown.time_h,
                f"recorded confluence {100 * recorded:.1f} %, the run whose picture "
                f"is shown {100 * found:.1f} %",
            )


def _excursions(history: VesselHistory, limits: DecideSettings) -> Found:
    for quantity, (name, unit) in _UNITS.items():
        readings = [each for each in history.readings if each.quantity == quantity]
        low, high = _limits_of(quantity, limits)
        outside = lambda each, low=low, high=high: not low <= each.value <= high  # noqa: E731
        for is_out, group in groupby(readings, key=outside):
            if is_out:
                yield _excursion(list(group), f"{name}", unit, low, high)


def _sensor_events(history: VesselHistory) -> Found:
    """What sensors saw between the readings that a history keeps; alerts are no deviation."""
    for event in history.sensor_events:
        name, unit = _UNITS.get(event.quantity, (event.quantity, ""))
        said = f"{name}, {(event.reason or event.kind).replace('_', ' ')}"
        lasted = "not over" if event.ended_h is None else f"{event.ended_h - event.since_h:.1f} h"
        reached = "" if event.extreme is None else f", worst {event.extreme:g}{unit}"
        assessed = "assessed" if event.assessed_h is not None else "not assessed"
        what = f"{said}: {lasted}{reached}; {assessed}"
        if event.kind == "action":
            yield "sensor excursion", event.since_h, what
        elif event.kind == "fault":
            yield "sensor fault", event.since_h, what


def _limits_of(quantity: str, limits: DecideSettings) -> tuple[float, float]:
    if quantity == "glucose_mmol_per_l":
        return limits.min_glucose_mmol_per_l, float("inf")
    if quantity == "lactate_mmol_per_l":
        return 0.0, limits.max_lactate_mmol_per_l
    low, high = getattr(limits, quantity)
    return low, high


def _excursion(
    readings: list[SensorReading], name: str, unit: str, low: float, high: float
) -> tuple[str, float, str]:
    worst = max(readings, key=lambda each: max(low - each.value, each.value - high)).value
    limit = f"below {low:g}" if worst < low else f"above {high:g}"
    spanned = readings[-1].time_h - readings[0].time_h
    times = f"{len(readings)} reading{'s' if len(readings) > 1 else ''}"
    lasted = f"{times} over {spanned:.1f} h, worst " if spanned else ""
    return "excursion", readings[0].time_h, f"{name} {limit}{unit}: {lasted}{worst:g}{unit}"


def _visits(history: VesselHistory, limits: DecideSettings) -> Found:
    short = [v for v in history.acquisitions if (v.n_fields_ok or 0) < (v.n_fields or 0)]
    bad = [v for v in history.acquisitions if not is_valid(v, limits)]
    for visit in bad:
        yield "visit not evaluable", visit.time_h, _why_bad(visit, limits)
    if excluded := [v for v in short if v not in bad]:
        most = max(excluded, key=lambda v: (v.n_fields or 0) - (v.n_fields_ok or 0))
        lost = (most.n_fields or 0) - (most.n_fields_ok or 0)
        yield (
            "fields excluded",
            excluded[0].time_h,
            f"at {len(excluded)} of {len(history.acquisitions)} visits, at most {lost} of "
            f"{most.n_fields}; the visits stay evaluable",
        )


def _why_bad(visit: Acquisition, limits: DecideSettings) -> str:
    if visit.n_fields is None or visit.n_fields_ok is None:
        return "the number of fields is not recorded"
    if visit.confluence is None or visit.confluence_lower_bound is None:
        return "no confluence, or none with its lower bound"
    return (
        f"{visit.n_fields_ok} of {visit.n_fields} fields evaluable; the recipe asks for "
        f"{limits.min_fields_ok} and {100 * limits.min_fields_ok_share:.0f} %"
    )


def _gaps(history: VesselHistory, limits: DecideSettings) -> Found:
    """Times without an image that are longer than an image may be old."""
    times = [limits.attachment_h, *(v.time_h for v in history.acquisitions)]
    end = history.last_h if history.ended_h is None else history.ended_h
    for before, after in pairwise([*sorted(times), end]):
        if after - before > limits.max_image_age_h:
            yield (
                "missed visit",
                before,
                f"no image for {after - before:.1f} h; the recipe asks for one within "
                f"{limits.max_image_age_h:g} h",
            )


def _feeds(history: VesselHistory, limits: DecideSettings) -> Found:
    end = history.last_h if history.ended_h is None else history.ended_h
    for before, after in pairwise([0.0, *(each.time_h for each in history.exchanges), end]):
        if after - before > limits.feed_every_h:
            yield (
                "late feed",
                before,
                f"{after - before:.1f} h on one medium; the recipe asks for an exchange within "
                f"{limits.feed_every_h:g} h",
            )


_ANSWERS = {"REIMAGE": "re-imaging", "HOLD": "hold", "ESCALATE": "escalation"}


def _answers(decisions: Sequence[Decision]) -> Found:
    """Recommendations that interrupt the process, runs of the same one told once."""
    for (action, code), group in groupby(decisions, key=lambda each: (each.action, each.code)):
        asked = list(group)
        if action in _ANSWERS:
            often = f", {len(asked)} times in a row" if len(asked) > 1 else ""
            yield _ANSWERS[action], asked[0].at_h, f"recommended {action} ({code}){often}"


def _overrides(decisions: Sequence[Decision], dispositions: Sequence[Disposition]) -> Found:
    at_h = {id(each.disposition): each for each in decisions if each.disposition is not None}
    for disposition in dispositions:
        about = at_h.get(id(disposition))
        when = None if about is None else about.at_h
        if disposition.verdict == "override":
            instead = "" if about is None else f" instead of {about.action} ({about.code})"
            reason = disposition.reason or disposition.reason_code or "no reason recorded"
            who = disposition.person or "an unnamed person"
            yield "override", when, f"{who} decided {disposition.action}{instead}: {reason}"
        elif about is not None and _too_late(about, disposition):
            yield "expired", when, f"{about.action} was accepted after it had expired"
    undecided = [d for d in decisions if d.action != "CONTINUE" and d.disposition is None]
    if undecided:
        yield (
            "no disposition",
            undecided[0].at_h,
            f"{len(undecided)} of {len(decisions)} recommendations ask for something to be done "
            "and have no person's decision beside them",
        )


def _too_late(about: Decision, disposition: Disposition) -> bool:
    if about.expires_at is None or disposition.at is None:
        return False
    return disposition.at > about.expires_at


def _ends(
    history: VesselHistory, decisions: Sequence[Decision], dispositions: Sequence[Disposition]
) -> Found:
    """A vessel that was moved although the last recommendation was another."""
    action = _MOVES.get(history.ended_as or "")
    if action is None or any(d.verdict == "override" for d in dispositions[-1:]):
        return
    last = decisions[-1] if decisions else None
    if last is None or last.action != action:
        was = "there was none" if last is None else f"it was {last.action} ({last.code})"
        yield (
            "not as recommended",
            history.ended_h,
            f"was {history.ended_as} though the last recommendation was no {action}: {was}",
        )


def _yields(yielded: Yield, limits: BatchSettings) -> Found:
    percent = yielded.percent
    if percent is None:
        return
    low, high = limits.min_percent_of_theoretical, limits.max_percent_of_theoretical
    if low is not None and percent < low:
        yield "yield", None, f"{percent:.1f} % of theoretical yield, below {low:g} %"
    if high is not None and percent > high:
        yield "yield", None, f"{percent:.1f} % of theoretical yield, above {high:g} %"
