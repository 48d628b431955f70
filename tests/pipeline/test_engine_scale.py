"""Many fields: what the driver holds of each, how chunks are cut, how tables are written."""

import json
import os
import platform
import random
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmarks.engine import process_known, write_fields

from monolayer.engine import attempts, part_rows, rounds
from monolayer.engine.executors import ExecutionSettings
from monolayer.engine.ledger import LedgerEntry, Signatures, chunks_of, ledger_of
from monolayer.engine.memory import give_back, share_an_allocator
from monolayer.engine.parts import OpenPart
from monolayer.engine.plan import make_plan
from monolayer.engine.row_groups import RowGroups
from monolayer.engine.run import execute
from monolayer.engine.shard import Shard
from monolayer.engine.work_list import WorkList
from monolayer.field import Field, Plane, natural_key
from monolayer.method import Method
from monolayer.packed import BLOCK, PackedFields, Places
from monolayer.report.build import MeanScores

SERIAL = ExecutionSettings(executor="serial")


def fields(n: int) -> list[Field]:
    return [
        Field("P'1\n", f"A{i % 12:02d}", str(i), "", {"w\udc80": (Plane(f"{i}/é.tif", 0, i),)})
        for i in range(n)
    ]


@pytest.mark.parametrize("n", [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 3])
def test_packed_fields_are_the_fields(n: int) -> None:
    plain = fields(n)
    packed = PackedFields(iter(plain))
    assert len(packed) == n
    assert list(packed) == plain
    assert packed == plain
    assert [packed[i] for i in range(-n, n)] == plain + plain
    assert packed[n // 3 : -2 : 2] == tuple(plain[n // 3 : -2 : 2])
    with pytest.raises(IndexError):
        packed[n]


def test_packed_fields_keep_every_word() -> None:
    odd = Field("P", "", "x", "2", {}, "a1", ("missing", "Planned by a.HTD, but not there."))
    several = Field("P", "B02", "1", "", {"a": (Plane("a"), Plane("b", 3, 1)), "b": (Plane("c"),)})
    assert PackedFields([odd, several]) == [odd, several]
    assert PackedFields([odd]) != [several]
    assert PackedFields([odd]) != [odd, odd]


def test_places_of_ids() -> None:
    ids = [f"P1/A{i % 24:02d}/{i}" for i in range(1000)]
    random.Random(2).shuffle(ids)
    places = Places(ids)
    assert [places.of(name) for name in ids] == list(range(1000))
    assert places.of("P1/A01/1000") is None
    assert Places([]).of("") is None


def test_signatures_by_id_and_by_place() -> None:
    signed = {f"f{i}": f"{i:064x}" for i in range(300)}
    signatures = Signatures(signed.items())
    assert {name: signatures[name] for name in signed} == signed
    assert [signatures.at(i) for i in range(300)] == list(signed.values())
    assert signatures.get("f300") is None


def test_natural_order_is_that_of_numbers_and_words() -> None:
    def by_parts(text: str) -> tuple[Any, str]:
        parts = (part for part in re.split(r"(\d+)", text) if part)
        return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts), text

    letters = random.Random(3)
    words = {"".join(letters.choices("ab0019 _é/-.", k=letters.randint(0, 8))) for _ in range(4000)}
    assert sorted(words, key=natural_key) == sorted(words, key=by_parts)
    assert sorted(["f1²", "f1"], key=natural_key) == ["f1", "f1²"]


