"""The quality gate: references, verdicts, completeness, and the road from runs to refusals."""

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
import yaml
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import ndimage

from monolayer.cli import _exit_code
from monolayer.engine.marks import mark_incomplete
from monolayer.errors import ConfigError
from monolayer.field import FieldImage
from monolayer.inspect import (
    FIGURES,
    WELL_QUALITY,
    GateSettings,
    InspectSettings,
    QualityReference,
    inspect_field,
    judge_field,
    make_reference,
    plate_quality,
    well_quality,
)
from monolayer.inspect.reference import GATE_COLUMNS, robust_z, worst_verdict
from monolayer.inspect.settings import FigureReference
from monolayer.method import load_method

Capture = pytest.CaptureFixture[str]
Figures = dict[str, float | None]

PLAIN = InspectSettings()


def good(i: int, **more: Any) -> dict[str, Any]:
    """A row of an ok field; its figures scatter around 100 with a MAD of 2."""
    value = 100.0 + [-4, -2, -1, 0, 1, 2, 4][i % 7]
    figures = dict.fromkeys(FIGURES, value) | {"saturated_fraction": 0.0}
    return {"state": "ok", "channel": "w1", "pixel_size_um": 0.65, **figures} | more


def reference(rows: Sequence[dict[str, Any]] | None = None, **given: Any) -> QualityReference:
    chosen = rows if rows is not None else [good(i) for i in range(70)]
    names = {"instrument": "A", "objective": "10x", "version": "1", "runs": {"R": "hash"}}
    return make_reference(chosen, **(names | given), settings=PLAIN, min_fields=20)


def figures(**more: float | None) -> Figures:
    usual: Figures = dict.fromkeys(FIGURES, 100.0)
    return usual | {"saturated_fraction": 0.0} | more


def gate(given: QualityReference | None = None, **settings: Any) -> InspectSettings:
    return InspectSettings(gate=GateSettings(**settings), reference=given)


def test_w26_robust_z() -> None:
    usual = FigureReference(median=2100, robust_sd=300, n_fields=50)
    assert robust_z(3200, usual) == pytest.approx(3.6667, abs=5e-5)


def test_a_reference_holds_median_and_scaled_mad() -> None:
    made = reference()
    usual = made.channels["w1"]["noise_level"]
    assert (usual.median, usual.n_fields) == (100.0, 70)
    assert usual.robust_sd == pytest.approx(1.4826 * 2)
    assert made.pixel_size_um == 0.65
    assert list(made.channels["w1"]) == list(FIGURES)


def test_only_ok_fields_with_edges_make_the_reference_of_focus() -> None:
    rows = [good(i) for i in range(21)]
    rows += [good(3, state="not_evaluable", noise_level=9e9) for _ in range(50)]
    rows += [good(3, signal_to_noise=0.5, focus_log_log_slope=0.9) for _ in range(9)]
    usual = reference(rows).channels["w1"]
    assert usual["noise_level"].n_fields == 30
    assert usual["focus_log_log_slope"].n_fields == 21
    assert usual["focus_log_log_slope"].median == 100


def test_order_of_fields_does_not_matter_to_the_last_bit() -> None:
    rows = [
        good(i, noise_level=float(v)) for i, v in enumerate(np.random.default_rng(0).random(50))
    ]
    assert reference(rows).sha256 == reference(rows[::-1]).sha256


@pytest.mark.parametrize(
    ("rows", "culprit"),
    [
        ([good(i, state="failed") for i in range(30)], "no field of these runs is ok"),
        ([good(i) for i in range(19)], "'w1' has 19 ok fields, fewer than 20"),
        ([good(i) for i in range(30)] + [good(0, channel="w2")], "'w2' has 1 ok"),
        ([good(i, pixel_size_um=0.65 * (1 + i % 2)) for i in range(30)], "from 0.65 to 1.3 um"),
        ([good(i, pixel_size_um=[0.65, None][i % 2]) for i in range(30)], "some do not"),
    ],
)
def test_what_makes_no_reference_is_named(rows: list[dict[str, Any]], culprit: str) -> None:
    with pytest.raises(ValueError, match=culprit):
        reference(rows)


