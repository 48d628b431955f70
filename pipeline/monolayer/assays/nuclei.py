"""Nuclei in fluorescence: a direct, total count, and an area density of cells."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays.contract import Cell, Columns, Evaluated, Objects, Row
from monolayer.assays.given import Given
from monolayer.field import FieldImage
from monolayer.measure import measure_objects, measure_runs
from monolayer.method import Method
from monolayer.read import channel_among
from monolayer.report.presentation import Lead, Presentation
from monolayer.segment import FIGURES, segment_nuclei
from monolayer.summarise import (
    field_schema,
    plate_schema,
    summarise_field,
    summarise_plate,
    summarise_well,
    well_schema,
)

__all__ = ["ASSAY", "NucleiAssay"]


_FOUND = ("diameter_px", "diameter_um", *FIGURES)


@dataclass(frozen=True, slots=True)
class NucleiAssay:
    """Counts nuclei; see `monolayer.assays.contract.Assay`."""

    name: str = "nuclei"
    modality: str = "fluorescence nuclei"

    def roles(self, channels: Collection[str], method: Method) -> dict[str, str]:
        """Give the channel that is segmented."""
        return {"nuclei": channel_among(channels, method.read)}

    def evaluate(self, image: FieldImage, roles: Mapping[str, str], method: Method) -> Evaluated:
        """Segment, measure and summarise the nuclei; every channel is measured."""
        size = image.pixel_size_um
        found = segment_nuclei(image.channels[roles["nuclei"]], method.segment, size)
        objects = measure_runs(
            found.runs, image.shape, image.channels, method.measure, size, sums=found.sums
        )
        objects["segmentation_score"] = found.scores
        diameter = found.diameter_px
        row: dict[str, Cell] = {
            "diameter_px": diameter,
            "diameter_um": diameter * size if diameter and size else None,
            **found.figures,
        }
        return _evaluated(found.labels, objects, row, image, method)

    def remeasure(
        self,
        image: FieldImage,
        roles: Mapping[str, str],  # noqa: ARG002
        method: Method,
        given: Given,
    ) -> Evaluated:
        """Measure and summarise corrected nuclei; a nucleus made by hand has no score."""
        size = image.pixel_size_um
        objects = measure_objects(given.labels, image.channels, method.measure, size)
        objects["segmentation_score"] = given.automatic("segmentation_score", objects["label"])
        found = {name: given.row.get(name) for name in _FOUND}
        return _evaluated(given.labels, objects, found, image, method)

    def field_columns(self, channels: Sequence[str], method: Method) -> Columns:
        """Diameter, figures of the segmentation, counts, densities and distributions."""
        return [
            *((name, "float64") for name in _FOUND),
            *field_schema(channels, method.summarise),
        ]

    def summarise_well(
        self, field_rows: Sequence[Row], objects: Objects, method: Method
    ) -> dict[str, Cell]:
        """Means over fields with their intervals, and distributions over all objects."""
        return summarise_well(field_rows, objects, method.summarise)

    def well_columns(self, channels: Sequence[str], method: Method) -> Columns:
        """Columns of `summarise_well`."""
        return well_schema(channels, method.summarise)

    def summarise_plate(self, well_rows: Sequence[Row], method: Method) -> dict[str, Cell]:
        """Means over wells with their intervals."""
        return summarise_plate(well_rows, method.summarise)

    def plate_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Columns of `summarise_plate`."""
        return plate_schema(channels)

    def presentation(self, method: Method) -> Presentation:  # noqa: ARG002
        """Density where the pixel size is known, else the count a field."""
        return Presentation(
            title="Cell count",
            measurand="from a direct, total count (ISO 20391-1) of nuclei",
            leads=(
                Lead("density_cells_per_cm2", "Area density of cells", "cells/cm²"),
                Lead("n_unbiased_per_field", "Cells per field", "cells/field", "n_unbiased"),
            ),
            beside=(
                Lead("n_objects", "Objects", ""),
                Lead("nuclei_area_fraction", "Nuclei area", "%"),
            ),
            noun="nucleus",
            outlines=(
                ("inside", "whole nucleus"),
                (
                    "border",
                    "touches the border: left out of the sizes, made up for in the count",
                ),
            ),
        )


def _evaluated(
    labels: NDArray[np.int32],
    objects: dict[str, NDArray[Any]],
    found: dict[str, Cell],
    image: FieldImage,
    method: Method,
) -> Evaluated:
    covered = int(objects["area_px"].sum()) / labels.size
    size, settings = image.pixel_size_um, method.summarise
    row = summarise_field(objects, image.shape, size, settings, covered)
    return Evaluated({**found, **row}, objects, labels)


ASSAY = NucleiAssay()
