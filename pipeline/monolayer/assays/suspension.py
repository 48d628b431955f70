"""Cells in suspension in a counting chamber: a direct, differential count in bright field.

Cells are found as round objects, told living from dead, and counted by the chamber's own rule:
of those that the border cuts, two sides count. The count over the counted volume is the
concentration.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays.contract import Cell, Columns, Evaluated, Objects, Row
from monolayer.assays.given import Given
from monolayer.classify import find_clumps
from monolayer.errors import ConfigError
from monolayer.field import FieldImage, natural_key
from monolayer.method import Method
from monolayer.report.presentation import Lead, Presentation
from monolayer.segment.suspension import (
    Suspension,
    SuspensionSettings,
    judge_suspension,
    segment_suspension,
)
from monolayer.summarise.estimates import (
    estimate_between,
    estimate_columns,
    known,
    ok_rows,
    total,
)
from monolayer.summarise.suspension import (
    CONCENTRATIONS,
    ChamberCount,
    concentration_columns,
    concentration_figures,
    counted_volume_ml,
    scatter_of,
)
from monolayer.summarise.viability import (
    CLUSTER_COLUMNS,
    VIABILITY_COLUMNS,
    Counts,
    viability_between_fields,
    viability_figures,
)
from monolayer_kernels.measure_runs import find_runs, sum_runs

__all__ = ["ASSAY", "SuspensionAssay"]

_COUNTS: Columns = [(name, "int64") for name in ("n_objects", "n_live", "n_dead", "n_clumped")]
_CLUMPS: Columns = [("clump_fraction", "float64"), ("clump_flag", "bool")]
_VOLUME: Columns = [("counted_volume_ml", "float64")]
_SIZES: Columns = [
    (name, "float64")
    for name in ("diameter_px", "diameter_um", "median_diameter_px", "median_diameter_um")
]
_SCATTER: Columns = [("dispersion_index", "float64"), ("dispersion_p", "float64")]

# Where the run found no cell it looked for this width first.
_LEAST_DIAMETER_PX = 20.0

_UNDYED = (
    "Living and dead are told apart by how cells refract light, without a dye: read the viability "
    "as a trend, not as a release test."
)


@dataclass(frozen=True, slots=True)
class SuspensionAssay:
    """Counts cells in suspension; see `monolayer.assays.contract.Assay`."""

    name: str = "suspension"
    modality: str = "brightfield suspension"

    def roles(self, channels: Collection[str], method: Method) -> dict[str, str]:
        """Give the channel named in read.channel, or the only one."""
        return {"bright_field": _channel(channels, method.read.channel)}

    def evaluate(self, image: FieldImage, roles: Mapping[str, str], method: Method) -> Evaluated:
        """Find the cells, tell living from dead, count by the border rule."""
        pixels, size = image.channels[roles["bright_field"]], image.pixel_size_um
        cells = segment_suspension(pixels, method.suspension, size)
        objects = _objects(cells, method.suspension, size)
        return Evaluated(_field_row(cells, objects, image, method), objects, cells.labels)

    def remeasure(
        self, image: FieldImage, roles: Mapping[str, str], method: Method, given: Given
    ) -> Evaluated:
        """Judge corrected cells as found ones are; untouched ones keep what the run said."""
        settings, size = method.suspension, image.pixel_size_um
        diameter = given.row.get("diameter_px") or _LEAST_DIAMETER_PX
        pixels = image.channels[roles["bright_field"]]
        cells = _kept(judge_suspension(pixels, given.labels, diameter, settings), given)
        objects = _objects(cells, settings, size)
        row = _field_row(cells, objects, image, method)
        kept = {name: given.row.get(name) for name in ("diameter_px", "diameter_um")}
        return Evaluated({**row, **kept}, objects, given.labels)

    def field_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Counts, sizes, viability and concentrations with their intervals."""
        return [*_COUNTS, *_CLUMPS, *_SIZES, *VIABILITY_COLUMNS, *_VOLUME, *concentration_columns()]

    def summarise_well(
        self,
        field_rows: Sequence[Row],
        objects: Objects,  # noqa: ARG002
        method: Method,
    ) -> dict[str, Cell]:
        """Pool the fields of one sample: counts, viability, concentrations."""
        rows, confidence = ok_rows(field_rows), method.summarise.confidence
        counts = [Counts(row["n_live"], row["n_dead"]) for row in rows]
        return {
            **{name: total(rows, name) for name, _ in _COUNTS},
            **_clumps(total(rows, "n_clumped"), Counts.pooled(counts), method.suspension),
            **viability_figures(Counts.pooled(counts), confidence),
            **viability_between_fields(counts, confidence),
            "counted_volume_ml": total(rows, "counted_volume_ml"),
            **_concentrations(rows, method),
            **_scatter(rows),
        }

    def well_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Columns of `summarise_well`."""
        viability = [*_CLUMPS, *VIABILITY_COLUMNS, *CLUSTER_COLUMNS]
        return [*_COUNTS, *viability, *_VOLUME, *concentration_columns(), *_SCATTER]

    def summarise_plate(self, well_rows: Sequence[Row], method: Method) -> dict[str, Cell]:
        """Mean over the wells, each its own sample."""
        row: dict[str, Cell] = {name: total(well_rows, name) for name, _ in _COUNTS}
        values, settings = known(well_rows, "viability"), method.summarise
        row |= estimate_between("viability", values, "well", settings, high=1.0)
        for name in CONCENTRATIONS:
            row |= estimate_between(name, known(well_rows, name), "well", settings)
        return row

    def plate_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Columns of `summarise_plate`."""
        names = ("viability", *CONCENTRATIONS)
        return [*_COUNTS, *(column for name in names for column in estimate_columns(name))]

    def presentation(self, method: Method) -> Presentation:
        """Concentration of living cells where the volume is known, else viability."""
        viability = "Viability without dye" if _undyed(method) else "Viability"
        return Presentation(
            title="Cells in suspension",
            measurand="cell concentration, from a direct, differential count (ISO 20391-1)",
            leads=(
                Lead("concentration_live_cells_per_ml", "Living cells", "cells/mL"),
                Lead("viability", viability, "%"),
            ),
            beside=(
                Lead("viability", viability, "%"),
                Lead("n_live", "Living", ""),
                Lead("n_dead", "Dead", ""),
                Lead("clump_fraction", "In clumps", "%"),
            ),
            noun="cell",
            outlines=(("live", "living"), ("dead", "dead")),
            kind_column="viability_class",
            caveats=(_UNDYED,) if _undyed(method) else (),
        )


