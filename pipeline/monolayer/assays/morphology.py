"""Morphology of cells as a quality attribute: populations of sizes and shapes.

Nuclei are found first; where the method names a cell channel, each grows into its cell. One row
an object holds both, side by side; without a cell channel it holds the nucleus alone. The label
image is that of the cells, numbered as their nuclei are.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays.contract import Cell, Columns, Evaluated, Objects, Row
from monolayer.assays.given import Given
from monolayer.errors import ConfigError, CorrectionError
from monolayer.field import FieldImage
from monolayer.measure import MeasureSettings, measure_objects, measure_runs
from monolayer.method import Method, MorphologySettings
from monolayer.read import channel_among
from monolayer.report.presentation import Lead, Presentation
from monolayer.segment import FIGURES, Segmentation, segment_nuclei
from monolayer.segment.cells import (
    CELL_FIGURES,
    ChannelCheck,
    OutlinedCells,
    check_channels,
    outline_cells,
)
from monolayer.summarise import morphology
from monolayer.summarise.reference import STATES, compare_well, comparison_schema
from monolayer.summarise.shapes import neighbour_weights
from monolayer_kernels.measure_runs import find_runs

__all__ = ["ASSAY", "MorphologyAssay", "measuring_sha256"]

Table = dict[str, NDArray[Any]]

# Of the counted object, under their bare names: where it lies and what it weighs.
_PLACE = (
    "touches_border",
    "weight",
    "centroid_y_px",
    "centroid_x_px",
    "bbox_min_y_px",
    "bbox_min_x_px",
    "bbox_max_y_px",
    "bbox_max_x_px",
)
_NEIGHBOURS = (
    "nearest_neighbour_distance_px",
    "nearest_neighbour_distance_um",
    "neighbours_within_radius",
)
_CELL_FIGURES = (*CELL_FIGURES, "nuclear_light_ratio")
_FOUND = ("diameter_px", "diameter_um", *FIGURES, *_CELL_FIGURES)
_NEEDED = ("axes", "outline", "neighbours")

# Fewer objects cannot tell swapped channels.
_LEAST_OBJECTS = 5

_CROWDED = (
    "Cells that lie over one another are parted, not seen through: where they crowd, long thin "
    "cells are taken for shorter ones and the spindle index is too low."
)
_BARE = (
    "These are nuclei alone: a method that names morphology.cell_channel measures the cells, their "
    "spindles and their flattened ones."
)
_UNCOMPARED = (
    "No reference was given, so nothing here says whether these cells are as they should be: "
    "'monolayer reference' makes one from good runs."
)


@dataclass(frozen=True, slots=True)
class MorphologyAssay:
    """Measures shapes; see `monolayer.assays.contract.Assay`."""

    name: str = "morphology"
    modality: str = "fluorescence cells"

    def roles(self, channels: Collection[str], method: Method) -> dict[str, str]:
        """Give the nuclear channel, and the cell channel where the method names one.

        Raises
        ------
        ConfigError
            The method's cell channel is not there, or is the nuclear one.
        """
        nuclei, cells = channel_among(channels, method.read), method.morphology.cell_channel
        if cells is None:
            return {"nuclei": nuclei}
        if cells not in channels or cells == nuclei:
            found = ", ".join(sorted(channels))
            why = "is the nuclear channel" if cells == nuclei else "is not among those found"
            raise ConfigError(
                f"morphology.cell_channel '{cells}' {why} ({found}): name the channel that shows "
                "the cells, or leave it empty to measure the nuclei alone."
            )
        return {"nuclei": nuclei, "cells": cells}

    def evaluate(self, image: FieldImage, roles: Mapping[str, str], method: Method) -> Evaluated:
        """Find nuclei and cells, measure both, summarise."""
        size, settings = image.pixel_size_um, method.morphology
        nuclei = segment_nuclei(image.channels[roles["nuclei"]], method.segment, size)
        diameter = nuclei.diameter_px
        row: dict[str, Cell] = {
            "diameter_px": diameter,
            "diameter_um": diameter * size if diameter and size else None,
            **nuclei.figures,
            **dict.fromkeys(_CELL_FIGURES),
        }
        found: OutlinedCells | None = None
        if "cells" in roles:
            pixels = image.channels[roles["cells"]]
            found = outline_cells(pixels, nuclei.labels, diameter, settings.outline)
            nuclear = image.channels[roles["nuclei"]]
            check = check_channels(nuclear, pixels, nuclei.labels, found.labels)
            row |= {**found.figures, "nuclear_light_ratio": check.light_ratio}
            problem = _swapped(check, len(found.stained), roles, settings)
            if problem is not None:
                return Evaluated({}, problem=problem)
        objects = _tabulate(nuclei, found, image, method)
        covered = np.count_nonzero(nuclei.labels) / nuclei.labels.size
        row |= morphology.summarise_field(
            objects, image.shape, size, method.summarise, settings.shapes, covered
        )
        return Evaluated(row, objects, nuclei.labels if found is None else found.labels)

    def remeasure(
        self, image: FieldImage, roles: Mapping[str, str], method: Method, given: Given
    ) -> Evaluated:
        """Measure corrected objects; a corrected cell takes the nuclear pixels that lie in it."""
        size, settings, labels = image.pixel_size_um, method.morphology, given.labels
        found, nuclei = None, labels
        row: dict[str, Cell] = {name: given.row.get(name) for name in _FOUND}
        if "cells" in roles:
            automatic = segment_nuclei(image.channels[roles["nuclei"]], method.segment, size)
            nuclei = _given_nuclei(automatic.labels, given)
            found = OutlinedCells(labels, given.automatic("stained", _present(labels)) != 0)
            if given.touched:
                row["cell_area_fraction"] = np.count_nonzero(labels) / labels.size
        scores = given.automatic("segmentation_score", _present(nuclei))
        objects = _tabulate(Segmentation(nuclei, scores), found, image, method)
        covered = np.count_nonzero(nuclei) / nuclei.size
        row |= morphology.summarise_field(
            objects, image.shape, size, method.summarise, settings.shapes, covered
        )
        return Evaluated(row, objects, labels)

    def field_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Figures of both segmentations, counts, shares, order and distributions."""
        rows = morphology.field_schema(_seen(method), method.summarise)
        return [*((name, "float64") for name in _FOUND), *rows]

    def summarise_well(
        self, field_rows: Sequence[Row], objects: Objects, method: Method
    ) -> dict[str, Cell]:
        """Populations of the well's objects, held against the reference."""
        own = method.morphology
        row = morphology.summarise_well(
            field_rows, objects, _seen(method), method.summarise, own.shapes
        )
        digest = measuring_sha256(method)
        return row | compare_well(row, own.reference, own.culture, own.limits, digest)

    def well_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Columns of `summarise_well`."""
        seen = _seen(method)
        return [*morphology.well_schema(seen, method.summarise), *comparison_schema(seen)]

    def summarise_plate(self, well_rows: Sequence[Row], method: Method) -> dict[str, Cell]:
        """Means over wells with their intervals, and how many wells are in which state."""
        states = [row["morphology_state"] for row in well_rows]
        counts = {f"n_wells_morphology_{state}": states.count(state) for state in STATES}
        return morphology.summarise_plate(well_rows, _seen(method), method.summarise) | counts

    def plate_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Columns of `summarise_plate`."""
        counts = [(f"n_wells_morphology_{state}", "int64") for state in STATES]
        return [*morphology.plate_schema(_seen(method)), *counts]

    def presentation(self, method: Method) -> Presentation:
        """Area of the cell or of the nucleus leads; shape and direction stand beside it."""
        seen = _seen(method)
        return Presentation(
            title="Cell morphology",
            measurand="of the sizes and shapes of cells and nuclei in fluorescence, as "
            "distributions; the count beside them is direct and total (ISO 20391-1)",
            leads=(
                Lead(f"{seen}_area_um2_q50", f"Median {seen} area", "µm²"),
                Lead(f"{seen}_area_px_q50", f"Median {seen} area", "px"),
            ),
            beside=(
                Lead("n_objects", "Objects", ""),
                Lead("spindle_index", "Spindle index", "%"),
                Lead("flattened_fraction", "Flattened", "%"),
            ),
            noun=seen,
            outlines=(
                ("inside", f"whole {seen}"),
                ("border", "touches the border: left out of the distributions"),
            ),
            distributions=_distributions(seen),
            shown_channel=method.morphology.cell_channel or "",
            remark_columns=("morphology_state", "morphology_reason"),
            caveats=_caveats(method),
        )


