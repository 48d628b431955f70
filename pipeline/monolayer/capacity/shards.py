"""A SIMULATED job array: `run --shard i/n`, each with fields of its own and no driver.

What a shard pays instead: it lists the folder itself, and all shards ask the same file system.
A shard whose process or node is lost comes back through the queue, lists the folder again and
goes on behind its last finished part.
"""

import heapq
import math

import numpy as np

from monolayer.capacity.farm import EngineCosts, Farm, Load, field_seconds
from monolayer.capacity.model import Queue, SimulatedRun

__all__ = ["simulate_shards"]

_PLAN, _BEGIN, _COMPUTED, _DEAD = range(4)


def simulate_shards(load: Load, costs: EngineCosts, farm: Farm, seed: int = 0) -> SimulatedRun:
    """Simulate a job array of one shard a worker.

    Fields that kill their process are left out: a shard that runs in one process has no
    quarantine, and ends there each time.

    Parameters
    ----------
    load, costs, farm, seed
        As for `simulate_run`.
    """
    shards = _Shards(load, costs, farm, np.random.default_rng(seed))
    ends_s = shards.run()
    tables_s = load.n_fields * costs.tables_s_per_field
    wall_s = max(ends_s) + tables_s
    core_hours = (sum(ends_s) - sum(shards.starts_s) + tables_s) / 3600
    plan_s = shards.planned_s
    fields_s = max(ends_s) - plan_s
    busy = {
        "workers": shards.useful_s / (farm.workers * fields_s),
        "driver": 0.0,
        "disk": shards.disk.busy_s / max(ends_s),
        "metadata": shards.metadata.busy_s / max(ends_s),
    }
    return SimulatedRun(
        wall_s=wall_s,
        plan_s=plan_s,
        fields_s=fields_s,
        quarantine_s=0.0,
        tables_s=tables_s,
        busy=busy,
        tail_s=max(ends_s) - float(np.quantile(ends_s, 0.1)),
        n_deaths=shards.n_deaths,
        n_retried=shards.n_deaths,
        n_quarantined=0,
        core_hours=core_hours,
        eur=core_hours * farm.eur_per_core_hour,
        efficiency=shards.useful_s / (farm.workers * wall_s),
    )


class _Shards:
    """The shards, and the file system that they share."""

    def __init__(
        self, load: Load, costs: EngineCosts, farm: Farm, rng: np.random.Generator
    ) -> None:
        self.load, self.costs, self.farm, self.rng = load, costs, farm, rng
        self.metadata, self.disk = Queue(), Queue()
        self.n_deaths = 0
        self.useful_s = self.planned_s = 0.0
        seconds = field_seconds(load, rng)
        self.chunks = [_chunks(seconds[i :: farm.workers], costs) for i in range(farm.workers)]
        nodes = math.ceil(farm.workers / farm.workers_per_node)
        waits = rng.exponential(farm.queue_s, nodes) if farm.queue_s else np.zeros(nodes)
        self.starts_s = [
            float(waits[i // farm.workers_per_node]) + farm.start_s for i in range(farm.workers)
        ]

    def run(self) -> list[float]:
        """Run all shards; return when each ended."""
        events = [(at_s, i, _PLAN) for i, at_s in enumerate(self.starts_s)]
        heapq.heapify(events)
        done = [0] * self.farm.workers
        ends_s = list(self.starts_s)
        while events:
            now_s, i, what = heapq.heappop(events)
            ends_s[i] = now_s
            if what == _PLAN:
                heapq.heappush(events, (self._plan(now_s), i, _BEGIN))
            elif what == _DEAD:
                back_s = self.farm.start_s + self.rng.exponential(max(self.farm.queue_s, 1e-9))
                heapq.heappush(events, (now_s + back_s, i, _PLAN))
            elif what == _COMPUTED:
                n_fields, seconds = self.chunks[i][done[i]]
                done[i] += 1
                self.useful_s += seconds
                heapq.heappush(events, (self._commit(now_s, n_fields), i, _BEGIN))
            elif done[i] < len(self.chunks[i]):
                heapq.heappush(events, self._begin(now_s, i, *self.chunks[i][done[i]]))
        return ends_s

    def _plan(self, now_s: float) -> float:
        load, costs = self.load, self.costs
        listed_s = load.n_fields * costs.plan_s_per_field
        n_asked = load.n_fields if costs.each_shard_plans else load.n_fields / self.farm.workers
        asked_s = n_asked * costs.questions_per_field / self.farm.metadata_operations_per_s
        ready_s = max(now_s + listed_s, self.metadata.serve(now_s, asked_s))
        self.planned_s = max(self.planned_s, ready_s)
        return ready_s

    def _commit(self, now_s: float, n_fields: int) -> float:
        costs = self.costs
        asked = costs.commit_operations_per_chunk + n_fields * costs.commit_operations_per_field
        return self.metadata.serve(now_s, asked / self.farm.metadata_operations_per_s)

    def _begin(self, now_s: float, i: int, n_fields: int, seconds: float) -> tuple[float, int, int]:
        read_s = n_fields * self.load.field_mb / self.farm.disk_mb_per_s
        ends_s = max(now_s + seconds, self.disk.serve(now_s, read_s))
        farm = self.farm
        rate = farm.deaths_per_worker_hour + farm.losses_per_node_hour
        if rate and (dies_s := now_s + float(self.rng.exponential(3600 / rate))) < ends_s:
            self.n_deaths += 1
            return dies_s, i, _DEAD
        return ends_s, i, _COMPUTED


def _chunks(
    seconds: "np.ndarray[tuple[int], np.dtype[np.float64]]", costs: EngineCosts
) -> list[tuple[int, float]]:
    """Fields and seconds of each chunk of one shard."""
    size = max(1, min(costs.max_chunk_fields, len(seconds) // costs.chunks_per_worker))
    starts = np.arange(0, len(seconds), size)
    if not len(starts):
        return []
    sums = np.add.reduceat(seconds, starts)
    return list(zip(np.diff(starts, append=len(seconds)).tolist(), sums.tolist(), strict=True))
