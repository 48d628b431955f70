"""Viability in fluorescence: living and dead cells told apart by two dyes.

A direct, differential count. Thresholds and spill-over come from the control wells of the reagent
lot (`ControlLot`) and are the same for every image of it. Cells are counted by the unbiased frame:
those that the field's bottom or right edge cuts belong to the next field, so that large cells
count no more often than small, dead ones (Gundersen 1977, J. Microsc. 111:219).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays.contract import Cell, Columns, Evaluated, Objects, Row
from monolayer.assays.dye_channels import dye_channels
from monolayer.assays.dye_doubts import (
    count_unmatched_dead,
    find_contradiction,
    find_unusable,
)
from monolayer.assays.dyed_cells import (
    DyedCells,
    find_dyed,
    find_united,
    given_dyed,
    given_united,
)
from monolayer.assays.given import Given
from monolayer.classify import (
    CLASSES,
    ControlLot,
    ViabilitySettings,
    classify_cells,
    find_clumps,
    find_debris,
    required_lot,
    stain_named,
)
from monolayer.field import FieldImage
from monolayer.method import Method
from monolayer.report.presentation import Lead, Presentation
from monolayer.summarise.estimates import (
    estimate_between,
    estimate_columns,
    interval_columns,
    interval_schema,
    known,
    ok_rows,
    total,
)
from monolayer.summarise.intervals import Interval, no_interval, poisson_interval
from monolayer.summarise.viability import (
    CLUSTER_COLUMNS,
    VIABILITY_COLUMNS,
    Counts,
    viability_between_fields,
    viability_figures,
)

__all__ = ["ASSAY", "MEASURANDS", "ViabilityAssay"]

MEASURANDS = {
    "adherent": "adherent-fraction viability, no release viability",
    "suspension": "viability of the cells in suspension",
}
_ADHERENT = (
    "Living cells among those still attached and seen: dead cells come off their surface and are "
    "not in the image, so this is no release viability. Count the supernatant for the culture's, "
    "the harvested suspension for the release's."
)

_COUNTS: Columns = [
    ("n_objects", "int64"),
    *((f"n_{name}", "int64") for name in CLASSES),
    ("n_clumped", "int64"),
]
_CLUMPS: Columns = [("clump_fraction", "float64"), ("clump_flag", "bool")]
_NOTES: Columns = [
    ("n_unmatched_dead", "int64"),
    ("control_lot", "string"),
    ("measurand", "string"),
]
_DENSITIES = ("density_live_cells_per_cm2", "density_dead_cells_per_cm2")
_CM2_PER_UM2 = 1e-8


@dataclass(frozen=True, slots=True)
class ViabilityAssay:
    """Counts living and dead cells; see `monolayer.assays.contract.Assay`."""

    name: str = "viability"
    modality: str = "fluorescence viability"

    def roles(self, channels: Collection[str], method: Method) -> dict[str, str]:
        """Give each dye's channel; refuse a method without the controls of a lot."""
        required_lot(method.viability)
        return dye_channels(channels, method.viability)

    def evaluate(self, image: FieldImage, roles: Mapping[str, str], method: Method) -> Evaluated:
        """Find, compensate and classify the cells."""
        settings, lot = method.viability, required_lot(method.viability)
        problem = find_unusable(image, roles, lot, method)
        if problem is not None:
            return Evaluated({}, problem=problem)
        cells = _cells(image, roles, method, lot)
        unmatched = count_unmatched_dead(cells, image, roles, settings, lot)
        problem = find_contradiction(cells, unmatched, settings, lot)
        if problem is not None:
            return Evaluated({}, problem=problem)
        objects = _objects(cells, roles, settings, lot)
        row = _field_row(objects, image, method) | _notes(settings, unmatched)
        return Evaluated(row, objects, cells.labels)

    def remeasure(
        self, image: FieldImage, roles: Mapping[str, str], method: Method, given: Given
    ) -> Evaluated:
        """Measure the light of corrected cells and classify them by the same thresholds.

        Contradictions of channels and controls are not looked for again: the field passed.
        """
        settings, lot = method.viability, required_lot(method.viability)
        cells = _given_cells(image, roles, method, lot, given)
        objects = _objects(cells, roles, settings, lot)
        classes = objects["viability_class"]
        objects["viability_class"] = given.classed(classes, objects["label"])
        unmatched = count_unmatched_dead(cells, image, roles, settings, lot)
        row = _field_row(objects, image, method) | _notes(settings, unmatched)
        return Evaluated(row, objects, given.labels)

    def field_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Counts, viability with its intervals, densities, flags."""
        densities = [
            column for name in _DENSITIES for column in [(name, "float64"), *interval_schema(name)]
        ]
        area: Columns = [("area_cm2", "float64")]
        return [*_COUNTS, *_CLUMPS, *VIABILITY_COLUMNS, *area, *densities, *_NOTES]

    def summarise_well(
        self,
        field_rows: Sequence[Row],
        objects: Objects,  # noqa: ARG002
        method: Method,
    ) -> dict[str, Cell]:
        """Pool the counts; give the binomial interval, the one between fields and which decides."""
        rows, settings = ok_rows(field_rows), method.summarise
        counts = [_counts(row) for row in rows]
        cells = Counts.pooled(counts)
        densities: dict[str, Cell] = {}
        for name in _DENSITIES:
            densities |= estimate_between(name, known(rows, name), "field", settings)
        wells, controls = {row["well"] for row in field_rows}, method.viability.control_wells
        return {
            "well_role": "sample" if wells.isdisjoint(controls) else "control",
            **{name: total(rows, name) for name, _ in _COUNTS},
            **_clumps(total(rows, "n_clumped"), cells, method.viability),
            **viability_figures(cells, settings.confidence),
            **viability_between_fields(counts, settings.confidence),
            **densities,
            **_notes(method.viability, total(rows, "n_unmatched_dead")),
        }

    def well_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Columns of `summarise_well`."""
        densities = [column for name in _DENSITIES for column in estimate_columns(name)]
        first: Columns = [("well_role", "string"), *_COUNTS, *_CLUMPS]
        return [*first, *VIABILITY_COLUMNS, *CLUSTER_COLUMNS, *densities, *_NOTES]

    def summarise_plate(self, well_rows: Sequence[Row], method: Method) -> dict[str, Cell]:
        """Mean over the wells that are no controls, each its own culture."""
        rows: dict[str, Cell] = {}
        well_rows = [row for row in well_rows if row["well_role"] == "sample"]
        values = known(well_rows, "viability")
        rows |= estimate_between("viability", values, "well", method.summarise, high=1.0)
        for name in _DENSITIES:
            rows |= estimate_between(name, known(well_rows, name), "well", method.summarise)
        return rows | _notes(method.viability, total(well_rows, "n_unmatched_dead"))

    def plate_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Columns of `summarise_plate`."""
        names = ("viability", *_DENSITIES)
        return [*(column for name in names for column in estimate_columns(name)), *_NOTES]

    def presentation(self, method: Method) -> Presentation:
        """Viability under its measurand's name, the cells it rests on, and what to beware of."""
        settings = method.viability
        adherent = settings.specimen == "adherent"
        name = "Adherent-fraction viability" if adherent else "Viability"
        return Presentation(
            title=name,
            measurand="living and dead cells: a direct, differential count (ISO 20391-1)",
            leads=(
                Lead("viability", name, "%"),
                Lead("density_live_cells_per_cm2", "Area density of living cells", "cells/cm²"),
            ),
            beside=(
                Lead("n_live", "Living", ""),
                Lead("n_dead", "Dead", ""),
                Lead("n_indeterminate", "Indeterminate", ""),
                Lead("clump_fraction", "In clumps", "%"),
            ),
            noun="cell",
            outlines=(
                ("live", "living"),
                ("dead", "dead"),
                ("indeterminate", "indeterminate: in neither count"),
                ("debris", "debris: not counted"),
            ),
            kind_column="viability_class",
            caveats=_caveats(settings),
        )