def _distributions(seen: morphology.Seen) -> tuple[Lead, ...]:
    of_nuclei = (
        Lead("nucleus_area_um2", "Nucleus area", "µm²"),
        Lead("nucleus_aspect_ratio", "Aspect ratio of the nucleus", ""),
    )
    if seen == "nucleus":
        return of_nuclei
    return (
        Lead("cell_area_um2", "Cell area", "µm²"),
        Lead("cell_aspect_ratio", "Aspect ratio of the cell", ""),
        Lead("nuclear_cell_area_ratio", "Nuclear to cell area", ""),
        *of_nuclei,
    )


def _caveats(method: Method) -> tuple[str, ...]:
    shapes = _CROWDED if _seen(method) == "cell" else _BARE
    own = method.morphology
    if own.reference is None:
        return (shapes, _UNCOMPARED)
    unsaid = [name for name, value in own.culture if value is None]
    if not unsaid:
        return (shapes,)
    named = ", ".join(name.replace("_", " ") for name in unsaid)
    return shapes, f"Not said, of this culture nor of its reference, and so not matched: {named}."


def _seen(method: Method) -> morphology.Seen:
    return "nucleus" if method.morphology.cell_channel is None else "cell"


def _tabulate(
    nuclei: Segmentation, found: OutlinedCells | None, image: FieldImage, method: Method
) -> Table:
    """One row an object: place, neighbours, the nucleus, and the cell where there is one."""
    measure = _complete(method.measure)
    channels, size = image.channels, image.pixel_size_um
    of_nuclei = measure_runs(nuclei.runs, image.shape, channels, measure, size, sums=nuclei.sums)
    of_cells = None if found is None else _measure_cells(found, image, measure)
    counted = of_nuclei if of_cells is None else of_cells
    objects: Table = {"label": of_nuclei["label"], **{name: counted[name] for name in _PLACE}}
    objects |= _neighbourhood(of_nuclei, image.shape) | _prefixed("nucleus", of_nuclei)
    if of_cells is not None:
        objects |= _prefixed("cell", of_cells) | _compared(of_nuclei, of_cells)
    return objects | {"segmentation_score": nuclei.scores}


