"""Simulated vessels and ladders: files, tables, settings, and what the readers make of them."""

import csv
import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from pydantic import ValidationError

from monolayer.cli.simulate import command
from monolayer.engine.plan import make_plan
from monolayer.errors import ConfigError, RunFolderError
from monolayer.method import Method
from monolayer.simulate import (
    MICROSCOPES,
    PhasePlateSettings,
    PhaseSettings,
    VesselSettings,
    plan_phase_plate,
    plan_vessel,
    simulate_phase_field,
    simulate_phase_plate,
    simulate_vessel,
)

SMALL = PhaseSettings(height_px=128, width_px=160)
VESSEL = VesselSettings(
    name="T25-7",
    field_rows=2,
    field_columns=2,
    obstructed_fields=("2",),
    scratched_fields=("3",),
    phase=SMALL,
)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def vessel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "vessel"
    simulate_vessel(folder, VESSEL, 7)
    return folder


def test_the_readers_know_the_vessel(vessel: Path) -> None:
    plan = make_plan(vessel / "images", Method(), "auto", None)
    assert plan.listing.layout == "metaxpress"
    assert [(f.plate, f.well, f.field) for f in plan.fields] == [
        ("T25-7", "A01", str(site)) for site in range(1, 5)
    ]
    assert plan.pixel_size_um == 0.65
    assert not plan.missing
    assert not plan.listing.ignored


def test_manifest_and_truth_agree_with_the_masks(vessel: Path) -> None:
    truth = table(vessel / "truth.csv")
    for row, field in zip(table(vessel / "manifest.csv"), truth, strict=True):
        labels = tifffile.imread(vessel / row["mask"])
        usable = np.ones(labels.shape, bool)
        if row["usable"]:
            usable = tifffile.imread(vessel / row["usable"]) > 0
        assert row["modality"].startswith("phase contrast, adherent cells")
        assert int(row["n_objects"]) == labels.max() == len(np.unique(labels)) - 1
        confluence = 100 * np.count_nonzero((labels > 0) & usable) / np.count_nonzero(usable)
        assert float(row["confluence_pct"]) == pytest.approx(confluence, abs=0.005)
        assert row["confluence_pct"] == field["confluence_pct"]
        assert float(field["usable_fraction"]) == pytest.approx(usable.mean(), abs=1e-4)
    assert [bool(row["usable"]) for row in table(vessel / "manifest.csv")] == [
        False, True, True, False,
    ]  # fmt: skip


def test_every_cell_has_its_row(vessel: Path) -> None:
    counts: dict[str, int] = {}
    for row in table(vessel / "truth_objects.csv"):
        counts[row["field"]] = counts.get(row["field"], 0) + 1
    expected = {row["field"]: int(row["n_objects"]) for row in table(vessel / "truth.csv")}
    assert counts == expected


def test_the_same_command_makes_the_same_bytes(vessel: Path, tmp_path: Path) -> None:
    arguments = [str(tmp_path / "again"), "--kind", "vessel", "--seed", "7"]
    settings = ["--settings", str(vessel / "settings.yaml"), "--json"]
    result = CliRunner().invoke(command, [*arguments, *settings])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["fields"] == 4
    assert digests(tmp_path / "again") == digests(vessel)
    assert (
        (vessel / "README.md").read_text(encoding="utf-8").startswith('# SIMULATED vessel "T25-7"')
    )


@pytest.mark.parametrize("confluence_pct", [0, 20, 60, 90, 100])
def test_fields_differ_around_the_vessels_mean(confluence_pct: float) -> None:
    settings = VesselSettings(confluence_pct=confluence_pct, field_rows=5, field_columns=5)
    expected = [field.settings.cells.confluence_pct for field in plan_vessel(settings, 3)]
    assert np.mean(expected) == pytest.approx(confluence_pct, abs=0.01)
    assert (np.std(expected) > 2) == (0 < confluence_pct < 100)


def test_the_edge_is_sparser_and_swirls_make_bands() -> None:
    smooth = VesselSettings(
        field_rows=9, field_columns=9, field_cv=0, swirl=0, edge_effect=-0.5, obstructed_fields=()
    )
    expected = np.reshape(
        [field.settings.cells.confluence_pct for field in plan_vessel(smooth)], (9, 9)
    )
    assert expected[4, 4] == expected.max()
    assert expected[0, 0] < expected[0, 4] < expected[2, 4] < expected[4, 4]
    banded = smooth.model_copy(update={"edge_effect": 0.0, "swirl": 0.3})
    ring = [f.settings.cells.confluence_pct for f in plan_vessel(banded)]
    assert np.std(ring) > 5


def test_a_ladder_has_one_level_a_column(tmp_path: Path) -> None:
    settings = PhasePlateSettings(confluences_pct=(10, 90), fields_per_level=2, phase=SMALL)
    seen: list[object] = []
    simulate_phase_plate(tmp_path, settings, 1, seen.append)
    assert seen == plan_phase_plate(settings)
    low, high = (
        [float(r["confluence_pct"]) for r in table(tmp_path / "truth.csv") if r["well"] == well]
        for well in ("A01", "A02")
    )
    assert max(low) < 45 < 70 < min(high)


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"notes\.txt, which is not of this vessel"):
        simulate_vessel(tmp_path, VESSEL, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [("confluence_pct: 120", "confluence_pct"), ("speed: 3", "speed"), ("a: [", "YAML")],
)
def test_bad_settings_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    arguments = [str(tmp_path / "out"), "--kind", "vessel", "--settings", str(path)]
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_rows_of_a_ladder_are_microscopes() -> None:
    settings = PhasePlateSettings(
        microscopes=("10x", "noisy-8-bit"), confluences_pct=(50,), fields_per_level=1
    )
    one, other = plan_phase_plate(settings)
    assert (one.well, other.well) == ("A01", "B01")
    assert (one.settings.optics.bit_depth, other.settings.optics.bit_depth) == (12, 8)
    assert other.dataset == "simulated phase contrast, noisy-8-bit"
    with pytest.raises(ValidationError, match="'40x' is no microscope"):
        PhasePlateSettings(microscopes=("40x",))


@pytest.mark.parametrize("name", MICROSCOPES)
def test_every_microscope_shows_the_same_cells(name: str) -> None:
    phase = SMALL.model_copy(update={"optics": MICROSCOPES[name]})
    field = simulate_phase_field(phase, 2)
    # Cells are darker than the plastic on average, whoever looks.
    assert field.covered.any()
    assert np.median(field.pixels[field.covered]) < 0.97 * np.median(field.pixels[~field.covered])