def test_chunks_grow_with_quick_fields_and_end_small(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Workers:
        workers, isolated = 2, True

        def run(self, work: Any, chunks: Any, window: int | None = None) -> Iterator[Any]:
            for chunk in chunks:
                sizes.append(len(chunk.fields))
                yield [type("Done", (), {"seconds": 0.001})()] * len(chunk.fields)

    plain = fields(4000)
    signatures = {field.field_id: f"{i:064x}" for i, field in enumerate(plain)}
    work = type("Work", (), {"open_fields": plain, "signatures": signatures})()
    monkeypatch.setattr(rounds, "dead_sessions", lambda folder: {})
    monkeypatch.setattr(rounds, "replace", lambda job, **changes: job)
    job = type("Job", (), {"run_folder": None})()
    rounds._Rounds(work, job, Workers(), lambda done: None, lambda lost: None).in_company()  # type: ignore[arg-type]
    assert sum(sizes) == 4000
    assert sizes[0] == 1
    assert max(sizes) == rounds.CHUNK_FIELDS
    assert sizes[-3:] == [1, 1, 1]
    assert sum(size < 20 for size in sizes[1:]) < 40


def test_chunks_of_a_size_asked_for_each_time() -> None:
    plain = fields(10)
    signatures = {field.field_id: f"{i:064x}" for i, field in enumerate(plain)}
    sizes = iter([1, 2, 3, 99, 99])
    found = list(chunks_of(plain, signatures, lambda: next(sizes)))
    assert [len(chunk.fields) for chunk in found] == [1, 2, 3, 4]
    assert [field for chunk in found for field in chunk.fields] == plain


def test_row_groups_of_one_size(tmp_path: Path) -> None:
    schema = pa.schema([("x", pa.int64())], {"a": "b"})
    with RowGroups(tmp_path / "t.parquet", schema, rows=10) as table:
        for start, stop in ((0, 3), (3, 3), (3, 38), (38, 41)):
            table.add(pa.table({"x": pa.array(range(start, stop), pa.int64())}))
        assert not (tmp_path / "t.parquet").exists()
    file = pq.ParquetFile(tmp_path / "t.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(5)] == [10, 10, 10, 10, 1]
    assert file.read()["x"].to_pylist() == list(range(41))
    assert file.schema_arrow.metadata[b"a"] == b"b"


def test_a_table_that_fails_does_not_appear(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        RowGroups(tmp_path / "t.parquet", pa.schema([("x", pa.int64())])),
    ):
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_a_row_group_that_cannot_be_written_is_told_and_nothing_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    schema = pa.schema([("x", pa.int64())])
    for rows in (3, 10, 25):  # in the last group, in the only one, in one before others
        with (
            pytest.raises(OSError, match="No space left"),
            RowGroups(tmp_path / "t.parquet", schema, rows=10) as table,
        ):
            table.add(pa.table({"x": pa.array(range(rows), pa.int64())}))
        assert list(tmp_path.iterdir()) == []


def held_by_plan(folder: Path, n: int) -> int:
    """Bytes of Python objects that a plan and its signatures hold."""
    write_fields(folder, n)
    tracemalloc.start()
    plan = make_plan(folder, Method())
    signatures = Signatures(
        (field.field_id, f"{len(field.field_id):064x}") for field in plan.fields
    )
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(plan.fields) == len(signatures) == n
    return held


def test_a_field_of_the_plan_takes_less_than_250_bytes(tmp_path: Path) -> None:
    held_by_plan(tmp_path / "warm", 20)
    few, many = (held_by_plan(tmp_path / str(n), n) for n in (200, 1000))
    assert (many - few) / 800 < 250  # a Field with its planes, paths and signature is 700


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A finished run of 700 fields in 78 wells, whose pixels were not looked at."""
    folder = tmp_path_factory.mktemp("scale")
    write_fields(folder / "images", 700)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("monolayer.engine.parts.process_field", None)
        patched.setattr(rounds, "process_chunk", process_known)
        execute(make_plan(folder / "images", Method()), folder / "run", SERIAL)
    return folder / "images", folder / "run"


def test_tables_of_many_fields_are_whole(run: tuple[Path, Path]) -> None:
    images, folder = run
    plan = make_plan(images, Method())
    table = pq.ParquetFile(folder / "fields.parquet").read(["field_id", "n_objects", "state"])
    found = [row["field_id"] for row in table.to_pylist() if row["state"] == "ok"]
    assert found == [field.field_id for field in plan.fields]
    objects = pq.ParquetFile(folder / "objects" / "plate1.parquet").read(["field_id"])
    assert objects["field_id"].unique().to_pylist() == found
    assert len(objects) == sum(filter(None, table["n_objects"].to_pylist())) == 2100
    wells = pq.ParquetFile(folder / "wells.parquet").read(["n_fields_ok", "n_objects"])
    assert sum(wells["n_fields_ok"].to_pylist()) == 700
    assert sum(wells["n_objects"].to_pylist()) == 2100


def test_the_ledger_knows_part_and_row(run: tuple[Path, Path]) -> None:
    _, folder = run
    ledger = ledger_of(folder)
    assert len(ledger) == len(list(ledger)) == 700
    rows: dict[str, list[int]] = {}
    for entry in ledger.values():
        assert entry.state == "ok"
        rows.setdefault(entry.part, []).append(entry.row)
    assert all(sorted(found) == list(range(len(found))) for found in rows.values())


def write_ledgers(folder: Path, **parts: list[tuple[str, str]]) -> None:
    for name, entries in parts.items():
        (folder / "parts" / name).mkdir(parents=True)
        told = [{"signature": signature, "state": state} for signature, state in entries]
        (folder / "parts" / name / "ledger.json").write_text(json.dumps(told), encoding="utf-8")


def test_a_ledger_tells_like_signatures_apart_and_the_first_part_counts(tmp_path: Path) -> None:
    one, other, absent = ("ab" * 8 + digit * 48 for digit in "123")
    write_ledgers(tmp_path, p1=[(one, "ok"), (other, "failed")], p2=[(other, "ok")])
    ledger = ledger_of(tmp_path)
    assert ledger[one] == LedgerEntry("p1", 0, "ok")
    assert ledger[other] == LedgerEntry("p1", 1, "failed")
    assert absent not in ledger
    assert ledger.get("00" * 32) is None
    assert ledger.get("ff" * 32) is None
    assert sorted(ledger) == [one, other]
    assert len(ledger) == 2
    assert len(ledger_of(tmp_path / "none")) == 0


def test_a_field_of_the_ledger_takes_less_than_80_bytes(tmp_path: Path) -> None:
    signatures = [f"{i * 2654435761 % 2**32:08x}{i:056x}" for i in range(4000)]
    parts = {f"p{i:02d}": [(s, "ok") for s in signatures[i::40]] for i in range(40)}
    write_ledgers(tmp_path, **parts)
    assert len(ledger_of(tmp_path)) == 4000  # what is imported and cached at first is not counted
    tracemalloc.start()
    ledger = ledger_of(tmp_path)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held / 4000 < 80  # a dict takes 160
    assert ledger[signatures[3977]] == LedgerEntry("p17", 99, "ok")


def test_scores_beside_the_fields_table_take_less_than_60_bytes_a_field() -> None:
    ids = [f"P1/A{i % 24:02d}/{i}" for i in range(10_000)]
    random.Random(4).shuffle(ids)
    table = pa.table({"field_id": ids})
    tracemalloc.start()
    scores = MeanScores(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / len(ids) < 60  # sorting as Python does takes 120
    for of, values in ((ids[17], [0.5, 0.25]), ("P1/gone/1", [1.0]), (ids[3], [np.nan, 0.75])):
        scores.add(
            {"field_id": np.array([of] * len(values)), "segmentation_score": np.array(values)}
        )
    scores.add({"field_id": np.array([ids[17]]), "segmentation_score": np.array([0.75])})
    mean = scores.mean()
    assert (mean[17], mean[3]) == (0.5, 0.75)
    assert np.isfinite(mean).sum() == 2
    MeanScores(table.slice(0, 0)).add({"field_id": np.array(ids), "segmentation_score": mean})


def test_fields_stay_packed_while_they_are_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fields(tmp_path / "images", 3)

    def look(work: WorkList, *_: object) -> None:
        raise LookupError(type(work.open_fields).__name__)  # a tuple of 100,000 is 70 MB

    monkeypatch.setattr("monolayer.engine.rounds.run_rounds", look)
    with pytest.raises(LookupError, match="PackedFields"):
        execute(make_plan(tmp_path / "images", Method()), tmp_path / "run", SERIAL)


def rss_mb() -> float:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def test_freed_memory_is_given_back() -> None:
    blocks = [bytes(2000) for _ in range(30_000)]
    last = bytes(2000)  # lies above them, and keeps what is below from going back by itself
    held = rss_mb()
    blocks.clear()
    give_back()
    assert last == bytes(2000)
    assert rss_mb() < held - 40


def test_arrows_allocator_is_the_c_librarys_unless_somebody_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    share_an_allocator()
    assert os.environ["ARROW_DEFAULT_MEMORY_POOL"] == "system"
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "mimalloc")
    share_an_allocator()
    assert os.environ["ARROW_DEFAULT_MEMORY_POOL"] == "mimalloc"


def test_arrow_leaves_pandas_out_and_still_gives_it() -> None:
    lines = (
        "import sys; import numpy as np",
        "from monolayer.engine.memory import leave_pandas_out as leave; leave(); leave()",
        "import pyarrow as pa; x = pa.array(np.zeros(2), mask=np.eye(2)[0] > 0)",
        "table = pa.table({'x': x})",
        "assert 'pandas' not in sys.modules",
        "assert table.to_pandas()['x'].isna().tolist() == [True, False]",
        "import pandas as pd; assert pa.array(pd.Series([float('nan')])).null_count == 1; leave()",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, timeout=60)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_a_workers_thread_finds_the_memory_of_its_last_field() -> None:
    lines = (
        "import resource, threading; import numpy as np",
        "from monolayer.engine.memory import keep_freed; keep_freed()",
        "def faults(): return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt",
        "def field(): [np.ones(1 << 20) for _ in range(8)]",
        "def work():",
        "    field(); before = faults(); field(); field(); told.append(faults() - before)",
        "told = []",
        "thread = threading.Thread(target=work); thread.start(); thread.join()",
        "assert told[0] < 500, told  # of 32,768 pages",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, timeout=60)


def test_only_a_chunks_own_attempts_are_read(tmp_path: Path) -> None:
    folder = tmp_path / attempts.FOLDER
    (folder / "s.other.host.1").mkdir(parents=True)  # reading it would fail
    (folder / "s.chunk.host.2").write_text("aa\nbb\n", encoding="utf-8")
    (found,) = attempts.attempts_of(tmp_path, "s", "chunk")
    assert (found.session, found.signature, found.timed_out) == ("s", "bb", False)


def test_many_shards_parts_are_opened_once_for_many_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fields(tmp_path / "images", 60)
    monkeypatch.setattr("monolayer.engine.parts.process_field", None)
    monkeypatch.setattr(rounds, "process_chunk", process_known)
    plan = make_plan(tmp_path / "images", Method())
    execute(plan, tmp_path / "whole", SERIAL)
    opened: list[str] = []

    def opening(folder: Path, name: str, schema: pa.Schema) -> OpenPart:
        opened.append(name)
        return OpenPart(folder, name, schema)

    monkeypatch.setattr(part_rows, "OpenPart", opening)
    shards = part_rows.OPEN_PARTS + 4
    ends = [
        execute(plan, tmp_path / "shards", SERIAL, shard=Shard(i + 1, shards))
        for i in range(shards)
    ]
    assert [end.has_tables for end in ends] == [False] * (shards - 1) + [True]
    # Once each to judge, for the fields' rows, and for the objects.
    assert len(opened) <= 3 * len(set(opened))
    assert len(set(opened)) >= shards
    for name in ("fields.parquet", "wells.parquet", "objects/plate1.parquet"):
        assert (tmp_path / "shards" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_report_thins_its_dots_and_says_so(
    run: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from monolayer.engine.reporting import write_report
    from monolayer.report import build

    _, folder = run
    whole = (folder / "report.html").read_text(encoding="utf-8")
    assert "Charts draw" not in whole
    monkeypatch.setattr(build, "FIELDS_DRAWN", 100)
    thin = write_report(folder).read_text(encoding="utf-8")
    assert "Charts draw 102 of the 702 fields, evenly chosen." in thin
    assert thin.count("h0") < whole.count("h0") / 5
    assert re.search(r"<dt>evaluated</dt><dd>700</dd>", thin)
