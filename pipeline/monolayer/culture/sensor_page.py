"""The page of examined sensors: what left its limits first, then picture and table of each."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from monolayer.report.analysis import AnalysisPage, AnalysisTable, Section
from monolayer.report.plots import Curve, Level, Points, xy_chart
from monolayer.sensors import Excursion, Findings
from monolayer.sensors.probes import held_against
from monolayer.sensors.quantities import QUANTITIES

__all__ = ["sensor_page"]

Floats = NDArray[np.float64]
_PLACES = 1200
_MARKS = 200
_ROWS = 200


def sensor_page(
    found: Sequence[Findings], title: str, provenance: Mapping[str, str]
) -> AnalysisPage:
    """Say how many excursions there were, and show each sensor."""
    action = sum(_count(each, "action") for each in found)
    alert = sum(_count(each, "alert") for each in found)
    faulty = sum(bool(each.faults) for each in found)
    unwatched = sum(each.limits is None for each in found)
    vessels = {each.series.vessel for each in found}
    return AnalysisPage(
        kind="Sensors",
        title=title,
        verdict=_verdict(action, alert, faulty, unwatched),
        number=str(action),
        unit="excursion" if action == 1 else "excursions",
        number_words=f"beyond action limits, {len(found)} sensors of {len(vessels)} "
        + ("vessel" if len(vessels) == 1 else "vessels"),
        facts=(
            ("beyond alert limits", str(alert)),
            ("sensors with faults", str(faulty)),
            ("without limits", str(unwatched)),
        ),
        notices=_notices(found),
        sections=tuple(_section(each) for each in sorted(found, key=_gravity)),
        provenance=tuple(provenance.items()),
    )


def _gravity(found: Findings) -> tuple[int, int, int]:
    """The gravest first; equals stay in the file's order."""
    return -_count(found, "action"), -len(found.faults), -_count(found, "alert")


def _count(found: Findings, level: str) -> int:
    return sum(each.level == level for each in found.excursions)


def _verdict(action: int, alert: int, faulty: int, unwatched: int) -> tuple[str, str]:
    if action:
        return "bad", "action limits were left"
    if faulty:
        return "warn", "not every sensor can be believed throughout"
    if alert:
        return "warn", "alert limits were left"
    # What nobody gave limits for was not found within them.
    return ("warn", "not every sensor has limits") if unwatched else ("ok", "within all limits")


def _notices(found: Sequence[Findings]) -> tuple[str, ...]:
    going_on = [
        f"{each.series.vessel}: {QUANTITIES[each.series.quantity].words} has not returned within "
        f"its action limit since {excursion.since_h:.1f} h."
        for each in found
        for excursion in each.excursions
        if excursion.level == "action" and excursion.ended_h is None
    ]
    silent = [
        f"{each.series.vessel}: {QUANTITIES[each.series.quantity].words} is not evaluated, as the "
        "recipe has no limits for it."
        for each in found
        if each.limits is None
    ]
    return (*going_on, *silent)


def _section(found: Findings) -> Section:
    own = QUANTITIES[found.series.quantity]
    name = f"{found.series.vessel}: {own.words}"
    picture, hidden = _picture(found, name, f"{own.words}{f', {own.unit}' if own.unit else ''}")
    tables = [table for table in (_excursions(found), _faults(found)) if table.rows]
    return Section(name, (picture,), _reading(found, hidden), tuple(tables))


def _reading(found: Findings, hidden: int) -> str:
    n_bad = int(np.count_nonzero(~found.believed))
    doubted = f"of which {n_bad:,} are not believed (circles)" if n_bad else "all believed"
    said = [f"{len(found.series):,} readings, {doubted}."]
    if found.others:
        said.append(f"Of several probes, {held_against(found)} (dashed).")
    if hidden:
        said.append(f"{hidden} of them lie outside the picture.")
    if found.excursions:
        said.append("What is beyond a limit is drawn red.")
    if found.gaps:
        said.append(f"The line is broken at {len(found.gaps)} gaps, over which nothing is known.")
    if found.fleeting:
        said.append(f"Beyond a limit for less than the on-delay: {found.fleeting}.")
    return " ".join(said)


