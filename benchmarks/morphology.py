"""How well outlined cells and their populations agree with the truth of simulated fields.

    python benchmarks/morphology.py

One line a density: overlap of each cell clear of the border with the one found around its nucleus,
then figures of the population, found and true, both with the weights that make up for the border.
Simulation throughout: there are no outlined real cells to hold against.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays.morphology import ASSAY
from monolayer.field import FieldImage
from monolayer.measure import MeasureSettings, measure_objects
from monolayer.method import Method
from monolayer.simulate import (
    CellFieldSettings,
    NucleiSettings,
    SimulatedCellField,
    SimulateSettings,
    simulate_cell_field,
)
from monolayer.summarise.shapes import weighted_share

METHOD = Method.model_validate({"assay": "morphology", "morphology": {"cell_channel": "w2"}})
ROLES = {"nuclei": "w1", "cells": "w2"}
# Density in cells per cm2, and fields of 1024 x 1024 px.
FIELDS = {5_000: 12, 20_000: 6, 60_000: 3}
PIXEL = 0.65

Table = dict[str, NDArray[Any]]


def true_objects(field: SimulatedCellField) -> Table:
    """Columns of the true cells, under the names of the assay's."""
    found = measure_objects(field.labels, {}, MeasureSettings(groups=("axes",)), PIXEL)
    minor = np.maximum(found["axis_minor_length_px"], 0.1)
    return {
        "cell_area_um2": found["area_um2"],
        "cell_weight": found["weight"],
        "cell_aspect_ratio": found["axis_major_length_px"] / minor,
    }


def overlaps(field: SimulatedCellField, objects: Table, labels: NDArray[np.int32]) -> list[float]:
    """Intersection over union of each true cell with the one that its nucleus grew into."""
    y, x = (objects[f"nucleus_centroid_{axis}_px"].astype(int) for axis in "yx")
    owner = field.nucleus_labels[y, x]
    found = []
    for label in field.truth["label"][~field.truth["touches_border"]]:
        for k in np.flatnonzero(owner == label)[:1]:
            one, true = labels == objects["label"][k], field.labels == label
            found.append(float((one & true).sum() / (one | true).sum()))
    return found


def population(tables: list[Table]) -> tuple[float, float, float]:
    """Median area, share of spindles, share of flattened cells."""
    area, weight, ratio = (
        np.concatenate([table[f"cell_{name}"] for table in tables])
        for name in ("area_um2", "weight", "aspect_ratio")
    )
    weight = np.where(np.isfinite(area), weight, 0.0)
    order = np.argsort(area)
    middle = np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)
    spindle = weighted_share((ratio > 3) & (area < 2_500), weight) or 0.0
    flat = weighted_share((area > 4_000) & (ratio < 2), weight) or 0.0
    return float(area[order][middle]), spindle, flat


def main() -> None:
    print("cells/cm2  cells  overlap  >0.5   median um2      spindle        flattened     s/MP")
    for density, n in FIELDS.items():
        nuclei = SimulateSettings(
            height_px=1024,
            width_px=1024,
            nuclei=NucleiSettings(density_cells_per_cm2=density, touching_fraction=0.08),
        )
        shared: list[float] = []
        found: list[Table] = []
        true: list[Table] = []
        seconds = 0.0
        for index in range(n):
            field = simulate_cell_field(CellFieldSettings(nuclei=nuclei), seed=2026, index=index)
            image = FieldImage({"w1": field.nuclei.pixels, "w2": field.pixels}, PIXEL)
            start = time.process_time()
            result = ASSAY.evaluate(image, ROLES, METHOD)
            seconds += time.process_time() - start
            assert result.labels is not None
            shared += overlaps(field, result.objects, result.labels)
            found.append(result.objects)
            true.append(true_objects(field))
        pairs = zip(population(found), population(true), strict=True)
        texts = [f"{a:6.0f} ({b:6.0f})" if b > 1 else f"{a:6.3f} ({b:.3f})" for a, b in pairs]
        share = np.mean(np.array(shared) > 0.5)
        print(
            f"{density:9,} {len(shared):6} {np.mean(shared):8.3f} {share:5.2f}  "
            f"{'  '.join(texts)} {seconds / (n * 1.048576):6.2f}"
        )


if __name__ == "__main__":
    main()