def test_an_ordinary_field_passes() -> None:
    verdict = judge_field(figures(noise_level=105.0), "w1", 0.65, gate(reference()))
    assert (verdict.gate, verdict.reason, verdict.not_judged) == ("pass", "", ())
    assert verdict.max_z_figure == "noise_level"
    assert verdict.max_z == pytest.approx(5 / (1.4826 * 2))


@pytest.mark.parametrize(("beyond", "state"), [("refuse", "refused"), ("flag", "flagged")])
@pytest.mark.parametrize("value", [90.0, 110.0])
def test_a_field_beyond_the_reference_is_refused_or_flagged(
    beyond: str, state: str, value: float
) -> None:
    settings = gate(reference(), beyond=beyond)
    verdict = judge_field(figures(illumination_ratio=value), "w1", 0.65, settings)
    assert (verdict.gate, verdict.reason) == (state, "beyond_reference")
    for told in ("illumination_ratio", f"{value:g}", "reference 100", "A with 10x"):
        assert told in verdict.detail
    wide = gate(reference(), max_robust_z=3.5)
    assert judge_field(figures(illumination_ratio=value), "w1", 0.65, wide).gate == "pass"


def test_only_the_named_figures_are_judged() -> None:
    odd = figures(intensity_max=9e4)
    assert judge_field(odd, "w1", 0.65, gate(reference())).gate == "pass"
    named = gate(reference(), figures=["intensity_max"])
    assert judge_field(odd, "w1", 0.65, named).gate == "refused"
    with pytest.raises(ValidationError, match="unknown figure 'sharpness'"):
        gate(reference(), figures=["sharpness"])


def test_without_a_reference_nothing_passes_and_nothing_is_refused() -> None:
    verdict = judge_field(figures(), "w1", 0.65, gate())
    assert (verdict.gate, verdict.reason) == ("no_reference", "")
    other = judge_field(figures(saturated_fraction=0.5), "w1", 0.65, gate())
    assert (other.gate, other.reason) == ("no_reference", "saturated")
    channel = judge_field(figures(), "w2", 0.65, gate(reference()))
    assert channel.gate == "no_reference"
    assert "channel w2" in channel.not_judged[0]


def test_a_reference_without_spread_judges_nothing() -> None:
    flat = reference([good(3, saturated_fraction=0.0) for _ in range(30)])
    verdict = judge_field(figures(noise_level=500.0), "w1", 0.65, gate(flat))
    assert verdict.gate == "no_reference"
    assert "noise_level: no spread in the reference" in verdict.not_judged
    part = reference([good(i, noise_level=100.0) for i in range(30)])
    mixed = judge_field(figures(noise_level=500.0), "w1", 0.65, gate(part))
    assert mixed.gate == "pass"
    assert mixed.not_judged == ("noise_level: no spread in the reference",)


def test_unknown_figures_are_named_and_never_a_pass() -> None:
    some = judge_field(figures(illumination_ratio=None), "w1", 0.65, gate(reference()))
    assert some.gate == "pass"
    assert some.not_judged == ("illumination_ratio: not known of this field",)
    only = gate(reference(), figures=["illumination_ratio"])
    assert judge_field(figures(illumination_ratio=None), "w1", 0.65, only).gate == "no_reference"


def test_an_empty_field_is_not_out_of_focus() -> None:
    empty = figures(signal_to_noise=0.5, focus_log_log_slope=0.9, focus_laplacian_over_noise=1.0)
    verdict = judge_field(empty, "w1", 0.65, gate(reference()))
    assert verdict.gate == "pass"
    assert [held.split(":")[0] for held in verdict.not_judged] == [
        "focus_log_log_slope",
        "focus_laplacian_over_noise",
    ]


@pytest.mark.parametrize(
    ("more", "size", "reason"),
    [
        ({"saturated_fraction": 0.0011}, 0.65, "saturated"),
        ({}, None, "no_pixel_size"),
        ({}, 1.3, "other_objective"),
    ],
)
def test_hard_limits(more: Figures, size: float | None, reason: str) -> None:
    verdict = judge_field(figures(**more), "w1", size, gate(reference()))
    assert (verdict.gate, verdict.reason) == ("refused", reason)
    assert (
        judge_field(figures(saturated_fraction=0.001), "w1", 0.66, gate(reference())).gate == "pass"
    )


