"""Covered area to cells and back: the worked examples of the formulas, and refusals."""

import math

import numpy as np
import pytest

from monolayer.summarise.coverage import (
    CellArea,
    complementary_log_log,
    coverage_of_density,
    density_of_coverage,
    doubling_time_of_coverage,
    fit_cell_area,
    indirect_density,
)


def test_w6_random_placement() -> None:
    assert coverage_of_density(20_000, 2_000) == pytest.approx(0.329680, abs=5e-7)
    assert density_of_coverage(0.80, 2_000) == pytest.approx(80_471.9, abs=0.05)


def test_w7_growth_on_the_complementary_log_log_scale() -> None:
    before, after = 0.3296800, 0.7981035
    assert doubling_time_of_coverage(before, after, 64) == pytest.approx(32.000, abs=5e-4)
    naive = 64 * math.log(2) / math.log(after / before)
    assert naive == pytest.approx(50.176, abs=5e-4)


def test_there_and_back() -> None:
    for density in (0.0, 1.0, 5_000.0, 200_000.0):
        covered = coverage_of_density(density, 1_800)
        assert density_of_coverage(covered, 1_800) == pytest.approx(density, rel=1e-9)


def test_discs_at_random_cover_what_the_formula_says() -> None:
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:600, :600]
    covered = np.zeros((600, 600), bool)
    # On a torus, so that the border does not matter: 300 discs of radius 20.
    for cy, cx in rng.uniform(0, 600, (300, 2)):
        dy, dx = np.abs(y - cy), np.abs(x - cx)
        covered |= np.minimum(dy, 600 - dy) ** 2 + np.minimum(dx, 600 - dx) ** 2 < 400
    area_cm2 = 600 * 600 * 1e-8
    expected = coverage_of_density(300 / area_cm2, math.pi * 400)
    assert covered.mean() == pytest.approx(expected, abs=0.03)


def test_a_calibration_recovers_the_area_and_its_scatter() -> None:
    densities = [2_000.0, 8_000.0, 20_000.0, 40_000.0]
    exact = fit_cell_area([coverage_of_density(d, 2_000) for d in densities], densities)
    assert exact.cell_area_um2 == pytest.approx(2_000, rel=1e-12)
    assert exact.rmse_cells_per_cm2 == pytest.approx(0, abs=1e-6)
    assert (exact.n_fields, exact.confluence_high) == (4, coverage_of_density(40_000, 2_000))
    # By hand: -ln(1 - C) of 1, 1 and 2; slope (1 x 90 + 1 x 110 + 2 x 200) / 6 = 100.
    c = [1 - math.exp(-1), 1 - math.exp(-1), 1 - math.exp(-2)]
    rough = fit_cell_area(c, [90.0, 110.0, 200.0])
    assert rough.cell_area_um2 == pytest.approx(1e6)
    assert rough.rmse_cells_per_cm2 == pytest.approx(10.0)


AREA = CellArea(2_000, 10, 1_500, 0.1, 0.8)


def test_an_estimate_carries_the_calibrations_scatter() -> None:
    density, interval = indirect_density(0.5, AREA, 0.95)
    assert density == pytest.approx(34_657.36, abs=0.005)
    # t(9) is 2.262157; times 1,500 times the root of 1.1.
    assert interval.low == pytest.approx(34_657.36 - 3_558.85, abs=0.05)
    assert interval.high == pytest.approx(34_657.36 + 3_558.85, abs=0.05)
    assert interval.method == "calibration of 10 fields, t"


@pytest.mark.parametrize(
    ("confluence", "calibration", "reason"),
    [
        (0.5, None, "none: no calibration"),
        (None, AREA, "none: no usable area"),
        (0.05, AREA, "none: confluence outside the calibrated 0.1 to 0.8"),
        (0.81, AREA, "none: confluence outside the calibrated 0.1 to 0.8"),
        (1.0, AREA, "none: confluence outside the calibrated 0.1 to 0.8"),
    ],
)
def test_nothing_is_estimated_beyond_the_calibration(
    confluence: float | None, calibration: CellArea | None, reason: str
) -> None:
    density, interval = indirect_density(confluence, calibration, 0.95)
    assert (density, interval.low, interval.high) == (None, None, None)
    assert interval.method == reason


@pytest.mark.parametrize("confluence", [1.0, 1.2, -0.1, math.nan])
def test_impossible_confluence_is_refused(confluence: float) -> None:
    with pytest.raises(ValueError, match=str(confluence)):
        density_of_coverage(confluence, 2_000)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="cell_area_um2 is 0"):
        coverage_of_density(100, 0)
    with pytest.raises(ValueError, match="density -1"):
        coverage_of_density(-1, 2_000)
    with pytest.raises(ValueError, match="leave bare fields out"):
        complementary_log_log(0)
    with pytest.raises(ValueError, match="no growth"):
        doubling_time_of_coverage(0.5, 0.4, 24)
    with pytest.raises(ValueError, match="hours is 0"):
        doubling_time_of_coverage(0.4, 0.5, 0)
    with pytest.raises(ValueError, match="three fields or more"):
        fit_cell_area([0.1, 0.2], [10, 20])
    with pytest.raises(ValueError, match="no area to be fitted"):
        fit_cell_area([0.1, 0.2, 0.3], [0, 0, 0])