def _present(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    return find_runs(np.ascontiguousarray(labels)).label


def _given_nuclei(nuclei: NDArray[np.int32], given: Given) -> NDArray[np.int32]:
    """Nuclei under the labels of the corrected cells that hold them.

    Raises
    ------
    CorrectionError
        A corrected cell holds none.
    """
    cells = given.labels
    touched = np.zeros(int(cells.max(initial=0)) + 1, np.bool_)
    touched[[label for label in given.touched if label < touched.size]] = True
    here = np.bincount(cells.ravel(), minlength=touched.size) > 0
    stays = np.zeros(int(nuclei.max(initial=0)) + 1, np.bool_)
    n = min(stays.size, touched.size)
    stays[1:n] = (here & ~touched)[1:n]
    of_cells = np.where((nuclei > 0) & touched[cells], cells, 0)
    found = np.where(stays[nuclei], nuclei, of_cells).astype(np.int32)
    bare = sorted(set(_present(cells).tolist()) - set(_present(found).tolist()))
    if bare:
        raise CorrectionError(
            f"cell {bare[0]} would have no nucleus in it: this assay measures cells around their "
            "nuclei; draw or cut it so that it holds one."
        )
    return found


def _swapped(
    check: ChannelCheck, n: int, roles: Mapping[str, str], settings: MorphologySettings
) -> tuple[str, str] | None:
    """Reason and sentence where the channels are not what they are said to be."""
    if n < _LEAST_OBJECTS or check.nuclear_share is None:
        return None
    if check.nuclear_share > settings.max_nuclear_share:
        return "no_cells_seen", (
            f"channel '{roles['cells']}' shows hardly any cell around the nuclei of channel "
            f"'{roles['nuclei']}' (median nuclear to cell area {check.nuclear_share:.2f}): the "
            "stain is missing or faint, or read.channel and morphology.cell_channel are swapped."
        )
    if (check.light_ratio or 0.0) > settings.max_light_ratio:
        return "swapped_channels", (
            f"beside the nuclei, channel '{roles['nuclei']}' keeps {check.light_ratio:.2f} of the "
            f"share of light that '{roles['cells']}' keeps there, too much for a nuclear stain: "
            "read.channel and morphology.cell_channel look swapped."
        )
    return None


def _complete(measure: MeasureSettings) -> MeasureSettings:
    """The groups of columns asked for, and those without which there is no morphology."""
    more = tuple(group for group in _NEEDED if group not in measure.groups)
    return measure.model_copy(update={"groups": (*measure.groups, *more)})


def _measure_cells(found: OutlinedCells, image: FieldImage, measure: MeasureSettings) -> Table:
    """Measure the cells; of one that was not seen only the place is known."""
    measured = measure_objects(found.labels, image.channels, measure, image.pixel_size_um)
    unseen = ~found.stained
    table = {"stained": found.stained} | measured
    for name, values in measured.items():
        if name != "label" and name not in _PLACE:
            table[name] = np.where(unseen, np.nan, values.astype(np.float64))
    table["weight"] = np.where(unseen, 0.0, measured["weight"])
    return table


def _neighbourhood(nuclei: Table, shape: tuple[int, int]) -> Table:
    """Distances between nuclei; the same for cells, whose centres are less well known."""
    y, x = nuclei["centroid_y_px"], nuclei["centroid_x_px"]
    weights = neighbour_weights(nuclei["nearest_neighbour_distance_px"], y, x, shape)
    return {name: nuclei[name] for name in _NEIGHBOURS} | {morphology.NEIGHBOUR_WEIGHT: weights}


def _prefixed(prefix: str, measured: Table) -> Table:
    """Columns under their owner's name, with the ratio of the axes."""
    minor = measured["axis_minor_length_px"]
    ratio = measured["axis_major_length_px"] / np.where(minor > 0, minor, np.nan)
    left = ("label", *_NEIGHBOURS)
    kept = {name: values for name, values in measured.items() if name not in left}
    return {f"{prefix}_{name}": values for name, values in (kept | {"aspect_ratio": ratio}).items()}


def _compared(nuclei: Table, cells: Table) -> Table:
    """What nucleus and cell say together."""
    return {
        "cytoplasm_area_px": cells["area_px"] - nuclei["area_px"],
        "cytoplasm_area_um2": cells["area_um2"] - nuclei["area_um2"],
        "nuclear_cell_area_ratio": nuclei["area_px"] / cells["area_px"],
    }


def measuring_sha256(method: Method) -> str:
    """Hash of the settings that segment and measure: what is compared must agree in it."""
    own = method.morphology
    parts = [method.illumination, method.segment, method.measure, own.outline, own.shapes]
    text = json.dumps([part.model_dump(mode="json") for part in parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


ASSAY = MorphologyAssay()