def test_another_objective_is_refused_even_where_limits_only_flag() -> None:
    verdict = judge_field(figures(), "w1", 0.325, gate(reference(), beyond="flag"))
    assert verdict.gate == "refused"
    assert "0.325 um" in verdict.detail
    assert "A with 10x has 0.65 um" in verdict.detail


@pytest.mark.parametrize("names", [{"objective": "20x"}, {"instrument": "B"}])
def test_a_reference_of_another_instrument_is_refused(names: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="the quality reference is of"):
        gate(reference(), **names)
    assert gate(reference(), objective=" 10X ", instrument="a").reference is not None


def test_a_changed_reference_is_refused() -> None:
    data = reference().model_dump()
    data["channels"]["w1"]["noise_level"]["robust_sd"] = 1e9
    for sha256 in (data["sha256"], ""):
        with pytest.raises(ValidationError, match="was changed after it was made"):
            QualityReference(**data | {"sha256": sha256})


@pytest.mark.parametrize(("n", "share"), [(20, 0.140), (40, 0.069), (100, 0.036)])
def test_good_fields_refused_by_chance(n: int, share: float) -> None:
    """What the command's help says of a small reference: seven figures, normal, judged at 3."""
    judged = GateSettings().figures
    rng = np.random.default_rng(n)
    refused = []
    for _ in range(60):
        rows = [
            good(0, **dict(zip(judged, values, strict=True)))
            for values in rng.normal(100, 2, (n, len(judged))).tolist()
        ]
        settings = gate(reference(rows))
        for values in rng.normal(100, 2, (20, len(judged))).tolist():
            field = figures(**dict(zip(judged, values, strict=True)))
            refused.append(judge_field(field, "w1", 0.65, settings).gate == "refused")
    assert np.mean(refused) == pytest.approx(share, abs=0.03)


def test_every_verdict_has_every_column() -> None:
    row = judge_field(figures(), "w1", 0.65, gate()).row()
    assert list(row) == [name for name, _ in GATE_COLUMNS]


def noisy(seed: int, level: float = 200.0) -> NDArray[np.uint16]:
    pixels = np.random.default_rng(seed).normal(level, 6, (256, 256))
    pixels[100:120, 100:120] += 800
    return np.round(pixels).astype(np.uint16)


def test_the_worst_channel_speaks_for_the_field() -> None:
    usual = gate(reference())
    near, far = (judge_field(figures(noise_level=v), "w1", 0.65, usual) for v in (101.0, 107.0))
    assert worst_verdict({"w1": near}) is near
    assert worst_verdict({"w1": near, "w2": far}).max_z == far.max_z
    none = judge_field(figures(), "w3", 0.65, usual)
    assert worst_verdict({"w1": far, "w3": none}).gate == "no_reference"
    odd = judge_field(figures(noise_level=500.0), "w1", 0.65, usual)
    found = worst_verdict({"w3": none, "w1": odd})
    assert (found.gate, found.detail[:24]) == ("refused", "Channel w1: noise_level ")
    assert found.not_judged == (f"w3 {none.not_judged[0]}",)


def test_every_channel_that_the_reference_knows_is_judged() -> None:
    rows = []
    for seed in range(20):
        for name, level in (("w1", 200.0), ("w2", 500.0)):
            image = FieldImage({name: noisy(seed, level + seed % 5)}, 0.65)
            found = inspect_field(image, PLAIN, name)
            rows.append({"state": "ok", "channel": name, "pixel_size_um": 0.65, **found.figures})
    settings = gate(reference(rows), figures=["background_level", "noise_level"])
    for second, state in ((noisy(99, 502), "ok"), (noisy(99, 900), "not_evaluable")):
        image = FieldImage({"w1": noisy(98, 202), "w2": second, "w3": noisy(9, 9000)}, 0.65)
        found = inspect_field(image, settings, "w1")
        assert found.state == state
        assert found.figures["background_level"] == pytest.approx(202, abs=2)
    assert found.gate["quality_max_z_figure"] == "background_level"
    assert found.detail.startswith("Channel w2: background_level is 90")
    broken = FieldImage({"w1": noisy(98, 202), "w2": np.full((256, 256), np.nan)}, 0.65)
    unknown = inspect_field(broken, settings, "w1")
    assert unknown.gate["quality_gate"] == "no_reference"
    assert "w2 background_level: not known of this field" in str(unknown.gate["quality_not_judged"])


