"""Every verb: helps, answers in JSON where it reports, and says what went wrong in one sentence."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import click
import pyarrow as pa
import pytest
import yaml

from monolayer.cli import VERBS, verbs
from monolayer.cli import _exit_code as cli
from monolayer.method import Method, load_method

WritePlate = Callable[..., dict[str, int]]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "plate"
    write_plate(folder, wells=("B02", "B03"), fields=3)
    (folder / "P1_B03_s2_w1.tif").unlink()
    return folder


@pytest.fixture(scope="module")
def run(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli-run") / "RUN"
    assert cli(["run", str(images), "-o", str(folder), "--workers", "1"]) == 0
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_helps(verb: str, capsys: Capture) -> None:
    assert cli([verb, "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: monolayer {verb}")
    assert "--help" in said


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_says_what_it_takes_and_every_list_is_whole(verb: str) -> None:
    command = verbs.get_command(click.Context(verbs), verb)
    assert command is not None
    listed = [command]
    if isinstance(command, click.Group):
        context = click.Context(command, max_content_width=80)
        listed += command.commands.values()
        assert "..." not in command.get_help(context).partition("Commands:")[2]
    for option in (each for one in listed for each in one.params if isinstance(each, click.Option)):
        named = option.metavar or option.is_flag or isinstance(option.type, click.Choice)
        assert option.help, option.opts
        assert named, option.opts


def test_an_unknown_verb_names_the_known(capsys: Capture) -> None:
    assert cli(["rnu"]) == 2
    assert "rnu" in capsys.readouterr().err


def test_plan_says_what_is_there_and_what_is_not(images: Path, capsys: Capture) -> None:
    assert cli(["plan", str(images), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["layout"] == "metaxpress"
    assert plan["wells"] == ["B02", "B03"]
    assert len(plan["fields"]) == 5
    assert [item["field_id"] for item in plan["missing"]] == ["P1/B03/2"]
    assert plan["pixel_size_um"] == pytest.approx(0.65, rel=1e-5)
    assert plan["pixel_size_source"] == "ImageJ"
    assert 100 < plan["memory_per_worker_mb"] < 2000
    assert cli(["plan", str(images)]) == 0
    assert "missing: P1/B03/2" in capsys.readouterr().out


def test_status_counts_and_names(run: Path, capsys: Capture) -> None:
    assert cli(["status", str(run), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["state"] == "finished"
    assert status["fields"]["ok"] == 5
    assert status["fields"]["missing"] == 1
    assert [item["field_id"] for item in status["left_out"]] == ["P1/B03/2"]


def test_run_answers_in_json(images: Path, run: Path, capsys: Capture) -> None:
    assert cli(["run", str(images), "-o", str(run), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["processed"] == 0
    assert answer["resumed"] == 5
    assert Path(answer["report"]).is_file()


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "arrow"])
def test_export_gives_every_row(
    run: Path, tmp_path: Path, capsys: Capture, file_format: str
) -> None:
    options = ["export", str(run), "-o", str(tmp_path), "--format", file_format, "--json"]
    assert cli(options) == 0
    written = {item["table"]: item for item in json.loads(capsys.readouterr().out)}
    assert set(written) == {"objects", "fields", "wells", "plates"}
    assert written["fields"]["rows"] == 6
    path = Path(written["fields"]["path"])
    if file_format == "csv":
        rows = list(csv.DictReader(path.read_text().splitlines()))
    elif file_format == "jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        rows = pa.ipc.open_file(path).read_all().to_pylist()
    counts = {row["field_id"]: row["n_objects"] for row in rows}
    assert str(counts["P1/B02/1"]) == "3"
    assert counts["P1/B03/2"] in (None, "")


def test_report_is_made_again(run: Path, capsys: Capture) -> None:
    (run / "report.html").unlink()
    assert cli(["report", str(run)]) == 0
    assert (run / "report.html").read_text().count("P1/B03/2") > 0


def test_report_without_its_images_says_so(
    tmp_path: Path, write_plate: WritePlate, capsys: Capture
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=2)
    run = tmp_path / "RUN"
    assert cli(["run", str(tmp_path / "images"), "-o", str(run), "--workers", "1"]) == 0
    with_pictures = (run / "report.html").stat().st_size
    (tmp_path / "images").rename(tmp_path / "moved")
    assert cli(["report", str(run)]) == 0
    assert (run / "report.html").stat().st_size < with_pictures
    assert cli(["report", str(run), "--images", str(tmp_path / "moved")]) == 0
    assert (run / "report.html").stat().st_size == pytest.approx(with_pictures, rel=0.02)


def test_init_writes_the_method_that_is_built_in(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "method.yaml"
    assert cli(["init", str(path)]) == 0
    assert load_method(path) == Method()
    assert load_method(path).sha256 == Method().sha256
    assert cli(["init", str(path)]) == 2
    assert "--force" in capsys.readouterr().err


def test_init_explains_every_setting(tmp_path: Path) -> None:
    assert cli(["init", str(tmp_path / "m.yaml")]) == 0
    lines = (tmp_path / "m.yaml").read_text().splitlines()
    keys = [i for i, line in enumerate(lines) if ":" in line and not line.lstrip().startswith("#")]
    assert len(keys) > 20
    assert all(lines[i - 1].lstrip().startswith("#") for i in keys)
    assert yaml.safe_load("\n".join(lines))["schema_version"] == 1


def test_doctor_counts_three_discs(capsys: Capture) -> None:
    assert cli(["doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert findings["versions"]["monolayer"]
    assert all(check["ok"] for check in findings["checks"])


def test_evaluate_scores_itself_as_perfect(
    run: Path, images: Path, tmp_path: Path, capsys: Capture
) -> None:
    manifest = tmp_path / "manifest.csv"
    with manifest.open("w") as file:
        file.write("path,mask,dataset,pixel_size_um\n")
        for path in sorted(images.iterdir()):
            well, site = path.stem.split("_")[1:3]
            file.write(f"{path},{run}/labels/P1/{well}/{site[1:]}.tif,mine,0.65\n")
    options = ["evaluate", "--manifest", str(manifest), "-o", str(tmp_path / "S")]
    assert cli(options) == 0
    assert "1.000" in capsys.readouterr().out
    assert cli([*options, "--json"]) == 0
    (dataset,) = json.loads(capsys.readouterr().out)["datasets"]
    assert dataset["f1_iou50"] == dataset["f1_iou70"] == 1.0
    assert dataset["n_images"] == 5
    assert len((tmp_path / "S" / "images.csv").read_text().splitlines()) == 6


@pytest.mark.parametrize("broken", [[1], [0, 1, 2, 3, 4]], ids=["one fails", "all fail"])
def test_evaluate_scores_no_field_that_failed(
    run: Path, images: Path, tmp_path: Path, capsys: Capture, broken: list[int]
) -> None:
    manifest = tmp_path / "manifest.csv"
    lines = ["path,mask,pixel_size_um"]
    for i, path in enumerate(sorted(images.iterdir())):
        well, site = path.stem.split("_")[1:3]
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes()[: 200 if i in broken else None])
        lines.append(f"{copy.name},{run}/labels/P1/{well}/{site[1:]}.tif,0.65")
    manifest.write_text("\n".join(lines))
    options = ["evaluate", "--manifest", str(manifest), "-o", str(tmp_path / "S")]
    assert cli([*options, "--json"]) == 3
    (dataset,) = json.loads(capsys.readouterr().out)["datasets"]
    assert (dataset["n_images"], dataset["n_failed"]) == (5, len(broken))
    assert dataset["f1_iou50"] == (1.0 if len(broken) < 5 else None)
    assert (dataset["n_true"] is None) == (len(broken) == 5)
    assert cli(options) == 3
    said = capsys.readouterr().out
    assert said.count("failed: P1_") == len(broken)
    (row,) = (line.split() for line in said.splitlines() if "all" in line.split())
    assert row.count("1.000") == (0 if len(broken) == 5 else 3)
    (scores,) = csv.DictReader((tmp_path / "S" / "datasets.csv").read_text().splitlines())
    assert (scores["n_failed"], scores["f1_iou50"] == "") == (str(len(broken)), len(broken) == 5)
