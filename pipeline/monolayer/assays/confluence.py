"""Confluence: covered over usable area, and an indirect count where it is calibrated."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monolayer.assays.contract import Cell, Columns, Evaluated, Objects, Row
from monolayer.assays.given import Given
from monolayer.errors import ConfigError, CorrectionError
from monolayer.field import FieldImage, natural_key
from monolayer.method import Method
from monolayer.read import channel_among
from monolayer.report.presentation import Lead, Presentation
from monolayer.segment.cover import FIGURES, REASONS, segment_cover
from monolayer.summarise.confluence import (
    confluence_field_columns,
    confluence_plate_columns,
    confluence_well_columns,
    summarise_confluence_field,
    summarise_confluence_plate,
    summarise_confluence_well,
)

__all__ = ["ASSAY", "ConfluenceAssay"]

_NAMES = {
    "phase": re.compile(r"phase|^ph\d?$|bright|^bf$|trans|^tl|dic", re.IGNORECASE),
    "fluorescence": re.compile(r"cell|cyto|actin|phalloidin|calcein|membrane|wga", re.IGNORECASE),
}

_BODIES = (
    "The density from cell bodies is indirect, and far too low where cells crowd (above some 60 % "
    "confluence): count nuclei where the number matters."
)
_NO_CALIBRATION = (
    "No density is estimated from the covered area: the method holds no calibration of the mean "
    "cell area (confluence.calibration)."
)

_COVERED, _UNUSABLE = 1, 2

# On smaller images the pixels' noise cannot be told from texture: bare ones came out covered.
_LEAST_SIDE_PX = 64


@dataclass(frozen=True, slots=True)
class ConfluenceAssay:
    """Measures confluence; see `monolayer.assays.contract.Assay`."""

    name: str = "confluence"
    modality: str = "phase contrast"

    def roles(self, channels: Collection[str], method: Method) -> dict[str, str]:
        """Give the channel that shows the cells.

        Raises
        ------
        ConfigError
            No channel, or none by its name, shows cells in that kind of light.
        """
        if method.read.channel is not None or len(channels) == 1:
            return {"cells": channel_among(channels, method.read)}
        source = method.confluence.source
        fitting = [name for name in channels if _NAMES[source].search(name)]
        if fitting:
            return {"cells": min(fitting, key=natural_key)}
        names = ", ".join(sorted(channels, key=natural_key))
        raise ConfigError(
            f"no channel shows cells in {source} by its name among those found ({names}): "
            "say which with --channel."
        )

    def evaluate(self, image: FieldImage, roles: Mapping[str, str], method: Method) -> Evaluated:
        """Find the cover, and what of the image could be judged."""
        settings, size = method.confluence, image.pixel_size_um
        if min(image.shape) < _LEAST_SIDE_PX:
            return Evaluated({}, problem=_too_small(image.shape))
        cover = segment_cover(image.channels[roles["cells"]], settings, size)
        usable = int(np.count_nonzero(cover.usable))
        figures = summarise_confluence_field(
            int(np.count_nonzero(cover.covered)),
            usable,
            image.shape,
            cover.unusable_fractions,
            size,
            settings.calibration,
            method.summarise,
            None if cover.bodies is None else len(cover.bodies),
        )
        row: dict[str, Cell] = {
            **figures,
            "calibration_version": getattr(settings.calibration, "version", None),
            **cover.figures,
        }
        share = figures["usable_fraction"]
        if usable < settings.min_usable_fraction * cover.usable.size or usable == 0:
            detail = f"only {share:.0%} of the field is usable; image another position."
            return Evaluated(row, labels=cover.labels(), problem=("no_usable_area", detail))
        return Evaluated(row, labels=cover.labels())

    def remeasure(
        self,
        image: FieldImage,
        roles: Mapping[str, str],  # noqa: ARG002
        method: Method,
        given: Given,
    ) -> Evaluated:
        """Take the areas again; what only the image tells (bodies, reasons) stays if it can.

        Raises
        ------
        CorrectionError
            So little of the field would be usable that it is better left out.
        """
        usable = int(np.count_nonzero(given.labels != _UNUSABLE))
        covered = int(np.count_nonzero(given.labels == _COVERED))
        same = not given.touched
        reasons = {
            name: given.row.get(f"unusable_{name}_fraction") if same else None for name in REASONS
        }
        figures = summarise_confluence_field(
            covered,
            usable,
            image.shape,
            reasons,
            image.pixel_size_um,
            method.confluence.calibration,
            method.summarise,
            given.row.get("n_bodies") if same else None,
        )
        kept = ("calibration_version", *FIGURES)
        row: dict[str, Cell] = figures | {name: given.row.get(name) for name in kept}
        if usable < method.confluence.min_usable_fraction * given.labels.size or usable == 0:
            raise CorrectionError(
                f"only {figures['usable_fraction']:.0%} of the field would be usable; leave the "
                "field out instead."
            )
        return Evaluated(row, labels=given.labels)

    def field_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Confluence, areas, indirect density, and figures of the segmentation."""
        return [
            *confluence_field_columns(REASONS),
            ("calibration_version", "string"),
            *((name, "float64") for name in FIGURES),
        ]

    def summarise_well(
        self,
        field_rows: Sequence[Row],
        objects: Objects,  # noqa: ARG002
        method: Method,
    ) -> dict[str, Cell]:
        """Means over fields with their intervals, the lower bound, and the barest fields."""
        version = getattr(method.confluence.calibration, "version", None)
        figures = summarise_confluence_well(field_rows, method.summarise)
        return {**figures, "calibration_version": version}

    def well_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Columns of `summarise_well`."""
        return [*confluence_well_columns(), ("calibration_version", "string")]

    def summarise_plate(self, well_rows: Sequence[Row], method: Method) -> dict[str, Cell]:
        """Means over wells with their intervals."""
        return summarise_confluence_plate(well_rows, method.summarise)

    def plate_columns(self, channels: Sequence[str], method: Method) -> Columns:  # noqa: ARG002
        """Columns of `summarise_plate`."""
        return confluence_plate_columns()

    def presentation(self, method: Method) -> Presentation:
        """Confluence leads; the map shows where the surface is bare."""
        phase = method.confluence.source == "phase"
        caveats = () if method.confluence.calibration else (_NO_CALIBRATION,)
        return Presentation(
            title="Confluence",
            measurand="covered over usable area; a cell count made of it is indirect (ISO 20391-1)",
            leads=(Lead("confluence", "Confluence", "%"),),
            beside=(
                Lead("confluence_lower_bound", "Lower bound, one-sided", "%"),
                Lead("confluence_min", "Barest field", "%", "confluence"),
                Lead("usable_fraction", "Usable area", "%"),
                Lead("indirect_density_cells_per_cm2", "Indirect density, from cover", "cells/cm²"),
                Lead("body_density_cells_per_cm2", "Indirect density, from bodies", "cells/cm²"),
            ),
            outlines=(
                ("covered", "covered by cells"),
                ("unusable", "not usable, such as the vessel's wall: left out of the area"),
            ),
            label_kinds={1: "covered", 2: "unusable"},
            caveats=(*((_BODIES,) if phase else ()), *caveats),
        )


def _too_small(shape: tuple[int, int]) -> tuple[str, str]:
    size = f"{shape[0]} x {shape[1]}"
    return "too_small", f"The image is {size} px; confluence needs {_LEAST_SIDE_PX} px a side."


ASSAY = ConfluenceAssay()
