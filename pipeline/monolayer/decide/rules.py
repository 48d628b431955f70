"""The rules, in the order in which the first that fires wins.

Each takes the evidence and the recipe's limits and gives a verdict with all its comparisons,
whether it fired or not. Limits come from the settings alone.
"""

from collections.abc import Callable

from monolayer.decide.answer import Check, Verdict
from monolayer.decide.evidence import Evidence
from monolayer.decide.settings import DecideSettings, RuleName

__all__ = ["RULES", "target_rule"]

Rule = Callable[[Evidence, DecideSettings], Verdict]

_SENSORS = (("ph", "SENSOR_PH"), ("temperature_c", "SENSOR_TEMPERATURE"))


def _data_integrity(seen: Evidence, _: DecideSettings) -> Verdict:
    checks = (Check("images_as_recorded", seen.intact, True, None),)
    if seen.intact is False:
        return Verdict("data_integrity", True, "HOLD", "DATA_INTEGRITY", checks)
    missing = ("image_sha256",) if seen.intact is None else ()
    return Verdict("data_integrity", False, checks=checks, missing=missing)


def _contamination(seen: Evidence, _: DecideSettings) -> Verdict:
    checks = (Check("contamination", seen.contaminated, False, None),)
    if seen.contaminated:
        return Verdict("contamination", True, "ESCALATE", "CONTAMINATION", checks)
    missing = ("contamination",) if seen.contaminated is None else ()
    return Verdict("contamination", False, checks=checks, missing=missing)


def _image_qc(seen: Evidence, limits: DecideSettings) -> Verdict:
    last = seen.last
    if last is None:
        if seen.at_h < limits.attachment_h:
            return Verdict("image_qc", False, missing=("acquisitions",))
        waited = _below("hours_without_image", seen.at_h, limits.attachment_h)
        return Verdict("image_qc", True, "REIMAGE", "NO_IMAGES", (waited,))
    ok, fields = last.n_fields_ok, last.n_fields
    share = ok / fields if ok is not None and fields else None
    old = _below("image_age_h", seen.at_h - last.time_h, limits.max_image_age_h)
    checks = (
        _above("n_fields_ok", ok, limits.min_fields_ok),
        _above("fields_ok_share", share, limits.min_fields_ok_share),
        Check("confluence_lower_bound", last.confluence_lower_bound, None, None),
        old,
    )
    if not seen.last_valid:
        if seen.previous_valid:
            return Verdict("image_qc", True, "REIMAGE", "IMAGE_QC", checks)
        return Verdict("image_qc", True, "ESCALATE", "IMAGE_QC_REPEAT", checks)
    if _failed(old):
        return Verdict("image_qc", True, "REIMAGE", "IMAGE_TOO_OLD", checks)
    return Verdict("image_qc", False, checks=checks)


def _sensors(seen: Evidence, limits: DecideSettings) -> Verdict:
    checks: list[Check] = []
    missing: list[str] = []
    code = None
    for quantity, its_code in _SENSORS:
        reading = seen.readings.get(quantity)
        if reading is None:
            missing.append(quantity)
            continue
        low, high = getattr(limits, quantity)
        margin = min(reading.value - low, high - reading.value)
        checks.append(Check(quantity, reading.value, f"{low:g} to {high:g}", margin))
        if margin < 0:
            code = code or its_code
        elif quantity in seen.faulty or seen.at_h - reading.time_h > limits.max_reading_age_h:
            missing.append(quantity)
    excursions, open_ones = _excursions(seen, limits)
    if open_ones or any(_failed(check) for check in excursions):
        code = code or "SENSOR_EXCURSION"
    checks += excursions
    if code:
        return Verdict("sensors", True, "ESCALATE", code, tuple(checks), tuple(missing))
    warned = _sensor_warnings(seen)
    return Verdict("sensors", False, None, None, tuple(checks), tuple(missing), warned)


def _excursions(seen: Evidence, limits: DecideSettings) -> tuple[list[Check], bool]:
    """Hours of each quantity beyond its action limits that nobody has assessed; is one going on.

    An excursion that is over is evidence still: the cells have been through it.
    """
    hours: dict[str, float] = {}
    going_on = False
    for event in seen.history.sensor_events:
        if event.kind == "action" and event.assessed_h is None:
            end = seen.at_h if event.ended_h is None else event.ended_h
            hours[event.quantity] = hours.get(event.quantity, 0.0) + end - event.since_h
            going_on = going_on or event.ended_h is None
    names = sorted(hours)
    return [_below(f"{n}_excursion_h", hours[n], limits.max_excursion_h) for n in names], going_on


