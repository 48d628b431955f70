"""Cross-check on SIMULATED images: nuclei, live and dead, and confluence of the same wells."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from monolayer.cli import _exit_code
from monolayer.engine.crosscheck import agreement_of, crosscheck_runs, tally
from monolayer.simulate.livedead.field import LiveDeadSettings
from monolayer.simulate.phase.field import simulate_phase_field
from monolayer.simulate.phase.settings import AdherentSettings, PhaseSettings
from monolayer.simulate.tiff import write_image
from monolayer.summarise.settings import CrosscheckSettings

from .livedead_plate import PIXEL_SIZE_UM, SPILLOVER, scene, write_well

pytestmark = pytest.mark.slow

SETTINGS = CrosscheckSettings()
DYED = LiveDeadSettings(viability=0.85, spillover=SPILLOVER, scene=scene(512))


def ran(images: Path, name: str, *options: str) -> Path:
    folder = images.parent / name
    assert _exit_code(["run", str(images), "-o", str(folder), *options, "--json"]) == 0
    return folder


def controlled(root: Path) -> Path:
    """A method whose thresholds and spill-over come from control wells."""
    wells: dict[str, dict[str, Any]] = {
        "A01": {"missing": ("pi",)},
        "A02": {"viability": 0.0},
        "A03": {"missing": ("hoechst",), "viability": 0.0},
    }
    for seed, (well, change) in enumerate(wells.items()):
        write_well(root / "controls", well, DYED.model_copy(update=change), 100 + seed)
    draft = {"cell_channel": "w1", "dead_channel": "w2"}
    text = yaml.safe_dump({"assay": "viability", "viability": draft})
    (root / "draft.yaml").write_text(text)
    call = ["controls", str(root / "controls"), "--unstained", "A01", "--killed", "A02"]
    call += ["--single", "hoechst=A01", "--single", "pi=A03"]
    call += ["--method", str(root / "draft.yaml"), "-o", str(root / "lot.yaml"), "--json"]
    assert _exit_code(call) == 0
    return root / "lot.yaml"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same cells counted twice, and the same wells' cover in phase contrast."""
    root = tmp_path_factory.mktemp("assays")
    cells = AdherentSettings(confluence_pct=60, area_um2=1500)
    phase = PhaseSettings(height_px=512, width_px=512, cells=cells)
    (root / "phase").mkdir()
    for seed, well in enumerate(("B02", "B03"), start=10):
        write_well(root / "plate", well, DYED, seed, fields=range(1, 6))
        for site in range(1, 4):
            field = simulate_phase_field(phase, seed, site)
            path = root / "phase" / f"P1_{well}_s{site}_w1.tif"
            write_image(path, field.pixels, PIXEL_SIZE_UM, 12, "phase")
    method = controlled(root)
    return {
        "nuclei": ran(root / "plate", "nuclei", "--channel", "w1"),
        "viability": ran(root / "plate", "viability", "--method", str(method)),
        "confluence": ran(root / "phase", "confluence", "--assay", "confluence"),
    }


def test_assays_of_the_same_wells_agree(runs: dict[str, Path]) -> None:
    table = crosscheck_runs(list(runs.values()), SETTINGS)
    assert tally(table) == {"agree": 6, "disagree": 0, "not_evaluable": 0}
    (pair,) = agreement_of(table, 0.95).to_pylist()
    assert (pair["assay_a"], pair["assay_b"], pair["n_wells"]) == ("nuclei", "viability", 2)
    assert abs(pair["bias_percent"]) < 8


def test_a_wrong_pixel_size_is_found(runs: dict[str, Path]) -> None:
    """Twice the pixel size gives a quarter of the density: the live and dead of it disagree."""
    plate = runs["nuclei"].parent / "plate"
    wrong = ran(plate, "wrong", "--channel", "w1", "--pixel-size-um", "1.3")
    table = crosscheck_runs([wrong, runs["viability"]], SETTINGS)
    assert tally(table)["disagree"] == 2


def test_a_swapped_plate_is_found(runs: dict[str, Path], tmp_path: Path) -> None:
    """Confluence of 60 % beside wells of a few nuclei: no cell is that large."""
    (tmp_path / "sparse").mkdir()
    few = LiveDeadSettings(dyes=("hoechst",), scene=scene(512, density=4_000))
    for seed, well in enumerate(("B02", "B03"), start=50):
        write_well(tmp_path / "sparse", well, few, seed, fields=range(1, 6))
    sparse = ran(tmp_path / "sparse", "few", "--channel", "w1")
    table = crosscheck_runs([sparse, runs["confluence"]], SETTINGS)
    assert table["quantity"].to_pylist() == ["area density by cell area"] * 2
    assert tally(table)["disagree"] == 2
