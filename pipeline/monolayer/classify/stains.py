"""The pairs of dyes that tell living cells from dead ones, and what each pair's rule needs.

Two kinds of rule. Hoechst stains every nucleus, so the nuclei are the cells and propidium iodide
(PI) alone decides. Calcein and acridine orange (AO) fade in dead cells, so the cells are the union
of what either dye shows, and a cell that shows neither is debris.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["STAINS", "Stain", "StainName", "stain_named"]

StainName = Literal["hoechst_pi", "calcein_ethd1", "ao_pi"]


@dataclass(frozen=True, slots=True)
class Stain:
    """A pair of dyes.

    Attributes
    ----------
    name : str
        As in the method file.
    dyes : tuple of str
        The dye of all or of living cells, then that of dead ones; the roles of the channels.
    patterns : tuple of re.Pattern
        What each dye's channel is called, such as ``DAPI`` for Hoechst's.
    unites : bool
        Whether cells are the union of what both dyes show.
    """

    name: StainName
    dyes: tuple[str, str]
    patterns: tuple[re.Pattern[str], re.Pattern[str]]
    unites: bool

    def dye_of(self, channel: str) -> str | None:
        """The dye that a channel's name tells of; None where it tells of none or of both."""
        told = [
            dye
            for dye, pattern in zip(self.dyes, self.patterns, strict=True)
            if pattern.search(channel)
        ]
        return told[0] if len(told) == 1 else None

    def channels_by_name(self, channels: Iterable[str]) -> dict[str, str]:
        """The channel of each dye, where exactly one is named after it."""
        found: dict[str, list[str]] = {dye: [] for dye in self.dyes}
        for channel in channels:
            dye = self.dye_of(channel)
            if dye is not None:
                found[dye].append(channel)
        return {dye: names[0] for dye, names in found.items() if len(names) == 1}


def _names(words: str) -> re.Pattern[str]:
    """Words that stand alone: letters before or after make another word."""
    return re.compile(rf"(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE)


_HOECHST = _names("hoechst|dapi|h33342|nuc|nuclei|nucleus|nuclear|blue")
_PI = _names("pi|propidium(?:[ _-]?iodide)?")
_CALCEIN = _names("calcein(?:[ _-]?am)?|cal|live|green|fitc|gfp")
_ETHIDIUM = _names("ethd|ethd-?1|ethd-?iii|ethidium(?:[ _-]?homodimer)?|dead|red|texas ?red|txred")
_ORANGE = _names("ao|acridine(?:[ _-]?orange)?|green|fitc|gfp")

STAINS: dict[str, Stain] = {
    "hoechst_pi": Stain("hoechst_pi", ("hoechst", "pi"), (_HOECHST, _PI), unites=False),
    "calcein_ethd1": Stain("calcein_ethd1", ("calcein", "ethd1"), (_CALCEIN, _ETHIDIUM), True),
    "ao_pi": Stain("ao_pi", ("ao", "pi"), (_ORANGE, _PI), unites=True),
}


def stain_named(name: str) -> Stain:
    """The pair of that name.

    Raises
    ------
    ValueError
        No such pair; the sentence names those known.
    """
    if name not in STAINS:
        raise ValueError(f"stain {name!r} is not known: use one of {', '.join(STAINS)}.")
    return STAINS[name]
