"""Simulated living and dead cells: exact truth, spill-over as asked for, the same bits again."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from pydantic import ValidationError

from monolayer.method import load_method
from monolayer.simulate import (
    LiveDeadPlateSettings,
    LiveDeadSettings,
    plan_livedead,
    simulate_livedead,
    simulate_livedead_plate,
)

from .livedead_plate import in_frame, scene, true_counts

SMALL = scene(256, 60_000)


def field(seed: int = 1, **given: Any) -> LiveDeadSettings:
    return LiveDeadSettings(scene=SMALL).model_copy(update=given)


def above(image: NDArray[Any], labels: NDArray[np.int32]) -> float:
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
        [simulate_livedead(field(viability=0.7), 8, i).truth["alive"] for i in range(6)]
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
def test_settings_that_cannot_be(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LiveDeadSettings(**given)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed -1"):
        simulate_livedead(field(), -1)


class TestPlate:
    SMALL = LiveDeadPlateSettings(
        rows="B",
        viabilities=(0.7,),
        fields_per_well=1,
        field=LiveDeadSettings(spillover=((1.0, 0.05), (0.2, 1.0)), scene=scene(128, 60_000)),
    )

    def test_controls_then_a_ladder(self) -> None:
        planned = plan_livedead(LiveDeadPlateSettings())
        given = {f.well: (f.settings.viability, f.settings.missing) for f in planned}
        assert given == {
            "A01": (1.0, ("pi",)),
            "A02": (0.0, ("hoechst",)),
            "A03": (0.0, ()),
            **{f"{row}0{k}": (v, ()) for row in "BC" for k, v in ((1, 0.5), (2, 0.8), (3, 0.95))},
        }
        assert len(planned) == 27

    def test_the_same_seed_writes_the_same_bytes(self, tmp_path: Path) -> None:
        files: list[dict[str, bytes]] = []
        for name in ("a", "b"):
            simulate_livedead_plate(tmp_path / name, self.SMALL, 3)
            paths = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
            files.append({str(p.relative_to(tmp_path / name)): p.read_bytes() for p in paths})
        assert files[0] == files[1]
        assert {"draft.yaml", "truth.csv", "images/livedead_A01_s1_w2.tif"} <= set(files[0])

    def test_the_draft_is_a_method_and_the_truth_adds_up(self, tmp_path: Path) -> None:
        simulate_livedead_plate(tmp_path, self.SMALL, 3)
        settings = load_method(tmp_path / "draft.yaml").viability
        assert (settings.stain, settings.cell_channel, settings.dead_channel) == (
            "hoechst_pi",
            "w1",
            "w2",
        )
        text = (tmp_path / "truth.csv").read_text(encoding="utf-8")
        rows = list(csv.DictReader(text.splitlines()))
        assert [row["well"] for row in rows] == ["A01", "A02", "A03", "B01"]
        for row in rows:
            labels = tifffile.imread(tmp_path / f"truth/livedead_{row['well']}_s1_labels.tif")
            inside = in_frame(labels.astype(np.int32)).sum()
            assert int(row["n_live"]) + int(row["n_dead"]) == inside
            assert int(row["n_objects"]) == labels.max()
        assert [row["viability"] for row in rows[:3]] == ["1.0000", "0.0000", "0.0000"]

    def test_dyes_without_a_pair_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="one of the pairs calcein, ethd1"):
            LiveDeadPlateSettings(field=LiveDeadSettings(dyes=("hoechst", "calcein")))
