"""Simulated living and dead cells: exact truth, spill-over as asked for, the same bits again."""

import numpy as np
import pytest
from pydantic import ValidationError

from monolayer.simulate.livedead import LiveDeadSettings, simulate_livedead

from .livedead_plate import in_frame, scene, true_counts

SMALL = scene(256, 60_000)


def field(seed: int = 1, **given: object) -> LiveDeadSettings:
    return LiveDeadSettings(scene=SMALL).model_copy(update=given)


def above(image: np.ndarray, labels: np.ndarray) -> float:
    """Mean over nuclei minus median of what is none."""
    return float(image[labels > 0].mean() - np.median(image[labels == 0]))


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    first, again, other = (simulate_livedead(field(), seed) for seed in (4, 4, 5))
    for dye in ("hoechst", "pi"):
        assert np.array_equal(first.channels[dye], again.channels[dye])
        assert not np.array_equal(first.channels[dye], other.channels[dye])
    assert np.array_equal(first.labels, again.labels)


def test_truth_is_one_row_a_label_and_dead_nuclei_shine_in_pi() -> None:
    made = simulate_livedead(field(viability=0.5), 6)
    n = int(made.labels.max())
    assert np.array_equal(made.truth["label"], np.arange(1, n + 1))
    alive = made.truth["alive"]
    assert 0 < alive.sum() < n
    assert np.array_equal(made.truth["uptake"] > 0, ~alive)
    pi = made.channels["pi"].astype(float)
    means = np.array([pi[made.labels == k + 1].mean() for k in range(n)])
    assert means[~alive].min() > means[alive].max() - 100
    assert np.median(means[~alive]) > np.median(means[alive]) + 200


def test_fates_do_not_move_the_scene() -> None:
    living, mixed = (simulate_livedead(field(viability=v), 7) for v in (1.0, 0.6))
    same = living.truth["label"].size - mixed.truth["label"].size
    assert abs(same) <= 2  # condensed nuclei may leave the border
    assert living.truth["alive"].all()


def test_the_share_of_living_cells_is_the_viability() -> None:
    alive = np.concatenate(
        [simulate_livedead(field(viability=0.7), 8, i).truth["alive"] for i in range(12)]
    )
    sd = np.sqrt(0.7 * 0.3 / alive.size)
    assert abs(alive.mean() - 0.7) < 3 * sd


def test_spill_over_is_what_was_asked_for() -> None:
    spill = ((1.0, 0.05), (0.2, 1.0))
    only_hoechst = simulate_livedead(field(spillover=spill, missing=("pi",), viability=1.0), 9)
    own, leaked = (above(only_hoechst.channels[d], only_hoechst.labels) for d in ("hoechst", "pi"))
    assert leaked / own == pytest.approx(0.2, abs=0.01)
    only_pi = simulate_livedead(field(spillover=spill, missing=("hoechst",), viability=0.0), 9)
    leaked, own = (above(only_pi.channels[d], only_pi.labels) for d in ("hoechst", "pi"))
    assert leaked / own == pytest.approx(0.05, abs=0.01)


def test_three_dyes_three_channels() -> None:
    made = simulate_livedead(field(dyes=("hoechst", "calcein", "ethd1"), viability=0.6), 10)
    assert list(made.channels) == ["hoechst", "calcein", "ethd1"]
    alive = made.truth["alive"]
    calcein = made.channels["calcein"].astype(float)
    means = np.array([calcein[made.labels == k + 1].mean() for k in range(alive.size)])
    assert np.median(means[alive]) > np.median(means[~alive]) + 50


def test_ao_is_quenched_in_dead_cells_unless_pi_was_left_out() -> None:
    for missing, quenched in (((), True), (("pi",), False)):
        made = simulate_livedead(field(dyes=("ao", "pi"), viability=0.0, missing=missing), 11)
        assert (above(made.channels["ao"], made.labels) < 150) == quenched


def test_dying_cells_hold_less_pi() -> None:
    made = simulate_livedead(field(viability=0.0, dying_fraction=1.0), 12)
    assert made.truth["uptake"].max() < 1.2
    assert np.median(made.truth["uptake"]) < 0.5


def test_counts_by_the_frame_leave_out_what_the_last_row_and_column_cut() -> None:
    made = simulate_livedead(field(viability=0.8), 13)
    cut = set(np.unique(made.labels[-1])) | set(np.unique(made.labels[:, -1])) - {0}
    assert sum(true_counts(made)) == made.labels.max() - len(cut - {0})
    assert in_frame(made.labels).sum() == sum(true_counts(made))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dyes": ()}, "one or more"),
        ({"dyes": ("pi", "pi")}, "each once"),
        ({"missing": ("calcein",)}, "not among the dyes"),
        ({"spillover": ((1, 0.1),)}, "2 x 2"),
        ({"spillover": ((0, 0.1), (0.1, 0))}, "ones on its diagonal"),
        ({"viability": 1.2}, "less than or equal to 1"),
    ],
)
def test_settings_that_cannot_be(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LiveDeadSettings(**given)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed -1"):
        simulate_livedead(field(), -1)
