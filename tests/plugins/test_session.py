"""An opened run without a screen: fields, wells, one field as layers, and what is wrong with it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import monolayer
from monolayer.engine.files import labels_path
from monolayer.errors import RunFolderError
from monolayer_napari.channels import colours_of, contrast_limits
from monolayer_napari.plate import FIELDS_OK, metrics_of, plate_map
from monolayer_napari.session import Session
from monolayer_napari.view import FieldView, field_view

FIELD = "sample/B03/1"


def layer(view: FieldView, kind: str) -> tuple[Any, dict[str, Any]]:
    (found,) = [(data, args) for data, args, is_a in view.layers if is_a == kind]
    return found


def test_session_knows_every_field_and_what_became_of_it(plate_run: Path) -> None:
    session, table = Session(plate_run), monolayer.open_run(plate_run).fields.arrow()
    assert [*session.fields] == table["field_id"].to_pylist()
    assert [row.state for row in session.fields.values()] == table["state"].to_pylist()
    assert session.plates == ("sample",)
    assert session.times == ("",)
    assert session.problems == []
    blurred = session.fields["sample/B04/3"]
    assert not blurred.is_ok
    assert blurred.why.startswith("not evaluable: out_of_focus: sample_B04_s3_w1.tif")
    assert [row.field for row in session.fields_of("sample", "B04")] == ["1", "2", "3", "4"]


def test_field_is_shown_with_scale_and_one_row_of_features_a_label(plate_run: Path) -> None:
    view = field_view(Session(plate_run / "run.json"), FIELD)
    run = monolayer.open_run(plate_run)
    pixels, of_image = layer(view, "image")
    labels, of_labels = layer(view, "labels")
    np.testing.assert_array_equal(pixels, run.image(FIELD).channels["w1"])
    np.testing.assert_array_equal(labels, run.labels(FIELD))
    assert of_image["scale"] == of_labels["scale"] == (0.65, 0.65)
    assert of_image["units"] == ("um", "um")
    assert of_image["name"] == "w1"
    assert of_labels["metadata"]["field_id"] == FIELD
    assert of_labels["metadata"]["monolayer_run"] == str(plate_run)
    objects = run.objects.pandas()
    mine = objects[objects["field_id"] == FIELD]
    features = of_labels["features"]
    np.testing.assert_array_equal(features["index"], mine["label"])
    np.testing.assert_array_equal(features["area_um2"], mine["area_um2"])
    assert view.problems == ()


def test_run_that_is_still_written_shows_what_is_finished(own_run: Path) -> None:
    whole = {name: field_view(Session(own_run), name) for name in (FIELD, "sample/C02/4")}
    for name in ("fields", "wells", "plates"):
        (own_run / f"{name}.parquet").unlink()
    shutil.rmtree(own_run / "objects")
    record = json.loads((own_run / "run.json").read_text())
    (own_run / "run.json").write_text(json.dumps({k: record[k] for k in ("format", "given")}))
    session = Session(own_run)
    assert len(session) == 24
    assert "has no tables yet, so 24 finished fields are shown" in session.problems[0]
    for name, before in whole.items():
        now = layer(field_view(session, name), "labels")[1]["features"]
        then = layer(before, "labels")[1]["features"]
        assert set(now) <= set(then)
        np.testing.assert_array_equal(now["area_px"], then["area_px"])
    metric = metrics_of(session)[0]
    assert metric == FIELDS_OK
    assert {spot.value for spot in plate_map(session, "sample", "", metric).spots} == {100.0}


def test_missing_image_leaves_the_labels_and_says_so(own_run: Path, tmp_path: Path) -> None:
    record = json.loads((own_run / "run.json").read_text())
    images = Path(shutil.copytree(record["given"]["images"], tmp_path / "images"))
    record["given"]["images"] = str(images)
    (own_run / "run.json").write_text(json.dumps(record))
    (images / "sample_B03_s1_w1.tif").unlink()
    view = field_view(Session(own_run), FIELD)
    assert [kind for _, _, kind in view.layers] == ["labels"]
    assert "its image cannot be shown" in view.problems[0]
    shutil.rmtree(images)
    view = field_view(Session(own_run), FIELD)
    assert [kind for _, _, kind in view.layers] == ["labels"]
    assert "images cannot be opened" in view.problems[0]
    assert str(images) in view.problems[0]


def test_changed_image_is_told(own_run: Path, tmp_path: Path) -> None:
    record = json.loads((own_run / "run.json").read_text())
    images = Path(shutil.copytree(record["given"]["images"], tmp_path / "images"))
    record["given"]["images"] = str(images)
    (own_run / "run.json").write_text(json.dumps(record))
    shutil.copy(images / "sample_C03_s1_w1.tif", images / "sample_B03_s1_w1.tif")
    view = field_view(Session(own_run), FIELD)
    assert len(view.layers) == 2
    assert "its image has changed since the run counted it" in view.problems[0]


def test_labels_edited_outside_are_told(own_run: Path) -> None:
    path = own_run / labels_path(FIELD)
    labels = tifffile.imread(path)
    labels[labels == 3] = 4
    tifffile.imwrite(path, labels)
    (problem,) = field_view(Session(own_run), FIELD).problems
    assert "label image was changed outside (2 labels, the first 3: 0 px" in problem
    tifffile.imwrite(path, labels[:-1])
    (problem,) = field_view(Session(own_run), FIELD).problems
    assert "differ in size (512 x 512 and 512 x 511)" in problem
    path.write_bytes(b"no image")
    view = field_view(Session(own_run), FIELD)
    assert "its label image cannot be shown" in view.problems[0]
    assert [kind for _, _, kind in view.layers] == ["image", "points"]


def test_objects_without_label_image_are_points(own_run: Path) -> None:
    (own_run / labels_path(FIELD)).unlink()
    points, arguments = layer(field_view(Session(own_run), FIELD), "points")
    features = arguments["features"]
    np.testing.assert_array_equal(points[:, 0], features["centroid_y_px"])
    assert len(points) == len(features["label"]) > 0


def test_newer_run_and_no_run_are_refused(own_run: Path, tmp_path: Path) -> None:
    (own_run / "run.json").write_text(json.dumps({"format": 10_000, "monolayer": "99.0"}))
    with pytest.raises(RunFolderError, match="update monolayer"):
        Session(own_run)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunFolderError, match="no run's folder"):
        Session(tmp_path / "empty")


def test_read_only_run_opens(own_run: Path) -> None:
    paths = [own_run, *own_run.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert len(field_view(Session(own_run), FIELD).layers) == 2
    finally:
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize(
    ("channels", "roles", "colours"),
    [
        (["w1"], {"nuclei": "w1"}, ["gray"]),
        (["DAPI", "FITC"], {}, ["bop blue", "green"]),
        (["Hoechst 33342", "PI"], {}, ["bop blue", "magenta"]),
        (["w1", "w2"], {"hoechst": "w1", "pi": "w2"}, ["bop blue", "magenta"]),
        (["w1", "w2"], {"calcein": "w1", "ethd1": "w2"}, ["green", "magenta"]),
        (["w1", "w2"], {"nuclei": "w1", "cells": "w2"}, ["bop blue", "bop orange"]),
        (["w1", "w2", "w3"], {"nuclei": "w1"}, ["bop blue", "green", "magenta"]),
        (["phase", "GFP"], {}, ["gray", "green"]),
    ],
)
def test_dyes_say_the_colours(
    channels: list[str], roles: dict[str, str], colours: list[str]
) -> None:
    assert list(colours_of(dict.fromkeys(channels), roles).values()) == colours


def test_contrast_leaves_outliers_out_and_survives_odd_images() -> None:
    pixels = np.tile(np.arange(1000, dtype=np.float32), (100, 1))
    pixels[0, 0], pixels[1, 1] = 1e9, np.nan
    low, high = contrast_limits(pixels)
    assert 0 <= low < 20
    assert 980 < high < 1000
    assert contrast_limits(np.full((4, 4), 7, np.uint16)) == (7.0, 8.0)
    assert contrast_limits(np.full((4, 4), np.nan)) == (0.0, 1.0)


def test_plate_lies_as_on_the_bench(plate_run: Path) -> None:
    session = Session(plate_run)
    metric = metrics_of(session)[0]
    shown = plate_map(session, "sample", "", metric)
    assert str(metric) == "Area density of cells (cells/cm²)"
    assert (shown.rows, shown.columns, shown.is_plate) == (3, 4, True)
    assert {spot.well: (spot.row, spot.column) for spot in shown.spots} == {
        "B02": (1, 1), "B03": (1, 2), "B04": (1, 3), "C02": (2, 1), "C03": (2, 2), "C04": (2, 3),
    }  # fmt: skip
    wells = {row["well"]: row["density_cells_per_cm2"] for row in session.wells}
    assert {spot.well: spot.value for spot in shown.spots} == wells
    assert (shown.low, shown.high) == (min(wells.values()), max(wells.values()))
    assert shown.by_well["B04"].words == "B04: 3 of 4 fields ok, 1 not evaluable"


def test_every_number_of_the_wells_colours_and_names_do_not(plate_run: Path) -> None:
    columns = {metric.column for metric in metrics_of(Session(plate_run))}
    assert {"n_objects", "nuclei_area_fraction", "area_um2_mean", ""} <= columns
    assert not columns & {"well", "plate", "time", "quality_state"}
    assert not [name for name in columns if name.endswith(("_ci_low", "_ci_method"))]
