"""A real Slurm for the tests: munged, slurmctld and two nodes in a temporary folder of their own.

Nothing outside that folder is read or written, so a Slurm that the machine already has is left
alone. Every process is found again at the end by the ``SLURM_CONF`` in its environment, which the
jobs inherit: also an orphan whose slurmstepd was killed.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PROGRAMS", "Slurm", "start_slurm", "wait_for"]

WAIT_SECONDS = 60.0
NODES = ("n1", "n2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
_NODE = "MONOLAYER_TEST_NODE"

CONFIGURATION = """
ClusterName=monolayer-tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
KillWait=3
MinJobAge=600
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/completed.txt
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[0]} CPUs=4 RealMemory=16000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=16000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=60 State=UP
"""


@dataclass
class Slurm:
    """A running Slurm; its commands are run with the environment that finds it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, pointed at this Slurm and out of any job."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_"))}
        return kept | {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def call(
        self,
        *command: str,
        check: bool = True,
        timeout: float = WAIT_SECONDS,
        folder: Path | None = None,
    ) -> str:
        """Run a command to its end, in a folder, and give what it wrote."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False,
            timeout=timeout, cwd=folder,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{command} gave {done.returncode}: {done.stderr}")
        return done.stdout.strip()

    def idle_nodes(self) -> set[str]:
        """Nodes that have nothing to do and would take a job."""
        listed = self.call("sinfo", "-h", "-N", "-o", "%N %T", check=False).splitlines()
        return {line.split()[0] for line in listed if line.endswith(" idle")}

    def jobs(self, *states: str) -> list[str]:
        """Ids of the jobs in the given states, waiting or running if none is given; tasks apart."""
        wanted = ",".join(states or ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING"))
        return self.call("squeue", "-h", "-r", "-t", wanted, "-o", "%i").split()

    def job(self, job_id: str) -> dict[str, str]:
        """What ``scontrol show job`` says of a job."""
        text = self.call("scontrol", "-o", "show", "job", job_id)
        return dict(item.split("=", 1) for item in text.split() if "=" in item)

    def restart_now(self, job_id: str) -> None:
        """Wait until a job that went back into the queue runs again, without its two minutes.

        Not within two seconds: nodes revoke the first copy's credential to the second, and take a
        copy that starts in the same one for the first ("Job credential revoked": it ends as
        FAILED). Slurm's own two minutes are there for this. Then asked again and again, as what is
        said while the job is still being cleared away is forgotten.
        """
        time.sleep(2.5)

        def restarted() -> bool:
            self.call("scontrol", "update", f"jobid={job_id}", "starttime=now", check=False)
            job = self.job(job_id)
            return job["JobState"] in ("RUNNING", "COMPLETED") and job["Restarts"] != "0"

        # Where all asking was in vain, Slurm starts it by itself after two minutes.
        wait_for(f"the second start of job {job_id}", restarted, 180)

    def start_node(self, node: str) -> None:
        """Start a node's slurmd, which goes into the background by itself."""
        subprocess.run(
            ["slurmd", "-N", node, "-c"], env=self.environment | {_NODE: node}, check=True,
            timeout=WAIT_SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def kill_node(self, node: str) -> None:
        """Kill a node's slurmd and its slurmstepds without a word; what they ran goes on."""
        for pid in self.processes(f"{_NODE}={node}"):
            _kill(pid)

    @contextmanager
    def node_lost(self, node: str) -> Iterator[None]:
        """Kill a node and let Slurm find out; the node comes back at the end.

        At once: by itself Slurm finds out after some 25 s.
        """
        self.kill_node(node)
        self.call("scontrol", "update", f"nodename={node}", "state=down", "reason=killed")
        for job_id in self.jobs("PENDING"):
            self.restart_now(job_id)
        try:
            yield
        finally:
            self.call("scancel", "-u", "root", check=False)
            self.start_node(node)
            self.call("scontrol", "update", f"nodename={node}", "state=resume", check=False)
            wait_for("the node's return", lambda: node in self.idle_nodes())

    def processes(self, mark: str | None = None) -> list[int]:
        """Every process with this Slurm's folder, or another mark too, in its environment."""
        marks = [str(self.folder).encode(), *([mark.encode()] if mark else [])]
        pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [
            pid
            for pid in pids
            if pid != os.getpid() and all(text in _environment(pid) for text in marks)
        ]

    def stop(self) -> None:
        """End whatever of it still runs."""
        deadline = time.monotonic() + 15
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                _kill(pid)
            time.sleep(0.1)


def start_slurm(folder: Path) -> Slurm:
    """Start munged, slurmctld and the nodes in an empty folder, and wait until they take jobs."""
    slurm = Slurm(folder)
    (folder / "state").mkdir()
    for node in NODES:
        (folder / f"spool-{node}").mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    control, *nodes = _free_ports(1 + len(NODES))
    host = socket.gethostname().split(".")[0]
    values = {"host": host, "folder": folder, "control_port": control, "ports": nodes}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**values), encoding="utf-8")
    files = {"key-file": "munge.key", "socket": "munge.socket", "log-file": "munged.log",
             "pid-file": "munged.pid", "seed-file": "munged.seed"}  # fmt: skip
    slurm.call("munged", "--force", *(f"--{key}={folder / name}" for key, name in files.items()))
    slurm.call("slurmctld", "-c")
    for node in NODES:
        slurm.start_node(node)
    wait_for("nodes that take jobs", lambda: slurm.idle_nodes() == set(NODES))
    return slurm


def _free_ports(n: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _environment(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_for(what: str, ready: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Wait until something is so, and fail with its name when it never is."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.1)
