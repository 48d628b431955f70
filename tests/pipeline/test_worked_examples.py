"""Worked examples of the field's formulas, each by the public function that answers it.

Numbers are those of the hand-checked list, to the digits given there.
"""

import math

import numpy as np
import pytest

from monolayer.classify import compensate
from monolayer.inspect.reference import robust_z
from monolayer.inspect.settings import FigureReference
from monolayer.measure import MeasureSettings, measure_objects
from monolayer.summarise import (
    clopper_pearson_interval,
    dispersion_test,
    poisson_interval,
    t_interval,
    wilson_interval,
)
from monolayer.summarise.coverage import (
    coverage_of_density,
    density_of_coverage,
    doubling_time_of_coverage,
)
from monolayer.summarise.crosscheck import compare, plausible_density
from monolayer.summarise.figures import Figure
from monolayer.summarise.intervals import mean_and_sd
from monolayer.summarise.proportionality import proportionality
from monolayer.summarise.reference import compare_well
from monolayer.summarise.reference_settings import (
    CultureSettings,
    Reference,
    ReferenceBand,
    ReferenceFigure,
    ReferenceLimits,
)
from monolayer.summarise.sampling import (
    fields_for_cv,
    fields_for_margin,
    fields_of_poisson,
    finite_population,
    whole_fields,
)
from monolayer.summarise.settings import CrosscheckSettings
from monolayer.summarise.suspension import ChamberCount, concentration_figures, counted_volume_ml
from monolayer.summarise.viability import Counts, viability_figures


def digits(value: float, places: int) -> object:
    """The value to so many decimal places."""
    return pytest.approx(value, abs=0.5000001 * 10**-places)


def test_w6_coverage_of_a_density() -> None:
    assert coverage_of_density(20_000, 2_000) == digits(0.329680, 6)
    assert density_of_coverage(0.80, 2_000) == digits(80_471.9, 1)
    # Without overlap, the same cover is 0.40 and 40,000: the fewest cells that give it.
    fewest, most = plausible_density(0.80, (2_000, 2_001))
    assert fewest == pytest.approx(40_000, rel=1e-3)
    assert most == digits(80_471.9, 1)


def test_w7_doubling_time_of_a_cover() -> None:
    before, after = 0.3296800, 0.7981035
    assert doubling_time_of_coverage(before, after, 64) == digits(32.000, 3)
    assert 64 * math.log(2) / math.log(after / before) == digits(50.176, 3)  # ln C: wrong by 57 %


def test_w8_viability() -> None:
    shown, exact = wilson_interval(182, 200), clopper_pearson_interval(182, 200)
    assert (shown.low, shown.high) == (digits(0.862234, 6), digits(0.942313, 6))
    # The example cuts 0.8614918 off at six digits instead of rounding it.
    assert exact.low == pytest.approx(0.861491, abs=1e-6)
    assert exact.high == digits(0.945786, 6)
    assert clopper_pearson_interval(182, 200, side="lower").low == digits(0.869461, 6)
    assert wilson_interval(200, 200).low == digits(0.981155, 6)
    assert clopper_pearson_interval(200, 200).low == digits(0.981725, 6)
    assert clopper_pearson_interval(45, 50, side="lower").low == digits(0.801167, 6)


def test_w9_counting_chamber() -> None:
    volume = counted_volume_ml((1, 1), None, depth_mm=0.1, squares=1, square_area_mm2=1.0)
    counts = zip((52, 48, 55, 45), (10, 8, 12, 10), strict=True)
    squares = [ChamberCount(live, dead, volume) for live, dead in counts]
    found = concentration_figures(squares, dilution_factor=2, sample_volume_ml=20)
    assert found["concentration_live_cells_per_ml"] == pytest.approx(1.0e6, rel=1e-12)
    assert found["live_cells_in_sample"] == pytest.approx(2.0e7, rel=1e-12)
    name = "concentration_live_cells_per_ml_ci"
    assert found[f"{name}_low"] == pytest.approx(8.66204e5, abs=0.5)
    assert found[f"{name}_high"] == pytest.approx(1.148610e6, abs=0.5)
    seen = viability_figures(Counts.pooled([Counts(each.live, each.dead) for each in squares]))
    assert seen["viability"] == digits(0.833333, 6)
    assert seen["viability_ci_low"] == digits(0.781012, 6)
    assert seen["viability_ci_high"] == digits(0.875152, 6)
    counted = poisson_interval(200)
    assert (counted.low, counted.high) == (digits(173.2409, 4), digits(229.7220, 4))


def test_w10_proportionality() -> None:
    found = proportionality([0.25, 0.5, 0.75, 1], [26, 50, 72, 100])
    assert found.slope == digits(99.2, 1)
    assert found.pi_sa_scaled == digits(0.09677419, 8)
    assert found.pi_ss_scaled == digits(0.003511967, 9)
    assert found.pi_ss == digits(0.01300728, 8)
    assert found.pi_sa == digits(0.1935484, 7)
    assert found.r2_uncentred == digits(0.999415015, 9)
    assert found.r2_centred == digits(0.9973190, 7)
    tripled = proportionality([0.25, 0.5, 0.75, 1] * 3, [26, 50, 72, 100] * 3)
    assert tripled.pi_sa_scaled == digits(0.2903226, 7)


