"""Does the cost a pixel stay the same: 1 to 100 megapixels, 100 to 20,000 objects a field.

    python -m benchmarks.growth [--rounds 3]

1. The same field of nuclei, cut to pieces of 1 and 4 megapixels (all of them, so that what is
   counted is the same) or repeated, mirrored at its edges, up to 100.
2. Drawn discs of one size: fields of 36 megapixels with ever more of them, and fields in which they
   lie equally dense.

Processor time of the thread, all sizes in turn, the least of the rounds: the machine may be in use.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import images
from benchmarks.works import count_and_measure, threshold_settings
from monolayer.segment import SegmentSettings

Field = NDArray[np.uint16]
Count = Callable[[Field], Any]

_LARGEST_PIECE = 4000
_SIDES = (1_000, 2_000, 4_000, 6_000, 10_000)
_OBJECTS = (0, 100, 1_000, 5_000, 20_000)
_SIDE = 6_000


@dataclass
class Row:
    """One size: its fields, and what counting and measuring all of them took at least."""

    name: str
    fields: list[Field]
    seconds: float = np.inf
    objects: int = 0

    @property
    def megapixels(self) -> float:
        return sum(field.size for field in self.fields) / 1e6

    def turn(self, count: Count) -> None:
        """Count all fields once more."""
        started = time.thread_time()
        self.objects = sum(len(count(field)["label"]) for field in self.fields)
        self.seconds = min(self.seconds, time.thread_time() - started)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each size")
    rounds = parser.parse_args().rounds
    image, what = images.field(2048)
    print(f"{what}; processor time of one thread, the least of {rounds} rounds\n", flush=True)
    _table("one field, larger and larger", _by_megapixels(image), rounds)
    _table(f"discs on {_SIDE**2 / 1e6:.0f} megapixels", _by_objects(), rounds)
    _table("discs, equally dense", _by_objects_of_one_density(), rounds)
    return 0


def _methods() -> dict[str, Count]:
    """Each method, with the diameter told: to find it is looked for in a part of a field."""
    told = {"expected_diameter_um": 13.0}
    return {
        "tree": partial(_count, SegmentSettings.model_validate(told)),
        "threshold": partial(_count, threshold_settings(told)),
    }


def _count(settings: SegmentSettings, image: Field) -> Any:
    return count_and_measure(image, settings)


def _by_megapixels(image: Field) -> list[Row]:
    whole = images.tile_to(image, _LARGEST_PIECE)
    rows = []
    for side in _SIDES:
        places = range(0, max(1, _LARGEST_PIECE - side + 1), side)
        pieces = [np.ascontiguousarray(whole[y : y + side, x : x + side])
                  for y in places for x in places]  # fmt: skip
        grown = [images.tile_to(image, side)] if side > _LARGEST_PIECE else pieces
        rows.append(Row(f"{side * side / 1e6:.0f} MP", grown))
    return rows


def _by_objects() -> list[Row]:
    return [Row(f"{n} objects", [images.discs(_SIDE, n, radius=10.0)]) for n in _OBJECTS]


def _by_objects_of_one_density() -> list[Row]:
    sides = {n: round(_SIDE * (n / _OBJECTS[-1]) ** 0.5) for n in _OBJECTS[1:]}
    return [Row(f"{n} objects", [images.discs(side, n, radius=10.0)]) for n, side in sides.items()]


def _table(title: str, rows: list[Row], rounds: int) -> None:
    print(f"| {title} | by | MP a field | found | ms a megapixel | of the least | us an object |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for method, count in _methods().items():
        for row in rows:
            row.seconds = np.inf
            count(row.fields[0])
        for _ in range(rounds):
            for row in rows:
                row.turn(count)
        _print(method, rows)
    print(flush=True)


def _print(method: str, rows: list[Row]) -> None:
    cost = [1e3 * row.seconds / row.megapixels for row in rows]
    for row, each in zip(rows, cost, strict=True):
        # Of an empty field nothing is left to tell an object's share from.
        empty = cost[0] * row.megapixels * 1e3 if rows[0].objects == 0 else np.nan
        share = (1e6 * row.seconds - empty) / row.objects if row.objects else np.nan
        size = row.megapixels / len(row.fields)
        print(f"| {row.name} | {method} | {size:.2f} | {row.objects / len(row.fields):.0f} "
              f"| {each:.2f} | {each / min(cost):.2f} "
              f"| {'' if np.isnan(share) else f'{share:.1f}'} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
