"""The page itself: content becomes markup, section by section.

Every string from outside passes through autoescaping; the only unescaped parts are the SVG that
`monolayer.drawing.svg` has escaped and the project's own style sheet and script.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from jinja2 import Template
from markupsafe import Markup

from monolayer.drawing.numbers import (
    UNKNOWN,
    figure,
    finite,
    grouped,
    interval_text,
    plural,
    shown,
)
from monolayer.drawing.style import style_sheet
from monolayer.drawing.svg import Scale
from monolayer.drawing.templates import page_template, read_template
from monolayer.field import State
from monolayer.report import charts
from monolayer.report.bare_map import bare_map
from monolayer.report.content import Estimate, PlateResult, ReportContent
from monolayer.report.plate_map import colour_legend, colour_scale, plate_format, plate_map
from monolayer.report.words import (
    PIXEL_SIZE_HELP,
    dispersion_words,
    figure_words,
    headline,
    interval_words,
    method_words,
    verdict,
)

__all__ = ["page_parts", "render_report"]

_MAPS_WELLS = 6000
_MAPS = 24


def render_report(content: ReportContent) -> str:
    """Draw the report as one self-contained HTML page."""
    return _template().render(
        **page_parts(),
        content=content,
        pixel_size_help=PIXEL_SIZE_HELP,
        verdict=verdict(content),
        headline=headline(content),
        how=method_words(content),
        intervals=interval_words(content),
        dispersion=dispersion_words(content),
        beside=_beside(content),
        outcome=charts.outcome_bar({state: content.count(state) for state in State}),
        plates_chart=_plates_chart(content),
        maps=_maps(content),
        legend=_legend(content),
        fields_chart=_fields_chart(content),
        well_charts=_well_charts(content),
        histograms=[(h, charts.histogram_chart(h)) for h in content.histograms],
        quality=_quality(content),
        n_plates_with_wells=sum(bool(plate.wells) for plate in content.plates),
        n_well_rows=sum(len(plate.wells) for plate in content.plates),
        bare_maps=[(item, bare_map(item)) for item in content.bare],
        bare_legend=colour_legend(Scale(0.0, 100.0, 0.0, 1.0), "Covered share of a block", "%"),
        no_pixel_size=bool(content.points) and not content.pixel_sizes_um,
        no_pictures=bool(content.points) and not (content.doubtful or content.typical),
        State=State,
    )


@cache
def page_parts() -> dict[str, str]:
    """Style sheet, script, and the hash by which the page's policy knows the script."""
    script = read_template("monolayer.report", "report.js")
    return {
        "style": Markup(style_sheet()),  # noqa: S704
        "script": Markup(script),  # noqa: S704
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    }


@cache
def _template() -> Template:
    filters: dict[str, Callable[..., Any]] = {
        "grouped": grouped,
        "interval": interval_text,
        "integer": lambda n: UNKNOWN if n is None else f"{n:,}",
        "words": lambda code: code.replace("_", " "),
        "plural": plural,
        "figure": figure,
        "shown": shown,
        "sortable": lambda x: "" if x is None else f"{x:.6g}",
    }
    return page_template("monolayer.report", "report.html", filters)


def _beside(content: ReportContent) -> list[tuple[str, str]]:
    """Further numbers of a page about one plate."""
    if len(content.plates) != 1:
        return []
    leads = content.presentation.beside
    pairs = zip(leads, content.plates[0].beside, strict=True)
    return [(lead.label, figure(value, lead.unit)) for lead, value in pairs if value is not None]


def _shown_plates(content: ReportContent) -> list[PlateResult]:
    """Plates with wells, as many as a page can carry; the tables name all."""
    shown: list[PlateResult] = []
    n_wells = 0
    for plate in content.plates:
        n_wells += len(plate.wells)
        if plate.wells and n_wells <= _MAPS_WELLS and len(shown) < _MAPS:
            shown.append(plate)
    return shown


def _maps(content: ReportContent) -> list[tuple[PlateResult, int | None, Markup]]:
    scale, plates = colour_scale(content.plates), _shown_plates(content)
    formats = [plate_format(well.well for well in plate.wells) for plate in plates]
    # Two maps side by side are drawn on half the width, so that their letters stay readable.
    return [
        (plate, n, plate_map(plate, scale, content.measure, f"hatch-{i}", half=len(plates) > 1))
        for i, (plate, n) in enumerate(zip(plates, formats, strict=True))
    ]


def _legend(content: ReportContent) -> Markup:
    values = finite(w.estimate.value for p in content.plates for w in p.wells)
    if not values:
        return Markup()
    return colour_legend(colour_scale(content.plates), content.measure.label, content.measure.unit)


def _plates_chart(content: ReportContent) -> Markup:
    if len(content.plates) < 2:
        return Markup()
    return charts.plate_chart(content.plates[:60], content.measure)


def _fields_chart(content: ReportContent) -> Markup:
    if any(plate.wells for plate in content.plates) or not content.points:
        return Markup()
    return charts.field_chart(content.points, content.measure)


def _well_charts(content: ReportContent) -> list[tuple[PlateResult, list[Markup]]]:
    plates = _shown_plates(content)
    ends = finite(_upper(w.estimate) for p in plates for w in p.wells)
    # A well of two fields can have an interval ten times its value; it must not set the scale.
    values = finite(w.estimate.value for p in plates for w in p.wells)
    ends += finite(point.estimate.value for point in content.points)
    top = min(max(ends, default=1.0), 2 * max(values, default=1.0)) or 1.0
    return [(p, charts.well_chart(p, content.points, content.measure, top)) for p in plates]


def _upper(estimate: Estimate) -> float | None:
    return estimate.value if estimate.high is None else estimate.high


def _quality(content: ReportContent) -> Sequence[tuple[str, str, Markup]]:
    names = dict.fromkeys(name for point in content.points[:1] for name in point.figures)
    drawn = []
    for name in names:
        label, meaning, factor = figure_words(name)
        drawn.append((label, meaning, charts.quality_chart(content.points, name, label, factor)))
    return [item for item in drawn if item[2]]
