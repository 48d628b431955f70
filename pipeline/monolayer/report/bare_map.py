"""Where a vessel is bare: the covered share of small blocks of its fields, as a heat map.

Fields stand side by side in the order of the tables, since most file names tell no position.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from monolayer.drawing.palette import colour
from monolayer.drawing.svg import Frame, tag, text
from monolayer.field import State
from monolayer.report.content import VesselMap
from monolayer.report.gallery import Overlays

__all__ = ["BLOCKS", "FIELDS_MAPPED", "bare_map", "block_shares", "vessel_maps"]

Row = Mapping[str, Any]
Shares = tuple[tuple[float | None, ...], ...]

BLOCKS = 8
FIELDS_MAPPED = 24
_VESSELS_MAPPED = 6
_COVERED, _UNUSABLE = 1, 2
_LEAST_USABLE = 0.2


def vessel_maps(rows: Iterable[Row], overlays: Overlays) -> tuple[VesselMap, ...]:
    """Map the first vessels of a run, and the first fields of each, from their label images."""
    vessels: dict[str, list[Row]] = {}
    n_fields: Counter[str] = Counter()
    for row in rows:
        parts = (row["plate"], row.get("well"), row.get("time"))
        name = " ".join(str(part) for part in parts if part)
        if row["state"] != State.OK or (name not in vessels and len(vessels) == _VESSELS_MAPPED):
            continue
        n_fields[name] += 1
        if n_fields[name] <= FIELDS_MAPPED:
            vessels.setdefault(name, []).append(row)
    return tuple(
        VesselMap(name, tuple(_mapped(members, overlays)), n_fields[name])
        for name, members in vessels.items()
    )


def _mapped(rows: Sequence[Row], overlays: Overlays) -> list[tuple[str, Shares]]:
    drawn = [(row["field_id"], overlays(row["field_id"])) for row in rows]
    return [(name, block_shares(found[1])) for name, found in drawn if found is not None]


def block_shares(labels: NDArray[Any], blocks: int = BLOCKS) -> Shares:
    """Covered share of the usable part of each block; None where under a fifth is usable.

    Parameters
    ----------
    labels : ndarray of integer, shape (height, width)
        0 bare, 1 covered, 2 not usable.
    blocks : int
        Blocks along each side.
    """
    height, width = labels.shape
    ys = [round(i * height / blocks) for i in range(blocks + 1)]
    xs = [round(i * width / blocks) for i in range(blocks + 1)]
    return tuple(
        tuple(_share(labels[top:bottom, left:right]) for left, right in pairwise(xs))
        for top, bottom in pairwise(ys)
    )


def _share(block: NDArray[Any]) -> float | None:
    usable = np.count_nonzero(block != _UNUSABLE)
    if not block.size or usable < _LEAST_USABLE * block.size:
        return None
    return float(np.count_nonzero(block == _COVERED) / usable)


def bare_map(vessel: VesselMap) -> Markup:
    """Draw a vessel's fields as tiles of coloured blocks."""
    across = min(max(len(vessel.fields), 1), 8)
    down = -(-len(vessel.fields) // across)
    tile, gap = 1000.0 / 8 - 6, 6.0
    frame = Frame(
        across * (tile + gap), down * (tile + gap + 14), left=0.0, right=0.0, top=0.0, bottom=0.0
    )
    parts = []
    for i, (name, shares) in enumerate(vessel.fields):
        x, y = (i % across) * (tile + gap), (i // across) * (tile + gap + 14)
        parts += [*_tile(shares, x, y, tile), _name(name, x, y + tile + 11)]
    words = f"Covered share of blocks in {len(vessel.fields)} fields of {vessel.name}"
    style = f"max-width:{across * (tile + gap):.0f}px"
    return frame.chart(words, *parts, class_="chart bare", style=style)


def _tile(shares: Shares, x: float, y: float, side: float) -> list[Markup]:
    step = side / len(shares)
    return [
        tag(
            "rect", x=x + column * step, y=y + row * step, width=step + 0.3, height=step + 0.3,
            **({"class_": "unusable"} if share is None else {"fill": colour(share)}),
        )
        for row, line in enumerate(shares)
        for column, share in enumerate(line)
    ]  # fmt: skip


def _name(name: str, x: float, y: float) -> Markup:
    return text(x, y, name.rsplit("/", 2)[-1] if "/" in name else name, style="font-size:10px")
