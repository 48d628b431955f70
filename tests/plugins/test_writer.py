"""Labels saved back into their run: events beside the automatic labels, never over them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monolayer.engine.files import labels_path
from monolayer.engine.reviewing import RunReview
from monolayer.errors import CorrectionError
from monolayer_napari.session import Session
from monolayer_napari.view import field_view
from monolayer_napari.writer import WHY, write_labels

FIELD = "sample/B03/1"


def labels_of(run: Path, field_id: str = FIELD) -> tuple[Any, dict[str, Any]]:
    (found,) = [
        (data.copy(), arguments)
        for data, arguments, kind in field_view(Session(run), field_id).layers
        if kind == "labels"
    ]
    return found


def test_changes_become_events_and_the_automatic_labels_stay(own_run: Path) -> None:
    before = (own_run / labels_path(FIELD)).read_bytes()
    labels, meta = labels_of(own_run)
    grown = labels == 7
    grown[1:] |= grown[:-1]
    labels[(labels == 3)] = 0
    labels[grown & (labels == 0)] = 7
    labels[2:9, 2:9] = 400
    (written,) = write_labels(str(own_run / "corrections.jsonl"), labels, meta)
    assert written == str(own_run / "corrections.jsonl")
    review = RunReview(own_run).field(FIELD)
    assert [event.act.kind for event in review.events] == ["delete", "add", "redraw"]
    assert {event.why for event in review.events} == {WHY}
    assert {event.key.field_id for event in review.events} == {FIELD}
    made = review.events[1].made[0]
    np.testing.assert_array_equal(review.corrected.labels, np.where(labels == 400, made, labels))
    assert (own_run / labels_path(FIELD)).read_bytes() == before


def test_nothing_changed_writes_nothing(own_run: Path) -> None:
    assert write_labels(str(own_run), *labels_of(own_run)) == []
    assert not (own_run / "corrections.jsonl").exists()


def test_layers_that_fit_no_field_are_refused(own_run: Path, tmp_path: Path) -> None:
    labels, meta = labels_of(own_run)
    labels[labels == 3] = 0
    place = str(own_run / "corrections.jsonl")
    with pytest.raises(CorrectionError, match="not of one field of a run"):
        write_labels(place, labels, {"metadata": {}})
    with pytest.raises(CorrectionError, match="belong to its run; save it as"):
        write_labels(str(tmp_path / "elsewhere.jsonl"), labels, meta)
    with pytest.raises(CorrectionError, match="is 512 x 512 pixels and the layer is not"):
        write_labels(place, labels[1:], meta)
    other = {**meta, "metadata": {**meta["metadata"], "labels_sha256": "0"}}
    with pytest.raises(CorrectionError, match="have changed since this layer was opened"):
        write_labels(place, labels, other)
    assert not (own_run / "corrections.jsonl").exists()
    assert write_labels(place, labels, meta) == [place]
    with pytest.raises(CorrectionError, match=r"has corrections \(1\) that this layer may"):
        write_labels(place, labels, meta)
    assert len((own_run / "corrections.jsonl").read_text().splitlines()) == 1
    assert json.loads((own_run / "corrections.jsonl").read_text())["subject"] == FIELD
