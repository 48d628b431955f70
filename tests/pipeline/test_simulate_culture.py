"""A simulated growing culture: its law, its truth in both channels, and its files."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from pydantic import ValidationError

from monolayer.engine.plan import make_plan
from monolayer.method import Method
from monolayer.simulate import (
    CultureSettings,
    PhaseSettings,
    SeriesSettings,
    Visit,
    expected_density,
    plan_series,
    simulate_culture,
    simulate_series,
)

TIMES = (24.0, 60.0, 96.0, 144.0)
SETTINGS = SeriesSettings(
    name="T25-3",
    fields=1,
    culture=CultureSettings(times_h=TIMES, initial_density_cells_per_cm2=9_000),
    phase=PhaseSettings(height_px=384, width_px=448),
)


@pytest.fixture(scope="module")
def visits() -> list[Visit]:
    return list(simulate_culture(SETTINGS, 5))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "series"
    simulate_series(folder, SETTINGS, 5)
    return folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def centres_inside(truth: Mapping[str, NDArray[np.float64]], shape: tuple[int, int]) -> int:
    y, x = truth["nucleus_y_px"], truth["nucleus_x_px"]
    return int(((y >= 0) & (y <= shape[0] - 1) & (x >= 0) & (x <= shape[1] - 1)).sum())


def test_exponential_growth_doubles_after_the_lag() -> None:
    law = CultureSettings(law="exponential", doubling_time_h=32, lag_h=12)
    start = law.initial_density_cells_per_cm2
    assert expected_density(law, 12) == start
    assert expected_density(law, 44) == pytest.approx(2 * start)
    assert expected_density(law, 108) == pytest.approx(8 * start)


def test_logistic_growth_crosses_as_its_formula_says() -> None:
    # Worked example W4: 20 % of the capacity, r = 0.03 per hour, 80 % after ln(16) / 0.03 hours.
    law = CultureSettings(
        initial_density_cells_per_cm2=20_000,
        capacity_cells_per_cm2=100_000,
        doubling_time_h=math.log(2) / 0.03,
        lag_h=0,
    )
    assert expected_density(law, 92.41962) == pytest.approx(80_000, rel=1e-6)


def test_the_culture_follows_its_law_but_for_rounding(visits: list[Visit]) -> None:
    assert [visit.time_h for visit in visits] == list(TIMES)
    # The canvas: the field and 60 um around it.
    area_cm2 = (384 * 0.65 + 120) * (448 * 0.65 + 120) * 1e-8
    for visit in visits:
        assert visit.expected_density_cells_per_cm2 == expected_density(
            SETTINGS.culture, visit.time_h
        )
        found, expected = visit.density_cells_per_cm2, visit.expected_density_cells_per_cm2
        assert abs(found - expected) < 1.05 / area_cm2


def test_confluence_and_counts_rise_together(visits: list[Visit]) -> None:
    confluence = [visit.phase.confluence for visit in visits]
    counts = [len(visit.phase.truth["label"]) for visit in visits]
    assert confluence == sorted(confluence)
    assert counts == sorted(counts)
    assert confluence[-1] > 2.5 * confluence[0]


def test_each_cell_has_its_nucleus_in_the_other_channel(visits: list[Visit]) -> None:
    for visit in visits:
        assert visit.nuclei is not None
        shape = visit.phase.labels.shape
        assert visit.nuclei.labels.shape == shape
        y = np.rint(visit.phase.truth["nucleus_y_px"]).astype(int)
        x = np.rint(visit.phase.truth["nucleus_x_px"]).astype(int)
        seen = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
        # Two nuclei over one another share pixels, so one of the centres may be the other's.
        hit = visit.nuclei.labels[y[seen], x[seen]]
        assert (hit > 0).all()
        assert len(np.unique(hit)) >= 0.9 * seen.sum()
        covered = visit.phase.covered[visit.nuclei.labels > 0]
        assert covered.mean() > 0.97


def test_cells_move_little_between_close_visits() -> None:
    culture = SETTINGS.culture.model_copy(
        update={"times_h": (24.0, 24.5), "motility_um2_per_h": 0.0, "lag_h": 100.0}
    )
    cells = SETTINGS.phase.cells.model_copy(update={"rounded_fraction": 0.0})
    settings = SETTINGS.model_copy(
        update={
            "culture": culture,
            "phase": SETTINGS.phase.model_copy(update={"cells": cells}),
            "nuclei_channel": False,
        }
    )
    first, second = simulate_culture(settings, 5)
    assert first.nuclei is None
    # Without motility cells only turn, so a nucleus stays where it is.
    places = [{round(float(x), 6) for x in v.phase.truth["nucleus_x_px"]} for v in (first, second)]
    assert len(places[0] & places[1]) >= 0.8 * len(places[0])


def test_a_seed_gives_the_same_bits_and_taking_no_photograph_changes_no_cell(
    visits: list[Visit],
) -> None:
    alone = SETTINGS.model_copy(update={"nuclei_channel": False})
    for one, other in zip(visits, simulate_culture(alone, 5), strict=True):
        assert one.phase.pixels.tobytes() == other.phase.pixels.tobytes()
        assert one.phase.labels.tobytes() == other.phase.labels.tobytes()


def test_the_readers_know_times_and_channels(written: Path) -> None:
    plan = make_plan(written / "images", Method(), "auto", None)
    assert [(f.well, f.field, f.time) for f in plan.fields] == [
        ("A01", "1", str(time)) for time in range(1, 5)
    ]
    assert list(plan.channels) == ["w1", "w2"]
    assert not plan.missing


def test_manifest_pairs_both_channels_with_their_truth(written: Path, visits: list[Visit]) -> None:
    rows = table(written / "manifest.csv")
    assert [row["modality"].split(",")[0] for row in rows[:2]] == [
        "phase contrast", "fluorescence nuclei (simulated Hoechst)",
    ]  # fmt: skip
    for row in rows:
        mask = tifffile.imread(written / row["mask"])
        assert tifffile.imread(written / row["path"]).shape == mask.shape
        assert int(row["n_objects"]) == mask.max()
    phase = [row for row in rows if row["modality"].startswith("phase")]
    assert [float(row["confluence_pct"]) for row in phase] == pytest.approx(
        [100 * visit.phase.confluence for visit in visits], abs=0.005
    )
    truth = table(written / "truth.csv")
    assert [float(row["time_h"]) for row in truth] == list(TIMES)
    for row, visit in zip(truth, visits, strict=True):
        n = centres_inside(visit.phase.truth, visit.phase.labels.shape)
        density = n / (384 * 448 * 0.65**2 * 1e-8)
        assert float(row["density_cells_per_cm2"]) == pytest.approx(density, rel=0.05)


def test_what_is_planned_is_what_is_written(written: Path) -> None:
    planned = {name for visit in plan_series(SETTINGS) for name in visit.files()}
    found = {
        path.relative_to(written).as_posix()
        for part in ("images", "truth")
        for path in (written / part).rglob("*.tif")
    }
    assert found == planned
    assert (written / "README.md").read_text(encoding="utf-8").startswith("# SIMULATED")


def test_nuclei_are_bright_where_the_truth_has_them(visits: list[Visit]) -> None:
    nuclei = visits[-1].nuclei
    assert nuclei is not None
    near = cv2.dilate((nuclei.labels > 0).astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    inside = np.median(nuclei.pixels[nuclei.labels > 0])
    outside = np.median(nuclei.pixels[~near])
    assert inside > 1.8 * outside


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"times_h": (24, 24)}, "must rise"),
        ({"times_h": (-1, 24)}, "must rise"),
        ({"initial_density_cells_per_cm2": 70_000}, "below the capacity, 60000"),
    ],
)
def test_bad_cultures_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CultureSettings.model_validate(settings)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed -1"):
        next(simulate_culture(SETTINGS, -1))
