"""What decides in the nuclei method: joining parts, cutting clumps, the score, the glow guard."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from monolayer.segment import segment_nuclei
from monolayer.segment.confidence import Evidence, Signs, confidence, glows
from monolayer.segment.contrast import Contrast
from monolayer.segment.join import join_parts, seam_evidence
from monolayer.segment.split import cut_evidence, split_clumps, split_summed
from monolayer_kernels.contact import Contacts
from monolayer_kernels.measure_runs import find_runs, sum_runs
from monolayer_kernels.objects import paint_runs
from monolayer_kernels.split import propose_cuts


def contrast_of(height: Any) -> Contrast:
    height = np.asarray(height, np.float32)
    return Contrast(height, 5.0, np.full((1, 1), 100, np.float32), 64)


def disc(shape: Any, centre: Any, radius: Any) -> Any:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


# Joining --------------------------------------------------------------------------------------


def joined_parts(labels: Any, height: Any) -> Any:
    return join_parts(labels, find_runs(labels), contrast_of(height), 24.0)


def three_parts() -> Any:
    """One nucleus 24 px wide in three parts, and a separate one."""
    whole, y = disc((60, 60), (20, 20), 12), np.mgrid[:60, :60][0]
    labels = np.where(whole, 1 + (y > 15) + (y > 24), 0).astype(np.int32)
    labels[disc((60, 60), (45, 45), 12)] = 4
    return labels


def test_parts_of_one_nucleus_are_joined_whatever_their_order() -> None:
    labels = three_parts()
    for order in ([0, 1, 2, 3, 4], [0, 3, 1, 4, 2], [0, 4, 3, 2, 1]):
        shuffled = np.array(order, np.int32)[labels]
        joined = joined_parts(shuffled, 300.0 * (labels > 0))[np.array(order[1:]) - 1]
        assert joined[0] == joined[1] == joined[2] != joined[3]
        assert sorted(set(joined.tolist())) == [0, 1]


@pytest.mark.parametrize("why", ["seam is dark", "brightness differs"])
def test_touching_neighbours_stay_apart(why: Any) -> None:
    labels = np.where(disc((40, 60), (20, 18), 12), 1, 0).astype(np.int32)
    labels[disc((40, 60), (20, 41), 12) & (labels == 0)] = 2
    height = np.where(labels == 2, 130.0 if why == "brightness differs" else 300.0, 300.0)
    if why == "seam is dark":
        height[:, 28:31] = 150.0
    assert joined_parts(labels, height * (labels > 0)).tolist() == [0, 1]


def test_nothing_touches_nothing_changes() -> None:
    labels = np.where(disc((40, 60), (20, 18), 8), 1, 0).astype(np.int32)
    assert joined_parts(labels, labels * 50).tolist() == [0]


@pytest.mark.parametrize(
    ("faces", "light", "more"),
    [(20, 20 * 150.0, True), (4, 4 * 300.0, True), (30, 30 * 300.0, False)],
)
def test_a_darker_or_shorter_seam_parts(faces: Any, light: Any, more: Any) -> None:
    areas, total = np.array([1, 400, 400]), np.array([1.0, 400 * 300.0, 400 * 300.0])

    def odds(n: Any, amount: Any) -> Any:
        contact = Contacts(np.array([[1, 2]]), np.array([n]), np.array([amount]))
        return seam_evidence(contact, areas, total, 24.0)[0]

    assert (odds(faces, light) > odds(20, 20 * 300.0)) == more


# Cutting --------------------------------------------------------------------------------------


def pair(distance: Any) -> Any:
    return disc((40, 70), (20, 20), 12) | disc((40, 70), (20, 20 + distance), 12)


def pieces_of(mask: Any, bias: float) -> int:
    runs, height = find_runs(mask.astype(np.int32)), np.where(mask, 300, 0).astype(np.float32)
    cut = split_clumps(runs, height, 24.0, bias)
    np.testing.assert_array_equal(paint_runs(cut, mask.shape) > 0, mask)
    return cut.label.size


def test_a_waisted_pair_is_cut_and_a_bean_is_not() -> None:
    assert pieces_of(pair(21), 0.0) == 2
    assert pieces_of(pair(6), 0.0) == 1


def test_unlike_brightness_a_short_neck_and_a_bias_speak_for_a_cut() -> None:
    cuts = propose_cuts(find_runs(pair(16).astype(np.int32)))
    plain = cut_evidence(cuts, 24.0, np.ones(1))
    assert cut_evidence(cuts, 24.0, np.full(1, 2.0)) > plain
    assert cut_evidence(cuts._replace(neck=np.full(1, 0.5)), 24.0, np.ones(1)) > plain
    assert pieces_of(pair(16), -10.0) == 1
    assert pieces_of(pair(16), 10.0) >= 2


# The score ------------------------------------------------------------------------------------


def ordinary() -> Signs:
    one = np.ones(1)
    return Signs(0.97 * one, one, 3.5 * one, one, 40 * one, np.zeros(1, np.bool_))


def test_an_ordinary_nucleus_scores_high() -> None:
    assert confidence(ordinary())[0] > 0.9


@pytest.mark.parametrize(
    ("sign", "value"),
    [
        ("shapes", 0.6),
        ("relative_areas", 0.15),
        ("relative_areas", 3.0),
        ("slopes", 1.2),
        ("relative_heights", 0.2),
        ("signals", 4.0),
    ],
)
def test_every_sign_can_lower_the_score(sign: Any, value: Any) -> None:
    worse = replace(ordinary(), **{sign: np.array([value])})
    assert confidence(worse)[0] < confidence(ordinary())[0]


def test_the_border_excuses_shape_and_a_small_area() -> None:
    part = replace(ordinary(), shapes=np.array([0.7]), relative_areas=np.array([0.2]))
    cut_off = replace(part, cut_off=np.ones(1, np.bool_))
    assert confidence(cut_off)[0] > confidence(part)[0] + 0.2


def evidence(heights: Any, slopes: Any) -> Evidence:
    n = len(heights)
    squares = np.kron(np.diag(np.arange(1, n + 1)), np.ones((10, 10)))
    return Evidence(
        sums=sum_runs(find_runs(squares.astype(np.int32))),
        brightness=100.0,
        scores=np.full(n, 0.9),
        heights=np.array(heights),
        levels=np.full(n, 100.0),
        slopes=np.array(slopes),
        vast=np.zeros(n, np.bool_),
    )


def test_faint_objects_are_blots_only_where_blots_make_the_light() -> None:
    assert evidence([30.0, 30.0], [1.5, 3.0]).blots().tolist() == [True, True]
    assert evidence([30.0, 300.0], [1.5, 3.5]).blots().tolist() == [False, False]


def test_a_glow_is_vast_and_soft() -> None:
    y, x = np.mgrid[:64, :64]
    soft = contrast_of(400 * np.exp(-(y**2 + x**2) / 2000))
    sharp = contrast_of(400.0 * disc((64, 64), (32, 32), 20))
    for contrast, expected in ((soft, True), (sharp, False)):
        runs = find_runs((contrast.height > 20).astype(np.int32))
        assert glows(runs, contrast, 16.0, np.array([200.0])).tolist() == [expected]


# All together ---------------------------------------------------------------------------------


def test_a_lamp_in_the_corner_is_no_nucleus() -> None:
    rng, y, x = np.random.default_rng(8), *np.mgrid[:256, :256]
    clean = 60 + 300 * np.exp(-(y**2 + x**2) / (2 * 90.0**2))
    centres = [(cy, cx) for cy in range(30, 256, 48) for cx in range(30, 256, 48)]
    discs = sum(disc((256, 256), centre, 7).astype(float) for centre in centres)
    image = rng.poisson(clean + 200 * ndimage.gaussian_filter(discs, 1.0)).astype(np.uint16)
    found = segment_nuclei(image)
    assert found.diameter_px == pytest.approx(14, rel=0.2)
    assert abs(len(found.scores) - len(centres)) <= 1


def test_a_nucleus_that_fills_the_field_is_one() -> None:
    rng = np.random.default_rng(4)
    speckle = ndimage.gaussian_filter(rng.standard_normal((256, 256)), 3)
    texture = 1 + 0.15 * speckle / speckle.std()
    body = ndimage.gaussian_filter(disc((256, 256), (128, 128), 90).astype(float), 3)
    found = segment_nuclei(rng.poisson(100 + 400 * body * texture).astype(np.uint16))
    assert len(found.scores) == 1
    assert found.diameter_px == pytest.approx(180, rel=0.15)


def test_brighter_nuclei_on_a_steep_glow_are_the_nuclei() -> None:
    rng, y, x = np.random.default_rng(8), *np.mgrid[:256, :256]
    glow = 150 * ndimage.gaussian_filter((x + y < 220).astype(float), 25)
    discs = [
        disc((256, 256), (cy, cx), 7) for cy in range(30, 256, 48) for cx in range(30, 256, 48)
    ]
    nuclei = ndimage.gaussian_filter(np.any(discs, axis=0).astype(float), 1.0)
    found = segment_nuclei(rng.poisson(60 + glow + 250 * nuclei).astype(np.uint16))
    assert found.diameter_px == pytest.approx(14, rel=0.2)
    assert abs(len(found.scores) - len(discs)) <= 2


@pytest.mark.xfail(strict=True, reason="no background is left between touching discs")
def test_discs_that_touch_over_most_of_the_field_are_found() -> None:
    pitch, centres = 22.5, []
    for row, cy in enumerate(np.arange(pitch / 2, 504, pitch * np.sqrt(0.75))):
        centres += [(cy, cx) for cx in np.arange(pitch / 2 * (1 + row % 2), 504, pitch)]
    discs = np.any([disc((512, 512), centre, 11) for centre in centres], axis=0).astype(float)
    assert 0.75 < discs.mean() < 0.9
    clean = 100 + 400 * ndimage.gaussian_filter(discs, 1.0)
    found = segment_nuclei(np.random.default_rng(0).poisson(clean).astype(np.uint16))
    assert len(found.scores) > len(centres) / 2


def test_sums_come_with_the_parts_they_are_of() -> None:
    y, x = np.mgrid[:60, :140]
    mask = ((y - 30) ** 2 + (x - 30) ** 2 < 144) | ((y - 30) ** 2 + (x - 50) ** 2 < 144)
    mask |= (y - 30) ** 2 + (x - 110) ** 2 < 144
    labels, n = ndimage.label(mask)
    runs = find_runs(labels.astype(np.int32))
    height = (100.0 * mask).astype(np.float32)
    parts, sums = split_summed(runs, sum_runs(runs), height, 24.0, 0.0)
    assert (n, parts.label.size) == (2, 3)
    for own, expected in zip(sums, sum_runs(parts), strict=True):
        np.testing.assert_array_equal(own, expected)
    for plain, part in zip(split_clumps(runs, height, 24.0, 0.0), parts, strict=True):
        np.testing.assert_array_equal(plain, part)
    nothing, none = split_summed(parts, sums, height, 1e9, 0.0)
    assert (nothing.label.size, len(none.bbox)) == (3, 3)
