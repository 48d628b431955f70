"""The suspension assay: from image files to cells per mL, and what it refuses."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile

from monolayer.assays.suspension import ASSAY
from monolayer.cli import _exit_code as cli
from monolayer.errors import ConfigError
from monolayer.field import FieldImage
from monolayer.method import Method
from monolayer.simulate import (
    ChamberFieldSettings,
    ChamberSettings,
    simulate_chamber,
    simulate_chamber_field,
)

FIELD = ChamberFieldSettings(height_px=300, width_px=400, concentration_cells_per_ml=2e6)
ROLES = {"bright_field": "w1"}


def method(**settings: Any) -> Method:
    return Method.model_validate({"assay": "suspension", "suspension": settings})


def image(index: int = 0, pixel_size_um: float | None = 0.65) -> FieldImage:
    pixels = simulate_chamber_field(FIELD, 21, index).pixels
    return FieldImage({"w1": pixels}, pixel_size_um)


def row_of(field: FieldImage, roles: dict[str, str], chosen: Method) -> dict[str, Any]:
    return dict(ASSAY.evaluate(field, roles, chosen).row)


def well(rows: Sequence[dict[str, Any]], chosen: Method) -> dict[str, Any]:
    return dict(ASSAY.summarise_well([row | {"state": "ok"} for row in rows], {}, chosen))


def test_one_row_a_cell_and_one_a_field() -> None:
    chosen = method()
    found = ASSAY.evaluate(image(), ROLES, chosen)
    row, objects = dict[str, Any](found.row), found.objects
    assert found.labels is not None
    assert set(row) == {name for name, _ in ASSAY.field_columns(["w1"], chosen)}
    assert {len(column) for column in objects.values()} == {row["n_objects"]}
    assert objects["label"].tolist() == list(range(1, int(found.labels.max()) + 1))
    for label, y, x in zip(
        *(objects[name] for name in ("label", "centroid_y_px", "centroid_x_px")), strict=True
    ):
        assert np.argwhere(found.labels == label).mean(axis=0) == pytest.approx([y, x])
    np.testing.assert_allclose(objects["diameter_um"], objects["diameter_px"] * 0.65)
    counted = objects["viability_class"][objects["counted"]]
    assert (counted == "live").sum() == row["n_live"]
    assert (counted == "dead").sum() == row["n_dead"]


def test_two_sides_of_the_border_count() -> None:
    objects = ASSAY.evaluate(image(), ROLES, method()).objects
    every = row_of(image(), ROLES, method(border_rule="all"))
    labels = ASSAY.evaluate(image(), ROLES, method()).labels
    assert labels is not None
    cut = set(np.unique(labels[-1])) | set(np.unique(labels[:, -1])) - {0}
    assert cut - {0}
    np.testing.assert_array_equal(objects["counted"], ~np.isin(objects["label"], list(cut)))
    assert every["n_live"] + every["n_dead"] == every["n_objects"]


def test_the_border_rule_is_unbiased() -> None:
    """Counted cells over the imaged volume, against the cells whose centre lies in the image."""
    counted = true = 0
    for index in range(12):
        row = row_of(image(index), ROLES, method())
        counted += row["n_live"] + row["n_dead"]
        true += int(simulate_chamber_field(FIELD, 21, index).truth["inside"].sum())
    assert counted == pytest.approx(true, rel=0.05)


def test_the_concentration_follows_the_settings() -> None:
    plain = row_of(image(), ROLES, method())
    n = plain["n_live"] + plain["n_dead"]
    volume = 300 * 400 * 0.65e-3**2 * 0.1e-3
    assert plain["counted_volume_ml"] == pytest.approx(volume)
    assert plain["concentration_cells_per_ml"] == pytest.approx(n / volume)
    diluted = method(dilution_factor=2, chamber_depth_mm=0.2, sample_volume_ml=10)
    row = row_of(image(), ROLES, diluted)
    assert row["concentration_cells_per_ml"] == pytest.approx(n / volume)
    assert row["cells_in_sample"] == pytest.approx(10 * n / volume)
    squares = method(squares_per_field=4, square_area_mm2=0.0625, border_rule="all")
    row = row_of(image(pixel_size_um=None), ROLES, squares)
    assert row["concentration_cells_per_ml"] == pytest.approx(row["n_objects"] / 2.5e-5)


def test_without_a_pixel_size_counts_stay_and_um_is_null() -> None:
    found = ASSAY.evaluate(image(pixel_size_um=None), ROLES, method())
    assert found.row["viability"] is not None
    assert found.row["diameter_px"] == 20
    for name in ("diameter_um", "median_diameter_um", "concentration_cells_per_ml"):
        assert found.row[name] is None
    method_text = found.row["concentration_cells_per_ml_ci_method"]
    assert method_text == "none: counted volume unknown"
    assert np.isnan(found.objects["area_um2"]).all()


def test_an_empty_chamber_is_no_viability_and_no_cells_per_ml() -> None:
    empty = FieldImage({"w1": np.full((200, 200), 90, np.uint8)}, 0.65)
    row = row_of(empty, ROLES, method())
    assert (row["n_objects"], row["n_live"], row["n_dead"]) == (0, 0, 0)
    assert row["viability"] is None
    assert row["viability_reason"] == "no_cells"
    assert row["concentration_cells_per_ml"] == 0
    assert row["concentration_cells_per_ml_ci_high"] > 0
    assert row["median_diameter_px"] is None


def test_w9_as_a_well_of_four_fields() -> None:
    chosen = method(dilution_factor=2, sample_volume_ml=20)
    rows = [
        {
            "n_objects": live + dead,
            "n_live": live,
            "n_dead": dead,
            "n_clumped": 12,
            "counted_volume_ml": 1e-4,
        }
        for live, dead in ((52, 10), (48, 8), (55, 12), (45, 10))
    ]
    row = well(rows, chosen)
    assert set(row) == {name for name, _ in ASSAY.well_columns(["w1"], chosen)}
    assert row["concentration_live_cells_per_ml"] == pytest.approx(1.0e6, rel=1e-12)
    assert row["concentration_live_cells_per_ml_ci_low"] == pytest.approx(8.66204e5, abs=1)
    assert row["concentration_live_cells_per_ml_ci_high"] == pytest.approx(1.148610e6, abs=1)
    assert row["live_cells_in_sample"] == pytest.approx(2.0e7, rel=1e-12)
    assert row["viability"] == pytest.approx(0.833333, abs=5e-7)
    assert row["viability_ci_low"] == pytest.approx(0.781012, abs=5e-7)
    assert row["viability_ci_high"] == pytest.approx(0.875152, abs=5e-7)
    assert row["viability_decides"] == "binomial"
    assert row["clump_fraction"] == pytest.approx(48 / 240)
    assert not row["clump_flag"]


def test_wells_make_a_plate() -> None:
    chosen = method()
    wells: list[dict[str, Any]] = [
        {"n_objects": 10, "n_live": 9, "n_dead": 1, "n_clumped": 0, "viability": 0.9,
         "concentration_live_cells_per_ml": 9e5, "concentration_cells_per_ml": 1e6},
        {"n_objects": 10, "n_live": 7, "n_dead": 3, "n_clumped": 0, "viability": 0.7,
         "concentration_live_cells_per_ml": 7e5, "concentration_cells_per_ml": None},
    ]  # fmt: skip
    row = ASSAY.summarise_plate(wells, chosen)
    assert set(row) == {name for name, _ in ASSAY.plate_columns(["w1"], chosen)}
    assert row["viability"] == pytest.approx(0.8)
    assert row["n_live"] == 16
    assert row["concentration_cells_per_ml"] == 1e6
    assert row["concentration_cells_per_ml_ci_method"] == "none: one well"


def test_clumps_are_told_and_flagged() -> None:
    for clumped, flag in ((0.0, False), (0.7, True)):
        settings = FIELD.model_copy(update={"clumped": clumped, "grid": False})
        simulated = simulate_chamber_field(settings, 6)
        field = FieldImage({"w1": simulated.pixels}, 0.65)
        found = ASSAY.evaluate(field, ROLES, method())
        counted = found.objects["counted"]
        assert found.row["n_clumped"] == (counted & found.objects["in_clump"]).sum()
        assert found.row["clump_flag"] is flag


def test_several_channels_need_a_name() -> None:
    assert ASSAY.roles(["BF"], method()) == {"bright_field": "BF"}
    named = method().with_options(None, "BF")
    assert ASSAY.roles(["w1", "BF"], named) == {"bright_field": "BF"}
    with pytest.raises(ConfigError, match=r"channels w1, w2, w10: name the bright-field one"):
        ASSAY.roles(["w10", "w2", "w1"], method())
    with pytest.raises(ConfigError, match=r"is 'BF', but the images have the channels w1"):
        ASSAY.roles(["w1"], named)


def test_without_a_dye_the_report_says_so() -> None:
    plain, dyed = (ASSAY.presentation(method(mode=m)) for m in ("refractile", "trypan_blue"))
    assert "trend" in plain.caveats[0]
    assert not dyed.caveats


def test_the_command_line_counts_a_chamber(tmp_path: Path) -> None:
    folder, run = tmp_path / "set", tmp_path / "run"
    settings = ChamberSettings(viabilities=(0.9, 0.4), fields_per_sample=2, field=FIELD)
    simulate_chamber(folder, settings, 3)
    images = str(folder / "images")
    assert cli(["run", images, "--assay", "suspension", "-o", str(run), "--workers", "1"]) == 0
    wells = pq.read_table(run / "wells.parquet").to_pylist()
    assert [row["well"] for row in wells] == ["A01", "A02"]
    assert wells[0]["viability"] > wells[1]["viability_ci_high"]
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        truth = [row for row in csv.DictReader(file) if row["well"] == "A01"]
    true = sum(int(row["n_live"]) for row in truth) / sum(float(row["volume_ml"]) for row in truth)
    assert wells[0]["concentration_live_cells_per_ml"] == pytest.approx(true, rel=0.1)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Cells in suspension" in page


def test_colour_is_refused_until_the_method_names_one(tmp_path: Path) -> None:
    """Three equal colours are grey; trypan blue is read from the red."""
    dyed = FIELD.model_copy(update={"stain": "trypan_blue"})
    first, second = (simulate_chamber_field(dyed, 5, index).pixels for index in range(2))
    blue = np.minimum(first.astype(int) + 40, 255).astype(np.uint8)
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / "dyed.tif", np.stack([first, first, blue], -1), photometric="rgb")
    tifffile.imwrite(folder / "equal.tif", np.stack([second] * 3, -1), photometric="rgb")
    counts = []
    for name, text in (("reject", ""), ("red", "read: {rgb: red}\n")):
        path, run = tmp_path / f"{name}.yaml", tmp_path / name
        path.write_text(f"assay: suspension\nsuspension: {{mode: trypan_blue}}\n{text}")
        cli(["run", str(folder), "--method", str(path), "-o", str(run), "--workers", "1"])
        rows = pq.read_table(run / "fields.parquet").to_pylist()
        counts.append({row["field"]: (row["reason"], row["n_live"]) for row in rows})
    refused, read = counts
    coloured, grey = sorted(refused, key=lambda name: refused[name][0] is None)
    assert refused[coloured] == ("rgb", None)
    assert refused[grey][1] > 0
    assert read[grey] == refused[grey]
    assert read[coloured] == (
        None,
        row_of(FieldImage({"w1": first}), ROLES, method(mode="trypan_blue"))["n_live"],
    )