def _picture(found: Findings, name: str, y_name: str) -> tuple[Markup, int]:
    times_h, values = found.believed_times_h, found.believed_values
    curves = [
        Curve(_thinned(t, v), kind="interval" if len(t) > 1 else "cross")
        for t, v in _unbroken(found)
        if len(t)
    ]
    curves += [
        Curve(_within(times_h, values, each), kind="cross")
        for each in found.excursions
        if len(_within(times_h, values, each)) > 1
    ]
    curves += [
        Curve(_thinned(other.believed_times_h, other.believed_values), other.series.probe, "mean")
        for other in found.others
        if len(other.believed_times_h) > 1
    ]
    marks, hidden = _not_believed(found)
    points = [Points(marks, ["not believed"] * len(marks), "cross")] if marks else []
    if 0 < len(times_h) <= _MARKS:
        dots = list(zip(times_h.tolist(), values.tolist(), strict=True))
        points.insert(0, Points(dots, [f"{v:.4g} at {t:.1f} h" for t, v in dots]))
    chart = xy_chart(
        f"{name} in time", "hours since seeding", y_name, points, curves, _levels(found), height=260
    )
    return chart, hidden


def _unbroken(found: Findings) -> list[tuple[Floats, Floats]]:
    times_h, values = found.believed_times_h, found.believed_values
    breaks = [int(np.searchsorted(times_h, gap.to_h)) for gap in found.gaps]
    return list(zip(np.split(times_h, breaks), np.split(values, breaks), strict=True))


def _thinned(times_h: Floats, values: Floats) -> list[tuple[float, float]]:
    """Lowest and highest of each stretch, so that no spike is lost in the picture."""
    if len(times_h) <= _PLACES:
        kept = np.arange(len(times_h))
    else:
        edges = np.linspace(0, len(times_h), _PLACES // 2 + 1).astype(int)
        pairs = [
            (start + int(np.argmin(values[start:end])), start + int(np.argmax(values[start:end])))
            for start, end in itertools.pairwise(edges)
        ]
        kept = np.unique(np.array(pairs))
    return list(zip(times_h[kept].tolist(), values[kept].tolist(), strict=True))


def _within(times_h: Floats, values: Floats, each: Excursion) -> list[tuple[float, float]]:
    end = np.inf if each.ended_h is None else each.ended_h
    inside = (times_h >= each.since_h) & (times_h <= end)
    return _thinned(times_h[inside], values[inside])


def _not_believed(found: Findings) -> tuple[list[tuple[float, float]], int]:
    """Places of readings that are not believed, as far as they do not spoil the picture."""
    bad = ~found.believed & np.isfinite(found.series.values)
    levels = [level.value for level in _levels(found)]
    seen = [*found.believed_values.tolist(), *levels]
    low, high = min(seen, default=-np.inf), max(seen, default=np.inf)
    room = 0.5 * (high - low) or np.inf
    values = found.series.values
    shown = bad & (values >= low - room) & (values <= high + room)
    places = list(zip(found.series.times_h[shown].tolist(), values[shown].tolist(), strict=True))
    step = max(1, len(places) // _MARKS)
    return places[::step], int(np.count_nonzero(~found.believed & ~shown))


def _levels(found: Findings) -> list[Level]:
    if found.limits is None:
        return []
    names = ("action_low", "alert_low", "alert_high", "action_high")
    given = [(name, getattr(found.limits, name)) for name in names]
    return [
        Level(value, f"{name.split('_')[0]} {value:g}")
        for name, value in given
        if value is not None
    ]


def _excursions(found: Findings) -> AnalysisTable:
    unit = QUANTITIES[found.series.quantity].unit
    last_h = float(found.series.times_h[-1])
    return AnalysisTable(
        "Excursions",
        (
            "limit",
            "from (h)",
            "known (h)",
            "to (h)",
            "lasted (h)",
            f"magnitude{f' ({unit})' if unit else ''}",
            "extreme",
            f"area under deviation ({f'{unit} ' if unit else ''}h)",
            "unknown (h)",
        ),
        tuple(
            (
                f"{each.level} {each.side} {each.limit:g}",
                each.since_h,
                each.known_h,
                each.ended_h,
                each.duration_h(last_h),
                each.magnitude,
                each.extreme,
                each.area,
                each.unknown_h,
            )
            for each in found.excursions[:_ROWS]
        ),
    )


def _faults(found: Findings) -> AnalysisTable:
    return AnalysisTable(
        "Times in which the sensor is not believed",
        ("why", "from (h)", "known (h)", "to (h)", "readings"),
        tuple(
            (each.kind.replace("_", " "), each.since_h, each.known_h, each.ended_h, each.n)
            for each in found.faults[:_ROWS]
        ),
    )
