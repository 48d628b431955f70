"""Named rules for points on a control chart, in sigmas from the centre.

A rule is told at the point that completes it. Sources: Western Electric (1956), Statistical
Quality Control Handbook; Nelson (1984), J Qual Technol 16:237.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["RULES", "WESTERN_ELECTRIC", "Rule", "broken_rules"]

Window = Sequence[float]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: how many points it looks at, what it says of them, and in which words."""

    name: str
    words: str
    source: str
    length: int
    breaks: Callable[[Window], bool]


def _beyond(sigmas: float, least: int) -> Callable[[Window], bool]:
    """At least so many points beyond so many sigmas on one side, the last one among them."""

    def breaks(window: Window) -> bool:
        side = 1 if window[-1] > 0 else -1
        beyond = [side * z > sigmas for z in window]
        return beyond[-1] and sum(beyond) >= least

    return breaks


def _one_side(window: Window) -> bool:
    return all(z > 0 for z in window) or all(z < 0 for z in window)


def _steady(window: Window) -> bool:
    steps = [after - before for before, after in itertools.pairwise(window)]
    return _one_side(steps)


def _alternating(window: Window) -> bool:
    steps = [after - before for before, after in itertools.pairwise(window)]
    return all(one * other < 0 for one, other in itertools.pairwise(steps))


def _hugging(window: Window) -> bool:
    return all(abs(z) < 1 for z in window)


def _avoiding(window: Window) -> bool:
    return all(abs(z) > 1 for z in window)


_WE, _NELSON = "Western Electric 1956", "Nelson 1984"
RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("WE1", "one point beyond 3 sigma", _WE, 1, _beyond(3, 1)),
        Rule("WE2", "two of three points beyond 2 sigma, one side", _WE, 3, _beyond(2, 2)),
        Rule("WE3", "four of five points beyond 1 sigma, one side", _WE, 5, _beyond(1, 4)),
        Rule("WE4", "eight points in a row on one side", _WE, 8, _one_side),
        Rule("N1", "one point beyond 3 sigma", _NELSON, 1, _beyond(3, 1)),
        Rule("N2", "nine points in a row on one side", _NELSON, 9, _one_side),
        Rule("N3", "six points in a row steadily up or down", _NELSON, 6, _steady),
        Rule("N4", "fourteen points in a row alternating up and down", _NELSON, 14, _alternating),
        Rule("N5", "two of three points beyond 2 sigma, one side", _NELSON, 3, _beyond(2, 2)),
        Rule("N6", "four of five points beyond 1 sigma, one side", _NELSON, 5, _beyond(1, 4)),
        Rule("N7", "fifteen points in a row within 1 sigma", _NELSON, 15, _hugging),
        Rule("N8", "eight points in a row beyond 1 sigma, either side", _NELSON, 8, _avoiding),
    )
}
WESTERN_ELECTRIC = ("WE1", "WE2", "WE3", "WE4")


def broken_rules(z: Sequence[float], names: Sequence[str]) -> list[tuple[int, str]]:
    """Rules that are broken, each with the place of the point that completes it.

    Parameters
    ----------
    z : sequence of float
        Points in sigmas from the centre, in the order of the lots.
    names : sequence of str
        Keys of `RULES`.

    Notes
    -----
    WE2 and WE3 look at what there is where the chart is younger than their window: two of the
    first two points beyond 2 sigma are enough.
    """
    found = []
    for place in range(len(z)):
        for name in names:
            rule = RULES[name]
            window = z[max(0, place - rule.length + 1) : place + 1]
            whole = len(window) == rule.length or name in ("WE2", "WE3", "N5", "N6")
            if whole and rule.breaks(window):
                found.append((place, name))
    return found