def _cells(
    image: FieldImage, roles: Mapping[str, str], method: Method, lot: ControlLot
) -> DyedCells:
    spillover = lot.spillover if method.viability.compensate else None
    if stain_named(lot.stain).unites:
        return find_united(image, roles, method, lot.dead_band[0], spillover)
    return find_dyed(image, roles, method, next(iter(roles)), spillover)


def _given_cells(
    image: FieldImage, roles: Mapping[str, str], method: Method, lot: ControlLot, given: Given
) -> DyedCells:
    spillover = lot.spillover if method.viability.compensate else None
    if stain_named(lot.stain).unites:
        least_dead = lot.dead_band[0]
        return given_united(
            given.labels, given.touched, image, roles, method, least_dead, spillover
        )
    return given_dyed(given.labels, image, roles, method, spillover)


def _objects(
    cells: DyedCells, roles: Mapping[str, str], settings: ViabilitySettings, lot: ControlLot
) -> dict[str, NDArray[Any]]:
    """One row an object: place, light of both dyes, class, and whether it counts."""
    columns = cells.columns
    areas = columns["area_um2"]
    least = None
    if lot.content is not None:
        least = (settings.min_content * lot.content[0], settings.min_content * lot.content[1])
    known_size = areas if np.isfinite(areas).all() else None
    debris = find_debris(known_size, cells.content, settings.min_area_um2, least)
    height, width = cells.labels.shape
    objects = dict(columns)
    objects["counted"] = (columns["bbox_max_y_px"] < height) & (columns["bbox_max_x_px"] < width)
    for k, dye in enumerate(roles):
        objects[f"signal_{dye}"] = cells.seen[:, k]
        objects[f"compensated_mean_{dye}"] = cells.light[:, k]
        objects[f"compensated_sum_{dye}"] = cells.content[:, k]
    objects["in_clump"] = find_clumps(cells.labels, columns["label"])
    objects["viability_class"] = classify_cells(cells.light, lot.dead_band, lot.cell_band, debris)
    return objects


