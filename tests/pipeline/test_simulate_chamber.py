"""Simulated counting chambers: exact truth, the same bytes, files that the readers know."""

import csv
import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from monolayer.cli.simulate import command
from monolayer.errors import RunFolderError
from monolayer.simulate import (
    ChamberFieldSettings,
    ChamberSettings,
    plan_chamber,
    simulate_chamber,
    simulate_chamber_field,
)

SMALL = ChamberFieldSettings(height_px=240, width_px=300, concentration_cells_per_ml=3e6)
SET = ChamberSettings(name="neubauer", viabilities=(1, 0.5), fields_per_sample=1, field=SMALL)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_labels_are_the_discs_of_the_table() -> None:
    field = simulate_chamber_field(SMALL, 3)
    truth, (y, x) = field.truth, np.mgrid[:240, :300]
    assert field.labels.max() == len(truth["label"]) > 5
    for k, cy, cx, diameter in zip(
        truth["label"], truth["y_px"], truth["x_px"], truth["diameter_px"], strict=True
    ):
        disc = np.hypot(y - cy, x - cx) < diameter / 2
        own = field.labels == k
        assert own.any()
        assert (own <= disc).all()
        assert ((field.labels > 0) >= disc).all()


def test_living_cells_are_lenses_and_dead_ones_dull() -> None:
    field = simulate_chamber_field(
        SMALL.model_copy(update={"viability": 0.5, "grid": False, "clumped": 0.0}), 1
    )
    y, x = np.mgrid[:240, :300]
    for cy, cx, diameter, live, inside in zip(
        *(field.truth[n] for n in ("y_px", "x_px", "diameter_px", "live", "inside")), strict=True
    ):
        r = np.hypot(y - cy, x - cx) / (diameter / 2)
        if inside and r[[0, -1]].min() > 1 and r[:, [0, -1]].min() > 1:
            centre, rim = field.pixels[r < 0.35].mean(), field.pixels[(r > 0.7) & (r < 0.9)].mean()
            assert rim < 85
            assert (centre > 125) if live else (centre < 90)


def test_concentration_and_viability_are_those_asked_for() -> None:
    settings = ChamberFieldSettings(
        height_px=400, width_px=400, viability=0.7, clumped=0.3, concentration_cells_per_ml=4e6
    )
    truths = [simulate_chamber_field(settings, 9, index).truth for index in range(25)]
    n = sum(int(truth["inside"].sum()) for truth in truths)
    live = sum(int((truth["inside"] & truth["live"]).sum()) for truth in truths)
    expected = 25 * 4e6 * (400 * 0.65e-3) ** 2 * 0.1e-3
    assert n == pytest.approx(expected, rel=4 / expected**0.5)
    assert live / n == pytest.approx(0.7, abs=4 * (0.21 / n) ** 0.5)


def test_cells_keep_apart_but_for_clumps() -> None:
    truth = simulate_chamber_field(SMALL.model_copy(update={"clumped": 0.4}), 5).truth
    apart = np.hypot(
        truth["y_px"][:, None] - truth["y_px"], truth["x_px"][:, None] - truth["x_px"]
    ) / (truth["diameter_px"][:, None] / 2 + truth["diameter_px"] / 2)
    np.fill_diagonal(apart, 9)
    nearest = apart.min(axis=1)
    assert nearest.min() > 0.96
    assert (nearest[~truth["in_clump"]] > 1.03).all()
    assert truth["in_clump"].any()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        simulate_chamber(tmp_path / name, SET, 4)
    simulate_chamber(tmp_path / "a", SET, 4)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert len(digests(tmp_path / "a")) == 6 + 2 * len(plan_chamber(SET))
    simulate_chamber(tmp_path / "c", SET, 5)
    assert digests(tmp_path / "a") != digests(tmp_path / "c")


def test_tables_agree_with_one_another(tmp_path: Path) -> None:
    simulate_chamber(tmp_path, SET, 4)
    manifest, boxes = table(tmp_path / "manifest.csv"), table(tmp_path / "boxes.csv")
    truth, objects = table(tmp_path / "truth.csv"), table(tmp_path / "truth_objects.csv")
    assert manifest[0]["n_dead"] == truth[0]["n_dead"] == "0"
    for row, field in zip(manifest, truth, strict=True):
        labels = tifffile.imread(tmp_path / row["mask"])
        own = [box for box in boxes if box["path"] == row["path"]]
        assert labels.max() == int(row["n_objects"])
        cells = [o for o in objects if o["well"] == field["well"]]
        assert sum(o["live"] == "true" for o in cells) == int(row["n_live"])
        boxed = [o["live"] == "true" for o in cells if float(o["seen"]) >= 0.4]
        assert [box["class"] == "live" for box in own] == boxed
        counted = [o for o in cells if o["inside"] == "true"]
        assert len(counted) == int(field["n_live"]) + int(field["n_dead"])


def test_another_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(RunFolderError, match=r"thesis.txt, which is not of this chamber"):
        simulate_chamber(tmp_path, SET, 4)


def test_too_many_cells_are_refused() -> None:
    crowded = SMALL.model_copy(update={"concentration_cells_per_ml": 2e7, "depth_mm": 0.5})
    with pytest.raises(ValueError, match="do not fit next to one another"):
        simulate_chamber_field(crowded, 1)


def test_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(
        "viabilities: [0.9]\nfields_per_sample: 1\nfield: {height_px: 128, width_px: 128}\n"
    )
    result = CliRunner().invoke(
        command,
        [str(tmp_path / "set"), "--kind", "chamber", "--settings", str(tmp_path / "settings.yaml"),
         "--seed", "2", "--json"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["fields"] == 1
    assert "--assay suspension" in (tmp_path / "set" / "README.md").read_text()
