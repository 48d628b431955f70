"""Who is blamed when workers die, with workers that only say they died; time limits; sweeping."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from monolayer.engine.attempts import FOLDER, attempts_of, begin_attempt, dead_sessions, forget
from monolayer.engine.executors import Crashed
from monolayer.engine.files import finished_folder, saying_what_failed, sweep, write_file
from monolayer.engine.ledger import Chunk, ledger_of, source_signature
from monolayer.engine.parts import Job
from monolayer.engine.plan import Plan, make_plan
from monolayer.engine.rounds import DEAD_SESSIONS, run_rounds
from monolayer.engine.time_limit import interrupting
from monolayer.engine.work_list import WorkList
from monolayer.errors import RunAborted
from monolayer.field import Field
from monolayer.method import Method

SESSION, EARLIER = "a" * 16, "b" * 16


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory, write_plate: Callable[..., Any]) -> Plan:
    folder = tmp_path_factory.mktemp("images") / "plate"
    write_plate(folder, wells=("B02", "B03", "B04"), fields=4)
    return make_plan(folder, Method())


@pytest.fixture
def work(plan: Plan, tmp_path: Path) -> WorkList:
    signatures = {field.field_id: source_signature(field, plan.root, "") for field in plan.fields}
    return WorkList(plan, tmp_path, plan.fields, plan.fields, signatures, "", False)


class Dying:
    """Workers of which one dies at each poisonous field, with the chunk that waits behind it."""

    workers, isolated = 1, True

    def __init__(self, job: Job, poison: dict[str, int], timed_out: bool = False) -> None:
        self.job, self.left, self.timed_out = job, dict(poison), timed_out
        self.tried: list[tuple[str, ...]] = []

    def run(
        self, work: Callable[[Chunk], Any], chunks: Iterable[Chunk], window: int | None = None
    ) -> Iterator[Any]:
        died = False
        for chunk in chunks:
            self.tried.append(tuple(field.field_id for field in chunk.fields))
            if died and window is None:
                died = False
                yield Crashed(chunk)
                continue
            deadly = next((f for f in chunk.fields if self.left.get(f.field_id, 0) > 0), None)
            if deadly is None:
                yield work(chunk)
                continue
            self.left[deadly.field_id] -= 1
            before = chunk.fields[: chunk.fields.index(deadly) + 1]
            leave(self.job.run_folder, SESSION, chunk, before, self.timed_out)
            died = True
            yield Crashed(chunk)

    def describe(self) -> dict[str, Any]:
        return {}

    def __enter__(self) -> "Dying":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def leave(
    folder: Path, session: str, chunk: Chunk, begun: Iterable[Field], timed_out: bool = False
) -> None:
    """What a process leaves that dies at the last of the fields that it has begun."""
    signed = dict(zip([f.field_id for f in chunk.fields], chunk.signatures, strict=True))
    text = "".join(f"{signed[field.field_id]}\n" for field in begun)
    (folder / FOLDER).mkdir(exist_ok=True)
    said = "Timeout (0:00:02)!\nThread 0x0 (most recent call first):\n" if timed_out else ""
    (folder / FOLDER / f"{session}.{chunk.name}.node7.123").write_text(text + said)


def run(work: WorkList, poison: dict[str, int], timed_out: bool = False) -> tuple[Any, Dying]:
    job = Job(work.plan.root, work.folder, work.plan.method, None, SESSION, 60.0, True)
    executor = Dying(job, poison, timed_out)
    told: dict[str, str] = {}

    def tell(done: Iterable[Any]) -> None:
        for item in done:
            assert item.field_id not in told, "a field is told twice"
            told[item.field_id] = item.state if item.reason is None else item.reason

    run_rounds(work, job, executor, tell)
    assert {work.signatures[name] for name in told} == set(ledger_of(work.folder))
    assert not list((work.folder / FOLDER).iterdir())
    return told, executor


def test_a_poison_field_is_left_out_and_its_neighbours_are_done(work: WorkList) -> None:
    told, executor = run(work, {"P1/B03/2": 99})
    assert told.pop("P1/B03/2") == "worker_died"
    assert set(told.values()) == {"ok"}
    assert len(told) == 11
    assert executor.tried[-2:] == [("P1/B03/2",)] * 2


def test_every_field_poisonous(work: WorkList) -> None:
    told, _ = run(work, {field.field_id: 99 for field in work.fields})
    assert set(told.values()) == {"worker_died"}
    assert len(told) == 12


def test_a_worker_killed_by_chance_costs_nothing(work: WorkList) -> None:
    told, _ = run(work, {"P1/B02/1": 1, "P1/B04/4": 2})
    assert set(told.values()) == {"ok"}
    assert len(told) == 12


def test_a_hanging_field_gets_one_more_chance(work: WorkList) -> None:
    told, executor = run(work, {"P1/B03/2": 99, "P1/B03/3": 1}, timed_out=True)
    assert told.pop("P1/B03/2") == "timed_out"
    assert set(told.values()) == {"ok"}
    assert executor.tried.count(("P1/B03/2",)) <= 2


def test_workers_that_die_before_any_field_end_the_run(work: WorkList) -> None:
    class Stillborn(Dying):
        def run(self, work: Any, chunks: Any, window: int | None = None) -> Iterator[Any]:
            return map(Crashed, chunks)

    job = Job(work.plan.root, work.folder, work.plan.method, None, SESSION, 60.0, True)
    with pytest.raises(RunAborted, match="without having begun a field"):
        run_rounds(work, job, Stillborn(job, {}), lambda done: None)


def dead(work: WorkList, field: Field, sessions: int) -> None:
    signature = work.signatures[field.field_id]
    chunk = Chunk(signature[:20], (field,), (signature,))
    for i in range(sessions):
        leave(work.folder, f"{EARLIER[:-2]}{i:02d}", chunk, [field])


def test_a_field_that_ended_a_session_is_done_last_and_alone(work: WorkList) -> None:
    dead(work, work.fields[0], 1)
    told, executor = run(work, {})
    assert set(told.values()) == {"ok"}
    assert executor.tried[-1] == ("P1/B02/1",)


def test_a_field_that_ended_many_sessions_is_left_out_untried(work: WorkList) -> None:
    dead(work, work.fields[0], DEAD_SESSIONS)
    dead(work, work.fields[1], DEAD_SESSIONS - 1)
    told, executor = run(work, {})
    assert told.pop("P1/B02/1") == "worker_died"
    assert set(told.values()) == {"ok"}
    assert not any("P1/B02/1" in tried for tried in executor.tried)


def test_another_shards_records_are_left_alone(work: WorkList) -> None:
    dead(work, work.fields[0], DEAD_SESSIONS)
    mine = tuple(work.fields[1:])
    signatures = [work.signatures[field.field_id] for field in mine]
    assert dead_sessions(work.folder, signatures) == {}
    forget(work.folder, SESSION, signatures)
    assert len(list((work.folder / FOLDER).iterdir())) == DEAD_SESSIONS


def test_a_record_names_the_field_under_way(tmp_path: Path) -> None:
    chunk = Chunk("c" * 20, (), ())
    with begin_attempt(tmp_path, chunk, SESSION) as (note, _):
        assert [item.signature for item in attempts_of(tmp_path, SESSION)] == [None]
        note("1" * 64)
        note("2" * 64)
        (attempt,) = attempts_of(tmp_path, SESSION, chunk.name)
        assert (attempt.signature, attempt.timed_out) == ("2" * 64, False)
        assert attempts_of(tmp_path, EARLIER) == []
    assert attempts_of(tmp_path, SESSION) == []


def test_an_attempt_that_raises_leaves_no_blame(tmp_path: Path) -> None:
    def stopped() -> None:
        with begin_attempt(tmp_path, Chunk("c" * 20, (), ()), SESSION) as (note, _):
            note("1" * 64)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert dead_sessions(tmp_path, ["1" * 64]) == {}


def test_records_and_limits_cost_little(tmp_path: Path) -> None:
    """What the brief allows is 0.1 ms a field; the fastest of many chunks of 25."""
    from monolayer.engine.time_limit import ending_this_process

    chunk = Chunk("c" * 20, (), ())
    least = 1.0
    for _ in range(30):
        start = time.perf_counter()
        with (
            begin_attempt(tmp_path, chunk, SESSION) as (note, record),
            ending_this_process(record, 600.0) as renew,
        ):
            for _ in range(25):
                note("1" * 64)
                renew(600.0)
        least = min(least, (time.perf_counter() - start) / 25)
    assert least < 1e-4


HANGING = """
import ctypes, sys, threading
from pathlib import Path
from monolayer.engine.attempts import begin_attempt
from monolayer.engine.ledger import Chunk
from monolayer.engine.time_limit import ending_this_process
with begin_attempt(Path(sys.argv[1]), Chunk("c" * 20, (), ()), "s") as (note, record):
    with ending_this_process(record, 0.5) as renew:
        for digit in "123":
            note(digit * 64)
            renew(0.5)
            threading.Event().wait(0.3)
        ctypes.PyDLL(None).sleep(60)
