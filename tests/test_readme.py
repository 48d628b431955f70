"""The README's commands and code run as they stand there, in a copy of the sources."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from monolayer.cli import _exit_code as cli

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```", README, re.M | re.S)
# The suite cannot run itself; pip and the peers of the bench would need the network.
LEFT_OUT = {"./scripts/test", "./scripts/bench", "pip install ."}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(PROJECT / "sample_data", folder / "sample_data")
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_blocks_run_in_order(copy: Path) -> None:
    """Blocks build on one another as a reader would go through them."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = 0
    for language, block in BLOCKS:
        if block.strip() in LEFT_OUT or block.strip() == "./scripts/demo":
            continue
        command = ["bash", "-euc", block] if language == "bash" else [sys.executable, "-c", block]
        result = subprocess.run(
            command, cwd=copy, env=os.environ | {"PATH": path}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert result.returncode == 0, f"{block}\n{result.stdout}\n{result.stderr}"
        ran += 1
    assert ran >= 4


@pytest.mark.slow
def test_the_demo_command_ends_by_naming_the_report(tmp_path: Path) -> None:
    """`./scripts/demo` from a fresh copy, with this environment in place of a new one."""
    for name in ("scripts", "sample_data", "requirements.lock", "pyproject.toml"):
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    for name in ("bin/python", "bin/monolayer", "lib", "pyvenv.cfg"):
        (venv / name).symlink_to(Path(sys.prefix) / name)
    stamp = "cat requirements.lock pyproject.toml | sha256sum | cut -c1-64"
    prepared = subprocess.run(
        ["bash", "-c", stamp], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    (venv / ".prepared-requirements.lock").write_text(prepared.stdout)
    result = subprocess.run(
        ["./scripts/demo"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "MONOLAYER_VENV"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    report = Path(tmp_path, result.stdout.strip().splitlines()[-1].removeprefix("Report: "))
    assert "<html" in report.read_text(encoding="utf-8")


def test_ci_calls_the_readmes_test_command() -> None:
    assert ("bash", "./scripts/test\n") in BLOCKS
    assert "scripts/test" in (PROJECT / ".ci" / "run").read_text()


def test_pictures_exist() -> None:
    for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (PROJECT / target).stat().st_size > 10_000


@pytest.mark.data
@pytest.mark.slow
def test_scores_are_what_the_command_prints(
    data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = data_folder / "manifest.csv"
    assert cli(["evaluate", "--manifest", str(manifest), "--json"]) == 0
    datasets = json.loads(capsys.readouterr().out)["datasets"]
    printed = [
        f"| {row['dataset']} | {row['n_images']} | {row['n_true']} | {row['n_predicted']} "
        f"| {row['f1_iou50']:.3f} | {row['f1_iou70']:.3f} "
        f"| {row['median_absolute_count_error_percent']:.1f} % |"
        for row in datasets
        if row["n_images"] > 1
    ]
    assert len(printed) == 3
    assert [line for line in printed if line not in README] == []
    floors = dict(
        zip(("BBBC039v1", "BBBC038/DSB2018", "MNFinder"), (0.92, 0.80, 0.88), strict=True)
    )
    for name, floor in floors.items():
        (row,) = (row for row in datasets if row["dataset"].startswith(name))
        assert row["f1_iou50"] >= floor


@pytest.mark.data
def test_scores_of_confluence_are_what_the_command_prints(
    data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = _datasets("confluence", data_folder, capsys)
    assert (
        f"| {row['dataset']} | {row['n_images']} | {row['mean_absolute_error_points']:.1f} points "
        f"| {row['largest_error_points']:.1f} points | {row['spearman']:.2f} |"
    ) in README
    assert row["n_failed"] == 0
    assert row["mean_absolute_error_points"] <= 3
    assert row["largest_error_points"] <= 8


@pytest.mark.data
def test_scores_of_suspension_are_what_the_command_prints(
    data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = _datasets("suspension", data_folder, capsys)
    assert (
        f"| {row['dataset']} | {row['n_images']} | {row['n_true_live']} | {row['n_found_live']} "
        f"| {row['n_true_dead']} | {row['n_found_dead']} "
        f"| {row['viability_error_points']:.1f} points | {row['f1_centre']:.3f} |"
    ) in README
    assert abs(row["live_error_percent"]) <= 5
    assert abs(row["dead_error_percent"]) <= 10
    assert abs(row["viability_error_points"]) <= 3
    assert row["f1_centre"] >= 0.85


def _datasets(
    assay: str, data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, Any]]:
    manifest = str(data_folder / "manifest.csv")
    assert cli(["evaluate", "--assay", assay, "--manifest", manifest, "--json"]) == 0
    datasets: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["datasets"]
    return datasets
