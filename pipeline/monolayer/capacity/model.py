"""A SIMULATED run of the engine: a few queues, and a heap of what happens next.

    plan ─▶ driver ─▶ window ─▶ worker: disk, then compute, then commit ─▶ driver ─▶ ... ─▶ tables
                                  └─ dies: its field is suspect, the others go again

The driver (with Dask's scheduler in its process), the disk and its metadata are each a queue that
serves one at a time; workers are as many as there are, and each goes and comes as the farm lets
it. Everything is drawn from one seed: the same settings give the same run.

What is left out: networks, a driver that dies, workers of unequal speed.
"""

import heapq
import math
from collections import deque
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np

from monolayer.capacity.farm import EngineCosts, Farm, Load, field_seconds

__all__ = ["Queue", "SimulatedRun", "simulate_run"]


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """What a simulated run took; all of it SIMULATED.

    Attributes
    ----------
    wall_s : float
        From the call to the report.
    plan_s, fields_s, quarantine_s, tables_s : float
        Its phases, one after the other.
    busy : dict of str to float
        Share of ``fields_s`` in which workers, driver, disk and metadata were at work.
    tail_s : float
        From the moment at which a tenth of the workers had nothing left to do to the last chunk.
    n_deaths, n_retried, n_quarantined : int
        Workers that died, chunks that went into a later round, fields tried alone.
    core_hours : float
        Of all workers from the start of their jobs, and of the driver.
    eur : float
        At the farm's price.
    efficiency : float
        Seconds of counting over the seconds of all workers, plan and tables included.
    """

    wall_s: float
    plan_s: float
    fields_s: float
    quarantine_s: float
    tables_s: float
    busy: dict[str, float]
    tail_s: float
    n_deaths: int
    n_retried: int
    n_quarantined: int
    core_hours: float
    eur: float
    efficiency: float

    @property
    def bottleneck(self) -> str:
        """What a second of the run was spent on most."""
        phases = {"plan": self.plan_s, "quarantine": self.quarantine_s, "tables": self.tables_s}
        longest = max(phases, key=lambda name: phases[name])
        if phases[longest] > self.fields_s:
            return longest
        return max(self.busy, key=lambda name: self.busy[name])


def simulate_run(load: Load, costs: EngineCosts, farm: Farm, seed: int = 0) -> SimulatedRun:
    """Simulate one run with a driver.

    Parameters
    ----------
    load : Load
        Fields to count.
    costs : EngineCosts
        What the engine takes.
    farm : Farm
        Where it runs.
    seed : int
        Of all that is drawn.
    """
    asked_s = load.n_fields * costs.questions_per_field / farm.metadata_operations_per_s
    plan_s = max(load.n_fields * costs.plan_s_per_field, asked_s)
    sim = _Run(load, costs, farm, np.random.default_rng(seed))
    fields_s = sim.run()
    busy = sim.busy(fields_s)
    quarantine_s = sim.quarantine_s()
    tables_s = load.n_fields * costs.tables_s_per_field
    wall_s = plan_s + fields_s + quarantine_s + tables_s
    # Workers are asked for once the plan is made, and given back before the tables are.
    core_hours = (farm.workers * (fields_s + quarantine_s) + wall_s) / 3600
    return SimulatedRun(
        wall_s=wall_s,
        plan_s=plan_s,
        fields_s=fields_s,
        quarantine_s=quarantine_s,
        tables_s=tables_s,
        busy=busy,
        tail_s=sim.tail_s(fields_s),
        n_deaths=sim.n_deaths,
        n_retried=sim.n_retried,
        n_quarantined=len(sim.suspects),
        core_hours=core_hours,
        eur=core_hours * farm.eur_per_core_hour,
        efficiency=sim.useful_s / (farm.workers * wall_s),
    )


class _Kind(IntEnum):
    """What happens; of things at one time the lower first."""

    WORKER_UP = 0
    SENT = 1
    COMPUTED = 2
    ANSWERED = 3
    DIED = 4
    NODE_LOST = 5
    LOST = 6


@dataclass(slots=True)
class Queue:
    """One that serves one at a time."""

    free_s: float = 0.0
    busy_s: float = 0.0

    def serve(self, now_s: float, takes_s: float) -> float:
        """Time at which a request made now is answered."""
        self.free_s = max(now_s, self.free_s) + takes_s
        self.busy_s += takes_s
        return self.free_s


@dataclass(slots=True)
class _Chunk:
    n_fields: int
    seconds: float
    n_poison: int


@dataclass(slots=True)
class _Worker:
    node: int
    chunk: _Chunk | None = None
    at_poison: bool = False
    # Counts up whenever it goes: what was to happen to it before then happens no more.
    life: int = 0