def test_w11_fields_for_a_precision() -> None:
    assert whole_fields(fields_of_poisson(50, 0.05)) == 8
    wanted = fields_for_cv(0.40, 0.05)
    assert whole_fields(wanted) == 64
    assert finite_population(wanted, 300) == digits(52.747, 3)
    assert whole_fields(finite_population(wanted, 300)) == 53
    assert whole_fields(fields_for_margin(0.40, 0.10)) == 62


def test_w12_overdispersed_fields() -> None:
    counts = [38, 61, 45, 52, 70, 33, 49, 58, 41, 53]
    mean, sd = mean_and_sd(counts)
    assert mean == 50
    assert sd is not None
    assert sd**2 == digits(126.4444, 4)
    tested = dispersion_test(counts)
    assert (tested.statistic, tested.p) == (digits(22.76, 2), digits(0.0067584, 7))
    densities = [count / 0.012 for count in counts]
    density, spread = mean_and_sd(densities)
    assert spread is not None
    assert density == digits(4166.667, 3)
    assert spread / math.sqrt(len(counts)) == digits(296.3252, 4)
    interval = t_interval(densities)
    assert (interval.low, interval.high) == (digits(3496.33, 2), digits(4837.00, 2))


def test_w13_border_objects() -> None:
    labels = np.zeros((1000, 1000), np.int32)
    for i in range(19):
        for j in range(19):
            labels[1 + 52 * i : 51 + 52 * i, 1 + 52 * j : 51 + 52 * j] = 19 * i + j + 1
    objects = measure_objects(labels, {}, MeasureSettings(), None)
    assert objects["label"].size == 361
    assert 1 / objects["weight"] == pytest.approx(0.9025, rel=1e-12)
    assert math.fsum(objects["weight"]) == pytest.approx(400, rel=1e-12)


def test_w18_compensation() -> None:
    found = compensate([[1000, 260]], [[1, 0.05], [0.2, 1]])
    assert found[0].tolist() == [digits(996.9697, 4), digits(60.6061, 4)]


def test_w20_confluence_of_a_vessel() -> None:
    fields = [62, 70, 75, 58, 68, 72, 80, 65, 71, 69]
    mean, sd = mean_and_sd(fields)
    assert (mean, sd) == (69.0, digits(6.306963, 6))
    both, lower = t_interval(fields), t_interval(fields, side="lower")
    assert (both.low, both.high) == (digits(64.48827, 5), digits(73.51173, 5))
    assert lower.low == digits(65.34397, 5)


def test_w21_joint_value() -> None:
    z = 1.959963984540054
    a, b = (
        Figure(run, run, "density_cells_per_cm2", value, value - z * u, value + z * u, 0.95)
        for run, value, u in (("a", 25_000.0, 1_500.0), ("b", 28_000.0, 3_000.0))
    )
    found = compare(a, b, CrosscheckSettings())
    assert (found.joint_value, found.joint_u) == (digits(25_600, 1), digits(1_341.64, 2))
    assert (found.chi2, found.verdict) == (digits(0.80, 2), "agree")


def test_w22_shapes() -> None:
    labels = np.zeros((30, 40), np.int32)
    labels[5:15, 8:28] = 1
    settings = MeasureSettings()
    shape = {
        name: values[0] for name, values in measure_objects(labels, {}, settings, None).items()
    }
    assert shape["area_px"] == 200
    assert shape["axis_major_length_px"] == digits(23.065125, 6)
    assert shape["axis_minor_length_px"] == digits(11.489125, 6)
    assert shape["eccentricity"] == digits(0.867110, 6)
    assert shape["solidity"] == 1


def test_w26_robust_z_and_area_ratio() -> None:
    usual = ReferenceFigure(median=2_100, scaled_mad=300, n=8)
    band = ReferenceBand(
        culture=CultureSettings(),
        morphology_object="nucleus",
        density_low_cells_per_cm2=0,
        density_high_cells_per_cm2=1e5,
        n_wells=8,
        figures={"nucleus_area_um2_q50": usual},
    )
    reference = Reference.model_construct(
        name="R", version="1", measuring_sha256="", bands=(band,), sha256=""
    )
    row = {
        "morphology_object": "nucleus",
        "density_cells_per_cm2": 5_000.0,
        "n_objects": 200,
        "n_border_objects": 10,
        "nucleus_area_um2_q50": 3_200.0,
    }
    found = compare_well(row, reference, CultureSettings(), ReferenceLimits(), "")
    assert found["nucleus_area_um2_q50_robust_z"] == digits(3.6667, 4)
    assert found["nucleus_area_um2_q50_reference_ratio"] == digits(1.5238, 4)
    assert found["morphology_state"] == "alert"
    judged = FigureReference(median=2_100, robust_sd=300, n_fields=50)
    assert robust_z(3_200, judged) == digits(3.6667, 4)
