"""How long 10,000 vessels of 30 visits take to decide about, with and without their fits.

    python -m benchmarks.decisions 10000
    python -m benchmarks.decisions 10000 --study FILE.db|postgresql://...

With --study the vessels are written into a new study, their growth is fitted once and stored, and
then all are decided about as `monolayer decide --study` does. SIMULATED vessels.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

from benchmarks.expansions import simulate
from monolayer.culture import outlook_of, recommend_for
from monolayer.culture.advise import Advice, store_outlooks, stored_outlooks
from monolayer.decide import Outlook, Recommendation
from monolayer.history import VesselHistory
from monolayer.recipe import Recipe
from monolayer.study import Study

__all__ = ["decide_all", "fill", "from_study", "main", "vessels"]

SEEDED = datetime(2026, 11, 1, 8, tzinfo=UTC)
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
    parser.add_argument("--study", help="where to make a study; must hold none")
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
    if wanted.study:
        from_study(wanted.study, histories, recipe)


def from_study(where: str, histories: Sequence[VesselHistory], recipe: Recipe) -> None:
    """Fill a study, store its outlooks, and decide about all of its vessels."""
    with Study.create(where, actor="bench", at=SEEDED) as study:
        _timed("study filled", lambda: fill(study, histories))
        first = Advice(recipe)
        its = study.histories(ended=False)
        _timed("growth fitted", lambda: [first.outlook(one) for one in its])
        _timed("growth stored", lambda: store_outlooks(study, first, "bench", at=SEEDED))
        for _ in range(3):
            _timed("decided from the study", lambda: decide_all(study, recipe))


def fill(study: Study, histories: Sequence[VesselHistory]) -> None:
    """Write vessels and their records into a study."""
    with study.change("bench", "simulated", SEEDED) as change:
        for one in histories:
            vessel = one.vessel
            change.add(
                "vessels",
                name=vessel.name,
                type="CellSTACK-10",
                seeded_at=SEEDED,
                passage=vessel.passage,
                doublings_at_seeding=vessel.doublings_at_seeding,
                final_stage=vessel.final_stage,
                medium_volume_ml=1300.0,
            )
            for kind in ("acquisitions", "exchanges"):
                for record in getattr(one, kind):
                    row = asdict(record)
                    at = SEEDED + timedelta(hours=row.pop("time_h"))
                    change.add(kind, vessel=vessel.name, at=at, **row)


def decide_all(study: Study, recipe: Recipe) -> list[Recommendation]:
    """What `monolayer decide --study` does before it prints."""
    advice = Advice(recipe, stored_outlooks(study, recipe))
    found = [advice(one) for one in study.histories(ended=False)]
    assert not advice.fitted
    return found


def _timed(what: str, do: Callable[[], object]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    do()
    print(
        f"{what}: {time.process_time() - cpu:.1f} s of processor, "
        f"{time.perf_counter() - wall:.1f} s"
    )


if __name__ == "__main__":
    main()
