"""What a simulated run is made of: the work, the engine's own costs, the farm it runs on."""

import math
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from monolayer.settings import Settings

__all__ = ["EngineCosts", "Farm", "Load", "field_seconds"]

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Load(Settings):
    """Fields to count."""

    n_fields: Count = 1_000_000
    """Fields of the run."""

    field_s: Positive = 0.30
    """Mean seconds of a field on one core. The default is measured for nuclei on 2048 x 2048:
    decoding LZW 0.05, inspecting 0.015, counting 0.19, writing labels and rows 0.045."""

    field_cv: NotNegative = 0.30
    """Standard deviation of a field's seconds over their mean (log-normal)."""

    field_mb: NotNegative = 4.7
    """Megabytes of a field's files."""

    poison_fraction: Annotated[float, Field(ge=0, le=1)] = 1e-6
    """Fields that kill their worker every time."""


class EngineCosts(Settings):
    """What the engine itself takes, as `benchmarks/capacity.py --measure` finds it."""

    max_chunk_fields: Count = 25
    """Fields of a chunk, where there are enough of them."""

    chunks_per_worker: Count = 8
    """Chunks are cut smaller where there would be fewer than this for each worker."""

    window_per_worker: Count = 3
    """Chunks under way for each worker."""

    driver_s_per_chunk: NotNegative = 0.0081
    """Processor seconds of the driver, scheduler included, to send a chunk and take its answer."""

    plan_s_per_field: NotNegative = 0.00021
    """Seconds to list, name and sign a field before the first is counted."""

    tables_s_per_field: NotNegative = 0.00165
    """Seconds to make tables and report, a field, after the last is counted."""

    questions_per_field: NotNegative = 3.0
    """What planning asks the file system, a field of one file: its head, and twice its state."""

    commit_operations_per_chunk: NotNegative = 10.0
    """Creating, flushing and renaming of a part, and the record of the attempt at it."""

    commit_operations_per_field: NotNegative = 3.0
    """Creating, flushing and renaming of a label image."""

    deaths_alone: Annotated[int, Field(ge=0)] = 2
    """Workers that a suspect may kill when it is tried alone, before it is left out."""

    blame_operations_per_worker: NotNegative = 2.0
    """Records read, a worker of the run, to find the field that a dead one was at."""

    each_shard_plans: bool = True
    """Each shard makes the whole plan for itself; else one plan is made for all of them."""


class Farm(Settings):
    """Machines, and how they fail. None of these was measured: they are assumptions."""

    workers: Count = 1000
    """Worker processes of one thread."""

    workers_per_node: Count = 32
    """Workers that a node takes with it."""

    queue_s: NotNegative = 60.0
    """Mean seconds that a job waits for its node (exponential)."""

    start_s: NotNegative = 8.0
    """Seconds from a job's start to the worker's first chunk."""

    restart_s: NotNegative = 5.0
    """Seconds until a worker that died is there again on its node."""

    deaths_per_worker_hour: NotNegative = 0.001
    """Workers that die for no fault of a field (memory, preemption of one process)."""

    losses_per_node_hour: NotNegative = 0.0005
    """Nodes that are lost, or taken away."""

    notice_s: NotNegative = 60.0
    """Seconds until a lost node is missed."""

    disk_mb_per_s: Positive = 5_000.0
    """Bandwidth of the shared file system, all readers together."""

    metadata_operations_per_s: Positive = 20_000.0
    """Questions and renames that the shared file system answers."""

    eur_per_core_hour: NotNegative = 0.04
    """Price of a core for an hour (ASSUMPTION: about what a cloud takes for one)."""


def field_seconds(load: Load, rng: np.random.Generator) -> NDArray[np.float64]:
    """Seconds of each field, log-normal about its mean."""
    if not load.field_cv:
        return np.full(load.n_fields, load.field_s)
    variance = math.log1p(load.field_cv**2)
    mean = math.log(load.field_s) - variance / 2
    return rng.lognormal(mean, math.sqrt(variance), load.n_fields)
