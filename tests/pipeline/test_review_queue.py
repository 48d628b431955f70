"""The queue of doubts beside its slow reading: all doubts made, then sorted."""

from typing import Any

import numpy as np
import pytest

from monolayer.field import natural_key
from monolayer.review import QueueSettings, rank

Row = dict[str, Any]
N_FIELDS, N = 40, 1500


def field_rows() -> list[Row]:
    return [
        {
            "field_id": f"P/A{k:02d}/{k % 3}",
            "state": "not_evaluable" if k % 7 == 3 else "ok",
            "plate": "P",
            "well": f"A{k:02d}",
            "time": None,
            "n_objects": N // N_FIELDS,
            "quality_gate": "flagged" if k % 5 == 0 else None,
            "quality_detail": "dim" if k % 10 == 0 else None,
            "confluence": k / N_FIELDS if k % 4 else None,
        }
        for k in range(N_FIELDS)
    ][::-1]


def object_columns(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    names = np.array([row["field_id"] for row in field_rows()] + ["P/Z99/1"], dtype=object)
    return {
        "field_id": names[rng.integers(0, len(names), N)],
        "label": rng.permutation(N) + 1,
        "segmentation_score": np.where(rng.random(N) < 0.1, np.nan, rng.beta(8, 2, N)),
        "area_px": rng.lognormal(6, 0.5, N).round(),
        "solidity": rng.beta(30, 2, N).round(2),
        "centroid_y_px": rng.random(N),
        "centroid_x_px": rng.random(N),
    }


SETTINGS = QueueSettings.model_validate(
    {"odd_z": 2.5, "field_limits": [{"column": "confluence", "value": 0.5, "margin": 0.2}]}
)
DISAGREE: dict[tuple[str | None, ...], str] = {("P", "A04", None): "they disagree"}


@pytest.mark.parametrize("seed", [0, 1])
def test_the_strongest_first_and_of_equals_fields_then_labels(seed: int) -> None:
    rows, columns = field_rows(), object_columns(seed)
    found = rank(rows, columns, SETTINGS, DISAGREE)
    made = list(found)
    assert len(made) == len(found) > 100
    expected = sorted(made, key=lambda d: (-d.doubt, natural_key(d.field_id), d.label or 0))
    assert made == expected
    ok = {row["field_id"] for row in rows if row["state"] == "ok"}
    assert {doubt.field_id for doubt in made} <= ok


def test_an_object_is_doubted_by_its_own_figures_and_nothing_is_left_out() -> None:
    columns = object_columns(2)
    plain = QueueSettings(weight_odd=0, weight_clump=0, weight_many=0, weight_quality=0)
    found = rank(field_rows(), columns, plain)
    ok = {row["field_id"] for row in field_rows() if row["state"] == "ok"}
    low = {
        int(label): 1 - score / plain.min_score
        for name, label, score in zip(
            *(columns[key] for key in ("field_id", "label", "segmentation_score")), strict=True
        )
        if name in ok and score < plain.min_score
    }
    assert {doubt.label: doubt.doubt for doubt in found} == pytest.approx(low)
    places = {int(label): at for at, label in enumerate(columns["label"])}
    for doubt in found:
        assert doubt.label is not None
        at = places[doubt.label]
        assert doubt.field_id == columns["field_id"][at]
        assert doubt.reason == f"confidence {columns['segmentation_score'][at]:.2f}, below 0.7"
        assert (doubt.y_px, doubt.x_px) == (
            columns["centroid_y_px"][at],
            columns["centroid_x_px"][at],
        )


def test_a_field_is_doubted_by_the_share_of_its_doubtful_objects() -> None:
    columns = object_columns(3)
    found = rank(field_rows(), columns, QueueSettings(weight_quality=0))
    for doubt in (each for each in found if each.label is None):
        held = [d.doubt for d in found if d.field_id == doubt.field_id and d.label is not None]
        share = sum(held) / (N // N_FIELDS)
        assert doubt.doubt == pytest.approx(0.8 * min(1.0, share))
        assert doubt.reason == f"{len(held)} of {N // N_FIELDS} objects are doubtful"


def test_the_queue_is_read_as_a_list_is() -> None:
    found = rank(field_rows(), object_columns(4))
    made = list(found)
    assert found == made
    assert found[-1] == made[-1]
    assert found[2:7] == made[2:7]
    assert found[5:2] == []
    with pytest.raises(IndexError):
        found[len(made)]


@pytest.mark.parametrize("rows", [[], field_rows()])
def test_without_objects_only_fields_are_doubted(rows: list[Row]) -> None:
    empty = {name: values[:0] for name, values in object_columns(0).items()}
    for columns in ({}, empty):
        found = rank(rows, columns)
        assert all(doubt.label is None and doubt.kinds == ("quality",) for doubt in found)
        assert bool(found) == bool(rows)
