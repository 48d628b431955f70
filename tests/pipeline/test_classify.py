"""The classify stage against slow obvious versions, worked examples and hand-made cases."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from monolayer.classify import (
    STAINS,
    band_from_controls,
    classify_cells,
    compensate,
    count_unmatched,
    estimate_spill,
    find_clumps,
    find_debris,
    looks_over_compensated,
    match_nuclei,
    stain_named,
    unite_labels,
)
from monolayer.classify.controls import youden_cut

M18 = [[1, 0.05], [0.2, 1]]


class TestCompensation:
    def test_worked_example_w18(self) -> None:
        light = compensate([[1000, 260]], M18)
        assert light[0] == pytest.approx((996.9697, 60.6061), abs=5e-5)

    def test_equals_a_general_solver(self) -> None:
        rng = np.random.default_rng(1)
        signals = rng.normal(300, 400, (200, 2))
        for a, b in itertools.product((0.0, 0.03, 0.2, 0.6), repeat=2):
            matrix = np.array([[1, a], [b, 1]])
            expected = np.linalg.solve(matrix, signals.T).T
            assert compensate(signals, matrix) == pytest.approx(expected, rel=1e-12, abs=1e-9)

    def test_mixing_and_compensating_gives_the_light_back(self) -> None:
        light = np.array([[500.0, 0], [0, 700], [310, 20], [-3, 4]])
        assert compensate(light @ np.array(M18).T, M18) == pytest.approx(light, abs=1e-9)

    def test_no_spill_changes_nothing_to_the_last_bit(self) -> None:
        signals = np.random.default_rng(2).normal(size=(50, 2))
        assert np.array_equal(compensate(signals, np.eye(2)), signals)

    @pytest.mark.parametrize(
        ("matrix", "word"),
        [
            ([[1, 0.1]], "2 x 2"),
            ([[1, -0.1], [0.1, 1]], "not negative"),
            ([[1, np.nan], [0.1, 1]], "finite"),
            ([[0.9, 0.1], [0.1, 1]], "diagonal"),
            ([[1, 0.97], [0.97, 1]], "nearly the same"),
        ],
    )
    def test_an_impossible_spill_over_is_named(self, matrix: list[list[float]], word: str) -> None:
        with pytest.raises(ValueError, match=word):
            compensate([[1, 2]], matrix)

    def test_signals_need_two_columns(self) -> None:
        with pytest.raises(ValueError, match=r"\(n, 2\).*\(1, 3\)"):
            compensate([[1, 2, 3]], M18)


class TestEstimatedSpill:
    def test_a_clean_control_gives_its_share(self) -> None:
        own = np.array([100.0, 250, 900, 400])
        assert estimate_spill(own, 0.17 * own) == pytest.approx(0.17)

    def test_dirt_and_dim_objects_hardly_move_it(self) -> None:
        rng = np.random.default_rng(3)
        own = rng.lognormal(6, 0.4, 300)
        other = 0.12 * own + rng.normal(0, 5, 300)
        dirty_own = np.concatenate((own, [3.0, 4, 500, 600]))
        dirty_other = np.concatenate((other, [90.0, -70, 480, 590]))
        assert estimate_spill(own, other) == pytest.approx(0.12, abs=0.003)
        assert estimate_spill(dirty_own, dirty_other) == pytest.approx(0.12, abs=0.003)

    def test_noise_alone_is_no_negative_spill(self) -> None:
        assert estimate_spill([100.0, 110, 120], [-2.0, -1, -3]) == 0.0

    def test_a_dark_control_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no object shines"):
            estimate_spill([-1.0, 0], [2.0, 3])


class TestBand:
    def test_apart_controls_leave_the_middle_of_the_gap(self) -> None:
        band = band_from_controls(np.arange(101.0), np.arange(500, 601.0))
        assert (band.negative_limit, band.positive_limit) == (99, 501)
        assert (band.low, band.high) == pytest.approx((199.5, 400.5))
        assert (band.cut, band.youden_index) == (300, 1)
        assert band.indeterminate_negative == band.indeterminate_positive == 0

    def test_the_whole_gap_where_asked_for(self) -> None:
        band = band_from_controls(np.arange(101.0), np.arange(500, 601.0), gap_share=1)
        assert (band.low, band.high) == (99, 501)

    def test_overlapping_controls_leave_their_overlap(self) -> None:
        band = band_from_controls(np.arange(101.0), np.arange(60, 161.0))
        assert (band.low, band.high) == pytest.approx((61, 99))
        assert band.indeterminate_negative == pytest.approx(38 / 101)

    def test_youden_equals_trying_every_cut(self) -> None:
        rng = np.random.default_rng(4)
        for _ in range(20):
            negative = rng.normal(0, 1, 40).round(1)
            positive = rng.normal(1.5, 1, 30).round(1)
            cuts = np.unique(np.concatenate((negative, positive))) + 0.05
            tried = [np.mean(negative <= cut) - np.mean(positive <= cut) for cut in cuts]
            cut, index = youden_cut(negative, positive)
            assert index == pytest.approx(max(tried))
            reached = np.mean(negative <= cut) - np.mean(positive <= cut)
            assert reached == pytest.approx(index)

    @pytest.mark.parametrize(("negative", "word"), [([], "no objects"), ([np.inf], "not finite")])
    def test_a_control_without_signals_is_refused(self, negative: list[float], word: str) -> None:
        with pytest.raises(ValueError, match=word):
            band_from_controls(negative, [1.0])


class TestRule:
    def test_hoechst_and_pi(self) -> None:
        signals = np.array(
            [(300, 60), (300, 60.1), (300, 170), (300, 170.1), (0, 500), (5, -40)], np.float64
        )
        found = classify_cells(signals, (60, 170))
        assert found.tolist() == ["live", "indeterminate", "indeterminate", "dead", "dead", "live"]

    def test_two_dyes_that_unite(self) -> None:
        both, neither = (400, 400), (5, 5)
        signals = np.array([(400, 5), (5, 400), both, neither, (50, 5), (400, 100), (5, 100)])
        found = classify_cells(signals, (60, 170), (20, 80))
        assert found.tolist() == [
            "live",
            "dead",
            "dead",
            "debris",
            "indeterminate",
            "indeterminate",
            "indeterminate",
        ]

    def test_debris_wins(self) -> None:
        found = classify_cells([[300, 500], [300, 0]], (60, 170), debris=np.array([True, False]))
        assert found.tolist() == ["debris", "live"]

    def test_no_cells(self) -> None:
        assert classify_cells(np.zeros((0, 2)), (60, 170)).tolist() == []

    def test_a_signal_that_is_no_number_is_refused(self) -> None:
        with pytest.raises(ValueError, match="finite"):
            classify_cells([[1, np.nan]], (60, 170))


class TestGates:
    def test_small_objects_and_dim_ones_are_debris(self) -> None:
        area = np.array([29.0, 31, 100, 100, 100])
        content = [[900, 0], [900, 0], [200, 10], [200, 400], [400, 10]]
        found = find_debris(area, content, 30, (300, 300))
        assert found.tolist() == [True, False, True, False, False]

    def test_without_a_pixel_size_the_content_decides(self) -> None:
        found = find_debris(None, [[1, 1], [900, 1]], 30, (300, 300))
        assert found.tolist() == [True, False]
        assert not find_debris(None, [[1, 1]], 30, None).any()

    def test_clumps_are_cells_that_share_a_side(self) -> None:
        labels = np.zeros((6, 9), np.int32)
        labels[1:3, 1:3], labels[1:3, 3:5], labels[4, 7] = 1, 2, 5
        labels[3, 5] = 4  # meets 2 at a corner only
        found = find_clumps(labels, np.array([1, 2, 4, 5], np.int32))
        assert found.tolist() == [True, True, False, False]

    def test_nuclei_of_pi_without_hoechst_are_counted(self) -> None:
        rng = np.random.default_rng(5)
        dead = rng.normal(100, 4, (200, 200))
        spots = [(30, 30), (30, 150), (120, 60), (160, 160)]
        labels = np.zeros(dead.shape, np.int32)
        for k, (y, x) in enumerate(spots):
            dead[y : y + 12, x : x + 12] += 400
            if k < 2:
                labels[y + 3 : y + 9, x + 3 : x + 9] = k + 1
        dead[80:82, 100:102] += 400  # dirt
        for image in (dead.astype(np.uint16), dead.astype(np.float32)):
            assert count_unmatched(labels, image, 170, 30, 12) == 2
        assert count_unmatched(labels, dead.astype(np.uint16), 1000, 30, 12) == 0

    def test_less_than_no_light_is_a_contradiction(self) -> None:
        light = np.concatenate((np.full(20, 5.0), np.full(10, -300)))
        assert looks_over_compensated(light, 170, 5, 0.2)
        assert not looks_over_compensated(light, 400, 5, 0.2)
        assert not looks_over_compensated(light[:24], 170, 5, 0.2)


def _drawn(*boxes: tuple[int, int, int, int]) -> NDArray[np.int32]:
    labels = np.zeros((20, 30), np.int32)
    for k, (top, left, bottom, right) in enumerate(boxes):
        labels[top:bottom, left:right] = k + 1
    return labels


class TestUnion:
    def test_each_cell_once(self) -> None:
        bodies = _drawn((1, 1, 9, 9), (11, 1, 19, 9))
        on, beside, half_on = (3, 3, 5, 5), (2, 20, 4, 22), (12, 7, 14, 12)
        nuclei = _drawn(on, beside, half_on)
        owner = match_nuclei(bodies, nuclei)
        assert owner.tolist() == [1, 0, 0]
        united = unite_labels(bodies, nuclei, owner)
        assert np.unique(united).tolist() == [0, 1, 2, 3, 4]
        assert np.array_equal(united == 3, nuclei == 2)
        assert np.array_equal(united == 4, nuclei == 3)
        assert (united == 1).sum() == 64

    def test_a_second_nucleus_on_a_body_is_a_cell_of_its_own(self) -> None:
        bodies = _drawn((1, 1, 15, 15))
        nuclei = _drawn((2, 2, 4, 4), (6, 6, 10, 10), (11, 11, 15, 15))
        assert match_nuclei(bodies, nuclei).tolist() == [0, 1, 0]

    def test_what_is_not_stained_is_no_nucleus(self) -> None:
        bodies = _drawn((1, 1, 15, 15))
        nuclei = _drawn((2, 2, 4, 4), (6, 6, 10, 10), (2, 20, 4, 22))
        owner = match_nuclei(bodies, nuclei, np.array([True, False, False]))
        assert owner.tolist() == [1, -1, -1]
        assert np.array_equal(unite_labels(bodies, nuclei, owner), bodies)

    def test_equals_a_loop_over_nuclei(self) -> None:
        rng = np.random.default_rng(6)
        for _ in range(10):
            bodies = np.repeat(np.repeat(rng.integers(0, 6, (5, 6)), 4, 0), 5, 1).astype(np.int32)
            nuclei = np.repeat(np.repeat(rng.integers(0, 9, (10, 15)), 2, 0), 2, 1).astype(np.int32)
            nuclei = np.searchsorted(np.unique(nuclei), nuclei).astype(np.int32)
            owner = match_nuclei(bodies, nuclei)
            claims: dict[int, list[tuple[int, int]]] = {}
            for nucleus in range(1, int(nuclei.max()) + 1):
                on = bodies[nuclei == nucleus]
                for body in range(1, 6):
                    if 2 * (on == body).sum() > on.size:
                        claims.setdefault(body, []).append((-int((on == body).sum()), nucleus))
            expected = np.zeros(int(nuclei.max()), int)
            for body, several in claims.items():
                expected[min(several)[1] - 1] = body
            assert owner.tolist() == expected.tolist()

    def test_nothing_to_unite(self) -> None:
        none, one = _drawn(), _drawn((1, 1, 3, 3))
        assert match_nuclei(one, none).size == 0
        assert np.array_equal(unite_labels(one, none, match_nuclei(one, none)), one)
        assert np.array_equal(unite_labels(none, one, match_nuclei(none, one)), one)

    def test_shapes_must_agree(self) -> None:
        with pytest.raises(ValueError, match="differ in shape"):
            match_nuclei(np.zeros((2, 2), np.int32), np.zeros((2, 3), np.int32))


class TestStains:
    @pytest.mark.parametrize(
        ("stain", "channels", "expected"),
        [
            ("hoechst_pi", ["DAPI", "PI"], {"hoechst": "DAPI", "pi": "PI"}),
            ("hoechst_pi", ["Hoechst 33342", "Propidium iodide"], None),
            ("hoechst_pi", ["w1", "w2"], {}),
            ("hoechst_pi", ["w1DAPI", "w2-pi"], None),
            ("calcein_ethd1", ["Calcein-AM", "EthD-1"], None),
            ("calcein_ethd1", ["Green", "Red"], None),
            ("ao_pi", ["AO", "PI"], None),
            ("hoechst_pi", ["DAPI", "Hoechst", "PI"], {"pi": "PI"}),
        ],
    )
    def test_channels_by_name(
        self, stain: str, channels: list[str], expected: dict[str, str] | None
    ) -> None:
        found = stain_named(stain).channels_by_name(channels)
        if expected is None:
            expected = dict(zip(STAINS[stain].dyes, channels, strict=True))
        assert found == expected

    def test_pi_is_a_word_and_no_part_of_one(self) -> None:
        assert stain_named("hoechst_pi").dye_of("pixels") is None
        assert stain_named("hoechst_pi").dye_of("PI_600") == "pi"

    def test_an_unknown_stain_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"'mtt'.*hoechst_pi"):
            stain_named("mtt")
