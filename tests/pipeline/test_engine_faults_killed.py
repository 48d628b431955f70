"""Faults that are really made: processes killed, disks filled, schedulers lost, clocks turned.

After each the same command goes on, and the tables are an undisturbed run's to the last byte.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from benchmarks.fault_site import (
    Faults,
    Site,
    cluster,
    contents,
    kill,
    kill_workers,
    states,
    wait_for,
)

from monolayer.cli import _exit_code as cli

pytestmark = pytest.mark.slow
SECONDS = 200.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site") / "site", wells=3, fields=4)


@pytest.fixture(scope="module")
def expected(site: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    run = tmp_path_factory.mktemp("undisturbed") / "RUN"
    assert finish(site, run) == 0
    return contents(run)


@pytest.fixture(autouse=True)
def healthy(site: Site) -> Iterator[None]:
    """Whatever a test spoils is whole again for the next one."""
    yield
    site.say(Faults())


def finish(site: Site, run: Path, *options: str) -> int:
    """The same command again, in this process."""
    return cli(["run", str(site.images), "-o", str(run), "--workers", "1", *options])


def under_way(run: Path) -> bool:
    folder = run / "attempts"
    return folder.is_dir() and any(folder.iterdir())


def parts(run: Path) -> int:
    folder = run / "parts"
    return len([p for p in folder.iterdir() if p.name[0] != "."]) if folder.is_dir() else 0


def test_poison_a_hang_and_a_killed_worker_in_one_run(
    site: Site, expected: dict[str, bytes], tmp_path: Path
) -> None:
    site.say(Faults(poison=["P1_B02_s2_w1"], hold=["P1_B03_s3_w1"], slow=0.1))
    run = tmp_path / "RUN"
    process = site.start(run, "--executor", "dask", "--workers", "2", "--field-timeout", "8")
    assert wait_for(lambda: under_way(run), 60)
    kill_workers([process.pid], at_most=1)
    code, said = process.ended(SECONDS)
    assert code == 3, said
    found = states(run)
    assert found.pop("P1/B02/2") == ("crashed", "worker_died")
    assert found.pop("P1/B03/3") == ("failed", "timed_out")
    assert {state for state, _ in found.values()} == {"ok"}
    site.say(Faults())
    assert finish(site, run, "--retry") == 0
    assert contents(run) == expected


def test_a_serial_run_that_dies_with_its_field(
    site: Site, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """First with the others, then alone, then in a worker, whose death tells whose fault it is."""
    site.say(Faults(poison=["P1_B02_s1_w1"]))
    codes = [site.run(tmp_path / "RUN", "--executor", "serial")[0] for _ in range(3)]
    assert codes == [-signal.SIGKILL, -signal.SIGKILL, 3]
    found = states(tmp_path / "RUN")
    assert found.pop("P1/B02/1") == ("crashed", "worker_died")
    assert {state for state, _ in found.values()} == {"ok"}
    site.say(Faults())
    assert finish(site, tmp_path / "RUN", "--retry") == 0
    assert contents(tmp_path / "RUN") == expected


def test_a_hanging_field_in_a_serial_run(
    site: Site, expected: dict[str, bytes], tmp_path: Path
) -> None:
    site.say(Faults(hang=["P1_B03_s3_w1"]))
    options = ("--executor", "serial", "--field-timeout", "4")
    code, said = site.run(tmp_path / "RUN", *options)
    assert code == 3, said
    found = states(tmp_path / "RUN")
    assert found.pop("P1/B03/3") == ("failed", "timed_out")
    assert {state for state, _ in found.values()} == {"ok"}
    site.say(Faults())
    assert finish(site, tmp_path / "RUN", "--retry") == 0
    assert contents(tmp_path / "RUN") == expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_blames_no_field(
    number: signal.Signals, site: Site, tmp_path: Path
) -> None:
    """As batch systems send it before they kill, and terminals that are closed."""
    site.say(Faults(slow=0.3))
    done = tmp_path / "done.json"
    # What is ignored here stays so in a child: these tests may themselves run under nohup.
    before = signal.signal(number, signal.SIG_DFL)
    process = site.start(tmp_path / "RUN", "--executor", "serial", "--done-file", str(done))
    signal.signal(number, before)
    assert wait_for(lambda: under_way(tmp_path / "RUN"), 60)
    kill([process.pid], number)
    code, said = process.ended(SECONDS)
    assert code == 4
    assert "kept" in said
    assert '"outcome": "aborted"' in done.read_text()
    assert not under_way(tmp_path / "RUN")


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A file system that holds little; where none may be mounted, a skip."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "monolayer-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system, and not everywhere")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("options", [("serial", "1"), ("dask", "2")], ids=["driver", "worker"])
def test_a_full_disk(
    site: Site, expected: dict[str, bytes], tmp_path: Path, options: tuple[str, str]
) -> None:
    """Space for some parts; then more space, as when somebody has tidied up."""
    with small_disk(tmp_path / "disk", 140) as disk:
        run = disk / "RUN"
        code, said = site.run(run, "--executor", options[0], "--workers", options[1])
        assert code == 4, said
        assert "No space left" in said
        assert "Traceback" not in said
        kept = parts(run)
        assert kept > 0
        larger = ["mount", "-o", "remount,size=20m", str(disk)]
        subprocess.run(larger, check=True)
        assert finish(site, run) == 0
        assert parts(run) >= kept
        assert contents(run) == expected


def test_a_disk_that_is_full_from_the_start(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        (disk / "film").write_bytes(bytes(4096))
        assert finish(site, disk / "RUN") == 4
    said = capsys.readouterr().err
    assert "No space left" in said
    assert "Traceback" not in said


def test_a_lost_scheduler(site: Site, expected: dict[str, bytes], tmp_path: Path) -> None:
    site.say(Faults(slow=0.3))
    run = tmp_path / "RUN"
    with cluster(site, tmp_path) as (made, address):
        process = site.start(run, "--scheduler", address)
        assert wait_for(lambda: under_way(run), 90)
        kill([made.parts["scheduler"].pid])
        start = time.monotonic()
        code, said = process.ended(SECONDS)
        assert code == 4, said
        assert "scheduler" in said
        assert "Traceback" not in said
        assert time.monotonic() - start < 45
    site.say(Faults())
    assert finish(site, run) == 0
    assert contents(run) == expected


def test_a_killed_driver_and_a_second_run_beside_the_first(
    site: Site, expected: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.say(Faults(slow=0.3))
    run = tmp_path / "RUN"
    process = site.start(run, "--executor", "dask", "--workers", "2")
    assert wait_for(lambda: under_way(run), 60)
    assert finish(site, run) == 2
    assert f"process {process.pid} on " in capsys.readouterr().err
    kill([process.pid])
    assert process.ended(SECONDS)[0] == -signal.SIGKILL
    site.say(Faults())
    assert finish(site, run) == 0
    assert contents(run) == expected


ORPHAN = """
import sys
from pathlib import Path
from monolayer.engine.run import _look
from monolayer.engine.events import Events
from monolayer.engine.ledger import chunks_of
from monolayer.engine.parts import Job, process_chunk
from monolayer.engine.plan import make_plan
from monolayer.engine.runfolder import locked
from monolayer.method import Method
images, folder = Path(sys.argv[1]), Path(sys.argv[2])
plan = make_plan(images, Method())
with locked(folder):
    work = _look(plan, folder, None, False, Events())
