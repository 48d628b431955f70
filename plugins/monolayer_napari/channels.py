"""Which colour a channel is shown in, and how bright.

The dye says the colour, in the channel's own name or in the role that the assay gave it. Dead
cells are magenta and not red: red beside green is lost to one man in twelve.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["colours_of", "contrast_limits"]

_COLOURS = (
    ("gray", r"phase|dic|bright|trans|\bbf\b|\bpc\b|polari"),
    ("bop blue", r"dapi|hoechst|h33342|nucle|\bnuc\b|\bblue\b"),
    ("magenta", r"\bpi\b|propidium|ethd|dead|sytox|7-?aad"),
    ("green", r"gfp|fitc|calcein|\bao\b|acridine|live|alexa ?488|\bgreen\b"),
    ("bop orange", r"tritc|rfp|cherry|cy3|texas|actin|phalloidin|cells?\b|\bred\b|561|594"),
    ("magenta", r"cy5|far ?red|647|mito"),
)
_OTHERS = ("bop blue", "green", "magenta", "bop orange", "yellow", "cyan")
_PERCENTILES = (0.5, 99.8)
_SAMPLED = 512


def colours_of(channels: Mapping[str, Any], roles: Mapping[str, str]) -> dict[str, str]:
    """Name of napari's colormap for each channel.

    Parameters
    ----------
    channels : mapping of str
        The channels by name, in order.
    roles : mapping of str to str
        Channel of each role, as the assay gave them.

    Returns
    -------
    dict of str to str
        ``gray`` where there is one channel only, whatever it shows: that is seen best.
    """
    if len(channels) == 1:
        return dict.fromkeys(channels, "gray")
    role_of = {channel: role for role, channel in roles.items()}
    found = {name: _named(name) or _named(role_of.get(name, "")) for name in channels}
    spare = iter([colour for colour in _OTHERS if colour not in found.values()])
    return {name: colour or next(spare, "gray") for name, colour in found.items()}


def _named(name: str) -> str | None:
    plain = name.lower().replace("_", " ").replace("-", " ")
    return next((colour for colour, names in _COLOURS if re.search(names, plain)), None)


def contrast_limits(pixels: NDArray[Any]) -> tuple[float, float]:
    """Grey values shown as black and as full colour, from a sample of the pixels.

    Parameters
    ----------
    pixels : ndarray, shape (height, width)
        Any real dtype.
    """
    step = max(1, max(pixels.shape) // _SAMPLED)
    sample = np.asarray(pixels[::step, ::step])
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, _PERCENTILES))
    return (low, high) if high > low else (low, low + 1.0)
