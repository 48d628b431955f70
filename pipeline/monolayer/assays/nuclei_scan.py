"""Nuclei of a scan: segmented in windows, counted once, measured as those of a field.

The typical diameter is fixed from nine samples; background, noise and brightness are each
window's own. Local background and edges see all objects around, whatever window they lie in;
neighbours are looked for in the whole scan.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays.contract import Cell
from monolayer.assays.windows import Arrays, Fixed, MeasuredRow, Part, RowInput, ScanWork
from monolayer.measure.objects import find_neighbours, in_micrometres
from monolayer.measure.scan import measure_window, reach_px
from monolayer.segment import FIGURES
from monolayer.segment.settings import SegmentSettings
from monolayer.segment.tiles import (
    FixedScale,
    find_in_tiles,
    fix_scale,
    keep_once,
    no_objects,
    reaching_below,
)
from monolayer.summarise import summarise_field
from monolayer.summarise.distributions import measure_names
from monolayer_kernels.measure_runs import Runs
from monolayer_kernels.objects import join_objects, paint_runs, select_objects
from monolayer_kernels.stitch import Tile

__all__ = ["SCAN_ASSAY", "NucleiScan"]

# Kept free of a window's margin, so that an object and its frame reach one row of windows further
# at most.
_CLEAR_PX = 32
_PER_WINDOW = ("segment_noise", "segment_brightness")


class NucleiScan:
    """See `monolayer.assays.windows.ScanAssay`."""

    def fix(self, work: ScanWork) -> Fixed:
        """Typical diameter, and the windows' margin."""
        reader, size = _nuclei(work), work.scan.pixel_size.um
        scale = fix_scale(reader.window, work.scan.shape, work.method.segment, size)
        most = max(work.method.read.window_px - _CLEAR_PX, 0)
        return {
            "settings": scale.settings.model_dump(mode="json"),
            "unit_um": scale.pixel_size_um,
            "diameter_px": scale.diameter_px,
            "margin_px": min(scale.margin_px, most),
        }

    def find(self, work: ScanWork, fixed: Fixed, tiles: Sequence[Tile]) -> Arrays:
        """Segment a row of windows; name the objects that a neighbouring row may have too."""
        scale = FixedScale(
            SegmentSettings.model_validate(fixed["settings"]),
            fixed["unit_um"],
            fixed["diameter_px"],
            fixed["margin_px"],
        )
        found = find_in_tiles(_nuclei(work).window, tiles, work.scan.shape, scale, work.tile_px)
        figures = [[part.get(name) for name in FIGURES] for part in found.figures]
        return {
            **_packed("", found.runs),
            **_packed("seam_", _at_the_seams(found.runs, tiles, scale.margin_px)),
            "scores": found.scores,
            "firsts": found.firsts,
            "overlaps": found.overlaps,
            "n_cut": np.array(found.n_cut),
            "figures": np.array(figures, np.float64),
        }

    def settle(self, work: ScanWork, fixed: Fixed, found: Sequence[Arrays]) -> Sequence[Arrays]:
        """Count once what two rows of windows have, and number the objects."""
        rows, settled, label, before = work.rows(fixed), [], 1, no_objects()
        for tiles, row in zip(rows, found, strict=True):
            seam = _unpacked("seam_", row)
            kept = keep_once(before, seam, row["firsts"], row["overlaps"])
            settled.append({"kept": kept, "label": np.array(label)})
            label += kept.size
            here = np.flatnonzero(np.isin(seam.label - 1, kept))
            before = reaching_below(select_objects(seam, here), tiles[0].core[2])
        return settled

    def n_labels(self, settled: Sequence[Arrays]) -> int:
        """Objects of the scan."""
        return sum(len(row["kept"]) for row in settled)

    def measure(
        self,
        work: ScanWork,
        fixed: Fixed,  # noqa: ARG002  of the contract
        row: RowInput,
        parts: Iterable[Part],
    ) -> MeasuredRow:
        """Measure a row's own objects, beside those of the rows above and below."""
        runs = {i: _kept(found, row.settled[i]) for i, found in row.found.items()}
        own = runs[row.index]
        everything = join_objects([own, *(other for i, other in runs.items() if i != row.index)])
        boxes = _boxes(everything)
        firsts = boxes[: own.label.size, :2].copy()
        firsts[:, 1] = own.start[own.first[:-1]]
        measured: list[dict[str, NDArray[Any]]] = []
        for part in parts:
            for tile in part.tiles:
                mine = _in_core(firsts, tile)
                beside = _beside(boxes, mine, reach_px(work.method.measure))
                measured.append(
                    measure_window(
                        select_objects(own, mine)._replace(label=own.label[mine]),
                        select_objects(everything, beside),
                        part.pixels,
                        part.corner,
                        work.scan.shape,
                        work.method.measure,
                        work.scan.pixel_size.um,
                    )
                )
        columns = {name: np.concatenate([part[name] for part in measured]) for name in measured[0]}
        order = np.argsort(columns["label"], kind="stable")
        columns = {name: values[order] for name, values in columns.items()}
        found = row.found[row.index]
        columns["segmentation_score"] = found["scores"][row.settled[row.index]["kept"]]
        numbered = [runs[i] for i in sorted(runs)]
        return MeasuredRow(
            columns,
            lambda top, bottom: _painted(numbered, (top, bottom), work.scan.shape[1]),
            {"figures": found["figures"], "n_cut": found["n_cut"]},
        )

    def finish(
        self,
        work: ScanWork,
        fixed: Fixed,
        tallies: Sequence[Arrays],
        column: Callable[[str], NDArray[Any]],
    ) -> tuple[dict[str, Cell], dict[str, NDArray[Any]]]:
        """Summarise all objects as those of a field, and find their neighbours."""
        size, method, shape = work.scan.pixel_size.um, work.method, work.scan.shape
        together: dict[str, NDArray[Any]] = {}
        if "neighbours" in method.measure.groups:
            y, x = column("centroid_y_px"), column("centroid_x_px")
            together = find_neighbours(y, x, method.measure, size)
            together |= in_micrometres(together, size)
        described = ("weight", "touches_border", *measure_names(work.scan.channels))
        summary = summarise_field(
            {name: column(name) for name in described},
            shape,
            size,
            method.summarise,
            int(column("area_px").sum()) / (shape[0] * shape[1]),
        )
        diameter = fixed["diameter_px"]
        row: dict[str, Cell] = {
            "diameter_px": diameter,
            "diameter_um": diameter * size if diameter and size else None,
            **_figures(tallies, column("segmentation_score")),
            **summary,
        }
        return row, together


