"""What each batch system is told: the job script that dask-jobqueue would submit, read back."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from monolayer.engine.executors.job_script import CLUSTERS, job_script, workers_a_job
from monolayer.engine.executors.job_settings import JobSettings, lifetime_seconds, seconds_of
from monolayer.engine.executors.settings import ExecutionSettings, load_execution
from monolayer.errors import ConfigError

pytest.importorskip("dask_jobqueue")

SYSTEMS = {
    "slurm": (
        {"queue": "cpu", "account": "lab7", "walltime": "04:00:00"},
        ["#SBATCH -p cpu", "#SBATCH -A lab7", "#SBATCH -t 04:00:00", "#SBATCH --cpus-per-task=4",
         "#SBATCH --mem=8G", "#SBATCH --no-requeue", "#SBATCH -J monolayer"],
    ),
    "pbs": (
        {"queue": "cpu", "account": "lab7", "walltime": "04:00:00"},
        ["#PBS -q cpu", "#PBS -A lab7", "#PBS -l walltime=04:00:00",
         "#PBS -l select=1:ncpus=4:mem=7630MB", "#PBS -N monolayer"],
    ),
    "lsf": (
        {"queue": "cpu", "project": "lab7", "walltime": "04:00", "lsf_units": "mb"},
        ["#BSUB -q cpu", '#BSUB -P "lab7"', "#BSUB -W 04:00", "#BSUB -n 4", "#BSUB -M 8000",
         "#BSUB -J monolayer"],
    ),
    "sge": (
        {"queue": "cpu", "project": "lab7", "walltime": "04:00:00", "resource_spec": "smp=4"},
        ["#$ -q cpu", "#$ -P lab7", "#$ -l h_rt=04:00:00", "#$ -l smp=4", "#$ -N monolayer"],
    ),
    "htcondor": (
        {"disk": "20GB"},
        ["MY.DaskWorkerCores = 4", "MY.DaskWorkerMemory = 8000000000",
         "MY.DaskWorkerDisk = 20000000000"],
    ),
}  # fmt: skip


def settings_of(system: str, **job: Any) -> ExecutionSettings:
    return ExecutionSettings.model_validate({"executor": system, "job": job})


def test_every_system_is_tried() -> None:
    assert set(SYSTEMS) == set(CLUSTERS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_script_says_what_the_settings_said(system: str) -> None:
    asked, lines = SYSTEMS[system]
    script = job_script(
        settings_of(system, cores=4, memory="8GB", interface="ib0",
                    job_script_prologue=["module load python"], **asked)
    )  # fmt: skip
    for line in lines:
        assert line in script.splitlines()
    (options,) = re.findall(r"distributed\.cli\.dask_worker tcp://SCHEDULER:PORT (.*)", script)
    for option in ("--nworkers 4", "--nthreads 1", "--memory-limit 1.86GiB", "--nanny",
                   "--interface ib0"):  # fmt: skip
        assert option in options
    assert ("--lifetime 13800s --lifetime-stagger 150s" in options) == (
        system not in ("lsf", "htcondor")
    )
    assert script.index("module load python") < script.index("NUMBA_NUM_THREADS")


@pytest.mark.parametrize("system", SYSTEMS)
def test_workers_get_one_thread_and_no_malloc_trimming(system: str) -> None:
    """Read the script's exports as the job's shell will, and Dask its configuration from them."""
    from dask.config import collect_env, merge

    script = job_script(settings_of(system, memory="1GB"))
    if system == "htcondor":  # quoted for a line of a submit file
        script = script.replace("''", "'").replace('""', '"').replace("; ", "\n")
    exports = re.findall(r"^\W*(?:Arguments = \"-c ')?export (\w+)=(.*)$", script, re.MULTILINE)
    environment = {name: shlex.split(value)[0] for name, value in exports}
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                 "OPENCV_FOR_THREADS_NUM"):  # fmt: skip
        assert environment[name] == "1"
    found = merge(collect_env(environment))["distributed"]
    assert found["nanny"]["pre_spawn_environ"]["MALLOC_TRIM_THRESHOLD_"] is None
    assert found["worker"]["memory"]["pause"] is False
    assert ast.literal_eval(environment["DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON"])


def test_the_sites_own_directives_come_after_ours() -> None:
    script = job_script(settings_of("slurm", job_extra_directives=["--requeue", "--nice=10"]))
    places = [script.index(f"#SBATCH {word}") for word in ("--no-requeue", "--requeue", "--nice")]
    assert places == sorted(places)


def test_the_jobs_output_goes_where_it_is_told(tmp_path: Path) -> None:
    script = job_script(settings_of("slurm"), tmp_path / "logs")
    assert not (tmp_path / "logs").exists()
    assert "#SBATCH -e" not in script


@pytest.mark.parametrize("given", [{}, {"cores": 3}, {"processes": 3}])
def test_a_worker_is_a_processor(given: dict[str, int]) -> None:
    n = workers_a_job(settings_of("slurm", **given))
    assert n == (3 if given else 1)
    assert f"--cpus-per-task={n}" in job_script(settings_of("slurm", **given))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("executor: slurm\njob: {qeue: cpu}", ["job.qeue", "queue"]),
        ("executor: sge\njob: {account: lab7}", ["job.account", "project"]),
        ("executor: slurm\njob: {cores: 4, processes: 2}", ["2 processes", "cores"]),
        ("executor: slurm\njob: {walltime: 12:00:00}", ["walltime", "quotes"]),
        ("executor: slurm\njob: {lifetime: soon}", ["lifetime", "soon", "50m"]),
        ("executor: slurm\njob: {minimum_jobs: 5, maximum_jobs: 2}", ["minimum_jobs 5"]),
        ("executor: torque", ["executor", "torque", "slurm"]),
        ("executor: slurm\nworker: 3", ["worker", "workers"]),
    ],
)
def test_a_wrong_file_is_one_sentence(text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        job_script(load_execution(tmp_path / "cluster.yaml"))
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("50m", 3000), ("2 hours", 7200), ("1-00:00:00", 86400), ("2-06", 194400), ("04:00:00", 14400),
     ("30", 1800), ("30:30", 1830), ("90s", 90), ("0.5h", 1800)],
)  # fmt: skip
def test_times_as_batch_systems_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("walltime", ["00:02:00", "00:30:00", "04:00:00", "7-00:00:00"])
def test_a_lifetime_with_its_stagger_ends_before_the_walltime(walltime: str) -> None:
    found = lifetime_seconds(JobSettings(), walltime)
    assert found is not None
    lifetime, stagger = found
    assert lifetime + stagger < seconds_of(walltime) - 20
    assert lifetime - stagger >= 0.35 * seconds_of(walltime)


def test_no_walltime_no_lifetime() -> None:
    assert lifetime_seconds(JobSettings(), None) is None
    assert lifetime_seconds(JobSettings(lifetime="50m"), None) == (3000, 750)


def test_ctrl_c_still_stops_a_run_that_has_jobs() -> None:
    """Importing dask-jobqueue makes it end the program with code 0, as if all were done."""
    code = (
        "import signal\n"
        "from monolayer.engine.executors.job_script import cluster_class\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "cluster_class('slurm')\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