def _undyed(method: Method) -> bool:
    return method.suspension.mode == "refractile"


def _channel(channels: Collection[str], wanted: str | None) -> str:
    found = sorted(channels, key=natural_key)
    if wanted is None and len(found) == 1:
        return found[0]
    if wanted in found:
        return str(wanted)
    asked = "is not set" if wanted is None else f"is {wanted!r}"
    raise ConfigError(
        f"read.channel {asked}, but the images have the channels {', '.join(found)}: name the "
        "bright-field one with --channel."
    )


def _objects(
    cells: Suspension, settings: SuspensionSettings, size: float | None
) -> dict[str, NDArray[Any]]:
    """One row a cell: place, size, scores, class, and whether it counts."""
    runs = find_runs(cells.labels)
    sums = sum_runs(runs)
    area = sums.moments[:, 0].astype(np.float64)
    diameter = 2 * np.sqrt(area / np.pi)
    micrometres = np.nan if size is None else size
    cut = _cut(sums.bbox, (cells.labels.shape[0], cells.labels.shape[1]))
    counted = ~cut[:, 1] | (settings.border_rule == "all")
    return {
        "label": runs.label.astype(np.int64),
        "centroid_y_px": sums.origin[:, 0] + sums.moments[:, 1] / area,
        "centroid_x_px": sums.origin[:, 1] + sums.moments[:, 2] / area,
        "area_px": area,
        "area_um2": area * micrometres**2,
        "diameter_px": diameter,
        "diameter_um": diameter * micrometres,
        "touches_border": cut[:, 0] | cut[:, 1],
        "counted": counted,
        "in_clump": find_clumps(cells.labels, runs.label),
        "segmentation_score": cells.scores,
        "live_probability": cells.live_probabilities,
        "centre_contrast": cells.centre_contrasts,
        "viability_class": np.where(cells.live, "live", "dead"),
    }