def fields(*states: str, **more: Any) -> list[dict[str, Any]]:
    return [
        {"field_id": str(i), "state": state, "reason": None, "time": None, "quality_gate": "pass"}
        | more
        for i, state in enumerate(states)
    ]


def test_a_well_with_enough_good_fields_is_ok() -> None:
    found = well_quality(fields("ok", "ok", "ok", "ok", "missing"), GateSettings())
    assert list(found) == [name for name, _ in WELL_QUALITY]
    assert found == {
        "quality_state": "ok",
        "quality_reason": None,
        "ok_fields_fraction": 0.8,
        "n_fields_flagged": 0,
    }


def test_a_well_with_too_few_says_which_and_why() -> None:
    rows = [*fields("ok", "ok", "missing"), *fields("not_evaluable", reason="out_of_focus")]
    found = well_quality(rows, GateSettings())
    assert found["quality_state"] == "reimage"
    assert "2 of 4 planned fields are ok" in found["quality_reason"]
    assert "1 missing, 1 out_of_focus" in found["quality_reason"]
    few = well_quality(fields("ok", "ok"), GateSettings(min_ok_fields=9))
    assert few["quality_state"] == "reimage"
    assert (
        well_quality(fields("failed"), GateSettings(min_ok_fraction=0))["quality_state"]
        == "reimage"
    )


def test_a_well_without_reference_never_says_ok() -> None:
    rows = [*fields("ok"), *fields("ok", quality_gate="no_reference", quality_reason="saturated")]
    found = well_quality(rows, GateSettings())
    assert (found["quality_state"], found["n_fields_flagged"]) == ("no_reference", 1)
    assert "1 of 2 fields" in found["quality_reason"]
    assert plate_quality([found, found]) == {"n_wells_reimage": 0, "n_fields_flagged": 2}


@pytest.mark.parametrize(
    ("required", "lacks", "reason"),
    [
        (("channels",), "Field 0 has no image of channel w2.", "incomplete_channels"),
        (("time",), "", "no_time"),
    ],
)
def test_an_incomplete_record_is_beyond_a_limit(
    required: Sequence[str], lacks: str, reason: str
) -> None:
    (whole,) = fields("ok", quality_reason=None)
    refused = mark_incomplete(whole, lacks, gate(required=required))
    assert (refused["state"], refused["reason"]) == ("not_evaluable", reason)
    flagging = gate(required=required, beyond="flag")
    flagged = mark_incomplete(whole, lacks, flagging)
    assert (flagged["state"], flagged["quality_gate"]) == ("ok", "flagged")
    assert flagged["quality_reason"] == reason
    unjudged = whole | {"quality_gate": "no_reference"}
    kept = mark_incomplete(unjudged, lacks, gate(required=required))
    assert (kept["state"], kept["quality_gate"]) == ("ok", "no_reference")
    assert kept["quality_reason"] == reason
    assert mark_incomplete(whole, lacks, gate(required=[])) == whole


def with_method(folder: Path, **inspect: Any) -> Path:
    path = folder / "method.yaml"
    path.write_text(yaml.safe_dump({"inspect": inspect}))
    return path


def test_a_method_holds_its_reference_and_hashes_it(tmp_path: Path) -> None:
    bare = load_method(None).sha256
    hashes = set()
    for version in ("1", "2"):
        made = reference(version=version)
        (tmp_path / "quality.yaml").write_text(yaml.safe_dump(made.model_dump(mode="json")))
        method = load_method(with_method(tmp_path, reference="quality.yaml"))
        assert method.inspect.reference == made
        (tmp_path / "used.yaml").write_text(method.to_yaml())
        assert load_method(tmp_path / "used.yaml") == method
        hashes.add(method.sha256)
    assert len({*hashes, bare}) == 3


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        (None, "cannot be read .*check inspect.reference"),
        ("- 5", "'monolayer quality' writes one"),
        ("instrument: A", "inspect.reference.objective"),
    ],
)
def test_a_bad_reference_file_is_named(tmp_path: Path, content: str | None, culprit: str) -> None:
    if content is not None:
        (tmp_path / "quality.yaml").write_text(content)
    with pytest.raises(ConfigError, match=culprit):
        load_method(with_method(tmp_path, reference="quality.yaml"))