job = Job(plan.root, folder, plan.method, session="dead")
for chunk in chunks_of(work.open_fields, work.signatures, 5):
    process_chunk(chunk, job)
"""


def test_an_orphan_goes_on_while_its_work_is_done_again(
    site: Site, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """A node given up for dead: its process works on, without a lock, under the new run."""
    run = tmp_path / "RUN"
    site.say(Faults(slow=0.25))
    command = [sys.executable, "-c", ORPHAN, str(site.images), str(run)]
    with subprocess.Popen(command, env=site.environment) as orphan:
        try:
            assert wait_for(lambda: under_way(run), 60)
            kill([orphan.pid], signal.SIGSTOP)
            site.say(Faults())
            assert finish(site, run, "--executor", "serial") == 0
            assert contents(run) == expected
            kill([orphan.pid], signal.SIGCONT)
            assert orphan.wait(SECONDS) == 0
        finally:
            kill([orphan.pid])
    assert contents(run) == expected
    assert finish(site, run) == 0
    (run / "run.json").write_text((run / "run.json").read_text().replace('"tables_of"', '"was"'))
    assert finish(site, run) == 0  # the tables again, now from the orphan's parts as well
    assert contents(run) == expected


@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs Debian's faketime")
def test_a_clock_that_jumps(site: Site, expected: dict[str, bytes], tmp_path: Path) -> None:
    """Days ahead, then years back, while workers are at work; the monotonic clock is let be."""
    clock = tmp_path / "clock"
    clock.write_text("+0d")
    site.say(Faults(slow=0.25))
    run = tmp_path / "RUN"
    told = {
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
    }
    library = subprocess.run(
        ["faketime", "-f", "+0d", "printenv", "LD_PRELOAD"], capture_output=True, text=True,
        check=True,
    ).stdout.strip()  # fmt: skip
    command = [sys.executable, "-m", "monolayer", "run", str(site.images), "-o", str(run)]
    with subprocess.Popen(
        [*command, "--executor", "dask", "--workers", "2", "--json"],
        env=site.environment | told | {"LD_PRELOAD": library},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        for shift in ("+3d", "-900d", "+1d"):
            assert wait_for(lambda: under_way(run), 60)
            beside = clock.with_suffix(".new")
            beside.write_text(shift)
            beside.replace(clock)  # at no time an empty file
            time.sleep(0.5)
        said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert contents(run) == expected


def test_rounds_drawn_by_chance() -> None:
    """In a process of their own: drivers are forked from it, and here are threads with locks."""
    rounds = [sys.executable, "-m", "benchmarks.faults", "--rounds", "3", "--seed", "28"]
    told = subprocess.run(
        rounds, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
        timeout=SECONDS * 2,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-4000:] + told.stderr[-2000:]
    assert "3 rounds, 0 failed" in told.stdout
