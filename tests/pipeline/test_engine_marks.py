"""Verdicts that only the fields together can give."""

from typing import Any

import numpy as np
import pytest

from monolayer.engine.marks import mark_blurred, mark_doubles
from monolayer.inspect import InspectSettings, blurred_beside

SHARP = [-1.5, -1.2, -1.8, -1.4, -1.6, -1.3, -1.7, -1.5]


def row(name: str, slope: float = -1.5, **more: Any) -> dict[str, Any]:
    return {
        "field_id": f"P/{name}", "plate": "P", "channel": "w1", "paths": f"{name}.tif",
        "state": "ok", "reason": None, "detail": None, "n_objects": 5, "pixels_sha256": name,
        "focus_log_log_slope": slope, "signal_to_noise": 50.0,
    } | more  # fmt: skip


def states(rows: list[dict[str, Any]]) -> list[str]:
    return [item["state"] for item in rows]


@pytest.mark.parametrize(
    ("slopes", "limit", "blurred"),
    [
        ([*SHARP, -3.1], 4.0, [8]),
        ([*SHARP, -3.1], None, []),
        ([*SHARP, -2.4], 4.0, []),  # less than 1 below the median
        ([*SHARP, 0.0], 4.0, []),  # sharper than the others is no fault
        ([*SHARP[:6], -3.1], 4.0, []),  # too few to know
        ([-1.0, -1.5, -2.0, -2.5, -3.0, -1.2, -2.2, -2.8, -3.1], 4.0, []),  # all differ
    ],
)
def test_blurred_beside(slopes: list[float], limit: float | None, blurred: list[int]) -> None:
    found = blurred_beside(np.array(slopes), InspectSettings(max_focus_deviation=limit))
    assert list(np.flatnonzero(found)) == blurred


def test_a_blurred_field_loses_its_counts_and_keeps_its_figures() -> None:
    rows = [row(str(i), slope) for i, slope in enumerate([*SHARP, -3.1])]
    marked = mark_blurred(rows, InspectSettings())
    assert states(marked) == ["ok"] * 8 + ["not_evaluable"]
    assert marked[8]["reason"] == "out_of_focus"
    assert "-3.10" in marked[8]["detail"]
    assert "n_objects" not in marked[8]
    assert marked[8]["focus_log_log_slope"] == -3.1


def test_an_empty_field_and_another_plate_are_not_compared() -> None:
    rows = [row(str(i), slope) for i, slope in enumerate(SHARP)]
    empty = row("empty", -3.1, signal_to_noise=0.5)
    elsewhere = row("elsewhere", -3.1, plate="Q")
    assert states(mark_blurred([*rows, empty, elsewhere], InspectSettings())) == ["ok"] * 10


def test_the_first_of_two_equal_images_stands() -> None:
    rows = [row("a"), row("b"), row("copy", pixels_sha256="a"), row("bad", state="failed")]
    marked = mark_doubles(rows)
    assert states(marked) == ["ok", "ok", "not_evaluable", "failed"]
    assert "P/a" in marked[2]["detail"]
    assert "n_objects" not in marked[2]