def _kept(judged: Suspension, given: Given) -> Suspension:
    """What the run said of untouched cells, and a person's word on living and dead."""
    labels = find_runs(judged.labels).label
    known = given.untouched(labels)
    was_live = dict(
        zip(given.objects["label"], given.objects["viability_class"] == "live", strict=True)
    )
    live = np.array(
        [was_live[label] if kept else found for label, kept, found in
         zip(labels.tolist(), known, judged.live, strict=True)],
        dtype=np.bool_,
    )  # fmt: skip
    said = given.classed(np.where(live, "live", "dead"), labels) == "live"

    def of_all(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(known, given.automatic(name, labels), values)

    return replace(
        judged,
        # A cell drawn by hand is one: nobody's probability stands beside it.
        scores=given.automatic("segmentation_score", labels),
        live=said,
        live_probabilities=of_all("live_probability", judged.live_probabilities),
        centre_contrasts=of_all("centre_contrast", judged.centre_contrasts),
    )


def _cut(bbox: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Which cells the top or left side cuts (first column), and which the bottom or right."""
    before = (bbox[:, 0] == 0) | (bbox[:, 1] == 0)
    after = (bbox[:, 2] == shape[0]) | (bbox[:, 3] == shape[1])
    return np.column_stack((before, after))


def _field_row(
    cells: Suspension, objects: Mapping[str, NDArray[Any]], image: FieldImage, method: Method
) -> dict[str, Cell]:
    settings, size = method.suspension, image.pixel_size_um
    counted = objects["counted"]
    live = int(np.count_nonzero(counted & cells.live))
    counts = Counts(live, int(np.count_nonzero(counted)) - live)
    clumped = int(np.count_nonzero(counted & objects["in_clump"]))
    volume = counted_volume_ml(
        image.shape,
        size,
        settings.chamber_depth_mm,
        settings.squares_per_field,
        settings.square_area_mm2,
    )
    row: dict[str, Cell] = {
        "n_objects": len(cells.live),
        "n_live": counts.live,
        "n_dead": counts.dead,
        "n_clumped": clumped,
        **_clumps(clumped, counts, settings),
        **_sizes(cells, objects["diameter_px"], size),
        **viability_figures(counts, method.summarise.confidence),
        "counted_volume_ml": volume,
    }
    return row | _concentrations([row], method)


def _clumps(clumped: int | None, counts: Counts, settings: SuspensionSettings) -> dict[str, Cell]:
    fraction = clumped / counts.decided if counts.decided and clumped is not None else None
    flag = None if fraction is None else fraction > settings.max_clump_fraction
    return {"clump_fraction": fraction, "clump_flag": flag}


def _sizes(
    cells: Suspension, diameters: NDArray[np.float64], size: float | None
) -> dict[str, Cell]:
    median = float(np.median(diameters)) if diameters.size else None
    return {
        "diameter_px": cells.diameter_px,
        "diameter_um": cells.diameter_px * size if size else None,
        "median_diameter_px": median,
        "median_diameter_um": median * size if size and median is not None else None,
    }


def _chamber_counts(rows: Sequence[Row]) -> list[ChamberCount]:
    return [ChamberCount(row["n_live"], row["n_dead"], row["counted_volume_ml"]) for row in rows]


def _concentrations(rows: Sequence[Row], method: Method) -> dict[str, Cell]:
    settings = method.suspension
    return concentration_figures(
        _chamber_counts(rows),
        settings.dilution_factor,
        settings.sample_volume_ml,
        method.summarise.confidence,
    )


def _scatter(rows: Sequence[Row]) -> dict[str, Cell]:
    """Whether the fields scatter more than Poisson counts of all cells do."""
    counts = _chamber_counts(rows)
    volumes = [field.volume_ml or 1.0 for field in counts]
    scatter = scatter_of([field.live + field.dead for field in counts], volumes)
    return {"dispersion_index": scatter.index, "dispersion_p": scatter.p}


ASSAY = SuspensionAssay()
