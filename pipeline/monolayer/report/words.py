"""The report's sentences: the answer, what the intervals mean, what the figures tell."""

from monolayer.drawing.numbers import plural
from monolayer.field import State
from monolayer.report.content import Estimate, ReportContent

__all__ = [
    "PIXEL_SIZE_HELP",
    "dispersion_words",
    "figure_words",
    "headline",
    "interval_words",
    "method_words",
    "verdict",
]

PIXEL_SIZE_HELP = (
    "No pixel size is known for these images, so areas in µm² and densities per cm² are not "
    "given; run again with --pixel-size-um and the micrometres per pixel of your objective and "
    "camera."
)

_FIGURES = {
    "focus": (
        "Focus (power log-log slope)",
        "Steeper, more negative slopes hold less fine detail: a field far below its neighbours "
        "is probably out of focus.",
        1.0,
    ),
    "background": (
        "Background (grey values)",
        "A slow drift points to the lamp or the medium, a step to a changed exposure.",
        1.0,
    ),
    "saturated": (
        "Saturated pixels (%)",
        "Saturated pixels carry no intensity any more; sizes and intensities of such objects "
        "are not to be trusted.",
        100.0,
    ),
}

_SIGNIFICANT = 0.05
_METHODS = {
    "t between fields": "Student's t between fields",
    "t between wells": "Student's t between wells",
    "Woodruff between fields": "Woodruff's interval of a median between fields",
}


def figure_words(name: str) -> tuple[str, str, float]:
    """Name of an image-quality figure, what a reader sees in it, and the factor to show it by."""
    return next((words for key, words in _FIGURES.items() if key in name), (name, "", 1.0))


def dispersion_words(content: ReportContent) -> str:
    """Say whether the fields of a plate that is one well scatter more than chance would."""
    plate = content.plates[0] if len(content.plates) == 1 else None
    if plate is None or plate.dispersion_index is None or plate.dispersion_p is None:
        return ""
    told = (
        "more than counting alone explains, so the cells are spread unevenly"
        if plate.dispersion_p < _SIGNIFICANT
        else "no more than counting alone may explain"
    )
    return (
        f"The counts of its fields vary {told} (variance over mean "
        f"{plate.dispersion_index:.2f}, p {_p_words(plate.dispersion_p)})."
    )


def _p_words(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"= {p:.2g}"


def headline(content: ReportContent) -> Estimate | None:
    """Return the number that leads the page; None where several plates each have their own."""
    return content.plates[0].estimate if len(content.plates) == 1 else None


def verdict(content: ReportContent) -> tuple[str, str, str]:
    """Badge of the run: its kind (for the colour), its sign and its words."""
    n_ok, n = content.count(State.OK), content.n_planned
    if n_ok == 0:
        return "bad", "✕", "No field could be evaluated"
    if n_ok == n:
        return "ok", "✓", "Every field evaluated"
    counts = {"excluded": content.n_excluded, "missing": content.count(State.MISSING)}
    parts = [f"{plural(count, 'field')} {word}" for word, count in counts.items() if count]
    return "warn" if 2 * n_ok >= n else "bad", "!", ", ".join(parts)


def method_words(content: ReportContent) -> str:
    """Say whether a trained model took part."""
    if content.weights_sha256:
        return (
            "Objects are found by a trained model, frozen and named by the SHA-256 of its weights "
            f"({content.weights_sha256[:12]}…); what is measured of them is explicitly programmed."
        )
    return (
        "The numbers come from explicitly programmed, deterministic image analysis: no trained "
        "model takes part, and the same images give the same numbers."
    )


def interval_words(content: ReportContent) -> str:
    """Two sentences that say what the intervals hold and what they leave out."""
    methods = list(dict.fromkeys(p.ci_method for p in content.plates if p.ci_method))
    named = "; ".join(_METHODS.get(method, method) for method in methods)
    method = f" (here: {named})" if named else ""
    counted = (
        ", and by Poisson counting where a single field, or fields that all hold the same number, "
        "leave nothing to compare"
    )
    return (
        f"Each {content.measure.interval} says how far the mean could lie from the one found had "
        "other places been imaged: between the fields of a well for a well, between wells for a "
        f"plate{method}{counted if content.measure.unit.startswith('cells/') else ''}. It holds "
        "the chance of sampling and counting only, and not errors of the segmentation, of the "
        "pixel size, or of places that were never imaged."
    )
