"""The page as PDF: WeasyPrint prints it, with the batch and its hash on every foot.

WeasyPrint draws an SVG by itself and does not look at the page's style sheet for it, nor does it
know variables there. So each SVG is handed the same style sheet, its variables put in.
"""

import re
import warnings

from monolayer.batch.content import BatchRecord
from monolayer.batch.page import render_batch
from monolayer.errors import MissingExtraError, MonolayerError

__all__ = ["to_pdf"]

# An archive's format: everything is in the file, nothing depends on the reader.
_VARIANT = "pdf/a-3b"
_SVG = re.compile(r"(<svg\b[^>]*[^/]>)")
# Each drawing's rules are parsed anew: only those that can draw.
_DRAWS = re.compile(r"fill|stroke|\.chart")
# It scales strokes with their drawing, whatever ``vector-effect`` says.
_OUTLINES = ".contours path { stroke-width: 5; }"
# Rules of one condition (screen, dark) and of the page's margins: nested braces, one level deep.
_CONDITIONAL = re.compile(r"@(?:media|page)[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_RULE = re.compile(r"\.[^{}]*\{[^{}]*\}")
_VARIABLE = re.compile(r"var\((--[a-z-]+)\)")


def to_pdf(record: BatchRecord, page: str | None = None) -> bytes:
    """Print a batch record as PDF/A-3b; the same record gives the same bytes.

    Parameters
    ----------
    record : BatchRecord
        What to print.
    page : str, optional
        Its page, where `render_batch` has drawn it already.

    Raises
    ------
    MissingExtraError
        WeasyPrint is not installed.
    MonolayerError
        The system's text libraries are missing.
    """
    try:
        from weasyprint import HTML
    except ImportError:
        raise MissingExtraError.named("weasyprint", "pdf") from None
    except OSError:
        raise MonolayerError(
            "printing PDF needs Pango, which is not installed: 'apt-get install libpango-1.0-0 "
            "libpangoft2-1.0-0 libharfbuzz-subset0' brings it on Debian and Ubuntu."
        ) from None
    text = page or render_batch(record)
    profiles: dict[str, object] = {}
    with warnings.catch_warnings():
        # It leaves its colour profile's file open: letting go of the profile here closes it.
        warnings.simplefilter("ignore", ResourceWarning)
        printed: bytes | None = HTML(string=_styled(text)).write_pdf(
            pdf_variant=_VARIANT, pdf_identifier=b"monolayer", color_profiles=profiles
        )
        profiles.clear()
    assert printed is not None
    return printed


def _styled(page: str) -> str:
    """The page with the style sheet in each of its SVGs."""
    style = page.partition("<style>")[2].partition("</style>")[0]
    # The first block of variables is the light one: paper is light.
    named = dict(re.findall(r"(--[a-z-]+):\s*([^;]+);", style.partition("}")[0]))
    rules = _RULE.findall(_CONDITIONAL.sub("", _COMMENT.sub("", style)))
    # It paints a stroke over its text, so the halo that a browser paints behind hides the words.
    drawn = [rule for rule in rules if _DRAWS.search(rule) and "paint-order" not in rule]
    flat = _VARIABLE.sub(lambda found: named.get(found[1], "none"), "".join(drawn))
    flat += _OUTLINES
    return _SVG.sub(lambda found: f"{found[1]}<style>{flat}</style>", page)
