"""The weights of `segment.suspension.judge`: where they come from, and how they hold elsewhere.

They are fitted anew here on the crops of LDC: on all of them, which must give the weights of the
code, and with each family of crops (the manifest's ``group``) left out in turn, or half of the
families, to judge crops that the weights have not seen.
"""

import csv
from collections import defaultdict
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from monolayer.evaluate.suspension import Box, pair_cells, pool_suspension, score_suspension
from monolayer.segment.suspension import SuspensionSettings
from monolayer.segment.suspension.contrast import flatten
from monolayer.segment.suspension.find import find_objects
from monolayer.segment.suspension.judge import live_probabilities, scores
from monolayer.segment.suspension.signs import Signs, read_signs
from monolayer_kernels.measure_runs import sum_runs

Float64 = NDArray[np.float64]

CELL = ("size", "elongation", "outer", "rim", "brightest", "darkest", "on_line", "cut_off")
LIVE = ("size", "centre", "outer", "brightest", "darkest")
PENALTY = 0.5
HALF = ("cell", "ncell", "b", "d", "f")

pytestmark = [pytest.mark.data, pytest.mark.slow]


class Crop(NamedTuple):
    group: str
    boxes: list[Box]
    centres: Float64
    signs: Signs
    matched: NDArray[np.bool_]
    live: NDArray[np.bool_]


@pytest.fixture(scope="module")
def crops(data_folder: Path) -> list[Crop]:
    boxes = defaultdict(list)
    with (data_folder / "livedead_brightfield/ldc/boxes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            xmin, ymin, xmax, ymax = (float(row[n]) for n in ("xmin", "ymin", "xmax", "ymax"))
            boxes[row["path"]].append(Box(xmin, ymin, xmax, ymax, row["class"] == "live"))
    with (data_folder / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if "/ldc/" in row["path"]]
    return [crop_of(row["group"], boxes[row["path"]], data_folder / row["path"]) for row in rows]


def crop_of(group: str, boxes: list[Box], path: Path) -> Crop:
    pixels = np.asarray(imagecodecs.imread(str(path)), np.float32)
    plane = flatten(pixels, 20.0)
    objects = find_objects(plane.contrast, 20.0)
    sums = sum_runs(objects)
    centres = sums.origin + sums.moments[:, 1:3] / sums.moments[:, :1]
    matched, live = np.zeros((2, len(centres)), bool)
    cells, found = pair_cells(boxes, centres)
    matched[cells], live[cells] = True, [boxes[k].live for k in found]
    return Crop(group, boxes, centres, read_signs(objects, plane, 20.0), matched, live)


def table(crops: list[Crop], names: tuple[str, ...]) -> Float64:
    columns = [np.concatenate([getattr(crop.signs, n) for crop in crops]) for n in names]
    return np.column_stack([np.ones(len(columns[0])), *columns])


def fit(signs: Float64, truth: NDArray[np.bool_]) -> Float64:
    """Logistic regression by Newton's steps, all weights but the first one held back a little."""
    weights = np.zeros(signs.shape[1])
    penalty = np.diag([1e-6] + [PENALTY] * (len(weights) - 1))
    for _ in range(50):
        p = 1 / (1 + np.exp(-signs @ weights))
        slope = signs.T @ (truth - p) - penalty @ weights
        bend = (signs * (p * (1 - p))[:, None]).T @ signs + penalty
        weights = weights + np.linalg.solve(bend, slope)
    return weights


def weights_of(crops: list[Crop]) -> tuple[Float64, Float64]:
    matched = np.concatenate([crop.matched for crop in crops])
    live = np.concatenate([crop.live for crop in crops])
    return fit(table(crops, CELL), matched), fit(table(crops, LIVE)[matched], live[matched])


def judged(crops: list[Crop], weights: tuple[Float64, Float64]) -> list[dict[str, Any]]:
    defaults = SuspensionSettings()
    rows: list[dict[str, Any]] = []
    for crop in crops:
        cell, live = (
            1 / (1 + np.exp(-table([crop], names) @ w))
            for names, w in zip((CELL, LIVE), weights, strict=True)
        )
        kept = cell >= defaults.min_score
        alive = live[kept] >= defaults.min_live_probability
        rows.append({"dataset": "", **score_suspension(crop.boxes, crop.centres[kept], alive)})
    return rows


def test_the_weights_are_those_of_all_crops(crops: list[Crop]) -> None:
    whole = Signs(
        **{
            f.name: np.concatenate([getattr(crop.signs, f.name) for crop in crops])
            for f in fields(Signs)
        }
    )
    for names, weights, ours in zip(
        (CELL, LIVE), weights_of(crops), (scores(whole), live_probabilities(whole)), strict=True
    ):
        fitted = 1 / (1 + np.exp(-table(crops, names) @ weights))
        assert np.abs(fitted - ours).mean() < 0.01


def test_families_left_out_in_turn(crops: list[Crop]) -> None:
    rows = []
    for group in sorted({crop.group for crop in crops}):
        known = [crop for crop in crops if crop.group != group]
        rows += judged([crop for crop in crops if crop.group == group], weights_of(known))
    pooled = pool_suspension(rows)[0]
    assert pooled["n_images"] == 221
    assert pooled["f1_centre"] >= 0.90
    assert pooled["f1_centre_class"] >= 0.86
    assert abs(pooled["live_error_percent"]) <= 5
    assert abs(pooled["dead_error_percent"]) <= 10
    assert abs(pooled["viability_error_points"]) <= 3


def test_half_of_the_families_judged_by_the_other_half(crops: list[Crop]) -> None:
    halves = [[crop for crop in crops if (crop.group in HALF) == first] for first in (True, False)]
    rows = judged(halves[0], weights_of(halves[1])) + judged(halves[1], weights_of(halves[0]))
    pooled = pool_suspension(rows)[0]
    assert pooled["f1_centre"] >= 0.89
    assert abs(pooled["live_error_percent"]) <= 5
    assert abs(pooled["dead_error_percent"]) <= 10
    assert abs(pooled["viability_error_points"]) <= 3
