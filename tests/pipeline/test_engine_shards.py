"""Shards: shares of a plan that need no driver, and together make the tables of one run."""

import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from monolayer.cli import _exit_code as cli
from monolayer.engine.shard import Shard
from monolayer.errors import ConfigError

WritePlate = Callable[..., dict[str, int]]
TABLES = ("fields.parquet", "wells.parquet", "plates.parquet", "objects/P1.parquet")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "images"
    write_plate(folder, wells=("B02", "B03"), fields=4)
    return folder


@pytest.fixture(scope="module")
def undisturbed(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "RUN"
    assert cli(["run", str(images), "-o", str(run), "--executor", "serial"]) == 0
    return run


def assert_same_tables(run: Path, other: Path) -> None:
    for name in TABLES:
        assert (run / name).read_bytes() == (other / name).read_bytes()


def test_shards_part_a_plan() -> None:
    items = list(range(20))
    shares = [Shard(i, 3).of(items) for i in (1, 2, 3)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "2", "a/b", "1/0", ""])
def test_a_wrong_shard_is_one_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match="2/8"):
        Shard.parse(text)


def test_the_last_shard_makes_the_tables(images: Path, undisturbed: Path, tmp_path: Path) -> None:
    run = tmp_path / "RUN"
    for i in (2, 1, 3):
        assert not (run / "fields.parquet").exists()
        assert cli(["run", str(images), "-o", str(run), "--shard", f"{i}/3"]) == 0
    assert_same_tables(run, undisturbed)
    assert (run / "report.html").is_file()
    assert not list((run / "sessions").iterdir())


def test_shards_beside_each_other(images: Path, undisturbed: Path, tmp_path: Path) -> None:
    run = tmp_path / "RUN"
    codes = []

    def shard(i: int) -> None:
        codes.append(cli(["run", str(images), "-o", str(run), "--json", "--shard", f"{i}/2"]))

    both = [threading.Thread(target=shard, args=(i,)) for i in (1, 2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(timeout=120)
    assert codes == [0, 0]
    assert_same_tables(run, undisturbed)


def test_a_run_takes_up_what_shards_left(images: Path, undisturbed: Path, tmp_path: Path) -> None:
    run = tmp_path / "RUN"
    assert cli(["run", str(images), "-o", str(run), "--shard", "2/3"]) == 0
    assert cli(["run", str(images), "-o", str(run), "--executor", "serial"]) == 0
    assert_same_tables(run, undisturbed)
    assert pq.read_table(run / "fields.parquet").num_rows == 8
