"""In which order fields are tried when the processes that work on them die.

1. all fields in chunks; where a worker dies, the field it was at becomes a suspect and the rest
   of its chunk goes into the next round
2. suspects, one at a time and alone, so that none takes an innocent one with it; a field whose
   worker dies there `DEATHS_ALONE` times is left out with a row that names it
3. a field that was under way when earlier sessions ended (nobody was left to ask why) is a
   suspect from the start; after `DEAD_SESSIONS` of them it is left out without another try
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from monolayer.engine.attempts import attempts_of, dead_sessions, forget
from monolayer.engine.executors import Crashed, ExecutionSettings, Executor, make_executor
from monolayer.engine.ledger import Chunk, Done, chunks_of
from monolayer.engine.parts import Job, commit_unfinished, process_chunk
from monolayer.engine.work_list import WorkList
from monolayer.errors import RunAborted
from monolayer.field import Field
from monolayer.packed import PackedFields

__all__ = ["CHUNK_FIELDS", "run_rounds"]

# A chunk costs some 30 ms beside its fields (Dask, the part's files), so it should be seconds of
# work; no more, or the last one keeps one worker busy while the others have nothing left.
CHUNK_SECONDS = 2.0
CHUNK_FIELDS = 250
# Innocent neighbours of a death.
CHUNK_AGAIN = 4
# The first death, in company, does not count: another's field may have eaten the memory.
DEATHS_ALONE = 2
# A disk that stands still for a moment hangs fields too, so a second chance; not a third one,
# which would cost another whole time limit.
TIMEOUTS_ALONE = 1
# A user who stops the run again and again meets another field each time, since suspects are
# done last; a field that ends every session that tries it comes to this number.
DEAD_SESSIONS = 5
# Sessions after which a serial run, which would die with its field, tries it in a worker.
DEAD_SESSIONS_HERE = 2
IDLE_DEATHS = 20

Tell = Callable[[Sequence[Done]], None]


def run_rounds(
    work: WorkList,
    job: Job,
    executor: Executor,
    tell: Tell,
    lost: Callable[[Chunk], object] = lambda chunk: None,
) -> None:
    """Process the open fields, whatever dies meanwhile.

    Parameters
    ----------
    work : WorkList
        The fields.
    job : Job
        What their chunks share.
    executor : Executor
        Entered by the caller.
    tell : callable
        Told what was done, chunk by chunk.
    lost : callable
        Told each chunk whose worker died.

    Raises
    ------
    RunAborted
        Workers die again and again without having begun a field.
    """
    rounds = _Rounds(work, job, executor, tell, lost)
    rounds.in_company()
    rounds.suspects_alone()
    noted = dead_sessions(job.run_folder)
    # Nearly always none are: a set of all fields' signatures would be 18 MB a 100,000.
    ours = {name for name in rounds.signed(work.open_fields) if name in noted} if noted else set()
    forget(job.run_folder, job.session, ours)


class _Rounds:
    def __init__(
        self,
        work: WorkList,
        job: Job,
        executor: Executor,
        tell: Tell,
        lost: Callable[[Chunk], object],
    ) -> None:
        self.lost = lost
        self.signatures, self.executor, self.tell, self.job = work.signatures, executor, tell, job
        self.dead = dead_sessions(job.run_folder)
        self.open, self.suspects = work.open_fields, list[Field]()
        if self.dead:
            self.suspects = [field for field in work.open_fields if self.sessions_ended_by(field)]
            self.open = PackedFields(f for f in work.open_fields if not self.sessions_ended_by(f))
        self.idle_deaths = 0
        self.n_done, self.seconds, self.n_given = 0, 0.0, 0

    def chunk_size(self) -> int:
        """Fields of the next chunk: some seconds of work, and less as the fields run out."""
        # The first chunks have one field: the first answer comes soonest and tells how long it is.
        each = self.seconds / self.n_done if self.n_done else CHUNK_SECONDS
        wanted = min(CHUNK_FIELDS, int(CHUNK_SECONDS / max(each, 1e-9)))
        left = len(self.open) - self.n_given
        size = max(1, min(wanted, left // (4 * self.executor.workers)))
        self.n_given += size
        return size

    def signed(self, fields: Iterable[Field]) -> Iterator[str]:
        return (self.signatures[field.field_id] for field in fields)

    def sessions_ended_by(self, field: Field) -> int:
        return self.dead.get(self.signatures[field.field_id], 0)

    def in_company(self) -> None:
        chunks: Iterable[Chunk] = chunks_of(self.open, self.signatures, self.chunk_size)
        while crashed := self.run(chunks, self.executor):
            again: list[Chunk] = []
            for chunk in crashed:
                blamed = {field_id for field_id, _ in self.blamed(chunk)}
                self.suspects += [field for field in chunk.fields if field.field_id in blamed]
                innocent = [field for field in chunk.fields if field.field_id not in blamed]
                again += chunks_of(innocent, self.signatures, CHUNK_AGAIN)
            chunks = again

    def suspects_alone(self) -> None:
        groups: dict[str, list[Field]] = {"here": [], "apart": [], "never": []}
        for field in sorted(self.suspects, key=self.sessions_ended_by):
            ended = self.sessions_ended_by(field)
            apart = ended >= DEAD_SESSIONS_HERE and not self.executor.isolated
            where = "never" if ended >= DEAD_SESSIONS else "apart" if apart else "here"
            groups[where].append(field)
        for chunk in chunks_of(groups["never"], self.signatures, 1):
            self.tell(commit_unfinished(chunk, "worker_died", self.job))
        self.alone(groups["here"], self.executor)
        if groups["apart"]:
            with make_executor(ExecutionSettings(executor="dask", workers=1), 1) as worker:
                self.alone(groups["apart"], worker)

    def alone(self, fields: Sequence[Field], executor: Executor) -> None:
        ends: Counter[tuple[str, bool]] = Counter()
        waiting = list(fields)
        while waiting:
            chunks = chunks_of(waiting, self.signatures, 1)
            waiting = []
            for chunk in self.run(chunks, executor, window=1):
                ends += self.blamed(chunk)
                (field,) = chunk.fields
                if ends[field.field_id, True] >= TIMEOUTS_ALONE:
                    self.tell(commit_unfinished(chunk, "timed_out", self.job))
                elif ends[field.field_id, False] >= DEATHS_ALONE:
                    self.tell(commit_unfinished(chunk, "worker_died", self.job))
                else:
                    waiting.append(field)

    def run(
        self, chunks: Iterable[Chunk], executor: Executor, window: int | None = None
    ) -> list[Chunk]:
        """Run chunks; return those that a worker died with."""
        do = partial(process_chunk, job=replace(self.job, may_end_process=executor.isolated))
        crashed = []
        for outcome in executor.run(do, chunks, window):
            if isinstance(outcome, Crashed):
                crashed.append(outcome.chunk)
                self.lost(outcome.chunk)
            else:
                self.idle_deaths = 0
                self.n_done += len(outcome)
                self.seconds += sum(done.seconds for done in outcome)
                self.tell(outcome)
        return crashed

    def blamed(self, chunk: Chunk) -> Counter[tuple[str, bool]]:
        """Count the deaths at each field, and apart those for taking too long.

        A scheduler with Dask's own settings tries a chunk on four workers before it says so.

        Raises
        ------
        RunAborted
            Workers keep dying before they have begun a field.
        """
        ids = {self.signatures[field.field_id]: field.field_id for field in chunk.fields}
        found: Counter[tuple[str, bool]] = Counter()
        for attempt in attempts_of(self.job.run_folder, self.job.session, chunk.name):
            if attempt.signature in ids:
                found[ids[attempt.signature], attempt.timed_out] += 1
            attempt.path.unlink(missing_ok=True)
        self.idle_deaths = 0 if found else self.idle_deaths + 1
        if self.idle_deaths > IDLE_DEATHS + 10 * self.executor.workers:
            raise RunAborted(
                f"Worker processes died {self.idle_deaths} times without having begun a field (too "
                "little memory, or an environment that cannot import monolayer); what is finished "
                "is kept: look at the workers' logs, then run again."
            )
        return found
