"""The assays timed on one field each, from pixels in memory to the field's rows."""

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.harness import Work
from benchmarks.images import data_folder, tile_to
from monolayer.assays import assay_of
from monolayer.classify import ControlLot
from monolayer.field import FieldImage
from monolayer.method import Method
from monolayer.simulate import (
    ChamberFieldSettings,
    NucleiSettings,
    PhaseSettings,
    SimulateSettings,
    simulate_chamber_field,
    simulate_phase_field,
)
from monolayer.simulate.livedead.field import LiveDeadSettings, simulate_livedead

__all__ = ["assay_works"]

_PIXEL_SIZE_UM = 0.65
# What the controls of the simulated dyes give; tests/pipeline/livedead_plate.py measures them.
_LOT = ControlLot(
    id="bench",
    stain="hoechst_pi",
    spillover=((1.0, 0.05), (0.2, 1.0)),
    dead_band=(61, 169),
    cell_least=122,
    content=(134_000, 173_000),
    size_px=(512, 335),
    pixel_size_um=_PIXEL_SIZE_UM,
)


def assay_works(side: int) -> list[Work]:
    """Confluence beside the local contrast that peers use; the others by themselves."""
    phase, what = _phase(side)
    contrast = {
        "monolayer": _call("confluence", {"phase": phase}),
        "scipy, local deviation and threshold": partial(_scipy_contrast, phase),
        "OpenCV, local deviation and threshold": partial(_opencv_contrast, phase),
    }
    dyes = _livedead(side)
    viability = {"viability": {"lot": _LOT.model_dump()}}
    chamber = simulate_chamber_field(ChamberFieldSettings(), 1).pixels
    size = side * side / 1e6
    return [
        Work("confluence of phase contrast", size, contrast, f"Phase contrast: {what}."),
        Work(
            "viability, Hoechst + PI",
            size,
            {"monolayer": _call("viability", dyes, viability)},
            "Living and dead cells: simulated.",
        ),
        Work(
            "suspension counts",
            size,
            {"monolayer": _call("suspension", {"bright": tile_to(chamber, side)})},
            "Counting chamber: simulated.",
        ),
    ]


def _call(name: str, channels: dict[str, NDArray[Any]], given: dict[str, Any] | None = None) -> Any:
    method = Method.model_validate({"assay": name, **(given or {})})
    assay = assay_of(method)
    image = FieldImage(channels, _PIXEL_SIZE_UM)
    return partial(assay.evaluate, image, assay.roles(channels, method), method)


def _phase(side: int) -> tuple[NDArray[Any], str]:
    """A real field mirrored up to the side, or a simulated one."""
    paths = sorted((data_folder() / "phase" / "usiigaci" / "images").glob("*.tif"))
    if paths:
        return tile_to(tifffile.imread(paths[0]), side), f"{Path(paths[0]).name} of Usiigaci"
    return tile_to(simulate_phase_field(PhaseSettings(), 1).pixels, side), "simulated"


def _livedead(side: int) -> dict[str, NDArray[Any]]:
    nuclei = NucleiSettings(density_cells_per_cm2=60_000)
    scene = SimulateSettings(height_px=side // 2, width_px=side // 2, nuclei=nuclei)
    made = simulate_livedead(LiveDeadSettings(scene=scene, spillover=_LOT.spillover), 1)
    return {name: tile_to(pixels, side) for name, pixels in made.channels.items()}


def _scipy_contrast(image: NDArray[Any]) -> Any:
    pixels = image.astype(np.float32)
    mean = ndimage.uniform_filter(pixels, 9)
    deviation = np.sqrt(np.maximum(ndimage.uniform_filter(pixels * pixels, 9) - mean * mean, 0))
    return ndimage.binary_fill_holes(deviation > 0.03 * mean)


def _opencv_contrast(image: NDArray[Any]) -> Any:
    pixels = image.astype(np.float32)
    mean = cv2.blur(pixels, (9, 9))
    deviation = cv2.sqrt(np.maximum(cv2.sqrBoxFilter(pixels, -1, (9, 9)) - mean * mean, 0))
    mask = (deviation > 0.03 * mean).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
