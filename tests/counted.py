"""Count how often each pixel is read or written: run as a program, without numba's compiler.

Without the compiler a kernel is plain Python, and an array that counts its own accesses gives
numbers that hold on any machine: `test_speed_counts` gates on them, not on the clock.
"""

import json
from typing import Any

import numpy as np


class Counted(np.ndarray):
    """An array whose views share one count of the elements read and written."""

    counts: dict[str, int]

    def __array_finalize__(self, parent: Any) -> None:
        self.counts = getattr(parent, "counts", {"read": 0, "written": 0})

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if isinstance(found, Counted):
            # Picked elements are a copy; a slice is only a view, read when it is used.
            if not np.may_share_memory(_plain(found), _plain(self)):
                self.counts["read"] += found.size
                return found.view(np.ndarray)
        else:
            self.counts["read"] += 1
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        self.counts["written"] += super().__getitem__(key).size
        super().__setitem__(key, _taken(value))

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        for out in named.get("out", ()):
            if isinstance(out, Counted):
                out.counts["written"] += out.size
        if "out" in named:
            named["out"] = tuple(_plain(out) for out in named["out"])
        return getattr(ufunc, method)(*(_taken(value) for value in inputs), **named)

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        # These ask for a shape only.
        take = _plain if function in (np.empty_like, np.zeros_like, np.ones_like) else _taken
        plain = tuple(take(value) for value in args)
        return function(*plain, **{key: take(value) for key, value in named.items()})


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Counted) else value


def _taken(value: Any) -> Any:
    """The plain array, its elements counted as read."""
    if isinstance(value, Counted):
        value.counts["read"] += value.size
    return _plain(value)


_contiguous = np.ascontiguousarray


def _stay_counted(array: Any, dtype: Any = None) -> Any:
    """numpy's own drops the subclass, and with it the count, even where it copies nothing."""
    if not isinstance(array, Counted):
        return _contiguous(array, dtype)
    if array.flags.c_contiguous and dtype in (None, array.dtype, array.dtype.type):
        return array
    return _contiguous(_taken(array), dtype)


def passes(call: Any, array: Any) -> dict[str, float]:
    """Elements read and written by a call, as multiples of the array's size."""
    counted = array.view(Counted)
    counted.counts = {"read": 0, "written": 0}
    call(counted)
    return {name: n / array.size for name, n in counted.counts.items()}