def _sensor_warnings(seen: Evidence) -> tuple[str, ...]:
    """Action limits left and come back to or assessed, alert limits left now, sensors at fault."""
    events = seen.history.sensor_events
    codes = {
        "SENSOR_EXCURSION": any(event.kind == "action" for event in events),
        "SENSOR_ALERT": any(event.kind == "alert" and event.ended_h is None for event in events),
        "SENSOR_FAULT": bool(seen.faulty),
    }
    return tuple(code for code, is_so in codes.items() if is_so)


def _viability(seen: Evidence, limits: DecideSettings) -> Verdict:
    found = seen.viability
    if found is None or found.viability is None:
        return Verdict("viability", False, missing=("viability",))
    checks = (
        _above("viability", found.viability, limits.min_viability),
        _above("viability_lower_bound", found.lower_bound, limits.min_viability),
    )
    if _failed(checks[0]):
        return Verdict("viability", True, "ESCALATE", "VIABILITY_ACTION", checks)
    if found.lower_bound is None or _failed(checks[1]):
        # A point without its bound is as inconclusive as one whose bound is too low.
        return Verdict("viability", True, "HOLD", "VIABILITY_INCONCLUSIVE", checks)
    warned = ("VIABILITY_ALERT",) if found.viability < limits.warn_viability else ()
    old = seen.at_h - found.time_h > limits.max_viability_age_h
    missing = ("viability",) if old else ()
    return Verdict("viability", False, checks=checks, missing=missing, warnings=warned)


def _passage_limits(seen: Evidence, limits: DecideSettings) -> Verdict:
    passage = seen.history.vessel.passage
    doublings = _below("doublings", seen.doublings, limits.max_doublings)
    checks = (doublings, _below("passage", passage, limits.max_passage))
    missing = tuple(
        name
        for name, unknown in (
            ("doublings", not seen.doublings_current),
            ("passage", passage is None),
        )
        if unknown
    )
    for check, code in zip(checks, ("PDL_EXCEEDED", "PASSAGE_EXCEEDED"), strict=True):
        if _failed(check):
            return Verdict("passage_limits", True, "ESCALATE", code, checks, missing)
    return Verdict("passage_limits", False, checks=checks, missing=missing)


def _morphology(seen: Evidence, limits: DecideSettings) -> Verdict:
    ratio = seen.last.area_ratio if seen.last else None
    if ratio is None:
        return Verdict("morphology", False, missing=("area_ratio",))
    checks = (Check("area_ratio", ratio, limits.max_area_ratio, limits.max_area_ratio - ratio),)
    if ratio >= limits.max_area_ratio:
        return Verdict("morphology", True, "ESCALATE", "MORPHOLOGY_ACTION", checks)
    warned = ("MORPHOLOGY_ALERT",) if ratio >= limits.warn_area_ratio else ()
    return Verdict("morphology", False, checks=checks, warnings=warned)


def _over_confluence(seen: Evidence, limits: DecideSettings) -> Verdict:
    low = seen.last.confluence_lower_bound if seen.last else None
    if low is None:
        return Verdict("over_confluence", False, missing=("confluence_lower_bound",))
    checks = (_below("confluence_lower_bound", low, limits.max_confluence),)
    if _failed(checks[0]):
        return Verdict("over_confluence", True, "ESCALATE", "OVER_CONFLUENT", checks)
    return Verdict("over_confluence", False, checks=checks)


def target_rule(seen: Evidence, limits: DecideSettings, lacking: tuple[str, ...]) -> Verdict:
    """Whether the vessel is to be moved; `lacking` names needed rules that were not evaluated."""
    last = seen.last
    if last is None or last.confluence_lower_bound is None:
        return Verdict("target", False, missing=("confluence_lower_bound",))
    low, cv = last.confluence_lower_bound, last.confluence_field_cv
    level = limits.leave_target_below if seen.ready else limits.target_confluence
    needed = limits.confirmations
    checks = (
        Check("confluence_lower_bound", low, level, level - low),
        Check("acquisitions_at_target", seen.at_target, needed, needed - seen.at_target),
        _below("confluence_field_cv", cv, limits.max_field_cv),
    )
    if not seen.ready:
        if seen.at_target:
            return Verdict("target", True, "REIMAGE", "CONFIRM_TARGET", checks)
        return Verdict("target", False, checks=checks)
    if _failed(checks[2]):
        return Verdict("target", True, "HOLD", "HETEROGENEOUS", checks)
    unknown = _unknown_to_move(seen)
    if lacking or unknown:
        return Verdict("target", True, "HOLD", "EVIDENCE_MISSING", checks, (*lacking, *unknown))
    return _move(seen, limits, checks)


def _unknown_to_move(seen: Evidence) -> tuple[str, ...]:
    """Inputs without which it is not known where a ready vessel goes."""
    vessel, last = seen.history.vessel, seen.last
    unknown = {
        "confluence_field_cv": last is None or last.confluence_field_cv is None,
        "final_stage": vessel.final_stage is None,
        "passage": vessel.passage is None,
        "doublings": not seen.doublings_current,
    }
    return tuple(name for name, is_unknown in unknown.items() if is_unknown)


