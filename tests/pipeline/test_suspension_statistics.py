"""Counts of a counting chamber to cells per mL: worked examples, intervals, unknowns."""

import math

import pytest

from monolayer.summarise.suspension import (
    ChamberCount,
    concentration_columns,
    concentration_figures,
    counted_volume_ml,
    scatter_of,
)
from monolayer.summarise.viability import Counts, viability_figures

LIVE, DEAD = (52, 48, 55, 45), (10, 8, 12, 10)
SQUARE_ML = 1e-4


def fields(volume_ml: float | None = SQUARE_ML) -> list[ChamberCount]:
    return [ChamberCount(a, b, volume_ml) for a, b in zip(LIVE, DEAD, strict=True)]


def volume(shape: tuple[int, int], size: float | None, squares: float | None) -> float | None:
    return counted_volume_ml(shape, size, 0.1, squares, 1.0)


@pytest.mark.parametrize(
    "square_ml",
    [
        volume((1, 1), None, 1),  # one square of 1 mm2 x 0.1 mm
        volume((2000, 2000), 0.5, None),  # an imaged square millimetre x 0.1 mm
    ],
)
def test_w9_four_squares_of_a_neubauer_chamber(square_ml: float) -> None:
    assert square_ml == pytest.approx(1e-4, rel=1e-12)
    row = concentration_figures(fields(square_ml), 2.0, 20.0)
    assert row["concentration_live_cells_per_ml"] == pytest.approx(1.0e6, rel=1e-12)
    assert row["concentration_live_cells_per_ml_ci_low"] == pytest.approx(8.66204e5, abs=1)
    assert row["concentration_live_cells_per_ml_ci_high"] == pytest.approx(1.148610e6, abs=1)
    assert row["concentration_live_cells_per_ml_ci_method"] == "Garwood"
    assert row["live_cells_in_sample"] == pytest.approx(2.0e7, rel=1e-12)
    assert row["live_cells_in_sample_ci_low"] == pytest.approx(1.732409e7, abs=10)
    assert row["concentration_cells_per_ml"] == pytest.approx(1.2e6, rel=1e-12)
    assert row["cells_in_sample"] == pytest.approx(2.4e7, rel=1e-12)


def test_w9_viability() -> None:
    row = viability_figures(Counts(sum(LIVE), sum(DEAD)))
    assert row["viability"] == pytest.approx(0.833333, abs=5e-7)
    assert row["viability_ci_low"] == pytest.approx(0.781012, abs=5e-7)
    assert row["viability_ci_high"] == pytest.approx(0.875152, abs=5e-7)
    assert row["viability_lower_bound_method"] == "Clopper-Pearson, one-sided lower"


def test_four_squares_in_one_image_are_the_same_sample() -> None:
    one = concentration_figures([ChamberCount(200, 40, volume((9, 9), None, 4))], 2.0, 20.0)
    four = concentration_figures(fields(), 2.0, 20.0)
    assert one.keys() == four.keys()
    for name, value in four.items():
        assert one[name] == pytest.approx(value, rel=1e-12) if isinstance(value, float) else True


def test_fields_that_scatter_too_much_make_t() -> None:
    """W12's fields: mean 50, SD sqrt(126.4444), D 22.76, p 0.0067584."""
    counts = (38, 61, 45, 52, 70, 33, 49, 58, 41, 53)
    scatter = scatter_of(counts, [SQUARE_ML] * 10)
    assert scatter.index is not None
    assert scatter.index * 9 == pytest.approx(22.76, rel=1e-12)
    assert scatter.p == pytest.approx(0.0067584, abs=5e-8)
    row = concentration_figures([ChamberCount(n, 0, SQUARE_ML) for n in counts], 1.0, None)
    half = 2.262157163 * math.sqrt(126.4444444 / 10) / SQUARE_ML
    assert row["concentration_cells_per_ml"] == pytest.approx(5e5, rel=1e-12)
    assert row["concentration_cells_per_ml_ci_low"] == pytest.approx(5e5 - half, rel=1e-8)
    assert row["concentration_cells_per_ml_ci_high"] == pytest.approx(5e5 + half, rel=1e-8)
    assert row["concentration_cells_per_ml_ci_method"] == "t between fields"


def test_fields_of_other_size_are_weighed_by_their_volume() -> None:
    two = concentration_figures([ChamberCount(30, 0, 1e-4), ChamberCount(90, 0, 3e-4)], 1.0, None)
    assert two["concentration_cells_per_ml"] == pytest.approx(3e5, rel=1e-12)
    assert scatter_of([30, 90], [1e-4, 3e-4]).p == pytest.approx(1.0)


def test_a_wide_t_interval_ends_at_zero() -> None:
    row = concentration_figures([ChamberCount(n, 0, 1e-4) for n in (1, 60)], 1.0, None)
    assert row["concentration_cells_per_ml_ci_low"] == 0
    assert row["concentration_cells_per_ml_ci_method"] == "t between fields"


def test_no_cell_has_an_upper_limit() -> None:
    row = concentration_figures([ChamberCount(0, 0, 1e-4)] * 2, 2.0, 5.0)
    assert row["concentration_cells_per_ml"] == 0
    assert row["concentration_cells_per_ml_ci_high"] == pytest.approx(3.688879 / 2e-4 * 2, rel=1e-6)
    assert row["cells_in_sample"] == 0


@pytest.mark.parametrize(
    ("several", "reason"),
    [([], "no ok field"), (fields(None), "counted volume unknown")],
)
def test_what_is_not_known_is_null_and_says_why(several: list[ChamberCount], reason: str) -> None:
    row = concentration_figures(several, 2.0, 20.0)
    assert [name for name, _ in concentration_columns()] == list(row)
    assert {value for value in row.values() if value is not None} == {f"none: {reason}"}


def test_without_the_sample_volume_its_cells_are_null() -> None:
    row = concentration_figures(fields(), 2.0, None)
    assert row["concentration_cells_per_ml"] is not None
    assert row["cells_in_sample"] is None
    assert row["cells_in_sample_ci_method"] == "none: sample_volume_ml not given"


def test_the_imaged_area_needs_the_pixel_size() -> None:
    assert volume((100, 100), None, None) is None
    assert volume((100, 100), None, 2) == pytest.approx(2e-4, rel=1e-12)


@pytest.mark.parametrize(("live", "dead", "ml"), [(-1, 0, 1.0), (0, -1, 1.0), (1, 1, 0.0)])
def test_impossible_counts(live: int, dead: int, ml: float) -> None:
    with pytest.raises(ValueError, match=r"-1|above 0"):
        ChamberCount(live, dead, ml)
