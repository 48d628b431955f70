"""The widgets Correct and Tune in the real napari: keys, the record, tables, pixels on screen."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from qtpy.QtWidgets import QLabel, QSlider

from monolayer.engine.corrected import recompute
from monolayer.engine.reviewing import RunReview
from monolayer.method import load_method
from monolayer.preview import preview_labels
from monolayer_napari.bench import bench_of
from monolayer_napari.correct_widget import CorrectWidget
from monolayer_napari.layers import outlines
from monolayer_napari.tune_widget import PREVIEW, TuneWidget

pytestmark = pytest.mark.viewer

FIELD, OTHER = "sample/B03/1", "sample/B03/2"
Until = Callable[..., None]


@pytest.fixture
def widget(viewer: Any, own_run: Path, until: Until) -> Any:
    bench = bench_of(viewer)
    made = CorrectWidget(viewer)
    viewer.window.add_dock_widget(made, name="Correct")
    assert bench.open(own_run)
    bench.show(FIELD)
    until(lambda: made.correcting.review is not None and made.figures.rowCount() > 0)
    made.who.setText("R. Viewer")
    yield made
    made.close_down()


def point_at(widget: Any, point: Any) -> None:
    """Put the cursor on a pixel, as a mouse would."""
    layer = widget.layer
    widget.bench.viewer.cursor.position = tuple(layer.data_to_world(point))


def press(widget: Any, key: str) -> None:
    """Press a key of the labels layer, as napari's key map hands it on."""
    from app_model.types import KeyBinding

    widget.layer.keymap[KeyBinding.from_str(key)](widget.layer)