def _move(seen: Evidence, limits: DecideSettings, checks: tuple[Check, ...]) -> Verdict:
    """Harvest or passage of a vessel that is ready and known in full."""
    vessel = seen.history.vessel
    assert seen.doublings is not None
    assert vessel.passage is not None
    after = seen.doublings + limits.doublings_per_passage
    room = (
        _below("doublings_after_next_passage", after, limits.max_doublings),
        _below("next_passage", vessel.passage + 1, limits.max_passage),
    )
    checks = (*checks, Check("final_stage", vessel.final_stage, True, None), *room)
    if vessel.final_stage:
        return Verdict("target", True, "HARVEST", "TARGET_REACHED", checks)
    for check, code in zip(room, ("PDL_HEADROOM", "PASSAGE_HEADROOM"), strict=True):
        if _failed(check):
            return Verdict("target", True, "HARVEST", code, checks)
    return Verdict("target", True, "PASSAGE", "TARGET_REACHED", checks)


def _stall(seen: Evidence, limits: DecideSettings) -> Verdict:
    time_h = seen.outlook.doubling_time_h
    checks = (
        _below("stage_h", seen.at_h, limits.max_stage_h),
        _below("doubling_time_h", time_h, limits.max_doubling_time_h),
        Check("grows", seen.outlook.grows, True, None),
    )
    missing = ("doubling_time_h",) if time_h is None and seen.outlook.grows is None else ()
    if any(_failed(check) for check in checks[:2]) or seen.outlook.grows is False:
        return Verdict("stall", True, "ESCALATE", "GROWTH_STALL", checks, missing)
    slow = limits.warn_doubling_time_ratio * limits.reference_doubling_time_h
    drifts = time_h is not None and time_h >= slow
    warned = ("DOUBLING_TIME_DRIFT",) if drifts else ()
    return Verdict("stall", False, checks=checks, missing=missing, warnings=warned)


def _feed(seen: Evidence, limits: DecideSettings) -> Verdict:
    since = seen.at_h - seen.fed_h
    checks = [_below("hours_since_exchange", since, limits.feed_every_h)]
    fire = since >= limits.feed_every_h
    missing = []
    for quantity in ("glucose_mmol_per_l", "lactate_mmol_per_l"):
        reading = seen.readings.get(quantity)
        # A reading of medium that has been exchanged since says nothing of the medium now.
        if reading is None or reading.time_h < seen.fed_h:
            missing.append(quantity)
            continue
        if quantity.startswith("glucose"):
            check = _above(quantity, reading.value, limits.min_glucose_mmol_per_l)
        else:
            check = _below(quantity, reading.value, limits.max_lactate_mmol_per_l)
        checks.append(check)
        fire = fire or _failed(check)
        old = seen.at_h - reading.time_h > limits.max_reading_age_h
        if not _failed(check) and (old or quantity in seen.faulty):
            missing.append(quantity)
    if fire:
        return Verdict("feed", True, "FEED", "FEED_RULE", tuple(checks), tuple(missing))
    return Verdict("feed", False, checks=tuple(checks), missing=tuple(missing))


def _near_target(seen: Evidence, limits: DecideSettings) -> Verdict:
    mean = seen.last.confluence if seen.last else None
    eta = None if seen.outlook.crossing_h is None else seen.outlook.crossing_h - seen.at_h
    level = limits.target_confluence
    checks = (
        _below("confluence", mean, level),
        _above("hours_to_target", eta, limits.notify_h),
    )
    if (mean is not None and mean >= level) or (eta is not None and eta <= limits.notify_h):
        return Verdict("near_target", True, "CONTINUE", "NOTIFY_NEAR_TARGET", checks)
    missing = ("forecast",) if eta is None else ()
    return Verdict("near_target", False, checks=checks, missing=missing)


def _above(name: str, value: float | None, limit: float) -> Check:
    return Check(name, value, limit, None if value is None else value - limit)


def _below(name: str, value: float | None, limit: float) -> Check:
    return Check(name, value, limit, None if value is None else limit - value)


def _failed(check: Check) -> bool:
    return check.margin is not None and check.margin < 0


# `target` stands ninth and is called by `decide`, which knows what the rules before it lacked.
RULES: dict[RuleName, Rule | None] = {
    "data_integrity": _data_integrity,
    "contamination": _contamination,
    "image_qc": _image_qc,
    "sensors": _sensors,
    "viability": _viability,
    "passage_limits": _passage_limits,
    "morphology": _morphology,
    "over_confluence": _over_confluence,
    "target": None,
    "stall": _stall,
    "feed": _feed,
    "near_target": _near_target,
}
