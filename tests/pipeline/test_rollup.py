"""Roll-up: field, layer, vessel, lot; against the textbook, simulation and worked examples."""

import math
from typing import Any

import numpy as np
import pytest

from monolayer.summarise import (
    Part,
    combined_uncertainty,
    dispersion_test,
    expanded_uncertainty,
    roll_up,
    t_interval,
)


def digits(value: float, places: int) -> object:
    return pytest.approx(value, abs=0.5000001 * 10**-places)


def test_w11_fields_for_a_precision() -> None:
    # Two fields of mean 1 and CV 0.40.
    pair = [Part(1 - 0.4 / math.sqrt(2)), Part(1 + 0.4 / math.sqrt(2))]
    assert roll_up("field", pair).parts_for(0.05) == 64
    assert roll_up("field", pair, population=300).parts_for(0.05) == 53


def test_w12_overdispersed_fields() -> None:
    counts = [38, 61, 45, 52, 70, 33, 49, 58, 41, 53]
    assert dispersion_test(counts).p == digits(0.0067584, 7)
    found = roll_up("field", [Part(count / 0.012) for count in counts])
    assert found.mean == digits(4166.667, 3)
    assert found.se == digits(296.3252, 4)
    limits = found.interval()
    assert (limits.low, limits.high) == (digits(3496.33, 2), digits(4837.00, 2))


def test_w20_vessel_confluence() -> None:
    found = roll_up("field", [Part(c) for c in (62, 70, 75, 58, 68, 72, 80, 65, 71, 69)])
    assert found.mean == 69.0
    assert found.between_sd == digits(6.306963, 6)
    limits, bound = found.interval(), found.interval(lower=True)
    assert (limits.low, limits.high) == (digits(64.48827, 5), digits(73.51173, 5))
    assert bound.low == digits(65.34397, 5)
    assert bound.high == math.inf


def test_w25_combined_uncertainty() -> None:
    assert 100 * combined_uncertainty(0.04, 0.01, 0.03) == digits(5.09902, 5)
    assert expanded_uncertainty(25_000, 0.04, 0.01, 0.03) == digits(2549.5, 1)


def test_one_level_is_students_interval() -> None:
    values = [0.61, 0.64, 0.58, 0.66]
    ours, known = roll_up("field", [Part(v) for v in values]).interval(), t_interval(values)
    assert (ours.low, ours.high) == pytest.approx((known.low, known.high), rel=1e-12)


def test_all_fields_seen_leaves_no_sampling_error() -> None:
    found = roll_up("field", [Part(0.5), Part(0.7)], population=2)
    assert found.variance == 0
    assert found.interval().low is None


def test_two_stages_are_cochrans_formula() -> None:
    """Section 10.3: (1-f1) s1^2/n + f1 (1-f2) s2^2 / (n m), by hand for equal stages."""
    rng = np.random.default_rng(4)
    layers = rng.normal(0.6, 0.05, (4, 1)) + rng.normal(0, 0.08, (4, 6))
    found = roll_up("layer", [_layer(row, 30) for row in layers], population=10)
    f1, f2 = 4 / 10, 6 / 30
    s1 = layers.mean(axis=1).var(ddof=1)
    s2 = layers.var(axis=1, ddof=1).mean()
    assert found.mean == pytest.approx(layers.mean())
    assert found.variance == pytest.approx((1 - f1) * s1 / 4 + f1 * (1 - f2) * s2 / 24)


def _layer(values: Any, population: float | None) -> Part:
    return roll_up("field", [Part(float(v)) for v in np.ravel(values)], population).part()


@pytest.mark.parametrize("seen", [3, 5])
def test_the_interval_holds_the_whole_stack(seen: int) -> None:
    """2,000 stacks of five layers, of which so many were seen; nominal are 95 %."""
    rng = np.random.default_rng(6)
    inside = 0
    for _ in range(2000):
        layers = rng.normal(0.6, 0.04, 5)
        fields = layers[:, None] + rng.normal(0, 0.06, (5, 40))
        drawn = [_layer(fields[i, rng.permutation(40)[:8]], 40) for i in range(seen)]
        limits = roll_up("layer", drawn, population=5).interval()
        assert limits.low is not None
        assert limits.high is not None
        inside += bool(limits.low <= fields.mean() <= limits.high)
    assert 0.925 < inside / 2000 < 0.97


def test_a_sentinel_layer_is_an_assumption() -> None:
    sentinel = [_layer([0.6, 0.62, 0.66, 0.58], None)]
    blind = roll_up("layer", sentinel, population=10)
    assert blind.variance == pytest.approx(sentinel[0].variance)
    assert blind.assumption == "one layer seen; the other 9 are as it is"
    wide = roll_up("layer", sentinel, 10, assumed_cv=0.08, assumption="validated in 2026-04")
    assert wide.variance == pytest.approx(sentinel[0].variance + 0.9 * (0.08 * 0.615) ** 2)
    assert wide.assumption is not None
    assert wide.assumption.endswith("by a CV of 0.08 (validated in 2026-04)")
    # A one-layer flask assumes nothing.
    assert roll_up("layer", sentinel, population=1).assumption is None


def test_field_to_lot() -> None:
    """Doubt rises with every level of which a part is unseen."""
    rng = np.random.default_rng(8)
    vessels = []
    for _ in range(3):
        layers = [_layer(rng.normal(0.6, 0.05, 10), None) for _ in range(2)]
        vessels.append(roll_up("layer", layers, population=10).part())
    lot = roll_up("vessel", vessels, population=12)
    assert lot.n == 3
    assert lot.variance is not None
    assert lot.variance < max(part.variance for part in vessels)
    assert 2 <= lot.free < 40


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: roll_up("layer", [Part(1), Part(2)], population=1), "2 layers of 1 cannot be"),
        (lambda: roll_up("layer", [Part(1, -1)]), "variance is below 0"),
        (lambda: roll_up("field", []).part(), "without fields"),
    ],
)
def test_impossible_levels_are_refused(call: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()  # type: ignore[operator]


def test_nothing_seen_is_not_zero() -> None:
    found = roll_up("field", [])
    assert (found.mean, found.se, found.parts_for(0.05)) == (None, None, None)
    assert found.interval().method == "none: no field"