def close_up(widget: Any, place: Any, qtbot: Any) -> Any:
    """The canvas with one nucleus large in its middle."""
    camera = widget.bench.viewer.scene.camera
    camera.center = (0.0, *widget.layer.data_to_world(place))
    camera.zoom = 12
    qtbot.wait(50)
    middle = widget.bench.viewer.screenshot(canvas_only=True, flash=False)
    height, width = middle.shape[:2]
    side = min(height, width) // 4
    return middle[height // 2 - side : height // 2 + side, width // 2 - side : width // 2 + side]


def coloured(shot: Any) -> int:
    """Pixels that are not grey: the image is grey, outlines are not."""
    rgb = shot[..., :3].astype(int)
    return int(np.count_nonzero(rgb.max(axis=2) - rgb.min(axis=2) > 30))


def centres(labels: Any) -> dict[int, tuple[float, float]]:
    found = [int(label) for label in np.unique(labels) if label]
    return {label: tuple(np.argwhere(labels == label).mean(axis=0)) for label in found}


def test_split_merge_delete_undo_save_recompute(
    widget: Any, own_run: Path, until: Until, qtbot: Any
) -> None:
    automatic = widget.correcting.labels
    places = centres(automatic)
    n = len(places)
    state = widget.correcting

    def settled(count: int) -> Callable[[], bool]:
        said = f"Corrections in effect: {count}."
        return lambda: widget.history.text() == said

    # Split: a line through the largest nucleus, from left to right of its centre.
    largest = int(np.bincount(automatic.ravel())[1:].argmax()) + 1
    row, _ = places[largest]
    columns = np.flatnonzero((automatic == largest).any(axis=0))
    for x in (columns[0] - 2, columns[-1] + 2):
        point_at(widget, (row, float(x)))
        press(widget, "C")
    until(settled(1))
    assert len(centres(state.labels)) == n + 1
    np.testing.assert_array_equal(state.labels > 0, automatic > 0)

    # Merge the two nuclei with the lowest labels.
    others = [label for label in sorted(places) if label != largest]
    first, second, third = others[:3]
    point_at(widget, places[first])
    press(widget, "F")
    point_at(widget, places[second])
    press(widget, "G")
    until(settled(2))
    assert second not in centres(state.labels)

    # Delete another, and take that back.
    point_at(widget, places[third])
    before = close_up(widget, places[third], qtbot)
    press(widget, "X")
    until(settled(3))
    assert third not in centres(state.labels)
    np.testing.assert_array_equal(widget.layer.data, state.labels)
    after = close_up(widget, places[third], qtbot)
    press(widget, "U")
    until(settled(2))
    assert third in centres(state.labels)
    # The coloured outline went with the nucleus and came back with it; the image stayed.
    again = close_up(widget, places[third], qtbot)
    assert coloured(before) > 100
    assert coloured(after) == 0
    np.testing.assert_array_equal(before, again)

    # It was recorded at once, by whom and why.
    events = RunReview(own_run).log.events()
    assert [event.act.kind for event in events] == ["split_by_line", "merge", "delete", "undo"]
    assert {event.who for event in events} == {"R. Viewer"}
    assert [event.why for event in events[:3]] == [
        "two cells taken for one",
        "one cell taken for two",
        "no cell",
    ]

    # The table of the widget and the corrected tables say the same.
    until(lambda: shown(widget, "field: Objects") == (str(n), str(n)))
    found = recompute(RunReview(own_run))
    row = pq.read_table(found.folder / "fields.parquet").to_pylist()
    (mine,) = [each for each in row if each["field_id"] == FIELD]
    assert mine["n_objects"] == n
    assert mine["n_corrections"] == 2


def test_a_field_is_left_out_for_a_reason_that_somebody_gave(
    widget: Any, own_run: Path, until: Until
) -> None:
    press(widget, "Shift-X")
    until(lambda: "needs a reason" in widget.told.text())
    assert not (own_run / "corrections.jsonl").exists()
    widget.why.setCurrentText("a bubble")
    press(widget, "Shift-X")
    until(lambda: "left out: a bubble" in widget.history.text())
    (event,) = RunReview(own_run).log.events()
    assert (event.act.kind, event.why) == ("exclude", "a bubble")


def test_classes_and_features_follow_what_was_corrected(
    viewer: Any, livedead: Path, tmp_path: Path, until: Until, qtbot: Any
) -> None:
    """A cell that was cut is two that are seen; one called dead is drawn as the dead are."""
    run = Path(shutil.copytree(livedead, tmp_path / "RUN"))
    bench, widget = bench_of(viewer), CorrectWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Correct")
    assert bench.open(run)
    field_id = next(iter(bench.session.fields)) if bench.session else ""
    bench.show(field_id)
    until(lambda: widget.figures.rowCount() > 0)
    state, layer = widget.correcting, widget.layer
    assert state.review is not None
    objects = state.review.automatic.objects
    living = np.flatnonzero(objects["viability_class"] == "live")
    largest = living[np.argmax(objects["area_px"][living])]
    label = int(objects["label"][largest])
    rows, columns = np.nonzero(layer.data == label)
    for x in (columns.min() - 2, columns.max() + 2):
        point_at(widget, (rows.mean(), float(x)))
        press(widget, "C")
    until(lambda: "in effect: 1" in widget.history.text())
    new = int(layer.data.max())
    assert new not in objects["label"]
    np.testing.assert_allclose(layer.get_color(new), layer.get_color(label))
    assert layer.get_color(new)[3] == 1
    point_at(widget, np.argwhere(layer.data == new)[0])
    press(widget, "D")
    until(lambda: "in effect: 2" in widget.history.text())
    dead = int(objects["label"][objects["viability_class"] == "dead"][0])
    np.testing.assert_allclose(layer.get_color(new), layer.get_color(dead))
    until(lambda: new in layer.features["index"].to_numpy())
    mine = layer.features[layer.features["index"] == new]
    assert mine["viability_class"].tolist() == ["dead"]
    # What is drawn by hand is of no class yet, and seen.
    press(widget, "A")
    assert (layer.selected_label, layer.mode) == (new + 1, "paint")
    assert layer.get_color(new + 1)[3] == 1
    press(widget, "Escape")
    assert layer.mode == "pan_zoom"
    viewer.window.remove_dock_widget(widget)


def test_marks_go_with_their_field(widget: Any, until: Until) -> None:
    """Another field's pixels may have another size."""
    layers = widget.bench.viewer.layers
    point_at(widget, next(iter(centres(widget.correcting.labels).values())))
    press(widget, "V")
    assert "marks" in layers
    widget.bench.show(OTHER)
    state = widget.correcting
    until(lambda: state.review is not None and state.review.field_id == OTHER)
    assert "marks" not in layers


def test_buttons_leave_no_gap_where_one_has_nothing_to_do(widget: Any) -> None:
    shown = [b for b in widget.buttons.values() if not b.isHidden()]
    assert len(shown) == len(widget.buttons) - 2, "nuclei are neither living nor dead"
    rows = sorted(widget._grid.getItemPosition(widget._grid.indexOf(b))[:2] for b in shown)
    assert rows == [(i // 2, i % 2) for i in range(len(shown))]


def shown(widget: Any, name: str) -> tuple[str, str]:
    table = widget.figures
    for row in range(table.rowCount()):
        if table.item(row, 0).text().startswith(name):
            return table.item(row, 1).text(), table.item(row, 2).text()
    return "", ""


def test_a_slider_redraws_the_preview_and_the_newest_wins(
    viewer: Any, plate_run: Path, tmp_path: Path, until: Callable[..., None], qtbot: Any
) -> None:
    bench = bench_of(viewer)
    widget = TuneWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Tune")
    try:
        assert bench.open(plate_run)
        bench.show(FIELD)
        until(lambda: PREVIEW in viewer.layers)
        assert bench.session is not None
        assert widget.image is not None
        of_run = bench.session.labels(FIELD)
        np.testing.assert_array_equal(viewer.layers[PREVIEW].data, outlines(of_run))
        qtbot.wait(50)
        before = viewer.screenshot(canvas_only=True, flash=False)

        labels = [label.text() for label in widget.findChildren(QLabel)]
        assert labels.index("<b>segment</b>") < labels.index("min score")
        slider = widget.knobs["segment.min_score"].findChild(QSlider)
        drawn: list[float] = []
        layer = viewer.layers[PREVIEW]
        for drawing in (layer.events.set_data, layer.events.labels_update):
            drawing.connect(lambda: drawn.append(time.perf_counter()))
        positions = np.linspace(slider.value(), slider.maximum() - 4, 40).astype(int)
        for position in positions:
            slider.setValue(int(position))
        assert widget.method is not None
        assert widget.method.segment.min_score > 0.9
        expected = outlines(preview_labels(widget.image, {"nuclei": "w1"}, widget.method))
        until(lambda: np.array_equal(layer.data, expected))
        # The first position and the newest; those between had not begun, or only one had.
        assert 1 <= len(drawn) < 10
        assert 0 < len(np.unique(expected)) < len(np.unique(of_run))
        qtbot.wait(50)
        after = viewer.screenshot(canvas_only=True, flash=False)
        assert np.count_nonzero((before != after).any(axis=2)) > 20

        widget.version.setText("2-draft")
        path = tmp_path / "tuned.yaml"
        assert widget.save(path)
        assert load_method(path).segment == widget.method.segment
        assert not widget.save(path)
        assert "is there already" in widget.told.text()
    finally:
        viewer.window.remove_dock_widget(widget)
    # Napari has destroyed the widget: the next field finds nobody who listens.
    bench.show(OTHER)
    until(lambda: bench.view is not None and bench.view.row.field_id == OTHER)
