"""Proportionality of dilution series against an obvious version and by invariance."""

import csv
import math
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from monolayer.summarise.proportionality import proportionality

FRACTIONS = [f for f in (0.1, 0.3, 0.5, 0.7, 0.9) for _ in range(3)]


def series(seed: int, bend: float = 0.0) -> list[float]:
    rng = np.random.default_rng(seed)
    return [1e6 * f * (1 + bend * f) + rng.normal(0, 2e4) for f in FRACTIONS]


@pytest.mark.parametrize("seed", range(5))
def test_a_polynomial_through_every_fraction_gives_their_means(seed: int) -> None:
    counts = series(seed)
    found = proportionality(FRACTIONS, counts)
    slope = sum(counts) / sum(FRACTIONS)
    by_fraction = np.repeat(np.reshape(counts, (5, 3)).mean(axis=1), 3)
    line = slope * np.array(FRACTIONS)
    assert found.degree == 4
    assert found.slope == pytest.approx(slope)
    assert found.pi_ss_scaled == pytest.approx((((by_fraction - line) / line) ** 2).sum())
    assert found.pi_sa_scaled == pytest.approx(abs((by_fraction - line) / line).sum())


def test_a_saturating_method_is_less_proportional() -> None:
    straight, bent = (
        proportionality(FRACTIONS, series(1)),
        proportionality(FRACTIONS, series(1, -0.3)),
    )
    assert bent.pi_ss_scaled > 10 * straight.pi_ss_scaled
    assert bent.r2_uncentred < straight.r2_uncentred


def test_order_and_unit_do_not_matter() -> None:
    counts = series(2)
    order = np.random.default_rng(0).permutation(15)
    shuffled = proportionality([FRACTIONS[i] for i in order], [counts[i] / 1e6 for i in order])
    plain = proportionality(FRACTIONS, counts)
    assert shuffled.slope == pytest.approx(plain.slope / 1e6)
    assert astuple(shuffled)[1:] == pytest.approx(astuple(plain)[1:])


def test_observations_weigh_the_line() -> None:
    """Slope sum(n y) / sum(n x) = (1*30 + 3*50) / (1*0.5 + 3*1)."""
    assert proportionality([0.5, 1], [30, 50], [1, 3]).slope == pytest.approx(180 / 3.5)
    equal = proportionality(FRACTIONS, series(3), [3] * 15)
    assert astuple(equal) == pytest.approx(astuple(proportionality(FRACTIONS, series(3))))


def test_measured_fractions_take_the_degree_of_the_targets() -> None:
    jittered = list(np.array(FRACTIONS) + np.random.default_rng(4).normal(0, 0.01, 15))
    assert proportionality(jittered, series(4), degree=4).degree == 4
    with pytest.raises(ValueError, match="degree 15 of 15"):
        proportionality(jittered, series(4), degree=15)


@pytest.mark.parametrize(
    ("fractions", "concentrations", "observations", "culprit"),
    [
        ([0.5, 1], [1, 2, 3], None, "3 concentrations"),
        ([0.5, 1], [1, 2], [1], "1 numbers of observations"),
        ([0, 1], [1, 2], None, "fraction 0 is impossible"),
        ([0.5, float("nan")], [1, 2], None, "fraction nan"),
        ([0.5, 1], [1, -2], None, "concentration -2"),
        ([0.5, 1], [1, 2], [1, 0], "observations 0"),
        ([1, 1], [1, 2], None, "degree 0 of 2"),
        ([0.5, 1], [0, 0], None, "every concentration is 0"),
        ([], [], None, "of 0 samples"),
    ],
)
def test_impossible_series_are_refused(
    fractions: list[float],
    concentrations: list[float],
    observations: list[int] | None,
    culprit: str,
) -> None:
    with pytest.raises(ValueError, match=culprit):
        proportionality(fractions, concentrations, observations)


def test_equal_concentrations_have_no_centred_r2() -> None:
    assert proportionality([0.5, 1], [7, 7]).r2_centred is None


@pytest.mark.data
@pytest.mark.parametrize(
    ("example", "method", "fraction", "golden"),
    [
        ("1", "Method 2", "measured", (1_059_214, 0.9983812, 0.01162283, 0.3466679)),
        ("2", "Method 7", "target", (2_447_185, 0.9570395, 0.7484988, 3.144001)),
    ],
)
def test_examples_of_comet(
    data_folder: Path, example: str, method: str, fraction: str, golden: tuple[float, ...]
) -> None:
    """NIST's own program on its own examples: the same to the seven digits it prints."""
    path = data_folder / "tables" / f"nist_comet_example_{example}.csv"
    samples: dict[str, list[dict[str, str]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["counting_method"] == method:
                samples.setdefault(row["random_sample_number"], []).append(row)
    counts = [[float(row["cell_conc"]) for row in rows] for rows in samples.values()]
    targets = {rows[0]["target_dilution_fraction"] for rows in samples.values()}
    found = proportionality(
        [float(rows[0][f"{fraction}_dilution_fraction"]) for rows in samples.values()],
        [math.fsum(values) / len(values) for values in counts],
        [len(values) for values in counts],
        degree=len(targets) - 1,
    )
    told = (found.slope, found.r2_uncentred, found.pi_ss_scaled, found.pi_sa_scaled)
    assert told == pytest.approx(golden, rel=5e-7)
