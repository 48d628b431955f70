"""Simulated cells: reproducible, true to their settings, and with their nuclei inside."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from numpy.typing import NDArray

from monolayer.cli import verbs
from monolayer.errors import RunFolderError
from monolayer.measure import MeasureSettings, measure_objects
from monolayer.method import load_method
from monolayer.simulate import simulate_field
from monolayer.simulate.cells.field import SimulatedCellField, simulate_cell_field
from monolayer.simulate.cells.plate import CellPlateSettings, plan_cell_plate, simulate_cell_plate
from monolayer.simulate.cells.settings import CellFieldSettings, CellsSettings
from monolayer.simulate.settings import NucleiSettings, OpticsSettings, SimulateSettings
from monolayer.summarise.shapes import orientation_order


def _settings(density: float = 12_000, size: int = 512, **cells: float) -> CellFieldSettings:
    alone = NucleiSettings(
        density_cells_per_cm2=density, dividing_fraction=0.0, touching_fraction=0.0
    )
    nuclei = SimulateSettings(height_px=size, width_px=size, nuclei=alone)
    return CellFieldSettings(nuclei=nuclei, cells=CellsSettings(**cells))


@pytest.fixture(scope="module")
def field() -> SimulatedCellField:
    return simulate_cell_field(_settings(20_000), seed=3)


def _aspect_ratios(labels: NDArray[np.int32]) -> NDArray[np.float64]:
    found = measure_objects(labels, {}, MeasureSettings(groups=("axes",)), None)
    minor = np.maximum(found["axis_minor_length_px"], 0.1)
    ratio: NDArray[np.float64] = found["axis_major_length_px"] / minor
    return ratio


def test_same_seed_same_bits(field: SimulatedCellField) -> None:
    again = simulate_cell_field(_settings(20_000), seed=3)
    assert np.array_equal(field.pixels, again.pixels)
    assert np.array_equal(field.labels, again.labels)
    other = simulate_cell_field(_settings(20_000), seed=4)
    assert not np.array_equal(field.pixels, other.pixels)


def test_the_stream_is_what_it_was() -> None:
    """The same on every machine: a change here makes every simulated figure another one."""
    pixels = simulate_cell_field(_settings(20_000, size=128), seed=3).pixels
    digest = hashlib.sha256(pixels.astype("<u2").tobytes()).hexdigest()[:16]
    assert digest == "899f0a75f848d17c"


def test_nuclei_do_not_depend_on_the_cells(field: SimulatedCellField) -> None:
    alone = simulate_field(_settings(20_000).nuclei, seed=3)
    assert np.array_equal(field.nuclei.pixels, alone.pixels)
    assert np.array_equal(field.nucleus_labels > 0, alone.labels > 0)


def test_every_nucleus_lies_in_its_own_cell(field: SimulatedCellField) -> None:
    inside = field.nucleus_labels > 0
    assert np.array_equal(field.labels[inside], field.nucleus_labels[inside])


def test_truth_is_that_of_the_labels(field: SimulatedCellField) -> None:
    n = int(field.labels.max())
    assert field.truth["label"].tolist() == list(range(1, n + 1))
    assert field.truth["area_px"].tolist() == np.bincount(field.labels.ravel())[1:].tolist()
    assert field.truth["area_um2"] == pytest.approx(field.truth["area_px"] * 0.65**2, rel=1e-12)
    nuclei = np.bincount(field.nucleus_labels.ravel(), minlength=n + 1)[1:]
    assert field.truth["nucleus_area_px"].tolist() == nuclei.tolist()
    border = np.ones(field.labels.shape, bool)
    border[1:-1, 1:-1] = False
    assert set(field.truth["label"][field.truth["touches_border"]]) == (
        set(field.labels[border].tolist()) - {0}
    )
    first = [int(np.argmax(field.labels.ravel() == label)) for label in range(1, n + 1)]
    assert first == sorted(first)


@pytest.mark.parametrize(
    ("kind", "area", "aspect_ratio"),
    # The moments of a lens are those of an ellipse sqrt(7 / 8) as long for its width.
    [
        ("spindle", 1_200, 5.5 * (7 / 8) ** 0.5),
        ("ordinary", 2_000, 2.0),
        ("flattened", 6_000, 1.25),
    ],
)
def test_kinds_have_their_sizes_and_shapes(kind: str, area: float, aspect_ratio: float) -> None:
    settings = _settings(
        3_000,
        area_cv=0,
        aspect_ratio_cv=0,
        irregularity=0,
        spindle_fraction=float(kind == "spindle"),
        flattened_fraction=float(kind == "flattened"),
    )
    areas: list[float] = []
    ratios: list[float] = []
    for index in range(3):
        made = simulate_cell_field(settings, seed=2, index=index)
        whole = (made.truth["kind"] == kind) & ~made.truth["touches_border"]
        areas += made.truth["area_um2"][whole].tolist()
        ratios += _aspect_ratios(made.labels)[whole].tolist()
    # Few enough that most are not cut by a neighbour.
    assert np.median(areas) == pytest.approx(area, rel=0.05)
    assert np.median(ratios) == pytest.approx(aspect_ratio, rel=0.06)


def test_cells_shine_and_the_floor_does_not(field: SimulatedCellField) -> None:
    inside = field.labels > 0
    floor, cells = field.pixels[~inside], field.pixels[inside]
    assert np.median(cells) > np.median(floor) + 5 * floor.std()


@pytest.mark.parametrize("direction", [0.0, 0.7, -1.2])
def test_aligned_cells_share_their_direction(direction: float) -> None:
    settings = _settings(
        6_000, spindle_fraction=1.0, flattened_fraction=0.0, alignment=0.95, direction_rad=direction
    )
    labels = simulate_cell_field(settings, seed=7).labels
    found = measure_objects(labels, {}, MeasureSettings(groups=("axes",)), None)
    order = orientation_order(
        found["orientation_rad"], np.where(found["touches_border"], 0.0, found["weight"])
    )
    assert order.order is not None
    assert order.order > 0.9
    assert order.direction is not None
    # The measured angle is counted from axis 0, the simulated one from axis 1 towards axis 0.
    apart = (order.direction - (np.pi / 2 - direction) + np.pi / 2) % np.pi - np.pi / 2
    assert abs(apart) < 0.1


def test_unaligned_cells_have_no_direction() -> None:
    labels = simulate_cell_field(_settings(20_000, spindle_fraction=1.0), seed=9).labels
    found = measure_objects(labels, {}, MeasureSettings(groups=("axes",)), None)
    order = orientation_order(found["orientation_rad"], found["weight"])
    assert order.p is not None
    assert order.p > 0.01


def test_a_field_without_nuclei_has_no_cells() -> None:
    made = simulate_cell_field(_settings(0, size=64), seed=1)
    assert not made.labels.any()
    assert all(len(column) == 0 for column in made.truth.values())


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="one pixel size"):
        CellFieldSettings(cell_optics=OpticsSettings(pixel_size_um=0.5))
    with pytest.raises(ValueError, match="must be at least 0"):
        simulate_cell_field(_settings(size=64), seed=-1)


def _plate() -> CellPlateSettings:
    return CellPlateSettings(
        rows="B", flattened_fractions=(0.0, 1.0), fields_per_well=1, field=_settings(size=128)
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_plate_says_what_it_is_and_is_the_same_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        simulate_cell_plate(folder, _plate(), seed=4)
    names = sorted(str(path.relative_to(first)) for path in first.rglob("*") if path.is_file())
    assert len(names) == 6 + 2 * 2 * 2
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    readme = (first / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# SIMULATED")
    assert "seed 4" in readme
    assert load_method(first / "method.yaml").morphology.cell_channel == "w2"


def test_a_plates_files_are_its_truth(tmp_path: Path) -> None:
    simulate_cell_plate(tmp_path, _plate(), seed=4)
    made = simulate_cell_field(plan_cell_plate(_plate())[1].settings, 4, 1)
    rows = [row for row in _rows(tmp_path / "manifest.csv") if "B03" in row["path"]]
    seen = {"w1": (made.nuclei.pixels, made.nucleus_labels), "w2": (made.pixels, made.labels)}
    for row, (pixels, labels) in zip(rows, seen.values(), strict=True):
        assert np.array_equal(tifffile.imread(tmp_path / row["path"]), pixels)
        assert np.array_equal(tifffile.imread(tmp_path / row["mask"]), labels)
        assert int(row["n_objects"]) == len(np.unique(labels)) - 1
    objects = [row for row in _rows(tmp_path / "truth_objects.csv") if row["well"] == "B03"]
    assert [row["kind"] for row in objects] == made.truth["kind"].tolist()
    assert {row["kind"] for row in objects} == {"flattened"}
    truth = _rows(tmp_path / "truth.csv")[1]
    assert int(truth["n_flattened"]) == int(truth["n_objects"]) == len(objects)


def test_a_plate_is_made_by_its_command(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("rows: B\nflattened_fractions: [0.1]\nfields_per_well: 1\n"
                        "field: {nuclei: {height_px: 64, width_px: 64}}\n")  # fmt: skip
    folder = tmp_path / "plate"
    called = CliRunner().invoke(
        verbs, ["simulate", str(folder), "--kind", "cells", "--settings", str(settings), "--json"]
    )
    assert called.exit_code == 0, called.output
    plan = CliRunner().invoke(verbs, ["plan", str(folder / "images")])
    assert "Channels:    w1, w2" in plan.output


def test_a_plate_does_not_mix_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(RunFolderError, match=r"mine.txt, which is not of this plate"):
        simulate_cell_plate(tmp_path, _plate(), seed=4)
