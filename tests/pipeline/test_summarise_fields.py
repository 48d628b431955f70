"""One field's row: worked cases, numpy as oracle, and what cannot be known."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import stats

from monolayer.summarise import SummariseSettings, field_schema, summarise_field
from monolayer.summarise.distributions import weighted_mean_and_sd, weighted_quantiles

SETTINGS = SummariseSettings()
Columns = dict[str, NDArray[Any]]


def objects(n: int, seed: int = 0, weights: NDArray[Any] | None = None) -> Columns:
    random = np.random.default_rng(seed)
    area = random.integers(50, 400, n)
    return {
        "area_px": area,
        "area_um2": area * 0.25,
        "equivalent_diameter_area_px": np.sqrt(4 * area / np.pi),
        "equivalent_diameter_area_um": np.sqrt(area / np.pi),
        "eccentricity": random.uniform(0, 0.9, n),
        "form_factor": random.uniform(0.5, 1, n),
        "intensity_mean_DNA": random.uniform(100, 4000, n),
        "touches_border": np.zeros(n, bool),
        "weight": np.ones(n) if weights is None else weights,
    }


def test_field_of_the_worked_example() -> None:
    """361 objects of 50x50 in 1000x1000 do not touch: p 0.9025 each, hence 400."""
    columns = objects(400, weights=np.r_[np.full(361, 1 / 0.9025), np.zeros(39)])
    columns["touches_border"] = columns["weight"] == 0
    row = summarise_field(columns, (1000, 1000), 0.5, SETTINGS, 0.9)
    assert (row["n_objects"], row["n_border_objects"]) == (400, 39)
    assert row["n_unbiased"] == pytest.approx(400)
    assert row["area_cm2"] == pytest.approx(0.0025)
    assert row["density_cells_per_cm2"] == pytest.approx(160_000)
    # Equal weights: Garwood's interval of the 361 that were counted, scaled like the count.
    for end, limit in (
        ("low", stats.chi2.ppf(0.025, 722) / 2),
        ("high", stats.chi2.ppf(0.975, 724) / 2),
    ):
        assert row[f"density_cells_per_cm2_ci_{end}"] == pytest.approx(limit / 0.9025 / 0.0025)
    assert row["density_cells_per_cm2_ci_method"] == "Fay-Feuer"
    assert row["nuclei_area_fraction"] == 0.9


def test_columns_are_those_of_the_schema() -> None:
    settings = SummariseSettings(quantiles=(0.1, 0.5))
    row = summarise_field(objects(9), (50, 60), 0.5, settings, 0.1)
    kinds = {"int64": int, "float64": float, "string": str}
    schema = field_schema(["DNA"], settings)
    assert list(row) == [name for name, _ in schema]
    assert all(isinstance(row[name], kinds[kind]) for name, kind in schema)
    assert "area_px_q10" in row
    assert "area_px_q05" not in row


def test_empty_field_is_zero_with_an_upper_limit_and_null_sizes() -> None:
    row = summarise_field(objects(0), (1000, 1000), 1.0, SETTINGS, 0.0)
    assert (row["n_objects"], row["n_unbiased"], row["density_cells_per_cm2"]) == (0, 0, 0)
    assert row["n_unbiased_ci_low"] == 0
    assert row["n_unbiased_ci_high"] == pytest.approx(3.688879)
    assert row["density_cells_per_cm2_ci_high"] == pytest.approx(368.8879)
    assert row["area_px_mean"] is None
    assert row["intensity_mean_DNA_q95"] is None
    assert set(row) == set(dict(field_schema(["DNA"])))


def test_unknown_pixel_size_gives_pixels_and_nulls() -> None:
    columns = objects(20)
    for name in ("area_um2", "equivalent_diameter_area_um"):
        columns[name] = np.full(20, np.nan)
    row = summarise_field(columns, (100, 100), None, SETTINGS, None)
    assert row["n_unbiased"] == 20
    for name in ("area_cm2", "density_cells_per_cm2", "density_cells_per_cm2_ci_high"):
        assert row[name] is None
    assert row["density_cells_per_cm2_ci_method"] == "none: pixel size unknown"
    assert row["area_um2_mean"] is None
    assert row["area_px_mean"] == pytest.approx(columns["area_px"].mean())


def test_equal_weights_give_numpy_figures() -> None:
    columns = objects(101, seed=3)
    row = summarise_field(columns, (100, 100), 0.5, SETTINGS, 0.2)
    for measure in ("area_px", "eccentricity", "intensity_mean_DNA"):
        values = columns[measure]
        assert row[f"{measure}_mean"] == pytest.approx(values.mean())
        assert row[f"{measure}_sd"] == pytest.approx(values.std(ddof=1))
        for quantile in SETTINGS.quantiles:
            expected = np.quantile(values, quantile, method="inverted_cdf")
            assert row[f"{measure}_q{round(quantile * 100):02d}"] == expected


def test_weights_act_as_numbers_of_objects() -> None:
    """Weight 3 is three objects for mean and quantiles; a weight of 0 is none."""
    random = np.random.default_rng(5)
    values = random.normal(size=40)
    counts = random.integers(0, 4, 40)
    repeated = np.repeat(values, counts)
    seen = counts > 0
    found = weighted_quantiles(values[seen], counts[seen].astype(float), SETTINGS.quantiles)
    expected = np.quantile(repeated, SETTINGS.quantiles, method="inverted_cdf")
    assert found == pytest.approx(expected.tolist())
    mean, _ = weighted_mean_and_sd(values[seen], counts[seen].astype(float))
    assert mean == pytest.approx(repeated.mean())


def test_weighted_spread_by_hand() -> None:
    """Values 1, 3 of weights 1, 2: mean 7/3, sum w d^2 = 8/3, W1 - W2/W1 = 4/3."""
    found = weighted_mean_and_sd(np.array([1.0, 3.0]), np.array([1.0, 2.0]))
    assert found == pytest.approx((7 / 3, math.sqrt(2)))
    assert weighted_mean_and_sd(np.array([5.0]), np.array([1.1])) == (5.0, None)


def test_order_of_objects_does_not_matter_to_the_last_bit() -> None:
    weights = np.random.default_rng(1).uniform(1, 1.3, 500)
    columns = objects(500, weights=weights)
    columns["eccentricity"] = columns["eccentricity"].round(1)
    order = np.random.default_rng(2).permutation(500)
    shuffled = {name: values[order] for name, values in columns.items()}
    first = summarise_field(columns, (900, 900), 0.5, SETTINGS, 0.2)
    assert first == summarise_field(shuffled, (900, 900), 0.5, SETTINGS, 0.2)


def test_measures_that_were_not_taken_are_null() -> None:
    columns = {"weight": np.ones(3), "touches_border": np.zeros(3, bool)}
    row = summarise_field(columns, (100, 100), 1.0, SETTINGS, 0.1)
    assert row["n_unbiased"] == 3
    assert row["form_factor_mean"] is None


@pytest.mark.parametrize(
    ("change", "shape", "pixel_size", "message"),
    [
        ({"weight": np.ones(2)}, (9, 9), 1.0, "length"),
        ({"weight": -np.ones(3)}, (9, 9), 1.0, "weight"),
        ({}, (0, 9), 1.0, r"\(0, 9\)"),
        ({}, (9, 9), 0.0, "pixel size 0.0"),
        ({}, (9, 9), math.nan, "pixel size nan"),
    ],
)
def test_impossible_input_is_named(
    change: Columns, shape: tuple[int, int], pixel_size: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        summarise_field(objects(3) | change, shape, pixel_size, SETTINGS, 0.1)


def test_missing_weight_is_named() -> None:
    columns = objects(3)
    del columns["weight"]
    with pytest.raises(ValueError, match="'weight' is missing"):
        summarise_field(columns, (9, 9), 1.0, SETTINGS, 0.1)


@pytest.mark.parametrize("quantiles", [(0.025,), (0.5, 0.25), (0.5, 0.5), (0.0,), (1.0,)])
def test_quantiles_without_a_name_are_refused(quantiles: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match=str(quantiles[0])):
        SummariseSettings(quantiles=quantiles)
