"""Figures of shape populations: against slow obvious versions, by hand, and by simulation."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from monolayer.summarise.shapes import (
    clark_evans,
    describe_shape,
    median_interval,
    neighbour_weights,
    orientation_order,
    quantile_names,
    ratio_interval,
    weighted_share,
    weighted_skew,
)
from monolayer_kernels.measure_neighbours import nearest_distance


def _ones(n: int) -> NDArray[np.float64]:
    return np.ones(n)


def test_share_is_of_the_weight() -> None:
    chosen = np.array([True, False, True])
    assert weighted_share(chosen, np.array([1.0, 2.0, 1.0])) == 0.5
    assert weighted_share(chosen, np.zeros(3)) is None


def test_skew_is_scipys_for_equal_weights() -> None:
    values = np.random.default_rng(1).lognormal(0, 0.6, 200)
    assert weighted_skew(values, _ones(200)) == pytest.approx(stats.skew(values), rel=1e-12)


def test_a_weight_of_two_is_the_object_twice() -> None:
    values = np.array([1.0, 2.0, 5.0, 9.0])
    weights = np.array([1.0, 2.0, 1.0, 3.0])
    repeated = np.repeat(values, weights.astype(int))
    assert weighted_skew(values, weights) == pytest.approx(
        weighted_skew(repeated, _ones(7)), rel=1e-12
    )
    angles = np.array([0.1, 0.4, -1.2, 1.5])
    twice = orientation_order(np.repeat(angles, weights.astype(int)), _ones(7))
    assert orientation_order(angles, weights).order == pytest.approx(twice.order, rel=1e-12)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [3.0, 3.0, 3.0]])
def test_skew_needs_three_values_with_spread(values: list[float]) -> None:
    assert weighted_skew(np.array(values), _ones(len(values))) is None


def test_description_leaves_out_what_is_unknown_or_weighs_nothing() -> None:
    values = np.array([10.0, 20.0, np.nan, 30.0, 1e9])
    weights = np.array([1.0, 1.0, 5.0, 1.0, 0.0])
    found = describe_shape("a", values, weights, (0.05, 0.95))
    assert found == {
        "a_mean": 20.0, "a_sd": 10.0, "a_skew": 0.0, "a_q05": 10.0, "a_q50": 20.0, "a_q95": 30.0,
    }  # fmt: skip


def test_median_is_always_among_the_quantiles() -> None:
    assert quantile_names((0.25, 0.75)) == ((0.25, "q25"), (0.5, "q50"), (0.75, "q75"))
    assert quantile_names((0.5,)) == ((0.5, "q50"),)


def _order_by_search(angles: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """The largest <cos 2(theta - direction)> over many directions."""
    directions = np.linspace(-np.pi / 2, np.pi / 2, 20_001)
    fit = (weights[:, None] * np.cos(2 * (angles[:, None] - directions))).sum(0) / weights.sum()
    return float(fit.max())


@pytest.mark.parametrize("seed", range(4))
def test_orientation_order_is_the_best_over_all_directions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles, weights = rng.uniform(-np.pi / 2, np.pi / 2, 40), rng.uniform(0.5, 2, 40)
    found = orientation_order(angles, weights)
    assert found.order == pytest.approx(_order_by_search(angles, weights), abs=1e-7)
    assert found.direction is not None
    assert found.order == pytest.approx(
        float((weights * np.cos(2 * (angles - found.direction))).sum() / weights.sum()), rel=1e-12
    )


def test_orientation_order_by_hand() -> None:
    parallel = orientation_order(np.array([0.3, 0.3 - np.pi, 0.3]), _ones(3))
    assert parallel.order == pytest.approx(1.0, rel=1e-15)
    assert parallel.direction == pytest.approx(0.3, rel=1e-12)
    # Two at right angles have no common direction; of three a half turn apart by 60 degrees too.
    assert orientation_order(np.array([0.0, np.pi / 2]), _ones(2)).order == pytest.approx(
        0, abs=1e-15
    )
    thirds = orientation_order(np.array([0.0, np.pi / 3, -np.pi / 3]), _ones(3))
    assert thirds.order == pytest.approx(0, abs=1e-15)
    # cos 2(30 degrees) = 1/2 on either side of the mean.
    spread = orientation_order(np.array([np.pi / 6, -np.pi / 6]), _ones(2))
    assert spread.order == pytest.approx(0.5, rel=1e-14)


def test_turning_all_axes_turns_the_direction_alone() -> None:
    angles = np.random.default_rng(3).normal(0.2, 0.3, 30)
    before, after = (orientation_order(angles + turn, _ones(30)) for turn in (0.0, 0.5))
    assert after.order == pytest.approx(before.order, rel=1e-12)
    assert before.direction is not None
    assert after.direction == pytest.approx(before.direction + 0.5, rel=1e-12)


def test_no_axis_has_no_order() -> None:
    none = orientation_order(np.array([0.4]), np.zeros(1))
    assert (none.order, none.direction, none.n, none.p) == (None, None, 0, None)
    assert orientation_order(np.array([0.4]), _ones(1)).p is None


@pytest.mark.parametrize("n", [5, 20, 100])
def test_chance_of_an_order_is_that_of_random_axes(n: int) -> None:
    rng = np.random.default_rng(n)
    found = [orientation_order(rng.uniform(0, np.pi, n), _ones(n)).p for _ in range(4_000)]
    for level in (0.05, 0.5):
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=0.018)


def test_clark_evans_by_hand() -> None:
    # 100 points, all with their neighbour 60 px away, in 1000 x 1000 px:
    # expected 0.5 x 100 + (0.0514 + 0.0041) x 40 = 52.22; variance 0.07 x 100 + 0.037 x 4000 / 100.
    found = clark_evans(np.full(100, 60.0), 1e6, 4e3)
    assert found.ratio == pytest.approx(60 / 52.22, rel=1e-12)
    assert found.z == pytest.approx((60 - 52.22) / math.sqrt(7 + 1.48), rel=1e-12)
    assert clark_evans(np.full(6, 60.0), 1e6, 4e3).ratio is None


@pytest.mark.parametrize("n", [15, 60])
def test_clark_evans_of_random_points_is_one(n: int) -> None:
    rng = np.random.default_rng(n)
    found, naive = [], 0.0
    for _ in range(600):
        y, x = rng.uniform(0, 1000, (2, n))
        distances = nearest_distance(y, x)
        naive += float(distances.mean()) * 2 * math.sqrt(n / 1e6) / 600
        pattern = clark_evans(distances, 1e6, 4e3)
        assert pattern.ratio is not None
        assert pattern.z is not None
        found.append((pattern.ratio, pattern.z))
    ratios, zs = np.array(found).T
    assert ratios.mean() == pytest.approx(1.0, abs=0.02)
    assert np.mean(np.abs(zs) > 1.96) == pytest.approx(0.05, abs=0.03)
    # Uncorrected, points at random look regular.
    assert naive > 1.05


def test_clark_evans_knows_a_lattice_and_a_cluster() -> None:
    y, x = (part.ravel() for part in np.mgrid[50:1000:100, 50:1000:100].astype(float))
    lattice = clark_evans(nearest_distance(y, x), 1e6, 4e3)
    assert lattice.ratio is not None
    assert lattice.ratio > 1.8
    rng = np.random.default_rng(0)
    near = (rng.uniform(0, 1000, (20, 1, 2)) + rng.normal(0, 5, (20, 5, 2))).reshape(-1, 2)
    cluster = clark_evans(nearest_distance(near[:, 0].copy(), near[:, 1].copy()), 1e6, 4e3)
    assert cluster.z is not None
    assert cluster.z < -10


def test_neighbour_weights_make_up_for_the_border() -> None:
    rng = np.random.default_rng(5)
    total = mean = plain = 0.0
    for _ in range(400):
        y, x = rng.uniform(0, 500, (2, 30)) - 0.5
        distance = nearest_distance(y, x)
        weights = neighbour_weights(distance, y, x, (500, 500))
        total += weights.sum()
        mean += float((weights * distance).sum())
        plain += float(distance.mean()) / 400
    expected = 0.5 * math.sqrt(500 * 500 / 30)
    assert mean / total == pytest.approx(expected, rel=0.025)
    assert plain > 1.06 * expected


def test_neighbour_beyond_the_border_weighs_nothing() -> None:
    y, x = np.array([50.0, 50.0, 2.0]), np.array([45.0, 55.0, 50.0])
    weights = neighbour_weights(np.array([10.0, 10.0, 48.26]), y, x, (101, 101))
    assert weights[2] == 0
    assert weights[:2] == pytest.approx(101 * 101 / 81**2, rel=1e-12)
    assert neighbour_weights(np.array([np.nan]), y[:1], x[:1], (101, 101))[0] == 0


def test_ratio_interval_is_that_of_a_mean_for_equal_fields() -> None:
    shares = [0.1, 0.2, 0.4, 0.3]
    found = ratio_interval([10 * share for share in shares], [10.0] * 4, 0.95)
    half = stats.t.ppf(0.975, 3) * np.std(shares, ddof=1) / 2
    assert found.low == pytest.approx(0.25 - half, rel=1e-9)
    assert found.high == pytest.approx(0.25 + half, rel=1e-9)


def test_ratio_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    held = 0
    for _ in range(1500):
        sizes = rng.poisson(60, 12) + 1
        parts = rng.binomial(sizes, np.clip(rng.normal(0.3, 0.05, 12), 0, 1))
        found = ratio_interval(parts.tolist(), sizes.tolist(), 0.95)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.3 <= found.high
    assert 0.93 <= held / 1500 <= 0.97


@pytest.mark.parametrize(
    ("parts", "wholes", "method"),
    [([], [], "none: unknown"), ([1.0], [3.0], "none: one field"),
     ([0.0, 0.0], [3.0, 4.0], "none: fields without spread")],
)  # fmt: skip
def test_ratio_interval_says_why_there_is_none(
    parts: list[float], wholes: list[float], method: str
) -> None:
    found = ratio_interval(parts, wholes, 0.95)
    assert (found.low, found.high, found.method) == (None, None, method)


def test_median_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Cells of one field are alike: an interval over cells alone would be far too narrow."""
    rng = np.random.default_rng(12)
    held = narrow = 0
    for _ in range(600):
        owners = np.repeat(np.arange(12), rng.poisson(40, 12))
        values = 2_000 * np.exp(
            0.1 * rng.normal(size=12)[owners] + 0.4 * rng.normal(size=owners.size)
        )
        found = median_interval(values, np.ones(owners.size), owners, 0.95)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 2_000 <= found.high
        n = owners.size
        low, high = np.sort(values)[[int(n / 2 - 0.98 * n**0.5), int(n / 2 + 0.98 * n**0.5)]]
        narrow += low <= 2_000 <= high
    assert 0.92 <= held / 600 <= 0.98
    assert narrow / 600 < 0.87


def test_median_interval_by_hand() -> None:
    # Three fields of four; half width of the share: t(2) 4.3027 x sqrt(3 / 2 x (1 + 0 + 1)) / 12.
    values = np.array([1.0, 2, 3, 10, 4, 5, 11, 12, 6, 13, 14, 15])
    found = median_interval(values, np.ones(12), np.repeat(np.arange(3), 4), 0.95)
    half = 4.302653 * math.sqrt(1.5 * 2) / 12
    assert half > 0.5
    assert (found.low, found.high, found.method) == (1.0, 15.0, "Woodruff between fields")
    wider = median_interval(np.tile(values, 25), np.ones(300), np.arange(300) % 60, 0.95)
    assert wider.low is not None
    assert wider.high is not None
    assert 1 < wider.low <= 6 <= wider.high < 15


@pytest.mark.parametrize(("n", "method"), [(0, "none: unknown"), (3, "none: one field")])
def test_median_of_one_field_has_no_interval(n: int, method: str) -> None:
    found = median_interval(np.arange(n, dtype=float), np.ones(n), np.zeros(n, np.int64), 0.95)
    assert (found.low, found.high, found.method) == (None, None, method)
