"""A saved plan starts the same run as a listing, and is refused where it would not."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from monolayer.cli import _exit_code as cli
from monolayer.engine import plan as planning
from monolayer.engine.plan import make_plan
from monolayer.engine.run import execute
from monolayer.engine.saved_plan import Asked, load_plan, save_plan
from monolayer.engine.shard import Shard
from monolayer.errors import ConfigError, InputError
from monolayer.field import Field, Plane
from monolayer.method import Method, load_method

WritePlate = Callable[..., dict[str, int]]
TABLES = ("fields.parquet", "wells.parquet", "plates.parquet", "objects/P1.parquet")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "images é"
    write_plate(folder, wells=("B02", "B03"), fields=3)
    (folder / "P1_B03_s2_w1.tif").unlink()  # planned and missing
    (folder / "notes.txt").write_text("beside")
    return folder


@pytest.fixture
def saved(images: Path, tmp_path: Path) -> Path:
    path = tmp_path / "plan.mono"
    save_plan(make_plan(images, Method()), None, path)
    return path


def test_what_was_saved_is_what_was_listed(images: Path, tmp_path: Path) -> None:
    method = load_method(None).with_options(0.5, "w1")
    plan = make_plan(images, method, "metaxpress", "well=b2")
    path = tmp_path / "new folder" / "plan.mono"
    for _ in range(2):  # the second replaces the first
        save_plan(plan, "well=b2", path)
    again = load_plan(path)
    assert again.fields == plan.fields
    assert again.method == method
    assert again.stamps is not None
    assert len(again.stamps.hashes) == 8 * len(plan.fields)
    listing = replace(again.listing, fields=plan.listing.fields)
    assert listing == replace(plan.listing, missing=plan.missing)
    assert replace(again, stamps=None, listing=plan.listing) == plan


def test_odd_names_and_problems_are_kept(images: Path, tmp_path: Path) -> None:
    odd = Field("P'\n", "", "x", "2", {"w\udc80": (Plane("é.tif", 3, 1),)}, "a1", ("bad", "No."))
    gone = Field("P", "B02", "9", "", {}, problem=("missing", "Planned by a.HTD."))
    plan = replace(make_plan(images, Method()), fields=(odd,), missing=(gone, gone))
    save_plan(plan, None, tmp_path / "p")
    again = load_plan(tmp_path / "p")
    assert tuple(again.fields) == plan.fields
    assert again.missing == plan.missing
    again.stamps.check([(0, odd)], again.root)  # type: ignore[union-attr]


def test_shards_of_one_plan_make_the_run_s_tables(
    images: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli(["run", str(images), "-o", str(tmp_path / "A"), "--executor", "serial"]) == 0
    monkeypatch.setattr(planning, "find_fields", lambda *_: pytest.fail("was listed again"))
    of_plan = ["run", "--plan", str(saved), "-o", str(tmp_path / "B"), "--executor", "serial"]
    for share in ("2/2", "1/2"):
        assert not (tmp_path / "B" / "fields.parquet").exists()
        assert cli([*of_plan, "--shard", share]) == 0
    for name in TABLES:
        assert (tmp_path / "B" / name).read_bytes() == (tmp_path / "A" / name).read_bytes()
    assert (tmp_path / "B" / "report.html").is_file()
    monkeypatch.undo()
    assert execute(make_plan(images, Method()), tmp_path / "B").n_processed == 0
    assert execute(load_plan(saved), tmp_path / "A").n_processed == 0


def test_a_shard_asks_for_its_own_files_only(
    images: Path, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "images"
    shutil.copytree(images, copy)
    path = tmp_path / "of-copy.mono"
    save_plan(make_plan(copy, Method()), None, path)
    os.utime(copy / "P1_B02_s1_w1.tif", ns=(1, 1))
    (copy / "P1_B02_s3_w1.tif").unlink()
    plan = load_plan(path)
    assert plan.stamps is not None
    plan.stamps.check([(1, plan.fields[1])], copy)
    run = tmp_path / "RUN"
    with pytest.raises(InputError, match=r"of 2 of its fields have changed.*first .*P1/B02/1 \("):
        execute(plan, run, shard=Shard(1, 2))
    assert cli(["run", "--plan", str(path), "-o", str(run)]) == 2
    assert "save the plan again" in capsys.readouterr().err
    assert not run.exists()


def rewritten(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Write a plan with another header and the hash that fits it."""
    _, _, rest = path.read_bytes().partition(b"\n")
    head, _, body = rest.partition(b"\n")
    told = json.loads(head)
    change(told)
    rest = json.dumps(told).encode() + b"\n" + body
    path.write_bytes(b"monolayer-plan 1 %s\n" % hashlib.sha256(rest).hexdigest().encode() + rest)


def test_other_plans_are_refused_each_with_a_sentence(saved: Path, images: Path) -> None:
    whole = saved.read_bytes()
    spoilt = {
        "damaged or cut short": whole[:-1],
        "damaged": whole.replace(b"metaxpress", b"metaxpresS", 1),
        "newer monolayer": whole.replace(b"plan 1", b"plan 2", 1),
        "is no saved plan": b"\xef\xbb\xbf" + whole,
        "no saved plan": b"",
    }
    for why, content in spoilt.items():
        saved.write_bytes(content)
        with pytest.raises(ConfigError, match=f"plan.mono: .*{why}.*--save"):
            load_plan(saved)
    saved.write_bytes(whole)
    rewritten(saved, lambda head: head.update(monolayer="99.0"))
    with pytest.raises(ConfigError, match=r"saved by monolayer 99\.0, and this is"):
        load_plan(saved)
    saved.write_bytes(whole)
    rewritten(saved, lambda head: head.update(method={"nonsense": 1}))
    with pytest.raises(ConfigError, match="holds a method that this monolayer does not read"):
        load_plan(saved)
    saved.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_plan(saved)


def test_a_plan_of_something_else_than_asked(saved: Path, images: Path) -> None:
    load_plan(saved, Asked(str(images), "metaxpress", "", Method()))
    wrong = {
        "for images '.*' and not '.*'": Asked(images=str(images.parent)),
        "for layout 'metaxpress' and not 'cv8000'": Asked(layout="cv8000"),
        "for select 'all' and not 'well=B02'": Asked(select="well=B02"),
        "with another method": Asked(method=load_method(None, "confluence")),
    }
    for why, asked in wrong.items():
        with pytest.raises(InputError, match=why):
            load_plan(saved, asked)


def test_the_command_says_what_is_wrong(
    saved: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "-o", str(tmp_path / "RUN")]
    other = tmp_path / "notes.txt"
    other.write_text("keep me")
    for arguments, why in (
        ([*run], "give IMAGES, or --plan"),
        ([*run, "--plan", str(saved), "--layout", "cv8000"], "for layout"),
        ([*run, "--plan", str(saved), "--pixel-size-um", "0.5"], "another method"),
        ([*run, "--plan", str(saved), "--qualified"], "--qualified"),
        (["plan", str(images), "--save", str(other)], "is no saved plan"),
        (["plan", str(images), "--save", str(other / "x")], "cannot be written"),
    ):
        assert cli(arguments) == 2
        assert why in capsys.readouterr().err
    assert other.read_text() == "keep me"
    assert not (tmp_path / "RUN").exists()
    assert cli(["plan", str(images), "--json", "--save", str(saved)]) == 0
    assert json.loads(capsys.readouterr().out)["saved"] == str(saved)