def field(height: int, width: int) -> Any:
    """Blurred discs of 9 pixels radius, some in pairs, over a noisy background."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:height, :width]
    image = 200 + rng.normal(0, 4, (height, width))
    for row in range(18, height - 12, 34):
        for column in range(18, width - 12, 40):
            far = np.hypot(y - row - column % 3, x - column)
            image += 900 * np.clip(9.5 - far, 0, 2) / 2
    return image.clip(0).astype(np.uint16)


def stages(nuclei: Any) -> dict[str, Any]:
    """Every stage that walks over pixels, as a call on one plane of nuclei of this label image."""
    from monolayer.field import FieldImage
    from monolayer.inspect import InspectSettings, correct_illumination, inspect_field
    from monolayer.measure import MeasureSettings, measure_objects
    from monolayer.segment import SegmentSettings, segment_nuclei
    from monolayer.segment.cells import outline_cells
    from monolayer.segment.cover import segment_cover
    from monolayer.segment.suspension import segment_suspension
    from monolayer_kernels.stream import open_scan

    told: Any = {"expected_diameter_um": 12.0}
    by_threshold = SegmentSettings(method="threshold", **told)
    seeds = np.ascontiguousarray(nuclei)

    def inspected(plane: Any) -> Any:
        return inspect_field(FieldImage({"dna": plane}, 0.65), InspectSettings(), "dna")

    return {
        "inspect": inspected,
        "illumination": lambda a: correct_illumination(a, np.ones(a.shape, np.float32)),
        "nuclei, threshold": lambda a: segment_nuclei(a, by_threshold, 0.65),
        "nuclei, tree": lambda a: segment_nuclei(a, SegmentSettings(**told), 0.65),
        "nuclei, scale found": lambda a: segment_nuclei(a, SegmentSettings(), 0.65),
        "cover": lambda a: segment_cover(a, None, 0.65),
        "suspension": lambda a: segment_suspension(a, None, 0.65),
        "cells around nuclei": lambda a: outline_cells(a, seeds, 18.0),
        "measure": lambda a: measure_objects(seeds, {"dna": a}, MeasureSettings(), 0.65),
        "scan": lambda a: open_scan(a.shape[1], 600.0).push(a),
    }


def kernels(image: Any, objects: Any) -> dict[str, tuple[Any, Any]]:
    """Kernels that walk over a plane, under the names that docs/kernels.md has for them."""
    from monolayer_kernels import (
        background,
        boxes,
        contact,
        cover,
        flood,
        focus,
        heights,
        illumination,
        label,
        labels,
        lines,
        measure_intensity,
        measure_quantiles,
        measure_rings,
        measure_runs,
        measure_surround,
        noise,
        shape_border,
        smooth,
        stream,
        texture,
        threshold,
        tree,
    )
    from monolayer_kernels import objects as chores

    floats = image.astype(np.float32)
    levels = (floats / 8).clip(0, 255).astype(np.uint8)
    grid = np.ones([-(-side // 8) for side in image.shape], np.float32)
    runs = measure_runs.find_runs(objects)
    sums = measure_runs.sum_runs(runs)
    order = measure_runs.order_by_row(runs.first, runs.row, image.shape)
    border = shape_border.find_border(runs, sums)
    ellipses = measure_rings.moment_ellipses(sums)
    low = np.full(runs.label.size, 400, np.float32)
    steps = np.linspace(100, 1000, 50)
    flat = np.ones_like(floats)
    return {
        "smooth.gaussian": (lambda a: smooth.gaussian(a, 1.0), floats),
        "smooth.binomial": (lambda a: smooth.binomial(a, 6), image),
        "smooth.binomial_levels": (lambda a: smooth.binomial_levels(a, 6, 15), image),
        "smooth.bin_mean": (lambda a: smooth.bin_mean(a, 4), image),
        "boxes.box_mean": (lambda a: boxes.box_mean(a, 3), image),
        "boxes.gaussian_boxes": (lambda a: boxes.gaussian_boxes(a, 5.0), image),
        "background.estimate_background": (
            lambda a: background.estimate_background(a, 60.0),
            image,
        ),
        "background.subtract_background": (
            lambda a: background.subtract_background(a, grid, 8),
            floats,
        ),
        "heights.smooth_heights": (lambda a: heights.smooth_heights(a, 1.0, grid, 8), floats),
        "illumination.apply_flat_field": (
            lambda a: illumination.apply_flat_field(a, flat, 0.0),
            image,
        ),
        "cover.local_deviation": (cover.local_deviation, floats),
        "cover.finest_noise": (lambda a: cover.finest_noise(a, 8), image),
        "lines.line_levels": (lambda a: lines.line_levels(a, 10, 30), levels),
        "threshold.histogram": (threshold.histogram, image),
        "threshold.threshold_local": (lambda a: threshold.threshold_local(a, 3), image),
        "threshold.quantise": (lambda a: threshold.quantise(a, steps), floats),
        "noise.estimate_noise": (lambda a: noise.estimate_noise(a, floats < 400), floats),
        "noise.median": (noise.median, floats),
        "noise.bin_counts": (lambda a: noise.bin_counts(a, 0, 50, 40), floats),
        "noise.spread_below": (lambda a: noise.spread_below(a, 400), floats),
        "focus.block_statistics": (lambda a: focus.block_statistics(a, 8), image),
        "focus.bin_means": (lambda a: focus.bin_means(a, 4), image),
        "focus.edge_figures": (focus.edge_figures, image),
        "focus.laplacian_variance": (focus.laplacian_variance, image),
        "focus.tenengrad": (focus.tenengrad, image),
        "label.label_above": (lambda a: label.label_above(a, 600), image),
        "tree.build_tree": (tree.build_tree, levels),
        "flood.grow_labels": (lambda a: flood.grow_labels(runs, a, levels, low), floats),
        "stream.open_scan": (lambda a: stream.open_scan(a.shape[1], 600.0).push(a), image),
        "measure_runs.find_runs": (measure_runs.find_runs, objects),
        "measure_intensity.measure_intensity": (
            lambda a: measure_intensity.measure_intensity(runs, sums, a),
            image,
        ),
        "measure_quantiles.measure_quantiles": (
            lambda a: measure_quantiles.measure_quantiles(runs, sums, a),
            image,
        ),
        "measure_surround.measure_background": (
            lambda a: measure_surround.measure_background(runs, sums.bbox, order, a),
            image,
        ),
        "measure_surround.measure_gradient": (
            lambda a: measure_surround.measure_gradient(border, a),
            image,
        ),
        "texture.measure_texture": (
            lambda a: texture.measure_texture(runs, sums, a),
            image,
        ),
        "texture.measure_structure": (
            lambda a: texture.measure_structure(runs, sums, a),
            image,
        ),
        "measure_rings.ring_means": (
            lambda a: measure_rings.ring_means(runs, ellipses, a, 4),
            floats,
        ),
        "contact.label_contacts": (lambda a: contact.label_contacts(a, floats), objects),
        "objects.run_means": (lambda a: chores.run_means(runs, a), floats),
        "objects.outline_falls": (lambda a: chores.outline_falls(runs, a, 1), floats),
        "labels.label_boxes": (
            lambda a: labels.label_boxes(a, int(runs.label[-1])),
            objects,
        ),
    }


def count_all() -> dict[str, dict[str, float]]:
    from monolayer.measure import MeasureSettings, measure_objects
    from monolayer.segment import SegmentSettings, segment_nuclei
    from monolayer_kernels import label, labels, measure_intensity, measure_runs, smooth, threshold

    image = field(96, 128)
    runs = label.label_above(image, 600)
    n_labelled = int((runs.stop - runs.start).sum())
    objects = label_image(runs, image.shape)
    sums = measure_runs.sum_runs(runs)

    def intensity(pixels: Any) -> Any:
        return measure_intensity.measure_intensity(runs, sums, pixels)

    def measured(pixels: Any) -> Any:
        return measure_objects(objects, {"dna": pixels}, MeasureSettings(), 0.65)

    settings = SegmentSettings(expected_diameter_um=12.0)
    return {
        "label_above": passes(lambda a: label.label_above(a, 600), image),
        "find_runs": passes(measure_runs.find_runs, objects),
        "label_boxes": passes(lambda a: labels.label_boxes(a, runs.label.size), objects),
        "histogram": passes(threshold.histogram, image),
        "bin_mean": passes(lambda a: smooth.bin_mean(a, 2), image.astype(np.float32)),
        "measure_intensity": passes(intensity, image),
        "measure_objects, image": passes(measured, image),
        "measure_objects, labels": passes(
            lambda a: measure_objects(a, {"dna": image}, MeasureSettings(), 0.65), objects
        ),
        "segment_nuclei": passes(
            lambda a: segment_nuclei(a, settings, 0.65), image.astype(np.float32)
        ),
        **{name: passes(call, image) for name, call in stages(objects).items()},
        **{name: passes(call, a) for name, (call, a) in kernels(image, objects).items()},
        "labelled": {"share": n_labelled / image.size, "objects": float(runs.label.size)},
    }


def label_image(runs: Any, shape: tuple[int, int]) -> Any:
    objects = np.zeros(shape, np.int32)
    for k, label in enumerate(runs.label.tolist()):
        for i in range(runs.first[k], runs.first[k + 1]):
            objects[runs.row[i], runs.start[i] : runs.stop[i]] = label
    return objects


if __name__ == "__main__":
    setattr(np, "ascontiguousarray", _stay_counted)  # noqa: B010
    print(json.dumps(count_all()))  # noqa: T201
