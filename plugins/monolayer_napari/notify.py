"""Sentences for a person: as napari's own notifications where napari is there to show them."""

import logging
import sys
from collections.abc import Iterable

__all__ = ["notify"]

_LOG = logging.getLogger("monolayer.napari")


def notify(sentences: Iterable[str]) -> None:
    """Show sentences, or log them where nobody has imported napari."""
    for sentence in sentences:
        if "napari" in sys.modules:
            from napari.utils.notifications import show_warning

            show_warning(sentence)
        else:
            _LOG.warning(sentence)
