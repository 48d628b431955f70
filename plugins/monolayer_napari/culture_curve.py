"""A vessel's growth curve as SVG for Qt: the batch report's chart in a frame that fits a dock.

Qt's SVG knows no CSS variables: the page's colours are put into a style sheet of the picture's own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monolayer.batch.content import Decision
    from monolayer.history import VesselHistory
    from monolayer.recipe import Recipe

__all__ = ["SIZE", "growth_svg"]

SIZE = (540.0, 330.0)

_STYLE = """
text { font-size: 11px; font-family: sans-serif; fill: #4c5966; }
.strong { font-weight: 600; fill: #17212b; }
.date { font-size: 9px; text-anchor: middle; }
.grid { stroke: #e6e3dc; } .axis { stroke: #4c5966; }
.cross { fill: none; stroke: #b0271e; stroke-width: 1.8; }
.prediction { fill: #0b6573; fill-opacity: 0.13; stroke: #0b6573; stroke-opacity: 0.55; stroke-dasharray: 2,3; }
.confidence { fill: #0b6573; fill-opacity: 0.38; }
.curve { fill: none; stroke: #0b6573; stroke-width: 1.8; }
.target { stroke: #17212b; stroke-width: 1.3; stroke-dasharray: 7,4; }
.point { fill: #17212b; } .bound { stroke: #17212b; stroke-width: 1; }
.feed { fill: #1d7446; } .ended { stroke: #17212b; stroke-width: 2; }
.drop { stroke: #4c5966; stroke-opacity: 0.5; stroke-dasharray: 1,3; }
.action { fill: #5c6670; stroke: none; } .stretch { stroke: #5c6670; stroke-width: 2; }
.overridden { fill: none; stroke: #b0271e; stroke-width: 1.6; }
"""  # noqa: E501


def growth_svg(history: "VesselHistory", recipe: "Recipe", decisions: "Sequence[Decision]") -> str:
    """Draw confluence in time with the fitted curve, both bands, the target and what was decided.

    Returns
    -------
    str
        An SVG picture of `SIZE` that stands alone.
    """
    from monolayer.batch.charts import growth_chart
    from monolayer.batch.content import VesselRecord, Yield
    from monolayer.decide.evidence import is_valid
    from monolayer.dossier.figures import growth_of
    from monolayer.drawing.svg import Frame

    growth, curve, forecast = growth_of(history, recipe)
    record = VesselRecord(
        history,
        growth,
        forecast,
        Yield(),
        curve,
        valid=tuple(is_valid(visit, recipe.decide) for visit in history.acquisitions),
        decisions=tuple(decisions),
    )
    frame = Frame(*SIZE, left=56.0, top=76.0, bottom=58.0)
    chart = str(growth_chart(record, recipe.decide.target_confluence, frame))
    head, body = chart.split(">", 1)
    named = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f"{named}><style>{_STYLE}</style>{body}"
