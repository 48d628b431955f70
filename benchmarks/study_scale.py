"""A study of 10,000 vessels with 30 acquisitions each (simulated): how long its questions take.

    python benchmarks/study_scale.py FILE.db|postgresql://... [--vessels N]

The place must hold no study; it is filled through the ordinary door, audit trail included. Prints
one line a question: the least of several rounds, wall clock.
"""

import argparse
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from monolayer.study import Study

SEEDED = datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=1)))
VISITS = 30
LOT = 25
IN_CULTURE = 500


def fill(study: Study, n_vessels: int) -> None:
    """Lots of 25 vessels; all but the last 500 are harvested."""
    with study.change("bench", "simulated", SEEDED) as change:
        change.add("donors", code="D1", tissue="adipose")
        for number in range(n_vessels):
            _vessel(change, number, ends=number < n_vessels - IN_CULTURE)


def _vessel(change: Any, number: int, *, ends: bool) -> None:
    lot, name = f"L{number // LOT:04d}", f"V-{number:05d}"
    if number % LOT == 0:
        change.add("lots", name=lot, donor="D1")
    seeded = SEEDED + timedelta(hours=number // 10)
    out: dict[str, Any] = {}
    if ends:
        out = {"ended_as": "harvested", "ended_at": seeded + timedelta(hours=130)}
    change.add(
        "vessels", name=name, type="CellSTACK-10", lot=lot, seeded_at=seeded, passage=2,
        doublings_at_seeding=9.4, seeding_density_cells_per_cm2=4000.0, medium_volume_ml=1300.0,
        n_layers_imaged=1, sentinel_assumption="lowest layer", final_stage=True, **out,
    )  # fmt: skip
    for visit in range(VISITS):
        hours = 24 + 3.5 * visit
        share = min(0.9, 0.12 * 2 ** (hours / 48))
        change.add(
            "acquisitions", vessel=name, at=seeded + timedelta(hours=hours), n_fields=20,
            n_fields_ok=19, confluence=share, confluence_lower_bound=0.95 * share,
            confluence_se=0.01, confluence_field_cv=0.12, area_ratio=1.1, contamination=False,
            method_sha256="0" * 64,
        )  # fmt: skip
    for day in (2, 4):
        change.add("exchanges", vessel=name, at=seeded + timedelta(days=day), volume_ml=650.0)


def questions(study: Study, n_vessels: int) -> dict[str, Callable[[], Any]]:
    """What people ask of a study."""
    from monolayer.study import views

    middle = f"V-{n_vessels // 2:05d}"
    lot = f"L{n_vessels // 2 // LOT:04d}"
    return {
        "open the study": lambda: Study.open(study.engine.url.render_as_string(False)).close(),
        "one vessel's history": lambda: study.history(middle),
        "one lot's histories (25)": lambda: study.histories(lot=lot),
        "vessels in culture, with their last visit (500)": lambda: views.vessels_now(study),
        "all vessels, with their last visit": lambda: views.vessels_now(study, ended=None),
        "histories of the vessels in culture (500)": lambda: study.histories(ended=False),
        "newest 50 acquisitions": lambda: study.rows("acquisitions", newest=50),
        "audit trail of a vessel": lambda: views.trail(study, middle),
        "summary": lambda: views.summary(study),
        "all histories": study.histories,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("where")
    parser.add_argument("--vessels", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with Study.create(options.where, actor="bench") as study:
        began = time.perf_counter()
        fill(study, options.vessels)
        print(f"filled in {time.perf_counter() - began:.1f} s")
        for words, ask in questions(study, options.vessels).items():
            rounds = 1 if words == "all histories" else options.rounds
            print(f"{1000 * min(_timed(ask) for _ in range(rounds)):9.1f} ms  {words}")


def _timed(ask: Callable[[], Any]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
