"""Worked examples of the field's formulas, each by the public function that answers it.

Numbers are those of the hand-checked list, to the digits given there.
"""

import math

import numpy as np
import pytest

from monolayer.measure import MeasureSettings, measure_objects
from monolayer.summarise import (
    clopper_pearson_interval,
    dispersion_test,
    poisson_interval,
    t_interval,
    wilson_interval,
)
from monolayer.summarise.intervals import mean_and_sd
from monolayer.summarise.proportionality import proportionality
from monolayer.summarise.sampling import (
    fields_for_cv,
    fields_for_margin,
    fields_of_poisson,
    finite_population,
    whole_fields,
)


def digits(value: float, places: int) -> object:
    """The value to so many decimal places."""
    return pytest.approx(value, abs=0.5000001 * 10**-places)


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


def test_w9_interval_of_a_chamber_count() -> None:
    counted = poisson_interval(200)
    assert (counted.low, counted.high) == (digits(173.2409, 4), digits(229.7220, 4))
    share = wilson_interval(200, 240)
    assert (share.low, share.high) == (digits(0.781012, 6), digits(0.875152, 6))


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


def test_w20_confluence_of_a_vessel() -> None:
    fields = [62, 70, 75, 58, 68, 72, 80, 65, 71, 69]
    mean, sd = mean_and_sd(fields)
    assert (mean, sd) == (69.0, digits(6.306963, 6))
    both, lower = t_interval(fields), t_interval(fields, side="lower")
    assert (both.low, both.high) == (digits(64.48827, 5), digits(73.51173, 5))
    assert lower.low == digits(65.34397, 5)
