"""Does the cost a pixel stay the same: 1 to 100 megapixels, 100 to 20,000 objects a field.

    python -m benchmarks.growth [--rounds 3]

1. The same field of nuclei, cut to pieces of 1 and 4 megapixels (all of them, so that what is
   counted is the same) or repeated, mirrored at its edges, up to 100.
2. Drawn discs of one size: fields of 36 megapixels with ever more of them, and fields in which they
   lie equally dense.

Processor time of the thread, all sizes in turn, the least of the rounds: the machine may be in use.
What the system took of it, to hand out memory that no cache of the allocator keeps, stands beside.
"""

import argparse
import resource
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
_OBJECTS = (100, 1_000, 5_000, 20_000)
_SIDE = 6_000


@dataclass
class Row:
    """One size: its fields, and what counting and measuring all of them took at least."""

    name: str
    fields: list[Field]
    user_s: float = np.inf
    system_s: float = np.inf
    objects: int = 0

    @property
    def megapixels(self) -> float:
        return sum(field.size for field in self.fields) / 1e6

    def turn(self, count: Count) -> None:
        """Count all fields once more."""
        before = resource.getrusage(resource.RUSAGE_THREAD)
        self.objects = sum(len(count(field)["label"]) for field in self.fields)
        after = resource.getrusage(resource.RUSAGE_THREAD)
        self.user_s = min(self.user_s, after.ru_utime - before.ru_utime)
        self.system_s = min(self.system_s, after.ru_stime - before.ru_stime)


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
    sides = {n: round(_SIDE * (n / _OBJECTS[-1]) ** 0.5) for n in _OBJECTS}
    return [Row(f"{n} objects", [images.discs(side, n, radius=10.0)]) for n, side in sides.items()]


def _table(title: str, rows: list[Row], rounds: int) -> None:
    print(f"| {title} | by | MP a field | found | ms a megapixel | of the least | system |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for method, count in _methods().items():
        for row in rows:
            row.user_s = row.system_s = np.inf
            count(row.fields[0])
        for _ in range(rounds):
            for row in rows:
                row.turn(count)
        least = min(row.user_s / row.megapixels for row in rows)
        for row in rows:
            _print(row, method, least)
    print(flush=True)


def _print(row: Row, method: str, least: float) -> None:
    n, cost = len(row.fields), row.user_s / row.megapixels
    figures = f"{row.megapixels / n:.2f} | {row.objects / n:.0f} | {1e3 * cost:.2f}"
    system = 1e3 * row.system_s / row.megapixels
    print(f"| {row.name} | {method} | {figures} | {cost / least:.2f} | {system:.2f} |", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
