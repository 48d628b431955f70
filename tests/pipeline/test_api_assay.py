"""The notebook's door to the assays: the same numbers as a run, and sentences for what is wrong."""

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

import monolayer
from monolayer.errors import ConfigError
from monolayer.simulate import PhaseSettings, simulate_phase_field

SIZE = 0.65


@pytest.fixture(scope="module")
def phase() -> np.ndarray:
    return simulate_phase_field(PhaseSettings(height_px=400, width_px=400), seed=5).pixels


def test_an_assay_gives_the_numbers_of_a_run(phase: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "one.tif", phase)
    run = monolayer.run(
        tmp_path / "images", tmp_path / "R", assay="confluence", pixel_size_um=SIZE, workers=1
    )
    (row,) = run.fields.arrow().to_pylist()
    found = monolayer.assay(phase, "confluence", SIZE)
    for name in ("confluence", "covered_area_px", "usable_fraction", "focus_log_log_slope"):
        assert found.figures[name] == row[name]
    np.testing.assert_array_equal(found.labels, run.labels(row["field_id"]))
    assert found.columns == {}


def test_an_assay_of_a_named_channel(phase: np.ndarray) -> None:
    method = monolayer.Method.model_validate({"read": {"channel": "BF"}})
    one = monolayer.assay({"DAPI": phase // 2, "BF": phase}, "confluence", method=method)
    assert one.figures["confluence"] == monolayer.assay(phase, "confluence").figures["confluence"]
    assert one.figures["channel"] == "BF"


def test_channels_of_unlike_shape_are_named(phase: np.ndarray) -> None:
    with pytest.raises(ConfigError, match=re.escape("DAPI (400, 400), PI (399, 400)")):
        monolayer.assay({"DAPI": phase, "PI": phase[1:]}, "morphology")


@pytest.mark.parametrize("given", ["field.tif", Path("field.tif")])
def test_a_path_is_no_image(given: str | Path) -> None:
    with pytest.raises(ConfigError, match=r"'field\.tif' is a path: give pixels"):
        monolayer.assay(given, "confluence")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), 650.0])
def test_a_pixel_size_that_no_microscope_has(phase: np.ndarray, size: float) -> None:
    with pytest.raises(ConfigError, match=r"^A pixel size of .* between 0.01 and 100"):
        monolayer.assay(phase, "confluence", size)


def test_count_refuses_another_assay(phase: np.ndarray) -> None:
    method = monolayer.Method.model_validate({"assay": "confluence"})
    with pytest.raises(ConfigError, match=re.escape("monolayer.assay()")):
        monolayer.count(phase, method=method)


def test_viability_without_controls_names_the_verb(phase: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="monolayer controls"):
        monolayer.assay({"Hoechst": phase, "PI": phase}, "viability")