def _nuclei(work: ScanWork) -> Any:
    return work.scan.channels[work.roles["nuclei"]]


def _packed(prefix: str, runs: Runs) -> dict[str, NDArray[Any]]:
    return {f"{prefix}{name}": values for name, values in runs._asdict().items()}


def _unpacked(prefix: str, arrays: Arrays) -> Runs:
    return Runs(**{name: arrays[f"{prefix}{name}"] for name in Runs._fields})


def _at_the_seams(runs: Runs, tiles: Sequence[Tile], margin: int) -> Runs:
    """Objects that may lie upon one of another row's; their labels say which of all they are."""
    lasts = runs.row[runs.first[1:] - 1]
    near = (runs.row[runs.first[:-1]] < tiles[0].core[0] + margin) | (lasts >= tiles[0].core[2])
    which = np.flatnonzero(near)
    return select_objects(runs, which)._replace(label=runs.label[which])


def _kept(found: Arrays, settled: Arrays) -> Runs:
    """The counted objects of a row, with the scan's labels."""
    runs = select_objects(_unpacked("", found), settled["kept"])
    return runs._replace(label=(runs.label + (int(settled["label"]) - 1)).astype(np.int32))


def _boxes(runs: Runs) -> NDArray[np.int64]:
    """Bounding box of each object: top, left, bottom, right."""
    if not runs.label.size:
        return np.zeros((0, 4), np.int64)
    firsts = runs.first[:-1]
    left = np.minimum.reduceat(runs.start, firsts)
    right = np.maximum.reduceat(runs.stop, firsts)
    bottom = runs.row[runs.first[1:] - 1] + 1
    return np.stack([runs.row[firsts], left, bottom, right], axis=1).astype(np.int64)


def _in_core(firsts: NDArray[np.int64], tile: Tile) -> NDArray[np.intp]:
    """Objects whose first pixel lies in a window's core."""
    top, left, bottom, right = tile.core
    y, x = firsts.T
    return np.flatnonzero((y >= top) & (y < bottom) & (x >= left) & (x < right))


def _beside(boxes: NDArray[np.int64], mine: NDArray[np.intp], reach: int) -> NDArray[np.intp]:
    """Other objects that lie within reach of the box around some."""
    if not mine.size:
        return np.zeros(0, np.intp)
    top, left = boxes[mine, :2].min(axis=0) - reach
    bottom, right = boxes[mine, 2:].max(axis=0) + reach
    near = (boxes[:, 0] < bottom) & (boxes[:, 2] > top)
    near &= (boxes[:, 1] < right) & (boxes[:, 3] > left)
    near[mine] = False
    return np.flatnonzero(near)


def _painted(rows: Sequence[Runs], span: tuple[int, int], width: int) -> NDArray[np.int32]:
    """Label image of some rows of pixels."""
    top, bottom = span
    parts = []
    for runs in rows:
        owner = np.repeat(runs.label, np.diff(runs.first))
        seen = (runs.row >= top) & (runs.row < bottom)
        parts.append((owner[seen], runs.row[seen] - top, runs.start[seen], runs.stop[seen]))
    owner, row, start, stop = (np.concatenate(several) for several in zip(*parts, strict=True))
    # A run is painted as an object of its own; of two upon one another the later one is seen.
    lone = Runs(owner, np.arange(owner.size + 1), row.astype(np.int32), start, stop)
    return paint_runs(lone, (bottom - top, width))


def _figures(tallies: Sequence[Arrays], scores: NDArray[np.float64]) -> dict[str, float | None]:
    """Medians over the windows that know them, and the mean score of all objects."""
    table = np.concatenate([tally["figures"] for tally in tallies])
    figures: dict[str, float | None] = dict.fromkeys(FIGURES)
    for name in _PER_WINDOW:
        values = table[:, FIGURES.index(name)]
        values = values[~np.isnan(values)]
        figures[name] = float(np.median(values)) if values.size else None
    known = scores[~np.isnan(scores)]
    figures["segment_mean_score"] = float(known.mean()) if known.size else None
    return figures


SCAN_ASSAY = NucleiScan()
