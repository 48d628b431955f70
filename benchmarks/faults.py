"""Randomised rounds of faults: whatever is killed, the tables come out as if nothing had been.

    python -m benchmarks.faults --rounds 200 --seed 1

A round draws an executor, fields that kill or hang whoever works on them, and processes to kill
at random moments; it runs the same command until that is done, then compares:

1. with the faulty fields in place, they and only they are left out, each with its reason
2. once they are healed, ``--retry`` gives tables and labels equal to the last byte to those of
   one undisturbed run in one process
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fault_site import (
    FIELD_TIMEOUT_S,
    Cluster,
    Faults,
    Site,
    Started,
    cluster,
    contents,
    kill,
    kill_workers,
    monolayer_here,
    states,
    wait_for,
)

__all__ = ["play"]

ROUND_CALLS = 14


def _at_work(out: Path) -> bool:
    folder = out / "attempts"
    return folder.is_dir() and any(folder.iterdir())


def _has_tables(out: Path) -> bool:
    return bool(json.loads((out / "run.json").read_text()).get("tables_of"))


@dataclass
class Told:
    """What a round was and came to."""

    executor: str
    poison: list[str]
    hang: list[str]
    kills: list[str] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    seconds: float = 0.0


def play(site: Site, expected: dict[str, bytes], seed: int, folder: Path) -> Told:
    """Play one round.

    Raises
    ------
    AssertionError
        A field is lost, doubled, wrongly left out, or a byte differs.
    subprocess.TimeoutExpired
        A call hangs.
    """
    draw, start = random.Random(seed), time.monotonic()
    executor = draw.choice(["serial", "dask", "address", "shards"])
    faulty = draw.sample(site.stems, draw.choice([0, 0, 0, 1, 2]))
    cut = draw.randint(0, len(faulty))
    told = Told(executor, faulty[:cut], faulty[cut:])
    hold = told.hang if draw.random() < 0.5 and executor in ("dask", "address") else []
    hang = [stem for stem in told.hang if stem not in hold]
    site.say(Faults(told.poison, hang, hold, slow=draw.choice([0.0, 0.02, 0.05])))
    try:
        _play(site, expected, draw, told, folder / f"round-{seed}")
    except (AssertionError, subprocess.TimeoutExpired) as error:
        error.add_note(str(vars(told)))
        raise
    told.seconds = round(time.monotonic() - start, 1)
    return told


def _play(
    site: Site, expected: dict[str, bytes], draw: random.Random, told: Told, out: Path
) -> None:
    # Four calls at most are disturbed, so that every round comes to an end.
    disturbed = draw.randint(0, 3)
    for call in range(ROUND_CALLS):
        codes = _one_call(site, out, told, draw, call < disturbed)
        told.calls += codes
        if all(code in (0, 3) for code in codes) and _has_tables(out):
            break
    else:
        raise AssertionError(f"not done after {ROUND_CALLS} calls: {told.calls}")
    _check_left_out(site, out, told)
    site.say(Faults())
    code = monolayer_here(["run", str(site.images), "-o", str(out), "--workers", "1", "--retry"])
    assert code == 0, f"exit code {code} of the last call"
    found = contents(out)
    assert found.keys() == expected.keys()
    differ = [name for name, content in found.items() if expected[name] != content]
    assert not differ, f"differ: {differ}"
    assert not list(out.rglob(".unfinished-*")), "a killed writer's leavings"
    assert not _at_work(out), "attempts that nobody took away"


def _one_call(site: Site, out: Path, told: Told, draw: random.Random, disturb: bool) -> list[int]:
    limit = ["--field-timeout", f"{FIELD_TIMEOUT_S:g}"]
    with ExitStack() as around:
        made: Cluster | None = None
        options = {
            "serial": [["--executor", "serial"]],
            "dask": [["--executor", "dask", "--workers", "2"]],
            "shards": [["--executor", "serial", "--shard", f"{i}/2"] for i in (1, 2)],
            "address": [],
        }[told.executor]
        address = ""
        if told.executor == "address":
            made, address = around.enter_context(cluster(site, out.parent))
            options = [["--scheduler", address]]
        started = [site.fork(out, *some, *limit) for some in options]
        if disturb:
            _disturb(draw, out, started, made, address, told)
        codes = []
        for process in started:
            code, said = process.ended()
            codes.append(code)
            if code not in (0, 3, -signal.SIGKILL):
                told.said.append(said.strip()[-1500:] if code == 1 else said.strip()[-300:])
        return codes


def _disturb(
    draw: random.Random,
    out: Path,
    started: Sequence[Started],
    made: Cluster | None,
    address: str,
    told: Told,
) -> None:
    """Kill something at a random moment: while fields are under way, or anywhere."""
    victim = draw.choice(
        {
            "serial": ["driver"],
            "shards": ["driver"],
            "dask": ["driver", "worker", "worker", "workers"],
            "address": ["driver", "worker", "workers", "scheduler", "worker parent"],
        }[told.executor]
    )

    def alive() -> bool:
        return any(process.poll() is None for process in started)

    if draw.random() < 0.7:
        wait_for(lambda: _at_work(out) or not alive(), 60)
        time.sleep(draw.uniform(0.0, 0.6))
    else:
        time.sleep(draw.uniform(0.0, 6.0))
    if not alive():
        return
    told.kills.append(victim)
    process = draw.choice(started)
    parents = [process.pid] if made is None else [part.pid for part in made.parts.values()]
    if victim == "driver":
        kill([process.pid])
    elif victim in ("worker", "workers"):
        kill_workers(parents, 1 if victim == "worker" else 99)
    elif made is not None and victim == "scheduler":
        kill([made.parts["scheduler"].pid])
    elif made is not None:
        kill([made.parts["worker"].pid])
        time.sleep(draw.uniform(0.0, 2.0))
        made.start_workers(address)


def _check_left_out(site: Site, out: Path, told: Told) -> None:
    reasons = {site.field_id(stem): ("crashed", "worker_died") for stem in told.poison}
    reasons |= {site.field_id(stem): ("failed", "timed_out") for stem in told.hang}
    found = states(out)
    assert set(found) == {site.field_id(stem) for stem in site.stems}, "fields were lost"
    left_out = {name: why for name, why in found.items() if why[0] != "ok"}
    assert left_out == reasons, f"left out {left_out}, not {reasons}"


def main() -> None:
    """Play rounds and say how they went."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed = 0
    with TemporaryDirectory(prefix="monolayer-faults-") as name:
        site = Site(Path(name) / "site", wells=3)
        reference = Path(name) / "reference"
        given = ["run", str(site.images), "-o", str(reference), "--workers", "1"]
        assert monolayer_here(given) == 0
        expected = contents(reference)
        for seed in range(options.seed, options.seed + options.rounds):
            with TemporaryDirectory(dir=name) as folder:
                try:
                    told = play(site, expected, seed, Path(folder))
                    print(f"{seed} {vars(told)}", flush=True)
                except (AssertionError, subprocess.TimeoutExpired) as error:
                    failed += 1
                    print(f"{seed} FAILED {error!r} {error.__notes__}", flush=True)
    print(f"{options.rounds} rounds, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
