"""Confluence of a scan: cover in windows, all held against one reference.

The reference (noise, brightness, contrast of bare surface and of cells) is that of the nine samples
put side by side: a window that cells fill has no bare surface of its own to be held against. The
vessel's walls and bubbles are looked for in each window, as in a field.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays.contract import Cell
from monolayer.assays.windows import Arrays, Fixed, MeasuredRow, Part, RowInput, ScanWork
from monolayer.errors import ImageError
from monolayer.field import State
from monolayer.segment.cover import (
    FIGURES,
    REASONS,
    Cover,
    CoverReference,
    cover_reference,
    segment_cover_window,
)
from monolayer.segment.cover.texture import TextureReference
from monolayer.segment.tiles import sample_boxes
from monolayer.summarise.confluence import summarise_confluence_field
from monolayer_kernels.stitch import Tile

__all__ = ["SCAN_ASSAY", "ConfluenceScan"]

# Working pixels: the level of bare surface is smoothed over some 80 of them, a halo is narrower.
_MARGIN = 128
_LEAST_SIDE_PX = 64
_UNUSABLE = 2


class ConfluenceScan:
    """See `monolayer.assays.windows.ScanAssay`."""

    def fix(self, work: ScanWork) -> Fixed:
        """What windows are held against.

        Raises
        ------
        ImageError
            The image is too small (``too_small``).
        """
        scan, settings = work.scan, work.method.confluence
        if min(scan.shape) < _LEAST_SIDE_PX:
            size = f"{scan.shape[0]} x {scan.shape[1]}"
            detail = f"The image is {size} px; confluence needs {_LEAST_SIDE_PX} px a side."
            raise ImageError("too_small", detail)
        samples = [_cells(work).window(*box) for box in sample_boxes(scan.shape)]
        reference = cover_reference(_side_by_side(samples), settings, scan.pixel_size.um)
        margin = _MARGIN * reference.texture.factor
        return {
            "reference": asdict(reference),
            "margin_px": min(margin, work.method.read.window_px),
        }

    def find(
        self,
        work: ScanWork,  # noqa: ARG002  of the contract, as those below
        fixed: Fixed,  # noqa: ARG002
        tiles: Sequence[Tile],  # noqa: ARG002
    ) -> Arrays:
        """Nothing: one look is enough."""
        return {}

    def settle(
        self,
        work: ScanWork,  # noqa: ARG002
        fixed: Fixed,  # noqa: ARG002
        found: Sequence[Arrays],
    ) -> Sequence[Arrays]:
        """Nothing: no object is to be counted once."""
        return [{} for _ in found]

    def n_labels(self, settled: Sequence[Arrays]) -> int:  # noqa: ARG002
        """0 bare, 1 covered, 2 not usable."""
        return _UNUSABLE

    def measure(
        self, work: ScanWork, fixed: Fixed, row: RowInput, parts: Iterable[Part]
    ) -> MeasuredRow:
        """Cover of a row of windows."""
        reference, channel = _reference(fixed), work.roles["cells"]
        top, bottom = row.tiles[0].core[0], row.tiles[0].core[2]
        labels = np.zeros((bottom - top, work.scan.shape[1]), np.uint8)
        counts: list[list[int]] = []
        figures: list[list[float | None]] = []
        for part in parts:
            for tile in part.tiles:
                pixels = _cut(part.pixels[channel], part.corner, tile.window)
                cover = segment_cover_window(pixels, work.method.confluence, reference)
                core = _cut(cover.labels(), (tile.window[0], tile.window[1]), tile.core)
                labels[:, tile.core[1] : tile.core[3]] = core
                counts.append(_counted(cover, core, tile))
                figures.append([cover.figures[name] for name in FIGURES])
        return MeasuredRow(
            {},
            lambda first, last: labels[first - top : last - top].astype(np.int32),
            {"counts": np.array(counts), "figures": np.array(figures, np.float64)},
        )

    def finish(
        self,
        work: ScanWork,
        fixed: Fixed,
        tallies: Sequence[Arrays],
        column: Callable[[str], NDArray[Any]],  # noqa: ARG002
    ) -> tuple[dict[str, Cell], dict[str, NDArray[Any]]]:
        """Covered over usable area of the whole scan."""
        shape, settings = work.scan.shape, work.method.confluence
        total = shape[0] * shape[1]
        counts = np.concatenate([tally["counts"] for tally in tallies]).sum(axis=0).tolist()
        covered, usable, bodies, *shut = counts
        if usable < settings.min_usable_fraction * total or usable == 0:
            return _not_usable(usable / total), {}
        row: dict[str, Cell] = {
            **summarise_confluence_field(
                covered,
                usable,
                shape,
                {name: n / total for name, n in zip(REASONS, shut, strict=True)},
                work.scan.pixel_size.um,
                settings.calibration,
                work.method.summarise,
                bodies if settings.source == "phase" else None,
            ),
            "calibration_version": getattr(settings.calibration, "version", None),
            **_medians(np.concatenate([tally["figures"] for tally in tallies])),
            "cover_working_pixel_px": float(fixed["reference"]["texture"][0]),
        }
        return row, {}


def _not_usable(share: float) -> dict[str, Cell]:
    detail = f"only {share:.0%} of the scan is usable; image it again."
    return {"state": str(State.NOT_EVALUABLE), "reason": "no_usable_area", "detail": detail}


def _cells(work: ScanWork) -> Any:
    return work.scan.channels[work.roles["cells"]]


def _side_by_side(samples: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Samples of one size in a square as far as they go, so that seams are few."""
    across = max(n for n in (1, 2, 3) if len(samples) % n == 0)
    rows = [np.hstack(samples[i : i + across]) for i in range(0, len(samples), across)]
    return np.vstack(rows)


def _reference(fixed: Fixed) -> CoverReference:
    known = fixed["reference"]
    return CoverReference(**known | {"texture": TextureReference(*known["texture"])})


def _cut(
    image: NDArray[Any], corner: tuple[int, int], box: tuple[int, int, int, int]
) -> NDArray[Any]:
    """A box of the plane out of an image whose first pixel is `corner`."""
    (y, x), (top, left, bottom, right) = corner, box
    return image[top - y : bottom - y, left - x : right - x]


def _counted(cover: Cover, core: NDArray[np.int32], tile: Tile) -> list[int]:
    """Covered, usable, bodies, and what is not usable by reason, in the window's core."""
    corner = (tile.window[0], tile.window[1])
    shut = [
        int(np.count_nonzero(_cut(cover.unusable[name], corner, tile.core)))
        if name in cover.unusable
        else 0
        for name in REASONS
    ]
    bodies = 0
    if cover.bodies is not None:
        y, x = (cover.bodies + np.array(corner)).T
        top, left, bottom, right = tile.core
        bodies = int(((y >= top) & (y < bottom) & (x >= left) & (x < right)).sum())
    covered = int(np.count_nonzero(core == 1))
    return [covered, int(np.count_nonzero(core != _UNUSABLE)), bodies, *shut]


def _medians(table: NDArray[np.float64]) -> dict[str, Cell]:
    """Each figure's median over the windows that have it."""
    found: dict[str, Cell] = {}
    for name, values in zip(FIGURES, table.T, strict=True):
        known = values[~np.isnan(values)]
        found[name] = float(np.median(known)) if known.size else None
    return found


SCAN_ASSAY = ConfluenceScan()
