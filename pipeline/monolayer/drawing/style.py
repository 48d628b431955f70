"""The style sheet that every page shares: light and dark, tables and charts, screen and print."""

from functools import cache
from importlib.resources import files

__all__ = ["style_sheet"]


@cache
def style_sheet() -> str:
    """Text of the style sheet; a page adds its own rules behind it."""
    return (files("monolayer.drawing") / "page.css").read_text(encoding="utf-8")
