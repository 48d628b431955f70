"""How long 10,000 vessels of 30 visits take to decide about, with and without their fits.

python -m benchmarks.decisions 10000
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.expansions import simulate
from monolayer.culture import outlook_of, recommend_for
from monolayer.decide import Outlook
from monolayer.history import VesselHistory
from monolayer.recipe import Recipe

__all__ = ["main", "vessels"]

VISITS = 30
# So many different courses; each vessel is one of them under a name of its own.
COURSES = 50


def vessels(n: int) -> list[VesselHistory]:
    """Simulated vessels with their first thirty visits after attachment."""
    courses = []
    for seed in range(COURSES):
        whole = simulate(seed).history
        visits = [visit for visit in whole.acquisitions if visit.time_h >= 24][:VISITS]
        courses.append(replace(whole, acquisitions=tuple(visits), exchanges=whole.exchanges[:3]))
    return [
        replace(one, vessel=replace(one.vessel, name=f"V-{i:05d}"))
        for i in range(n)
        for one in [courses[i % COURSES]]
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vessels", type=int, nargs="?", default=10_000)
    parser.add_argument("--fits", type=int, default=100, help="vessels whose growth is fitted")
    wanted = parser.parse_args(arguments)
    recipe, histories = Recipe(), vessels(wanted.vessels)
    outlook = Outlook(32.0, True, 200.0)
    wall, cpu = time.perf_counter(), time.process_time()
    answers = Counter(recommend_for(one, recipe, outlook=outlook).code for one in histories)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{len(histories)} decisions: {cpu:.1f} s of processor, {wall:.1f} s: {dict(answers)}")
    cpu = time.process_time()
    for one in histories[: wanted.fits]:
        outlook_of(one, recipe)
    each = (time.process_time() - cpu) / wanted.fits
    print(f"fit and forecast, which are made once for an acquisition: {each * 1e3:.1f} ms each")


if __name__ == "__main__":
    main()
