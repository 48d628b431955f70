"""Time contestants in turns and print the table.

Machines drift: a neighbour's load or a warm processor moves one run's median by up to two. So
all contestants of a work take turns, round by round, and each figure comes with its minimum (what
the machine can do) and its median (what it did).
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Result", "Work", "as_markdown", "as_rows", "measure", "optional"]

Call = Callable[[], object]
Clock = Callable[[], float]

# A contestant slower than this is timed in every fourth round only.
_SLOW_S = 1.5
_QUICK_S = 0.1


@dataclass(frozen=True)
class Work:
    """One job that several contestants do, ours first; `megapixels` are those it looks at."""

    name: str
    megapixels: float
    calls: Mapping[str, Call]
    note: str = ""


@dataclass
class Result:
    work: Work
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def minimum(self, name: str) -> float:
        return min(self.seconds[name])

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def both(self, name: str) -> tuple[float, float]:
        return self.minimum(name), self.median(name)


def optional(module: str, name: str) -> Callable[..., object] | None:
    """What a module offers, or None where it (or a peer's package) is not installed."""
    try:
        return getattr(__import__(module, fromlist=[name]), name, None)
    except ImportError:
        return None


def measure(work: Work, rounds: int, clock: Clock = time.perf_counter) -> Result:
    """Call everyone twice to warm up, then in turns, the quick ones several times a turn."""
    result = Result(work, {name: [] for name in work.calls})
    for call in work.calls.values():
        call()
    first = {name: _time(call, clock) for name, call in work.calls.items()}
    for turn in range(rounds):
        for name, call in work.calls.items():
            if first[name] < _SLOW_S or turn % 4 == 0:
                repeats = 3 if first[name] < _QUICK_S else 1
                result.seconds[name] += [_time(call, clock) for _ in range(repeats)]
    return result


def _time(call: Call, clock: Clock) -> float:
    started = clock()
    call()
    return clock() - started


def as_rows(result: Result, copy_s: float) -> list[dict[str, object]]:
    """One row a contestant; `times_ours` compares minima, `copies` is the machine's own measure."""
    ours = result.minimum(next(iter(result.work.calls)))
    return [
        {
            "work": result.work.name,
            "by": name,
            "min_ms": result.minimum(name) * 1e3,
            "median_ms": result.median(name) * 1e3,
            "megapixels_per_s": result.work.megapixels / result.minimum(name),
            "times_ours": result.minimum(name) / ours,
            "times_ours_median": result.median(name) / result.median(next(iter(result.work.calls))),
            "copies": result.minimum(name) / copy_s / (result.work.megapixels or 1),
            "runs": len(result.seconds[name]),
            "note": result.work.note,
        }
        for name in result.work.calls
    ]


def as_markdown(rows: list[dict[str, object]]) -> str:
    lines = [
        "| work | by | min ms | median ms | MP/s | times ours (min) | (median) | copies |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    before = None
    for row in rows:
        work = row["work"] if row["work"] != before else ""
        before = row["work"]
        lines.append(
            "| {} | {} | {:.2f} | {:.2f} | {:.1f} | {:.1f} | {:.1f} | {:.0f} |".format(
                work,
                *(row[k] for k in ("by", "min_ms", "median_ms", "megapixels_per_s")),
                *(row[k] for k in ("times_ours", "times_ours_median", "copies")),
            )
        )
    notes = dict.fromkeys(str(row["note"]) for row in rows if row["note"])
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])
