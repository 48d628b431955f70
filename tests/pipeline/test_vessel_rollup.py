"""One vessel at one visit: against roll_up by hand, worked examples and simulation."""

import json
import math

import numpy as np
import pytest

from monolayer.summarise import Part, SummariseSettings, roll_up
from monolayer.summarise.vessel import roll_up_vessel

SETTINGS = SummariseSettings()
# W20 of the domain's worked examples.
W20 = (62, 70, 75, 58, 68, 72, 80, 65, 71, 69)


def digits(value: float, places: int) -> object:
    return pytest.approx(value, abs=0.5000001 * 10**-places)


def test_w20_a_vessel_of_one_layer() -> None:
    found = roll_up_vessel({"1": W20}, SETTINGS)
    assert found.vessel.mean == 69.0
    assert found.lower_bound == digits(65.34397, 5)
    assert found.field_cv == digits(0.091405, 6)
    assert found.vessel.assumption is None


def test_fields_that_are_all_equal_bound_their_mean() -> None:
    """A vessel that is full, or bare, in every field: no spread is a spread of nothing."""
    for value in (1.0, 0.0, 0.85):
        found = roll_up_vessel({"1": [value] * 5}, SETTINGS)
        assert (found.lower_bound, found.vessel.se) == (value, 0.0)
        two = roll_up_vessel({"1": [value] * 5, "2": [value] * 3}, SETTINGS, n_layers=2)
        assert two.lower_bound == value
    assert roll_up_vessel({"1": [1.0]}, SETTINGS).lower_bound is None
    assert roll_up_vessel({"1": [1.0], "2": [1.0]}, SETTINGS, n_layers=2).lower_bound is None


def test_w11_fields_needed() -> None:
    pair = (1 - 0.4 / math.sqrt(2), 1 + 0.4 / math.sqrt(2))
    assert roll_up_vessel({"1": pair}, SETTINGS).fields_needed == 64
    assert roll_up_vessel({"1": pair}, SETTINGS, fields_per_layer=300).fields_needed == 53


def test_w12_counts_are_overdispersed() -> None:
    counts = (38, 61, 45, 52, 70, 33, 49, 58, 41, 53)
    found = roll_up_vessel({"1": [n / 0.012 for n in counts]}, SETTINGS, counts=counts)
    assert found.dispersion.p == digits(0.0067584, 7)
    assert found.vessel.se == digits(296.3252, 4)


def test_layers_are_the_units_of_a_stack() -> None:
    layers = {"1": (0.61, 0.64, 0.58), "2": (0.52, 0.55, 0.57)}
    by_hand = roll_up(
        "layer",
        [roll_up("field", [Part(v) for v in values]).part() for values in layers.values()],
        10,
    )
    found = roll_up_vessel(layers, SETTINGS, n_layers=10)
    assert found.vessel == by_hand
    assert found.lower_bound == by_hand.interval(0.95, lower=True).low


def test_one_layer_of_ten_says_what_is_assumed() -> None:
    alone = roll_up_vessel({"1": W20}, SETTINGS, n_layers=10, assumption="validated")
    assert alone.vessel.assumption == ("one layer seen; the other 9 are as it is (validated)")
    doubted = roll_up_vessel({"1": W20}, SETTINGS, n_layers=10, assumed_cv=0.1)
    assert "differ from it by a CV of 0.1" in str(doubted.vessel.assumption)
    assert doubted.lower_bound is not None
    assert alone.lower_bound is not None
    assert doubted.lower_bound < alone.lower_bound


def test_one_field_has_no_bound_and_no_invented_doubt() -> None:
    found = roll_up_vessel({"1": (0.8,), "2": (0.7, 0.72)}, SETTINGS, n_layers=2)
    assert found.vessel.mean == pytest.approx(0.755)
    assert (found.lower_bound, found.vessel.se) == (None, None)
    assert "no known spread" in str(found.vessel.assumption)


def test_a_bound_is_not_below_zero() -> None:
    assert roll_up_vessel({"1": (0.0, 0.3)}, SETTINGS).lower_bound == 0.0


def test_a_well_of_which_nearly_all_was_seen_is_nearly_known() -> None:
    few = roll_up_vessel({"1": W20}, SETTINGS, fields_per_layer=10.5)
    many = roll_up_vessel({"1": W20}, SETTINGS, fields_per_layer=1e5)
    assert few.vessel.se is not None
    assert many.vessel.se is not None
    assert few.vessel.se == pytest.approx(many.vessel.se * math.sqrt(0.5 / 10.5), rel=1e-3)
    # More fields than fit overlap: nothing is known of the share that was seen.
    overlapping = roll_up_vessel({"1": W20}, SETTINGS, fields_per_layer=9)
    assert overlapping.vessel.se == roll_up_vessel({"1": W20}, SETTINGS).vessel.se


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="no evaluable field"):
        roll_up_vessel({"1": ()}, SETTINGS)
    with pytest.raises(ValueError, match="2 layers of 1"):
        roll_up_vessel({"1": W20, "2": W20}, SETTINGS)


def test_data_is_plain() -> None:
    found = roll_up_vessel({"1": W20}, SETTINGS, n_layers=10, assumed_cv=0.1)
    data = json.loads(json.dumps(found.as_data(), allow_nan=False))
    assert data["vessel"]["n"] == 1
    assert data["layers"]["1"]["between_sd"] == found.layers["1"].between_sd


def test_bounds_of_simulated_stacks_hold() -> None:
    """SIMULATED: stacks of 10 layers, which differ by the CV of 0.08 that the site assumes."""
    rng = np.random.default_rng(20261123)
    held = 0
    for _ in range(600):
        layers = 0.7 * (1 + 0.08 * rng.standard_normal(10))
        fields = layers[0] + 0.07 * rng.standard_normal(12)
        found = roll_up_vessel({"1": fields.tolist()}, SETTINGS, n_layers=10, assumed_cv=0.08)
        assert found.lower_bound is not None
        held += bool(found.lower_bound <= layers.mean())
    assert 0.93 <= held / 600 <= 0.98
