"""Vessels that grow by the book, for tests of decisions: every figure is derived, none is told."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from monolayer.history import (
    Acquisition,
    Exchange,
    SensorReading,
    Vessel,
    VesselHistory,
    ViabilityCount,
)
from monolayer.summarise import clopper_pearson_interval

SEEDED = datetime(2026, 11, 10, 8, tzinfo=UTC)


def confluence_at(hours_before: float, mean: float, doubling_time_h: float) -> float:
    """Confluence so long before it was `mean`, by the law of cells at random."""
    layers = -math.log1p(-mean) * 2 ** (-hours_before / doubling_time_h)
    return -math.expm1(-layers)


def visits(
    at_h: float, mean: float, doubling_time_h: float, every_h: float, n: int
) -> list[Acquisition]:
    """Evaluable visits up to `at_h`, the lower bound three points below the mean."""
    found = []
    for back in reversed(range(n)):
        time_h = at_h - back * every_h
        if time_h < 24:
            continue
        here = confluence_at(back * every_h, mean, doubling_time_h)
        found.append(
            Acquisition(
                time_h,
                n_fields=20,
                n_fields_ok=20,
                confluence=here,
                confluence_lower_bound=max(here - 0.03, 0.0),
                confluence_field_cv=0.12,
                doublings=12.0,
                area_ratio=1.0,
                contamination=False,
                image_sha256=f"{time_h:g}",
                image_sha256_found=f"{time_h:g}",
            )
        )
    return found


def history(
    *,
    at_h: float = 90.0,
    mean: float = 0.63,
    doubling_time_h: float = 32.0,
    every_h: float = 6.0,
    n: int = 11,
    passage: int | None = 2,
    final_stage: bool | None = False,
    fed_h: float | None = None,
    ph: float | None = 7.3,
    viability: tuple[int, int] | None = None,
    last: dict[str, Any] | None = None,
    before: dict[str, Any] | None = None,
    readings: tuple[SensorReading, ...] = (),
) -> VesselHistory:
    """A vessel on track; `last` and `before` change its latest visit and the one before."""
    acquisitions = visits(at_h, mean, doubling_time_h, every_h, n)
    for place, changes in ((-1, last), (-2, before)):
        if changes:
            acquisitions[place] = _changed(acquisitions[place], changes)
    counted: tuple[ViabilityCount, ...] = ()
    if viability is not None:
        live, total = viability
        bound = clopper_pearson_interval(live, total, side="lower").low
        counted = (ViabilityCount(at_h, live / total, bound),)
    sensed = () if ph is None else (SensorReading(at_h, "ph", ph),)
    return VesselHistory(
        Vessel("V-017", SEEDED, passage=passage, final_stage=final_stage, medium_volume_ml=100.0),
        tuple(acquisitions),
        counted,
        (*sensed, *readings),
        (Exchange(at_h - 24 if fed_h is None else fed_h, 50.0),),
    )


def ready(**changes: Any) -> VesselHistory:
    """Lower bound 82 % for the second time."""
    before = {"confluence_lower_bound": 0.801} | changes.pop("before", {})
    last = {"confluence_lower_bound": 0.82} | changes.pop("last", {})
    return history(**({"mean": 0.86, "last": last, "before": before} | changes))


def _changed(visit: Acquisition, changes: dict[str, Any]) -> Acquisition:
    return replace(visit, **changes)
