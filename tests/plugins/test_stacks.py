"""Runs as stacks with sliders, and what other assays look like: times, dyes, classes, cover."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import monolayer
from monolayer.cli import _exit_code as cli
from monolayer_napari.plate import FIELDS_OK, metrics_of, plate_map
from monolayer_napari.reader import read_run
from monolayer_napari.session import Session
from monolayer_napari.view import CLASS_COLOURS, field_view

PLATE = Path(__file__).parent.parent.parent / "sample_data" / "plate"
LAYOUT = r"(?P<well>[A-Z]\d+)_t(?P<time>\d+)\.tif"
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def times_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two wells at three times; A02 has no image at the second."""
    folder = tmp_path_factory.mktemp("times")
    (folder / "images").mkdir()
    for n, name in enumerate(("A01_t1", "A01_t2", "A01_t10", "A02_t1", "A02_t10")):
        pixels = tifffile.imread(PLATE / "sample_B03_s1_w1.tif")[100 + n : 356 + n, 100:356]
        tifffile.imwrite(folder / "images" / f"{name}.tif", pixels)
    words = ["run", str(folder / "images"), "-o", str(folder / "RUN"), "--layout", LAYOUT]
    assert cli([*words, "--pixel-size-um", "0.65", "--workers", "1", "--json"]) == 0
    return folder / "RUN"


def test_acquisitions_have_a_slider_of_their_own(times_run: Path) -> None:
    image, labels = read_run(str(times_run))
    run = monolayer.open_run(times_run)
    for data, arguments, _ in (image, labels):
        assert data.shape == (3, 2, 256, 256)
        assert arguments["axis_labels"] == ("time", "field", "y", "x")
        assert arguments["scale"] == (1.0, 1.0, 0.65, 0.65)
    ids = image[1]["metadata"]["field_ids"]
    assert [None if name is None else name.split("/")[-1] for name in ids] == [
        "1", "1", "2", None, "10", "10",
    ]  # fmt: skip
    np.testing.assert_array_equal(image[0][2, 1], run.image(ids[5]).channels["ch1"])
    np.testing.assert_array_equal(labels[0][0, 1], run.labels(ids[1]))
    assert not np.asarray(image[0][1, 1]).any()
    assert not np.asarray(labels[0][1, 1]).any()


def test_plate_turns_to_a_time_and_keeps_its_colours(times_run: Path) -> None:
    session = Session(times_run)
    assert session.times == ("1", "2", "10")
    metric = metrics_of(session)[0]
    first, second = (plate_map(session, session.plates[0], time, metric) for time in ("1", "2"))
    assert (first.low, first.high) == (second.low, second.high)
    assert [spot.value is None for spot in second.spots] == [False, True]
    assert second.by_well["A02"].words == "A02: 0 of 1 fields ok, 1 missing"


def test_dyes_and_classes_have_their_colours(livedead: Path) -> None:
    session = Session(livedead)
    name = next(row.field_id for row in session.fields.values() if row.is_ok)
    view = field_view(session, name)
    colours = {
        args["name"]: args.get("colormap") for _, args, kind in view.layers if kind == "image"
    }
    assert colours == {"w1": "bop blue", "w2": "magenta"}
    (arguments,) = [args for _, args, kind in view.layers if kind == "labels"]
    objects = session.objects(name)
    for label, kind in zip(objects["label"].tolist(), objects["viability_class"], strict=True):
        assert arguments["colormap"][label] == CLASS_COLOURS[kind]
    assert {"live", "dead"} <= set(objects["viability_class"])
    assert arguments["colormap"][0] == "transparent"


def test_cover_is_coloured_and_has_no_features(tmp_path: Path) -> None:
    tile = np.random.default_rng(3).normal(1000, 5, (256, 256))
    tile[:, 128:] += np.random.default_rng(4).normal(0, 200, (256, 128))
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "T75_A01_s1_w1.tif", tile.astype(np.uint16))
    words = ["run", str(tmp_path / "images"), "-o", str(tmp_path / "RUN"), "--assay", "confluence"]
    assert cli([*words, "--pixel-size-um", "1", "--workers", "1", "--json"]) == 0
    session = Session(tmp_path / "RUN")
    (name,) = session.fields
    view: Any = field_view(session, name)
    ((data, arguments),) = [(data, args) for data, args, kind in view.layers if kind == "labels"]
    assert set(np.unique(data)) <= {0, 1, 2}
    assert set(arguments["colormap"]) == {None, 0, 1, 2}
    assert "features" not in arguments
    assert view.problems == ()
    layers = read_run(str(tmp_path / "RUN"))  # one field: no slider
    assert [layer[0].shape for layer in layers] == [(256, 256), (256, 256)]


def test_flasks_stand_in_rows(times_run: Path) -> None:
    session = Session(times_run)
    rows = {row.field_id: replace(row, well=f"T75-{row.well}") for row in session.fields.values()}
    session.fields = rows
    shown = plate_map(session, session.plates[0], "1", FIELDS_OK)
    assert not shown.is_plate
    assert [(spot.well, spot.row, spot.column) for spot in shown.spots] == [
        ("T75-A01", 0, 0), ("T75-A02", 0, 1),
    ]  # fmt: skip
    assert [spot.value for spot in shown.spots] == [100.0, 100.0]


def test_scan_is_its_picture_with_its_objects_in_place(tmp_path: Path) -> None:
    tile = tifffile.imread(PLATE / "sample_B02_s1_w1.tif")
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "P_A01_s1_w1.tif", np.tile(tile, (1, 3)))
    (tmp_path / "scan.yaml").write_text("read: {max_field_mp: 0.5, window_px: 512}")
    words = ["run", str(tmp_path / "images"), "-o", str(tmp_path / "RUN"), "--workers", "1"]
    given = ["--method", str(tmp_path / "scan.yaml"), "--pixel-size-um", "0.5", "--json"]
    assert cli([*words, *given]) == 0
    session = Session(tmp_path / "RUN")
    (name,) = session.fields
    view = field_view(session, name)
    image, found, centres = view.layers
    assert [args["name"] for _, args, _ in view.layers] == ["picture 1:2", "found", "centres"]
    assert image[0].shape == found[0].shape == (256, 768)
    assert image[1]["scale"] == (1.0, 1.0)
    assert view.problems == ()
    # Objects lie where the picture is bright.
    places = (centres[0] * 0.5 - image[1]["translate"][0]) / image[1]["scale"][0]
    rows, columns = np.rint(places).astype(int).T
    assert len(rows) > 20
    inside = image[0][rows.clip(0, 255), columns.clip(0, 767)]
    assert np.median(inside) > 2 * np.median(image[0])