"""


def test_compiled_code_that_holds_the_interpreter_is_ended(tmp_path: Path) -> None:
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", HANGING, str(tmp_path)], check=False, timeout=50)
    assert done.returncode == 1
    assert time.monotonic() - start > 0.5
    (attempt,) = attempts_of(tmp_path, "s")
    assert attempt.signature == "3" * 64
    assert attempt.timed_out


WAITING = """
import sys
from pathlib import Path
from monolayer.engine.time_limit import FieldTimedOut, interrupting
with interrupting(5.0):
    pass
try:
    with interrupting(0.2):
        Path(sys.argv[1]).open("rb")
except FieldTimedOut:
    sys.exit(7)
"""


def test_an_alarm_interrupts_what_python_waits_for(tmp_path: Path) -> None:
    """A pipe to which nobody writes, as a file on a network disk that stands still."""
    os.mkfifo(tmp_path / "pipe")
    command = [sys.executable, "-c", WAITING, str(tmp_path / "pipe")]
    assert subprocess.run(command, check=False, timeout=50).returncode == 7


def test_where_somebody_else_uses_the_alarm_it_is_left_alone() -> None:
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        with interrupting(0.01):
            time.sleep(0.05)
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGALRM, before)


def test_what_a_living_writer_fills_is_swept_whole(tmp_path: Path) -> None:
    """An orphan that was given up for dead must not publish a part that lacks files."""

    def orphan() -> None:
        with finished_folder(tmp_path / "parts" / "p") as folder:
            (folder / "fields.parquet").write_bytes(b"1")
            sweep(tmp_path)
            (folder / "ledger.json").write_bytes(b"2")

    with pytest.raises(FileNotFoundError):
        orphan()
    assert list((tmp_path / "parts").iterdir()) == []


def test_of_two_writers_of_a_part_one_wins(tmp_path: Path) -> None:
    with finished_folder(tmp_path / "p") as slow:
        (slow / "a").write_bytes(b"1")
        with finished_folder(tmp_path / "p") as quick:
            (quick / "a").write_bytes(b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_label_image_swept_from_under_its_writer(tmp_path: Path) -> None:
    def write(beside: Path) -> None:
        beside.write_bytes(b"1")
        sweep(tmp_path)

    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "labels" / "a.tif", write)
    assert list((tmp_path / "labels").iterdir()) == []


def test_an_error_of_the_disk_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunAborted, match=r"No space left.*kept"), saying_what_failed(tmp_path):
        raise OSError(28, "No space left on device")
    with pytest.raises(RunAborted, match="90000 requested"), saying_what_failed(tmp_path):
        raise OSError("90000 requested and 8158 written")
    with pytest.raises(BrokenPipeError), saying_what_failed(tmp_path):
        raise BrokenPipeError