@dataclass
class _Run:
    load: Load
    costs: EngineCosts
    farm: Farm
    rng: np.random.Generator
    events: list[tuple[float, int, int, int, int]] = field(default_factory=list)
    waiting: deque[_Chunk] = field(default_factory=deque)
    suspects: list[tuple[float, bool]] = field(default_factory=list)
    lost: list[tuple[_Chunk, bool | None]] = field(default_factory=list)
    again: list[_Chunk] = field(default_factory=list)
    idle: deque[int] = field(default_factory=deque)
    driver: Queue = field(default_factory=Queue)
    disk: Queue = field(default_factory=Queue)
    metadata: Queue = field(default_factory=Queue)
    n_deaths: int = 0
    n_retried: int = 0
    useful_s: float = 0.0
    short_of_work_s: float | None = None

    def __post_init__(self) -> None:
        per_node = self.farm.workers_per_node
        self.workers = [_Worker(i // per_node) for i in range(self.farm.workers)]
        self.chunks = deque[_Chunk]()
        self.left = 0
        self.on_the_way: list[_Chunk] = []
        self.number = 0

    def run(self) -> float:
        """Run until the driver has the last answer in hand; return when that was."""
        self._start()
        handle = {
            _Kind.WORKER_UP: self._worker_up,
            _Kind.SENT: self._sent,
            _Kind.COMPUTED: self._computed,
            _Kind.ANSWERED: self._answered,
            _Kind.DIED: self._died,
            _Kind.NODE_LOST: self._node_lost,
            _Kind.LOST: self._heard_of_loss,
        }
        now_s = 0.0
        while self.left:
            now_s, kind, _, who, life = heapq.heappop(self.events)
            handle[_Kind(kind)](now_s, who, life)
            if not self.left and self.again:
                self._begin_round(now_s, self.again)
        return max(now_s, self.driver.free_s)

    def quarantine_s(self) -> float:
        """Seconds of trying suspects alone, one at a time; the bad ones die half way."""
        total = 0.0
        for seconds, is_poison in self.suspects:
            deaths = self.costs.deaths_alone if is_poison else 0
            self.n_deaths += deaths
            self.useful_s += 0.0 if is_poison else seconds
            total += deaths * (seconds / 2 + self.farm.restart_s) if is_poison else seconds
            total += self.costs.driver_s_per_chunk
        return total

    def busy(self, fields_s: float) -> dict[str, float]:
        """Share of the time in which each was at work."""
        queues = {"driver": self.driver, "disk": self.disk, "metadata": self.metadata}
        shares = {"workers": self.useful_s / (self.farm.workers * fields_s)}
        return shares | {name: queue.busy_s / fields_s for name, queue in queues.items()}

    def tail_s(self, fields_s: float) -> float:
        """Seconds between the first lack of work and the end."""
        return 0.0 if self.short_of_work_s is None else fields_s - self.short_of_work_s

    def _cut(self) -> list[_Chunk]:
        """Cut the fields into chunks as the engine does, and draw what each takes."""
        load, costs = self.load, self.costs
        share = load.n_fields // (costs.chunks_per_worker * self.farm.workers)
        size = max(1, min(costs.max_chunk_fields, share))
        seconds = field_seconds(load, self.rng)
        poison = self.rng.random(load.n_fields) < load.poison_fraction
        starts = np.arange(0, load.n_fields, size)
        sums, bad = np.add.reduceat(seconds, starts), np.add.reduceat(poison.astype(int), starts)
        sizes = np.diff(starts, append=load.n_fields)
        each = zip(sizes.tolist(), sums.tolist(), bad.tolist(), strict=True)
        return [_Chunk(n, s, b) for n, s, b in each]

    def _start(self) -> None:
        farm = self.farm
        nodes = math.ceil(farm.workers / farm.workers_per_node)
        waits = self.rng.exponential(farm.queue_s, nodes) if farm.queue_s else np.zeros(nodes)
        for who, worker in enumerate(self.workers):
            self._later(float(waits[worker.node]) + farm.start_s, _Kind.WORKER_UP, who)
        if farm.losses_per_node_hour:
            for node in range(nodes):
                self._lose_node_later(0.0, node)
        self._begin_round(0.0, self._cut())

    def _begin_round(self, now_s: float, chunks: list[_Chunk]) -> None:
        self.chunks, self.left, self.again = deque(chunks), len(chunks), []
        for _ in range(min(len(chunks), self.farm.workers * self.costs.window_per_worker)):
            self._send(now_s)

    def _later(self, at_s: float, kind: _Kind, who: int, life: int = 0) -> None:
        self.number += 1
        heapq.heappush(self.events, (at_s, int(kind), self.number, who, life))

    def _lose_node_later(self, now_s: float, node: int) -> None:
        wait_s = self.rng.exponential(3600 / self.farm.losses_per_node_hour)
        self._later(now_s + wait_s, _Kind.NODE_LOST, node)

    def _send(self, now_s: float) -> None:
        """Have the driver send the next chunk: one half of its work for it."""
        if self.chunks:
            self.on_the_way.append(self.chunks.popleft())
            sent_s = self.driver.serve(now_s, self.costs.driver_s_per_chunk / 2)
            self._later(sent_s, _Kind.SENT, len(self.on_the_way) - 1)

    def _hear(self, now_s: float) -> None:
        """Have the driver take an answer, its other half, and then send the next chunk."""
        self.left -= 1
        self._send(self.driver.serve(now_s, self.costs.driver_s_per_chunk / 2))

    def _sent(self, now_s: float, which: int, life: int) -> None:
        del life
        self._offer(now_s, self.on_the_way[which])

    def _offer(self, now_s: float, chunk: _Chunk) -> None:
        if self.idle:
            self._begin(now_s, self.idle.popleft(), chunk)
        else:
            self.waiting.append(chunk)

    def _worker_up(self, now_s: float, who: int, life: int) -> None:
        if life != self.workers[who].life:
            return
        self._next(now_s, who)

    def _next(self, now_s: float, who: int) -> None:
        if self.waiting:
            self._begin(now_s, who, self.waiting.popleft())
            return
        self.idle.append(who)
        tenth = max(1, self.farm.workers // 10)
        if self.short_of_work_s is None and not self.chunks and len(self.idle) >= tenth:
            self.short_of_work_s = now_s

    def _begin(self, now_s: float, who: int, chunk: _Chunk) -> None:
        worker = self.workers[who]
        worker.chunk = chunk
        read_s = chunk.n_fields * self.load.field_mb / self.farm.disk_mb_per_s
        # A field's own seconds hold its reading on a disk that nobody shares.
        ends_s = max(now_s + chunk.seconds, self.disk.serve(now_s, read_s))
        dies_s = self._death(now_s, ends_s, chunk)
        worker.at_poison = dies_s is not None and chunk.n_poison > 0
        if dies_s is None:
            self._later(ends_s, _Kind.COMPUTED, who, worker.life)
        else:
            self._later(dies_s, _Kind.DIED, who, worker.life)

    def _death(self, now_s: float, ends_s: float, chunk: _Chunk) -> float | None:
        """Time at which the worker dies on this chunk, if it does: the first of all causes."""
        poison_s = died_s = math.inf
        if chunk.n_poison:
            poison_s = now_s + float(self.rng.random()) * (ends_s - now_s)
        if rate := self.farm.deaths_per_worker_hour / 3600:
            died_s = now_s + float(self.rng.exponential(1 / rate))
        first_s = min(poison_s, died_s)
        return first_s if first_s < ends_s else None

    def _computed(self, now_s: float, who: int, life: int) -> None:
        worker = self.workers[who]
        if life != worker.life or worker.chunk is None:
            return
        costs = self.costs
        asked = costs.commit_operations_per_chunk
        asked += worker.chunk.n_fields * costs.commit_operations_per_field
        takes_s = asked / self.farm.metadata_operations_per_s
        self._later(self.metadata.serve(now_s, takes_s), _Kind.ANSWERED, who, life)

    def _answered(self, now_s: float, who: int, life: int) -> None:
        worker = self.workers[who]
        if life != worker.life or worker.chunk is None:
            return
        self.useful_s += worker.chunk.seconds
        worker.chunk = None
        self._hear(now_s)
        self._next(now_s, who)

    def _died(self, now_s: float, who: int, life: int) -> None:
        if life == self.workers[who].life:
            self._gone(now_s, who, self.farm.restart_s, notice_s=0.0)

    def _node_lost(self, now_s: float, node: int, life: int) -> None:
        del life
        farm = self.farm
        first = node * farm.workers_per_node
        back_s = farm.notice_s + farm.start_s
        back_s += float(self.rng.exponential(farm.queue_s)) if farm.queue_s else 0.0
        for who in range(first, min(first + farm.workers_per_node, farm.workers)):
            self._gone(now_s, who, back_s, farm.notice_s)
        self._lose_node_later(now_s, node)

    def _gone(self, now_s: float, who: int, back_s: float, notice_s: float) -> None:
        """Take a worker away, and let it come back; its chunk is lost as far as it was."""
        worker = self.workers[who]
        worker.life += 1
        self.n_deaths += 1
        if who in self.idle:
            self.idle.remove(who)
        self._later(now_s + back_s, _Kind.WORKER_UP, who, worker.life)
        chunk, worker.chunk = worker.chunk, None
        if chunk is not None:
            self._lose(now_s + notice_s, chunk, worker.at_poison)
            # Dask sends a worker one chunk ahead, and gives that up with it.
            if self.waiting:
                self._lose(now_s + notice_s, self.waiting.popleft(), None)

    def _lose(self, at_s: float, chunk: _Chunk, at_poison: bool | None) -> None:
        self.lost.append((chunk, at_poison))
        self._later(at_s, _Kind.LOST, len(self.lost) - 1)

    def _heard_of_loss(self, now_s: float, which: int, life: int) -> None:
        """Blame the field that was under way, and leave the others to the next round."""
        del life
        chunk, at_poison = self.lost[which]
        mean_s = chunk.seconds / chunk.n_fields
        if at_poison is not None:
            self.suspects.append((mean_s, at_poison))
            asked = self.costs.blame_operations_per_worker * self.farm.workers
            self.driver.serve(now_s, asked / self.farm.metadata_operations_per_s)
            chunk = replace(
                chunk,
                n_fields=chunk.n_fields - 1,
                seconds=chunk.seconds - mean_s,
                n_poison=chunk.n_poison - at_poison,
            )
        if chunk.n_fields:
            self.n_retried += 1
            self.again.append(chunk)
        self._hear(now_s)