@pytest.mark.parametrize(
    ("gate_settings", "change", "told"),
    [
        ({"objective": "20x"}, {}, ": the quality reference is of objective '10x'"),
        ({}, {"pixel_size_um": 0.5}, ": the quality reference was changed"),
    ],
)
def test_a_reference_that_does_not_fit_is_refused_in_one_sentence(
    tmp_path: Path, gate_settings: dict[str, Any], change: dict[str, Any], told: str
) -> None:
    content = reference().model_dump(mode="json") | change
    (tmp_path / "quality.yaml").write_text(yaml.safe_dump(content))
    method = with_method(tmp_path, reference="quality.yaml", gate=gate_settings)
    with pytest.raises(ConfigError) as caught:
        load_method(method)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory, write_plate: Any) -> Path:
    """Two wells of twelve fields, run, and the reference of that run."""
    folder = tmp_path_factory.mktemp("gate")
    write_plate(folder / "images", fields=12)
    assert _exit_code(["run", str(folder / "images"), "-o", str(folder / "run"), "--json"]) == 0
    call = ["quality", str(folder / "run"), "--instrument", "A", "--objective", "10x"]
    call += ["--min-fields", "24"]
    assert _exit_code([*call, "-o", str(folder / "quality.yaml"), "--json"]) == 0
    return folder


def test_quality_command_tells_and_keeps_what_is_there(
    plate: Path, tmp_path: Path, capsys: Capture
) -> None:
    call = ["quality", str(plate / "run"), "--instrument", "A", "--objective", "10x"]
    enough = [*call, "--min-fields", "24"]
    assert _exit_code([*enough, "-o", str(tmp_path / "q.yaml")]) == 0
    assert "background_level" in capsys.readouterr().out
    assert (tmp_path / "q.yaml").read_bytes() == (plate / "quality.yaml").read_bytes()
    assert _exit_code([*enough, "-o", str(tmp_path / "q.yaml")]) == 2
    assert "--force" in capsys.readouterr().err
    assert _exit_code([*call, "-o", str(tmp_path / "r.yaml")]) == 2
    assert "24 ok fields, fewer than 40" in capsys.readouterr().err


def test_a_run_without_reference_says_so(plate: Path) -> None:
    table = pq.read_table(plate / "run" / "fields.parquet")
    assert set(table["quality_gate"].to_pylist()) == {"no_reference"}
    wells = pq.read_table(plate / "run" / "wells.parquet").to_pylist()
    assert [well["quality_state"] for well in wells] == ["no_reference"] * 2


def test_a_run_refuses_what_the_instrument_does_not_give(
    plate: Path, tmp_path: Path, capsys: Capture
) -> None:
    """One field of a brighter lamp among 23 that the reference was made of."""
    images = tmp_path / "images"
    images.mkdir()
    for path in sorted((plate / "images").iterdir()):
        pixels = tifffile.imread(path)
        if path.name == "P1_B02_s4_w1.tif":
            pixels = pixels * 2
        size = (1 / 0.65, 1 / 0.65)
        tifffile.imwrite(
            images / path.name, pixels, imagej=True, resolution=size, metadata={"unit": "um"}
        )
    (tmp_path / "quality.yaml").write_bytes((plate / "quality.yaml").read_bytes())
    # The reference was made of these very fields: its robust SD is narrow for the tails.
    settings: dict[str, Any] = {"max_robust_z": 8.0, "min_ok_fraction": 0.95}
    method = with_method(tmp_path, reference="quality.yaml", gate=settings)
    command = ["run", str(images), "-o", str(tmp_path / "run"), "--method", str(method), "--json"]
    assert _exit_code(command) == 0
    rows = pq.read_table(tmp_path / "run" / "fields.parquet").to_pylist()
    refused = [row for row in rows if row["state"] != "ok"]
    assert [row["field_id"] for row in refused] == ["P1/B02/4"]
    assert refused[0]["reason"] == "beyond_reference"
    assert refused[0]["n_objects"] is None
    assert refused[0]["quality_max_z"] > 8
    wells = pq.read_table(tmp_path / "run" / "wells.parquet").to_pylist()
    assert [well["quality_state"] for well in wells] == ["reimage", "ok"]
    (row,) = pq.read_table(tmp_path / "run" / "plates.parquet").to_pylist()
    assert row["n_wells_reimage"] == 1
    assert _exit_code(["status", str(tmp_path / "run")]) == 0
    told = capsys.readouterr().out
    assert "image again: P1/B02: 11 of 12 planned fields are ok" in told
    assert "B03" not in told
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["method"]["inspect"]["reference"]["objective"] == "10x"


