"""Plate, queue and run without OpenGL: a viewer's model, real widgets, real mouse and keys."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monolayer_napari.bench import Bench, bench_of
from monolayer_napari.doubts import Doubt
from monolayer_napari.run_command import Progress, RunCommand, outcome_words

pytest.importorskip("napari", reason="napari comes with the extra 'gui'")
PLATE = Path(__file__).parent.parent.parent / "sample_data" / "plate"
Until = Callable[..., None]


@pytest.fixture
def model(qapp: Any) -> Iterator[Any]:
    """A viewer without a window."""
    from napari.components import ViewerModel

    made = ViewerModel()
    yield made
    bench_of(made).close()


@pytest.fixture
def bench(model: Any, plate_run: Path) -> Bench:
    made = bench_of(model)
    assert made.open(plate_run)
    return made


def click(qtbot: Any, widget: Any, point: Any) -> None:
    from qtpy.QtCore import Qt

    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=point.toPoint())


def shown(bench: Bench) -> str | None:
    return bench.view.row.field_id if bench.view else None


def test_widgets_of_a_viewer_share_one_bench(model: Any) -> None:
    assert bench_of(model) is bench_of(model)


def test_field_asked_for_last_wins(bench: Bench, until: Until) -> None:
    told: list[str] = []
    bench.shown.connect(lambda view: told.append(view.row.field_id))
    for name in ("sample/B02/1", "sample/B03/1", "sample/C04/2"):
        bench.show(name)
    until(lambda: shown(bench) == "sample/C04/2")
    assert told == ["sample/C04/2"]
    np.testing.assert_array_equal(
        bench.viewer.layers["labels"].data,
        bench.session.labels("sample/C04/2"),  # type: ignore[union-attr]
    )


def test_layers_are_filled_anew_and_keep_what_a_person_has_set(bench: Bench, until: Until) -> None:
    bench.show("sample/B03/1")
    until(lambda: shown(bench) == "sample/B03/1")
    before = list(bench.viewer.layers)
    bench.viewer.layers["w1"].contrast_limits = (100, 200)
    bench.show("sample/C02/4")
    until(lambda: shown(bench) == "sample/C02/4")
    assert list(bench.viewer.layers) == before
    assert len(bench.viewer.layers["labels"].features) == 0
    assert tuple(bench.viewer.layers["w1"].contrast_limits) == (100, 200)
    assert bench.viewer.layers["labels"].metadata["field_id"] == "sample/C02/4"
    bench.show("sample/B04/3")
    until(lambda: shown(bench) == "sample/B04/3")
    assert not bench.viewer.layers["labels"].visible
    assert bench.viewer.layers["labels"].data.max() == 0
    assert "field_id" not in bench.viewer.layers["labels"].metadata
    bench.show("sample/B03/1")
    until(lambda: shown(bench) == "sample/B03/1")
    assert bench.viewer.layers["labels"].visible


def test_fields_share_a_contrast_that_only_widens(bench: Bench, until: Until) -> None:
    limits = []
    for name in ("sample/C02/4", "sample/B04/2", "sample/C02/4"):
        bench.show(name)
        until(lambda name=name: shown(bench) == name)
        limits.append(tuple(bench.viewer.layers["w1"].contrast_limits))
    assert limits[1][1] > limits[0][1]
    assert limits[2] == limits[1]


def test_another_run_takes_the_first_ones_layers_away(
    bench: Bench, own_run: Path, until: Until
) -> None:
    bench.viewer.add_image(np.zeros((4, 4)), name="mine")
    bench.show("sample/B03/1")
    until(lambda: shown(bench) == "sample/B03/1")
    assert bench.open(own_run)
    assert [layer.name for layer in bench.viewer.layers] == ["mine"]
    assert shown(bench) is None


def test_what_cannot_be_opened_is_told_and_the_open_run_stays(bench: Bench, tmp_path: Path) -> None:
    told: list[str] = []
    bench.told.connect(told.append)
    before = bench.session
    assert not bench.open(tmp_path)
    assert "no run.json" in told[0]
    assert bench.session is before


def test_click_on_a_well_opens_a_field_of_it(bench: Bench, qtbot: Any, until: Until) -> None:
    from monolayer_napari.plate_widget import PlateWidget

    plate = PlateWidget(bench.viewer)
    qtbot.addWidget(plate)
    plate.resize(420, 500)
    plate.show()
    assert plate.named.text() == "RUN: 23 of 24 fields ok"
    assert plate.map is not None
    click(qtbot, plate.picture, plate.picture.rect_of(plate.map.by_well["B04"]).center())
    until(lambda: shown(bench) == "sample/B04/1")
    assert plate.picture.chosen == "B04"
    click(qtbot, plate.strip, plate.strip.rect_of(2).center())
    until(lambda: shown(bench) == "sample/B04/3")
    assert "not evaluable" in plate.named.text()
    assert "out of focus" in plate.told.text()


def test_wells_have_the_colour_of_their_number_and_unknown_ones_none(
    bench: Bench, qtbot: Any
) -> None:
    from monolayer.drawing.palette import colour
    from monolayer_napari.plate_widget import PlateWidget

    plate = PlateWidget(bench.viewer)
    qtbot.addWidget(plate)
    plate.resize(420, 500)
    for metric in ("n_objects", "area_um2_mean"):
        plate.metric_box.setCurrentIndex(plate.metric_box.findText(metric))
        drawn = plate.picture.grab().toImage()
        assert plate.map is not None
        for spot in plate.map.spots:
            assert spot.value is not None
            box = plate.picture.rect_of(spot)
            inside = drawn.pixelColor(int(box.center().x()), int(box.top() + 0.12 * box.height()))
            assert inside.name() == colour(plate.map.fraction(spot.value))
    # A step to the next plate or time must not move the ends of the colours.
    assert plate.map is not None
    assert (plate.map.low, plate.map.high) == (
        min(row["area_um2_mean"] for row in bench.session.wells),  # type: ignore[union-attr]
        max(row["area_um2_mean"] for row in bench.session.wells),  # type: ignore[union-attr]
    )


def test_a_step_draws_only_the_wells_that_it_is_about(
    qtbot: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monolayer_napari.plate import FIELDS_OK, PlateMap, Spot
    from monolayer_napari.plate_picture import PlatePicture

    places = [(row, column) for row in range(16) for column in range(24)]
    spots = tuple(Spot(f"{chr(65 + r)}{c + 1:02d}", r, c, float(r), ()) for r, c in places)
    picture, drawn = PlatePicture(), list[str]()
    qtbot.addWidget(picture)
    whole = PlatePicture._paint_well

    def paint(picture: Any, painter: Any, shown: Any, spot: Spot) -> None:
        drawn.append(spot.well)
        whole(picture, painter, shown, spot)

    monkeypatch.setattr(PlatePicture, "_paint_well", paint)
    picture.set_map(PlateMap("P", "", FIELDS_OK, 16, 24, spots, True, 0.0, 15.0))
    picture.resize(700, 500)
    picture.show()
    until(lambda: len(drawn) >= 384)
    picture.choose("C05")
    qtbot.wait(50)
    drawn.clear()
    picture.choose("N20")
    until(lambda: {"C05", "N20"} <= set(drawn))
    assert len(drawn) <= 18  # these two and their neighbours
    drawn.clear()
    picture.choose("not of this plate")
    until(lambda: "N20" in drawn)


def doubts(*names: str) -> list[Doubt]:
    return [Doubt(name, None, 0.9, ("odd",), f"because of {name}") for name in names]


def test_keys_step_through_the_queue_and_stop_at_its_ends(
    bench: Bench, qtbot: Any, until: Until
) -> None:
    from monolayer_napari.queue_widget import NEXT, PREVIOUS, QueueWidget

    queue = QueueWidget(bench.viewer)
    qtbot.addWidget(queue)
    queue.show()
    until(lambda: len(queue.doubts) > 0)
    names = ("sample/B02/1", "sample/C04/2", "sample/B03/1")
    queue.set_doubts(doubts(*names))
    until(queue.isVisible)
    seen = []
    for key in (NEXT, NEXT, NEXT, NEXT, PREVIOUS):
        qtbot.keyClick(queue.table, key)
        assert queue.at is not None
        wanted = queue.doubts[queue.at].field_id
        until(lambda wanted=wanted: shown(bench) == wanted)
        seen.append(wanted)
    assert seen == [*names, names[2], names[1]]
    assert queue.told.text() == "2 of 3: because of sample/C04/2"


def test_next_fields_are_read_ahead(bench: Bench, qtbot: Any, until: Until) -> None:
    from monolayer_napari.queue_widget import QueueWidget

    queue = QueueWidget(bench.viewer)
    qtbot.addWidget(queue)
    until(lambda: len(queue.doubts) > 0)
    names = ["sample/B02/1", "sample/C04/2", "sample/B03/1", "sample/B03/2", "sample/B03/3"]
    queue.set_doubts(doubts(*names))
    queue.go(0)
    until(lambda: all(bench.has_read(name) for name in names[:4]))
    assert not bench.has_read(names[4])
    queue.go(1)
    assert shown(bench) == names[1]  # at once, without waiting


def test_object_in_doubt_is_ringed_in_the_middle(bench: Bench, qtbot: Any, until: Until) -> None:
    from monolayer_napari.queue_widget import QueueWidget

    queue = QueueWidget(bench.viewer)
    qtbot.addWidget(queue)
    until(lambda: len(queue.doubts) > 0)
    queue.set_doubts([Doubt("sample/B03/1", 5, 0.9, ("odd",), "odd"), *doubts("sample/B02/1")])
    queue.go(0)
    until(lambda: shown(bench) == "sample/B03/1")
    layers = bench.viewer.layers
    features = layers["labels"].features.set_index("label").loc[5]
    place = [features["centroid_y_px"], features["centroid_x_px"]]
    ring = layers["in doubt"].data[:, 0]
    np.testing.assert_allclose(ring.mean(axis=0), place)
    side = max(features[f"bbox_max_{a}_px"] - features[f"bbox_min_{a}_px"] for a in "yx")
    np.testing.assert_allclose(np.hypot(*(ring - place).T), side)
    np.testing.assert_allclose(bench.viewer.scene.camera.center[-2:], np.array(place) * 0.65)
    assert layers["labels"].selected_label == 5
    assert layers.selection.active is layers["labels"]
    queue.go(1)
    until(lambda: shown(bench) == "sample/B02/1")
    assert not layers["in doubt"].visible


def eight_plates(folder: Path) -> Path:
    """The sample plate eight times: long enough at work that a cancel comes before the end."""
    folder.mkdir()
    for path in PLATE.glob("*.tif"):
        for k in range(8):
            (folder / path.name.replace("sample", f"sample{k}")).symlink_to(path)
    return folder


def test_cancelled_run_goes_on_and_gives_the_tables_of_the_command_line(
    model: Any, qtbot: Any, tmp_path: Path, until: Until
) -> None:
    from monolayer_napari.run_widget import RunWidget

    images, n = eight_plates(tmp_path / "images"), 8 * 24
    widget = RunWidget(model)
    qtbot.addWidget(widget)
    widget.images.setText(str(images))
    widget.output.setText(str(tmp_path / "GUI"))
    widget.workers.setValue(1)
    widget.go_button.click()
    assert not widget.go_button.isEnabled()
    until(lambda: widget.progress.done > 0, seconds=60)
    widget.cancel_button.click()
    until(lambda: not widget.is_running)
    assert "cancelled; what is finished is kept" in widget.told.text()
    assert not list((tmp_path / "GUI").rglob(".unfinished-*"))
    kept = widget.progress.done
    assert 0 < kept < n
    widget.go_button.click()
    until(lambda: not widget.is_running, seconds=60)
    assert 0 < widget.progress.total <= n - kept
    assert widget.bar.value() == widget.bar.maximum() == widget.progress.total
    assert "The run finished. " in widget.told.text()
    assert "not evaluable" in widget.told.text()
    assert "$ monolayer run" in widget.log.toPlainText()
    session = bench_of(model).session
    assert session is not None
    assert session.folder == tmp_path / "GUI"
    command = [sys.executable, "-m", "monolayer", "run", str(images), "-o", str(tmp_path / "CLI")]
    subprocess.run([*command, "--workers", "1"], check=True, capture_output=True, timeout=120)
    tables = sorted((tmp_path / "CLI").glob("**/*.parquet"))
    tables = [path for path in tables if "parts" not in path.parts]
    assert len(tables) == 3 + 8
    for path in tables:
        same = tmp_path / "GUI" / path.relative_to(tmp_path / "CLI")
        assert same.read_bytes() == path.read_bytes(), path.name


def test_refused_run_says_why(model: Any, qtbot: Any, tmp_path: Path, until: Until) -> None:
    from monolayer_napari.run_widget import RunWidget

    widget = RunWidget(model)
    qtbot.addWidget(widget)
    widget.go()
    assert widget.told.text() == "Choose the folder of the images first."
    widget.images.setText(str(tmp_path / "nowhere"))
    widget.go()
    assert widget.told.text().startswith("Choose a folder for the run first")
    widget.output.setText(str(tmp_path / "GUI"))
    widget.go()
    until(lambda: not widget.is_running)
    assert "The run refused: " in widget.told.text()
    assert "nowhere" in widget.told.text()


def test_run_ends_with_its_widget(model: Any, qtbot: Any, tmp_path: Path, until: Until) -> None:
    from monolayer_napari.run_widget import RunWidget

    widget = RunWidget(model)
    qtbot.addWidget(widget)
    widget.images.setText(str(PLATE))
    widget.output.setText(str(tmp_path / "GUI"))
    widget.go()
    until(lambda: widget.is_running)
    widget.close()
    assert not widget.is_running


def test_form_becomes_the_words_of_the_command_line() -> None:
    asked = RunCommand("my images", "RUN", "viability", "lot 3.yaml", "w1", 0.65, 2)
    assert asked.words == (
        "monolayer run 'my images' -o RUN --assay viability --method 'lot 3.yaml' --channel w1 "
        "--pixel-size-um 0.65 --workers 2"
    )
    assert RunCommand("images", "RUN").words == "monolayer run images -o RUN"


def test_progress_takes_lines_in_any_pieces() -> None:
    lines = [
        {"event": "run_started", "n_open": 3},
        {"event": "fields_done", "n": 2, "done": 2, "total": 3, "states": {"ok": 1, "failed": 1}},
        {"event": "field_failed", "field_id": "a", "reason": "truncated", "detail": "it is short"},
        {"event": "run_finished", "counts": {"ok": 2, "failed": 1, "missing": 0}},
    ]
    text = "a word\n" + "".join(json.dumps(line) + "\n" for line in lines)
    for step in (1, 7, len(text)):
        progress = Progress()
        told = [progress.feed(text[at : at + step]) for at in range(0, len(text), step)]
        assert sum(map(len, told)) == 4
        assert progress.words == "fields: 2 of 3 fields, 2 ok, 1 failed"
        assert progress.failures == ["a: it is short"]


def test_exit_codes_have_words() -> None:
    assert outcome_words(3) == "finished; some fields failed"
    assert "code -9" in outcome_words(-int(signal.SIGKILL))


def test_a_run_that_is_still_being_written_shows_its_first_field(
    model: Any, own_run: Path, qtbot: Any, until: Until
) -> None:
    from monolayer_napari.queue_widget import QueueWidget

    for table in own_run.glob("*.parquet"):
        table.unlink()
    queue, bench = QueueWidget(model), bench_of(model)
    qtbot.addWidget(queue)
    assert bench.open(own_run)
    until(lambda: shown(bench) == "sample/B02/1")
    assert queue.told.text().startswith("Not ranked yet")
