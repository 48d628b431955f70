"""What goes into a study comes out of it to the last bit, in whatever order it went in."""

import itertools
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monolayer.history import (
    Acquisition,
    Exchange,
    SensorEvent,
    SensorReading,
    Vessel,
    VesselHistory,
    ViabilityCount,
)
from monolayer.record import verify
from monolayer.study import Study

from .conftest import SEEDED

SHARES = st.none() | st.floats(0, 1)
NUMBERS = st.none() | st.floats(0, 1e300)
MINUTES = st.lists(st.integers(0, 60 * 24 * 14), max_size=6, unique=True)
NAMES = itertools.count()


def visit(draw: Any) -> dict[str, Any]:
    share = draw(SHARES)
    return {
        "n_fields": draw(st.none() | st.integers(20, 2**31 - 1)),
        "n_fields_ok": draw(st.none() | st.integers(0, 20)),
        "confluence": share,
        "confluence_lower_bound": None if share is None else draw(st.floats(0, share)),
        "confluence_se": draw(NUMBERS),
        "density_cells_per_cm2": draw(NUMBERS),
        "area_ratio": draw(NUMBERS),
        "contamination": draw(st.none() | st.booleans()),
        "image_sha256": draw(st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)),
    }


def event(minute: int, draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(["alert", "action", "fault"]))
    row = {"quantity": "ph", "kind": kind, "reason": "r", "since_at": clock(minute)}
    for name in ("ended_at", "assessed_at"):
        if draw(st.booleans()):
            row[name] = clock(minute + draw(st.integers(0, 10_000)))
    if "ended_at" in row:
        # SQLite keeps no sign of zero: -0.0 came back equal, but with another hash.
        row |= {"extreme": draw(st.floats(-1e9, 1e9)) + 0.0, "area": draw(st.floats(0, 1e9))}
    return row


def clock(minute: int) -> datetime:
    return SEEDED + timedelta(minutes=minute)


def hours(minute: int, row: dict[str, Any]) -> SensorEvent:
    times = {
        name.replace("_at", "_h"): (at - SEEDED).total_seconds() / 3600
        for name, at in row.items()
        if isinstance(at, datetime)
    }
    kept = {name: value for name, value in row.items() if not isinstance(value, datetime)}
    return SensorEvent(minute / 60, **kept | times)


@settings(
    max_examples=10,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_a_history_comes_out_as_it_went_in(study: Study, data: Any) -> None:
    name = f"R-{next(NAMES)}"
    rows: list[tuple[str, int, dict[str, Any]]] = [
        *(("acquisitions", minute, visit(data.draw)) for minute in data.draw(MINUTES)),
        *(("exchanges", minute, {"volume_ml": 5e-324}) for minute in data.draw(MINUTES)),
        *(
            ("readings", minute, {"quantity": "ph", "value": data.draw(st.floats(0, 14))})
            for minute in data.draw(MINUTES)
        ),
        *(
            ("viabilities", minute, {"viability": 1.0, "lower_bound": data.draw(SHARES)})
            for minute in data.draw(MINUTES)
        ),
        *(("sensor_events", minute, event(minute, data.draw)) for minute in data.draw(MINUTES)),
    ]
    offset = timedelta(minutes=data.draw(st.integers(-720, 840)))
    with study.change("anna", "round trip") as change:
        change.add("vessels", name=name, type="T-75", seeded_at=SEEDED)
        for kind, minute, row in data.draw(st.permutations(rows)):
            at = (SEEDED + timedelta(minutes=minute)).astimezone(timezone(offset))
            change.add(kind, vessel=name, at=at, **row)
    of: dict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for kind, minute, row in sorted(rows, key=lambda each: each[1]):
        of[kind].append((minute, row))
    found = study.history(name)
    expected = VesselHistory(
        Vessel(name, SEEDED, growth_area_cm2=75.0, n_layers=1),
        tuple(Acquisition(minute / 60, **row) for minute, row in of["acquisitions"]),
        tuple(ViabilityCount(minute / 60, **row) for minute, row in of["viabilities"]),
        tuple(SensorReading(minute / 60, **row) for minute, row in of["readings"]),
        tuple(Exchange(minute / 60, **row) for minute, row in of["exchanges"]),
        sensor_events=tuple(hours(minute, row) for minute, row in of["sensor_events"]),
    )
    assert found == expected
    assert found.sha256 == expected.sha256
    assert verify(study.entries()) == []
