"""Verdicts that only the fields together can give."""

from typing import Any

import numpy as np
import pytest

from monolayer.engine.marks import Evidence, judge_together, mark
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


def marked(rows: list[dict[str, Any]], settings: InspectSettings) -> list[dict[str, Any]]:
    evidence = Evidence(len(rows), settings)
    for place, item in enumerate(rows):
        evidence.note(place, item)
    verdicts = judge_together(evidence, lambda place: rows[place]["field_id"])
    return [mark(item, verdicts.get(place)) for place, item in enumerate(rows)]


def test_a_blurred_field_loses_its_counts_and_keeps_its_figures() -> None:
    rows = [row(str(i), slope) for i, slope in enumerate([*SHARP, -3.1])]
    found = marked(rows, InspectSettings())
    assert states(found) == ["ok"] * 8 + ["not_evaluable"]
    assert found[8]["reason"] == "out_of_focus"
    assert "-3.10" in found[8]["detail"]
    assert "n_objects" not in found[8]
    assert found[8]["focus_log_log_slope"] == -3.1


def test_an_empty_field_and_another_plate_are_not_compared() -> None:
    rows = [row(str(i), slope) for i, slope in enumerate(SHARP)]
    empty = row("empty", -3.1, signal_to_noise=0.5)
    elsewhere = row("elsewhere", -3.1, plate="Q")
    assert states(marked([*rows, empty, elsewhere], InspectSettings())) == ["ok"] * 10


def test_plates_between_one_another_are_judged_apart() -> None:
    rows = [row(f"{p}{i}", slope, plate=p) for i, slope in enumerate(SHARP) for p in "PQ"]
    blurred = row("blurred", -4.1, plate="Q")
    assert states(marked([*rows, blurred], InspectSettings())) == ["ok"] * 16 + ["not_evaluable"]


def test_the_first_of_two_equal_images_stands() -> None:
    rows = [row("a"), row("b"), row("copy", pixels_sha256="a"), row("bad", state="failed")]
    found = marked(rows, InspectSettings())
    assert states(found) == ["ok", "ok", "not_evaluable", "failed"]
    assert "P/a" in found[2]["detail"]
    assert "n_objects" not in found[2]


def test_a_copy_is_no_neighbour_whose_focus_counts() -> None:
    sharp = [row(str(i), slope) for i, slope in enumerate(SHARP)]
    copies = [row(f"copy {i}", -5.0, pixels_sha256="0") for i in range(20)]
    found = marked([*sharp, *copies], InspectSettings())
    assert [item["reason"] for item in found] == [None] * 8 + ["duplicate_image"] * 20