def _field_row(
    objects: Mapping[str, NDArray[Any]], image: FieldImage, method: Method
) -> dict[str, Cell]:
    """Counts by the unbiased frame and what follows from them."""
    counted = objects["counted"]
    classes = objects["viability_class"][counted]
    numbers: dict[str, Cell] = {f"n_{name}": int((classes == name).sum()) for name in CLASSES}
    clumped = int((objects["in_clump"][counted] & (classes != "debris")).sum())
    cells, confidence = _counts(numbers), method.summarise.confidence
    return {
        "n_objects": len(counted),
        **numbers,
        "n_clumped": clumped,
        **_clumps(clumped, cells, method.viability),
        **viability_figures(cells, confidence),
        **_densities(cells, image, confidence),
    }


def _counts(row: Row) -> Counts:
    return Counts(row["n_live"], row["n_dead"], row["n_indeterminate"])


def _clumps(clumped: int | None, cells: Counts, settings: ViabilitySettings) -> dict[str, Cell]:
    n = cells.decided + cells.indeterminate
    fraction = clumped / n if n and clumped is not None else None
    flag = None if fraction is None else fraction > settings.max_clump_fraction
    return {"clump_fraction": fraction, "clump_flag": flag}


def _densities(cells: Counts, image: FieldImage, confidence: float) -> dict[str, Cell]:
    """Cells per area; the frame makes the count one of the whole field."""
    height, width = image.shape
    size = image.pixel_size_um
    area = height * width * size**2 * _CM2_PER_UM2 if size else None
    row: dict[str, Cell] = {"area_cm2": area}
    for name, n in zip(_DENSITIES, (cells.live, cells.dead), strict=True):
        row[name] = n / area if area else None
        row |= interval_columns(name, _density_interval(n, area, confidence))
    return row


def _density_interval(n: int, area: float | None, confidence: float) -> Interval:
    if area is None:
        return no_interval("pixel size unknown", confidence)
    return poisson_interval(n, confidence).scaled(1 / area)


def _caveats(settings: ViabilitySettings) -> tuple[str, ...]:
    lot = settings.lot
    told = [_ADHERENT] if settings.specimen == "adherent" else []
    if lot is not None:
        told.append(
            f"Thresholds{'' if settings.compensate else ' (no compensation)'} are those of control "
            f"lot {lot.id}: intact up to {lot.dead_band[0]:.4g} grey levels above the background, "
            f"dead above {lot.dead_band[1]:.4g}, the same for every image."
        )
    if settings.control_wells:
        wells = ", ".join(settings.control_wells)
        told.append(f"Control wells ({wells}) are left out of the plate's mean.")
    return tuple(told)


def _notes(settings: ViabilitySettings, unmatched: int | None) -> dict[str, Cell]:
    """What stands in every row, so that no table can be read as something else."""
    return {
        "n_unmatched_dead": unmatched,
        "control_lot": settings.lot.id if settings.lot else None,
        "measurand": MEASURANDS[settings.specimen],
    }


ASSAY = ViabilityAssay()
