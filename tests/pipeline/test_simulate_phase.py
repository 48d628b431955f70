"""The simulated phase-contrast field: same bits, exact truth, and contrast like a real one's."""

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from monolayer.simulate import (
    AdherentSettings,
    PhaseArtefactSettings,
    PhaseOpticsSettings,
    PhaseSettings,
    SimulatedPhaseField,
    simulate_phase_field,
)

CLEAN = PhaseArtefactSettings(debris_per_mm2=0, floating_per_mm2=0, rings_per_mm2=0)


def _field(
    confluence_pct: float,
    seed: int = 3,
    size: int = 384,
    artefacts: PhaseArtefactSettings = CLEAN,
    **optics: float,
) -> SimulatedPhaseField:
    settings = PhaseSettings(
        height_px=size,
        width_px=size,
        cells=AdherentSettings(confluence_pct=confluence_pct),
        artefacts=artefacts,
        optics=PhaseOpticsSettings().model_copy(update=optics),
    )
    return simulate_phase_field(settings, seed)


@pytest.fixture(scope="module")
def half_full() -> SimulatedPhaseField:
    return _field(60)


def test_a_seed_gives_the_same_bits_and_another_seed_others(half_full: SimulatedPhaseField) -> None:
    again, other = _field(60), _field(60, seed=4)
    assert again.pixels.tobytes() == half_full.pixels.tobytes()
    assert again.labels.tobytes() == half_full.labels.tobytes()
    assert other.pixels.tobytes() != half_full.pixels.tobytes()


def test_truth_counts_the_pixels_of_the_labels(half_full: SimulatedPhaseField) -> None:
    labels, truth = half_full.labels, half_full.truth
    n = len(truth["label"])
    assert n == labels.max() > 10
    np.testing.assert_array_equal(truth["area_px"], np.bincount(labels.ravel())[1:])
    np.testing.assert_allclose(truth["area_um2"], truth["area_px"] * 0.65**2)
    k = n // 2
    y, x = np.nonzero(labels == k)
    assert truth["centroid_y_px"][k - 1] == pytest.approx(y.mean())
    assert truth["centroid_x_px"][k - 1] == pytest.approx(x.mean())
    first = [int(np.flatnonzero(labels.ravel() == k)[0]) for k in range(1, n + 1)]
    assert first == sorted(first)
    border = np.unique(np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1])))
    np.testing.assert_array_equal(truth["label"][truth["touches_border"]], border[border > 0])


def test_covered_is_where_a_label_is(half_full: SimulatedPhaseField) -> None:
    np.testing.assert_array_equal(half_full.covered, half_full.labels > 0)
    assert half_full.usable.all()
    assert half_full.confluence == half_full.covered.mean()


@pytest.mark.parametrize("confluence_pct", [5, 30, 60, 85, 100])
def test_confluence_is_what_was_asked_for(confluence_pct: float) -> None:
    # A field of few cells scatters around the canvas's coverage: three fields together.
    found = [100 * _field(confluence_pct, seed, 512).confluence for seed in range(3)]
    assert np.mean(found) == pytest.approx(confluence_pct, abs=6)
    if confluence_pct == 100:
        assert found == [100, 100, 100]


def test_an_empty_layer_covers_nothing_and_is_flat() -> None:
    empty = _field(0)
    assert empty.confluence == 0
    assert len(empty.truth["label"]) == 0
    grey = empty.pixels.astype(float)
    noise = np.diff(grey, axis=1).std() / math.sqrt(2) / grey.mean()
    assert noise == pytest.approx(1 / math.sqrt(11_000), rel=0.1)
    assert grey.std() / grey.mean() < 0.08


def _pieces(mask: NDArray[np.bool_]) -> int:
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1


def test_cells_are_in_one_piece(half_full: SimulatedPhaseField) -> None:
    pieces = [_pieces(half_full.labels == k) for k in range(1, half_full.labels.max() + 1)]
    assert np.mean(np.array(pieces) == 1) > 0.9
    assert max(pieces) <= 3


def test_pixels_fit_the_bit_depth() -> None:
    eight, sixteen = _field(50, bit_depth=8), _field(50, bit_depth=16)
    assert eight.pixels.dtype == np.uint8
    assert sixteen.pixels.dtype == np.uint16
    assert sixteen.pixels.max() > 4095
    np.testing.assert_array_equal(eight.labels, sixteen.labels)


@pytest.mark.parametrize("artefact", [{"channel_wall": True}, {"bubbles": 1}, {"scratches": 1}])
def test_obstacles_take_usable_area_away(artefact: dict[str, int]) -> None:
    field = _field(50, size=512, artefacts=CLEAN.model_copy(update=artefact))
    assert 0 < np.count_nonzero(~field.usable) < field.usable.size
    expected = np.count_nonzero(field.covered & field.usable) / np.count_nonzero(field.usable)
    assert field.confluence == expected


def test_floating_cells_and_debris_cover_nothing() -> None:
    dirty = PhaseArtefactSettings(debris_per_mm2=300, floating_per_mm2=80, rings_per_mm2=20)
    field = _field(0, artefacts=dirty)
    assert not field.covered.any()
    assert field.usable.all()
    assert field.pixels.max() > 1.5 * np.median(field.pixels)


def test_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed -1"):
        simulate_phase_field(PhaseSettings(), -1)
