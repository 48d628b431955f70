"""The pages of process science: what they show runs, and says what the code says."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.pipeline.test_growth_docs import blocks, commands

from monolayer.capacity.scenario import Scenario
from monolayer.cli import _exit_code as cli
from monolayer.compare import MediumKind
from monolayer.drift import RULES, DriftSettings
from monolayer.qualify.record import QualificationReference

DOCS = Path(__file__).parents[2] / "docs"


def seeded(head: str, doses: tuple[float, ...], scale: float) -> str:
    rng = np.random.default_rng(0)
    rows = [
        f"nuclei,{dose},{dose}-{sample},{max(scale * dose * rng.normal(1, 0.03), 0):.1f}"
        for dose, sample, _ in itertools.product(doses, range(3), range(3))
    ]
    return "\n".join([head, *rows]) + "\n"


def test_commands_of_qualification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    head = "counting_method,{},random_sample_number,{}"
    Path("series.csv").write_text(
        seeded(head.format("target_dilution_fraction", "cell_conc"), (0.25, 0.5, 0.75, 1.0), 1e6)
    )
    Path("seeding.csv").write_text(
        seeded(
            head.format("seeding_density_cells_per_cm2", "density_cells_per_cm2"),
            (1000, 2000, 4000, 8000), 0.9,
        )
    )  # fmt: skip
    Path("pairs.csv").write_text("sample,count,count_second\na,10,11\nb,20,19\nc,5,5.2\n")
    repeats = [f"{100 + 3 * o + d + r},{o},{d}" for o in (0, 1) for d in (0, 1) for r in (0, 2)]
    Path("repeats.csv").write_text("\n".join(["value,operator,day", *repeats]))
    assert [cli(command) for command in commands("qualification.md")] == [0, 3, 3]
    assert Path("QUALIFICATION/qualification.yaml").is_file()
    assert Path("comet.csv").is_file()
    (block,) = blocks("qualification.md", "yaml")
    asked = yaml.safe_load(block)["qualification"]
    assert set(asked) == set(QualificationReference.model_fields)


def test_commands_of_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = [
        f"D{donor},{medium},{5 + donor / 10 + rng.normal(0, 0.1):.3f}"
        for donor in range(5)
        for medium in ("FBS", "hPL")
    ]
    Path("outcomes.csv").write_text("\n".join(["donor,medium,population_doublings", *rows]))
    assert [cli(command) for command in commands("comparison.md")] == [0, 0, 0]
    kinds = re.findall(r"^\| `([a-z-]+)` \|", (DOCS / "comparison.md").read_text(), re.M)
    assert kinds[1:] == [kind.value for kind in MediumKind], "below the heading"
    (block,) = blocks("comparison.md", "python")
    names: dict[str, object] = {}
    exec(block, names)
    assert getattr(names["found"], "equivalent", False)


def test_commands_of_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [cli(command) for command in commands("cost.md")] == [0, 0]
    told = capsys.readouterr().out
    page = " ".join((DOCS / "cost.md").read_text().split())
    for words in ("EUR 519", "450 and 703", "39 %", "EUR 117 a dose"):
        assert words in page
    assert "EUR 519.24 a dose" in told
    assert "EUR 450 to 703 (90 %)" in told
    assert "in 39 %" in told
    assert "costs EUR 117.48 a dose" in told
    assert Scenario().ranges


def test_commands_of_drift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("drift.md", "csv")
    Path("lots.csv").write_text(block)
    rng = np.random.default_rng(0)
    head = block.splitlines()[0]
    means = ((32, 1.5), (0.93, 0.01), (2000, 90), (30_000, 900), (-2.1, 0.05))
    rows = [
        f"L{i},2026-01-{i + 1:02d}T09:00+01:00,"
        + ",".join(f"{m + s * float(np.clip(rng.normal(), -1.9, 1.9)):.4f}" for m, s in means)
        for i in range(20)
    ]
    Path("good-lots.csv").write_text("\n".join([head, *rows]))
    assert [cli(command) for command in commands("drift.md")] == [0, 0]
    (settings,) = blocks("drift.md", "yaml")
    DriftSettings.model_validate(yaml.safe_load(settings))
    told = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", (DOCS / "drift.md").read_text(), re.M)
    assert dict(told[: len(RULES)]) == {name: rule.words for name, rule in RULES.items()}
