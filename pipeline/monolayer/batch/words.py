"""The batch report's words: times, actions, rules' figures, forecasts; unknown says so."""

from datetime import UTC, datetime

from monolayer.batch.content import (
    Comparison,
    Decision,
    Document,
    Forecast,
    VesselRecord,
)
from monolayer.drawing.numbers import grouped

__all__ = [
    "UNKNOWN",
    "action_words",
    "cells",
    "clock",
    "comparison_words",
    "document_words",
    "forecast_words",
    "hours",
    "known",
    "law_words",
    "local",
    "outcome_words",
    "percent",
    "plain",
    "utc",
    "value_words",
]

UNKNOWN = "not recorded"
_LAWS = {
    "exponential": "exponential",
    "exponential_lag": "exponential with lag",
    "logistic": "logistic",
    "contact_inhibition": "contact inhibition",
    "gompertz": "Gompertz",
    "baranyi": "Baranyi",
}
_SHARES = ("confluence", "confluence_lower_bound", "viability", "viability_lower_bound",
           "fields_ok_share", "confluence_field_cv")  # fmt: skip
_NAMES = {
    "ph": "pH",
    "temperature_c": "temperature, °C",
    "confluence_field_cv": "CV between fields",
    "n_fields_ok": "evaluable fields",
    "fields_ok_share": "share of evaluable fields",
    "glucose_mmol_per_l": "glucose, mmol/L",
    "lactate_mmol_per_l": "lactate, mmol/L",
    "image_sha256": "image hashes",
}


def known(value: object) -> str:
    """A recorded value, or that it is not recorded."""
    return UNKNOWN if value is None or value == "" else str(value)


def clock(moment: datetime | None) -> str:
    """Local time with its offset, and UTC: ``2026-11-13 14:00 +01:00 (13:00 UTC)``."""
    if moment is None:
        return UNKNOWN
    if not moment.utcoffset():
        return f"{moment:%Y-%m-%d %H:%M} UTC"
    return f"{local(moment)} ({utc(moment)})"


def local(moment: datetime) -> str:
    """``2026-11-13 14:00 +01:00``."""
    return f"{moment:%Y-%m-%d %H:%M} {_offset(moment)}"


def utc(moment: datetime) -> str:
    """``13:00 UTC``, with the date where it is another one there."""
    there = moment.astimezone(UTC)
    return f"{there:%H:%M} UTC" if there.date() == moment.date() else f"{there:%Y-%m-%d %H:%M} UTC"


def _offset(moment: datetime) -> str:
    text = f"{moment:%z}"
    return f"{text[:3]}:{text[3:5]}"


def hours(time_h: float | None) -> str:
    """``61.4 h``."""
    return UNKNOWN if time_h is None else f"{time_h:.1f} h"


def percent(share: float | None) -> str:
    """``81.4 %`` of a share of 0 to 1."""
    return UNKNOWN if share is None else f"{100 * share:.1f} %"


def cells(number: float | None) -> str:
    """``1.24 × 10⁸`` for many cells, ``41,280`` for fewer."""
    if number is None:
        return UNKNOWN
    if number < 1e6:
        return grouped(number)
    power = len(str(int(number))) - 1
    mantissa = f"{number / 10**power:.3f}"
    if mantissa == "10.000":
        power, mantissa = power + 1, "1.000"
    return f"{mantissa} × 10{str(power).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def plain(code: str) -> str:
    """A name of the program as words: ``confluence_lower_bound`` as ``confluence lower bound``."""
    return _NAMES.get(code, code.replace("_", " "))


def action_words(action: str) -> str:
    """``REIMAGE`` as ``image again``."""
    return {"REIMAGE": "image again"}.get(action, action.lower())


def value_words(name: str, value: float | bool | str | None) -> str:
    """A figure of a comparison; shares as percentages."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return f"{100 * value:.1f} %" if name in _SHARES else f"{value:.4g}"


def comparison_words(check: Comparison) -> tuple[str, str, str, str]:
    """Name, value, threshold and margin of a comparison, for the cells of a table."""
    limit = "–" if check.threshold is None else value_words(check.name, check.threshold)
    return plain(check.name), value_words(check.name, check.value), limit, _margin(check)


def _margin(check: Comparison) -> str:
    if check.margin is None:
        return "–"
    sign = "−" if check.margin < 0 else "+"
    size = abs(check.margin)
    if check.name in _SHARES:
        return f"{sign}{100 * size:.1f} points"
    return f"{sign}{size:.3g}"


def law_words(law: str | None) -> str:
    """A law of growth by its name."""
    return "none" if law is None else _LAWS.get(law, law)


def forecast_words(forecast: Forecast, vessel: VesselRecord) -> str:
    """When the target will be crossed, in hours and on the clock, or why that is not told."""
    if forecast.median_h is None:
        return f"No forecast: {forecast.reason or 'no reason recorded'}."
    low, high = (
        _moment(vessel, end) for end in (forecast.prediction_low_h, forecast.prediction_high_h)
    )
    target = "the target" if forecast.target is None else f"{percent(forecast.target)}"
    return (
        f"Crosses {target} between {low} and {high} (prediction interval), as likely before as "
        f"after {_moment(vessel, forecast.median_h)}."
    )


def _moment(vessel: VesselRecord, time_h: float | None) -> str:
    if time_h is None:
        return "an open end"
    moment = vessel.history.clock(time_h)
    return hours(time_h) if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def outcome_words(vessel: VesselRecord) -> str:
    """How the vessel ended, or that it is still in culture."""
    history = vessel.history
    if history.ended_as is None:
        return f"in culture, last record at {hours(history.last_h)}"
    when = "at a time not recorded" if history.ended_h is None else f"at {hours(history.ended_h)}"
    return f"{history.ended_as} {when}"


def document_words(document: Document) -> str:
    """A method's or recipe's name with its version."""
    number = f", version {document.version}" if document.version else ", version not recorded"
    return f"{document.name}{number}"


def disposition_words(decision: Decision) -> str:
    """Accepted or overridden, in a word."""
    if decision.disposition is None:
        return UNKNOWN
    return {"accept": "accepted", "override": "overridden"}[decision.disposition.verdict]