def test_the_documentation_runs(
    plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "quality.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(sh|yaml)\n(.*?)```", text, flags=re.DOTALL)
    assert [kind for kind, _ in blocks] == ["sh", "yaml", "sh", "sh"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").symlink_to(plate / "images")
    (tmp_path / "method.yaml").write_text(blocks[1][1])
    for _, block in (blocks[0], blocks[2]):
        for line in block.splitlines():
            assert _exit_code(shlex.split(line)[1:]) == 0, line
    assert "finished" in capsys.readouterr().out
    options = shlex.split(blocks[3][1])
    assert _exit_code(["crosscheck", "good", "judged", *options[5:]]) == 0
    for name in ("fields", "wells", "plates"):
        table = pq.read_schema(tmp_path / "judged" / f"{name}.parquet").names
        rows = re.findall(rf"^\| (`.*`) \| {name} \|", text, flags=re.MULTILINE)
        assert {column.strip("`") for row in rows for column in row.split(", ")} <= set(table)


def test_a_run_with_another_objective_is_refused_before_any_work(
    plate: Path, tmp_path: Path, write_plate: Any, capsys: Capture
) -> None:
    write_plate(tmp_path / "images", wells=("B02",), fields=1, pixel_size_um=0.325)
    (tmp_path / "quality.yaml").write_bytes((plate / "quality.yaml").read_bytes())
    method = with_method(tmp_path, reference="quality.yaml")
    command = [
        "run",
        str(tmp_path / "images"),
        "-o",
        str(tmp_path / "run"),
        "--method",
        str(method),
    ]
    assert _exit_code(command) == 2
    assert "each objective needs its own reference" in capsys.readouterr().err
    assert not (tmp_path / "run" / "run.json").exists()


def _inspected(pixels: NDArray[Any], settings: InspectSettings) -> dict[str, Any]:
    image = FieldImage({"w1": pixels}, 0.65, full_scale={"w1": 4095.0})
    found = inspect_field(image, settings, "w1")
    return {
        "state": str(found.state), "channel": "w1", "pixel_size_um": 0.65,
        **found.figures, **found.gate,
    }  # fmt: skip


@pytest.mark.data
def test_a_real_instrument_knows_its_own_images(data_folder: Path) -> None:
    """BBBC039: each field judged by the 39 others; then blurred, dimmed, or in slanting light."""
    folder = data_folder / "nuclei_fluo" / "bbbc039" / "images"
    images = [tifffile.imread(path) for path in sorted(folder.glob("*.tif"))]
    rng = np.random.default_rng(0)
    rows = [_inspected(pixels, PLAIN) for pixels in images]
    slant = np.linspace(0.6, 1.4, images[0].shape[1])
    passed, caught = 0, {"blurred": 0, "dimmed": 0, "slanted": 0}
    for i, pixels in enumerate(images):
        settings = gate(reference([*rows[:i], *rows[i + 1 :]]))
        passed += _inspected(pixels, settings)["quality_gate"] == "pass"
        blurred = ndimage.gaussian_filter(pixels.astype(np.float64), 3)
        noisy = blurred + rng.normal(0, 4.7, pixels.shape)
        worse = {"blurred": noisy, "dimmed": pixels / 2, "slanted": pixels * slant}
        for name, changed in worse.items():
            row = _inspected(np.round(changed).astype(np.uint16), settings)
            caught[name] += row["quality_gate"] == "refused"
    assert passed >= 36
    assert caught == {"blurred": 40, "dimmed": 40, "slanted": 40}
