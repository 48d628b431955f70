"""Segmenters: the built-in ones and a package's behind one contract, and what is refused."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from monolayer.cli import _exit_code as cli
from monolayer.errors import ConfigError, ImageError
from monolayer.segment import (
    FIGURES,
    Segmentation,
    SegmentSettings,
    open_segmenter,
    segment_nuclei,
    segmenter_identity,
    segmenter_names,
)
from monolayer.segment.checked import CheckedSegmenter

PLUGIN = '''
"""A site's segmenter: everything above a level that its options give."""
import hashlib
from importlib import import_module
from pathlib import Path

import numpy as np
from pydantic import BaseModel
from scipy import ndimage

from monolayer.segment import Segmentation


class Options(BaseModel, extra="forbid"):
    level: float = 500.0
    needs: str = "numpy"


class Simple:
    Options = Options
    version = "3.1"

    def __init__(self, options, settings):
        import_module(options.needs)
        self.level = options.level
        weights = Path(__file__).with_name("weights").read_bytes()
        self.weights_sha256 = hashlib.sha256(weights).hexdigest()

    def segment(self, pixels, pixel_size_um):
        labels, _ = ndimage.label(pixels > self.level)
        pixels[:] = 0
        return Segmentation(labels.astype(np.int64))
'''


WEIGHTS = b"learned"
WEIGHTS_SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


def install(site: Path, name: str, points: dict[str, str], module: str = PLUGIN) -> None:
    """What an installed package leaves behind: a module, and its metadata beside it."""
    site.mkdir(exist_ok=True)
    (site / "weights").write_bytes(WEIGHTS)
    (site / f"{name.replace('-', '_')}.py").write_text(module)
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{point} = {home}" for point, home in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[monolayer.segmenters]", *lines]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site's packages, where Python finds them."""
    install(tmp_path / "site", "site-cells", {"simple": "site_cells:Simple"})
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "site_cells", raising=False)
    return tmp_path / "site"


def discs(seed: int = 0) -> NDArray[np.uint16]:
    y, x = np.mgrid[:160, :160]
    mask = np.zeros((160, 160), bool)
    for cy in range(20, 160, 40):
        for cx in range(20, 160, 40):
            mask |= np.hypot(y - cy, x - cx) <= 8
    noise = np.random.default_rng(seed).normal(0, 6, (160, 160))
    return (200 + 900 * mask + noise).astype(np.uint16)


# The contract ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tree", "threshold"])
def test_built_in_methods_stand_behind_the_contract(name: str) -> None:
    settings = SegmentSettings.model_validate({"method": name})
    opened = open_segmenter(settings)
    identity = segmenter_identity(settings)
    assert (identity.name, identity.weights_sha256) == (name, None)
    assert identity.version == opened.version
    assert opened.weights_sha256 is None
    direct, found = opened.segment(discs(), None), segment_nuclei(discs(), settings)
    np.testing.assert_array_equal(direct.labels, found.labels)
    assert len(found.scores) == 16


def test_a_package_brings_a_segmenter(site: Path) -> None:
    settings = SegmentSettings(method="simple", options={"level": 600.0})
    assert segmenter_names() == ["tree", "threshold", "onnx", "simple"]
    identity = segmenter_identity(settings)
    assert (identity.name, identity.version) == ("simple", "3.1")
    assert identity.weights_sha256 == WEIGHTS_SHA256
    image = discs()
    before = image.copy()
    found = segment_nuclei(image, settings)
    np.testing.assert_array_equal(image, before)
    expected: Any = ndimage.label(image > 600)
    np.testing.assert_array_equal(found.labels, expected[0])
    assert found.labels.dtype == np.int32
    # It gives no scores: unknown is not 0.
    assert np.isnan(found.scores).all()
    assert found.scores.shape == (16,)
    assert tuple(found.figures) == FIGURES
    assert set(found.figures.values()) == {None}


def test_the_example_of_the_documentation_works(site: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "segmenter.md").read_text(encoding="utf-8")
    code, entry = text.split("```python\n")[1], text.split("```toml\n")[1]
    point, home = entry.split("\n")[1].replace('"', "").split(" = ")
    install(site, "site-segmenters", {point: home}, code.split("```")[0])
    settings = SegmentSettings(method=point, options={"least_distance_um": 5.0})
    found = segment_nuclei(discs(), settings, 0.65)
    assert len(found.scores) == 16
    assert segmenter_identity(settings).version.startswith("1 scikit-image 0.")


def test_its_options_are_checked_by_its_own_model(site: Path) -> None:
    with pytest.raises(ConfigError, match=r"segment\.options\.level: .* \(segmenter 'simple'\)"):
        open_segmenter(SegmentSettings(method="simple", options={"level": "high"}))
    with pytest.raises(ConfigError, match=r"segment\.options\.colour: Extra inputs"):
        open_segmenter(SegmentSettings(method="simple", options={"colour": 1}))


@pytest.mark.parametrize("name", ["tree", "threshold"])
def test_options_of_a_built_in_method_are_refused(name: str) -> None:
    settings = SegmentSettings(method=name, options={"level": 3})
    with pytest.raises(ConfigError, match=f"the method '{name}' takes none"):
        segmenter_identity(settings)
    with pytest.raises(ConfigError, match=r"segment\.options\.level: Extra inputs"):
        segment_nuclei(discs(), settings)


def test_an_unknown_name_is_an_error_and_no_fallback() -> None:
    settings = SegmentSettings(method="cellpose")
    words = r"no segmenter of that name is installed \(there are tree, threshold, onnx\)"
    with pytest.raises(ConfigError, match=words):
        segmenter_identity(settings)
    with pytest.raises(ConfigError, match="'cellpose'"):
        segment_nuclei(discs(), settings)


def test_what_a_package_needs_and_has_not_is_an_error(site: Path) -> None:
    install(site, "site-torn", {"torn": "site_torn:Missing", "deep": "no_such_net:Net"})
    for name, words in (("torn", "no attribute 'Missing'"), ("deep", "No module named")):
        with pytest.raises(
            ConfigError, match=f"'{name}' of site-torn 1.0 cannot be loaded .*{words}"
        ):
            open_segmenter(SegmentSettings(method=name))


def test_two_packages_with_one_name_are_an_error(site: Path) -> None:
    install(site, "other-cells", {"simple": "other_cells:Simple"})
    with pytest.raises(ConfigError, match=r"other-cells 1\.0 and site-cells 1\.0: remove one"):
        open_segmenter(SegmentSettings(method="simple"))


def test_no_package_can_stand_in_for_a_built_in_method(site: Path) -> None:
    install(site, "tree-cells", {"tree": "tree_cells:Simple"})
    assert len(segment_nuclei(discs(), SegmentSettings()).scores) == 16
    assert "tree_cells" not in sys.modules
    assert segmenter_names().count("tree") == 1


def test_nothing_of_a_segmenter_is_imported_before_it_is_named() -> None:
    code = (
        "import sys\n"
        "from monolayer.segment import SegmentSettings, segmenter_identity, segment_nuclei\n"
        "segmenter_identity(SegmentSettings())\n"
        "assert not {'numba', 'onnxruntime'} & set(sys.modules), 'identity'\n"
        "import numpy as np\n"
        "segment_nuclei(np.zeros((20, 20), np.uint8))\n"
        "assert 'onnxruntime' not in sys.modules, 'tree'\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


# What comes back is judged --------------------------------------------------------------------


class Given:
    """A segmenter that gives what a test puts into it."""

    version = "1"
    weights_sha256 = None

    def __init__(self, found: Any) -> None:
        self.found = found

    def segment(self, pixels: NDArray[Any], pixel_size_um: float | None) -> Segmentation:
        found: Segmentation = self.found
        return found


def judged(labels: Any, scores: Any = (), size: float | None = None, **more: Any) -> Segmentation:
    settings = SegmentSettings(method="given", **more)
    inner = Given(Segmentation(labels, np.asarray(scores, np.float64)))
    return CheckedSegmenter(inner, settings).segment(np.zeros((4, 6), np.uint8), size)


LABELS = np.array(
    [
        [0, 0, 9, 9, 0, 0],
        [3, 0, 9, 0, 0, 7],
        [3, 0, 0, 0, 7, 7],
        [0, 0, 0, 0, 0, 0],
    ]
)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64, ">u2"])
def test_labels_are_numbered_by_their_first_pixels_and_scores_follow(dtype: Any) -> None:
    found = judged(LABELS.astype(dtype), [0.3, 0.7, 0.9])
    expected = [[0, 0, 1, 1, 0, 0], [3, 0, 1, 0, 0, 2], [3, 0, 0, 0, 2, 2], [0] * 6]
    # 9 comes first; 7 and 3 begin in one row, 3 further left.
    expected = np.array([0, 1, 3, 2])[expected].tolist()
    assert found.labels.tolist() == expected
    assert found.labels.dtype == np.int32
    assert found.scores.tolist() == [0.9, 0.3, 0.7]
    assert found.figures["segment_mean_score"] == pytest.approx(1.9 / 3)
    assert found.diameter_px == pytest.approx(2 * np.sqrt(3 / np.pi))


def test_memory_order_changes_nothing() -> None:
    np.testing.assert_array_equal(judged(np.asfortranarray(LABELS)).labels, judged(LABELS).labels)


def test_a_score_may_be_unknown() -> None:
    found = judged(LABELS, [0.3, np.nan, 0.9])
    assert found.figures["segment_mean_score"] == pytest.approx(0.6)
    assert np.isnan(found.scores[2])


def test_small_objects_are_left_out_with_their_scores() -> None:
    found = judged(LABELS, [0.3, 0.7, 0.9], 2.0, min_area_um2=12.0)
    assert found.scores.tolist() == [0.9, 0.7]
    assert np.bincount(found.labels.ravel()).tolist() == [18, 3, 3]
    with pytest.raises(ImageError, match="min_area_um2 is 12 but the pixel size is unknown"):
        judged(LABELS, min_area_um2=12.0)


def test_nothing_found_is_nothing() -> None:
    found = judged(np.zeros((4, 6), int))
    assert found.scores.size == 0
    assert found.diameter_px is None
    assert not found.labels.any()


@pytest.mark.parametrize(
    ("labels", "scores", "words"),
    [
        (LABELS[:3], (), r"labels of shape \(3, 6\) for a plane of \(4, 6\)"),
        (LABELS.astype(float), (), "labels of float64, not an array of integers"),
        (LABELS > 0, (), "labels of bool"),
        (LABELS.tolist(), (), "labels of list"),
        (None, (), "labels of NoneType"),
        (-LABELS, (), "labels from -9 to 0"),
        (LABELS * 2**31, (), "not from 0 to 2"),
        (LABELS, [0.5, 0.5], r"scores of shape \(2,\) for 3 objects"),
        (LABELS, [0.5, 0.5, 1.5], "scores from 0.5 to 1.5, not from 0 to 1"),
    ],
)
def test_what_is_no_segmentation_costs_the_field(labels: Any, scores: Any, words: str) -> None:
    with pytest.raises(ImageError, match=f"the segmenter 'given' gave .*{words}") as caught:
        judged(labels, scores)
    assert caught.value.reason == "segmenter_output"


# Through the command line -----------------------------------------------------------------------


def test_a_run_counts_with_a_packages_segmenter(
    tmp_path: Path, site: Path, write_plate: Callable[..., dict[str, int]]
) -> None:
    truth = write_plate(tmp_path / "plate")
    method = tmp_path / "method.yaml"
    method.write_text("segment: {method: simple, options: {level: 450.0}}")
    run = tmp_path / "run"
    command = ["run", str(tmp_path / "plate"), "-o", str(run), "--method", str(method)]
    assert cli([*command, "--workers", "1"]) == 0
    fields = pq.read_table(run / "fields.parquet").to_pylist()
    assert {row["field_id"]: row["n_objects"] for row in fields} == truth
    objects = pq.read_table(next((run / "objects").rglob("*.parquet")))
    assert objects["segmentation_score"].null_count == len(objects) > 0
    record = json.loads((run / "run.json").read_text())
    assert record["segmenter"] == {
        "name": "simple",
        "version": "3.1",
        "weights_sha256": WEIGHTS_SHA256,
    }
    assert "report.html" in {path.name for path in run.iterdir()}


def test_other_weights_make_other_work(
    tmp_path: Path, site: Path, write_plate: Callable[..., dict[str, int]], capsys: Any
) -> None:
    write_plate(tmp_path / "plate", fields=1)
    method = tmp_path / "method.yaml"
    method.write_text("segment: {method: simple}")
    command = ["run", str(tmp_path / "plate"), "-o", str(tmp_path / "run"), "--method", str(method)]
    for weights, processed in ((WEIGHTS, 2), (WEIGHTS, 0), (b"learned anew", 2)):
        (site / "weights").write_bytes(weights)
        capsys.readouterr()
        assert cli([*command, "--workers", "1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["processed"] == processed


def test_a_segmenter_that_breaks_costs_its_fields_and_not_the_run(
    tmp_path: Path, site: Path, write_plate: Callable[..., dict[str, int]]
) -> None:
    broken = PLUGIN.replace("pixels[:] = 0", "labels = labels[:-1] if labels.max() > 4 else labels")
    install(site, "site-broken", {"broken": "site_broken:Simple"}, broken)
    truth = write_plate(tmp_path / "plate")
    method = tmp_path / "method.yaml"
    method.write_text("segment: {method: broken, options: {level: 450.0}}")
    run = tmp_path / "run"
    command = ["run", str(tmp_path / "plate"), "-o", str(run), "--method", str(method)]
    assert cli([*command, "--workers", "1"]) == 3
    fields = pq.read_table(run / "fields.parquet").to_pylist()
    reasons = {row["field_id"]: row["reason"] for row in fields}
    assert reasons == {name: "segmenter_output" if n > 4 else None for name, n in truth.items()}
    assert {row["n_objects"] for row in fields if row["reason"]} == {None}


def test_a_missing_segmenter_stops_the_run_and_the_evaluation(
    tmp_path: Path, write_plate: Callable[..., dict[str, int]], capsys: Any
) -> None:
    write_plate(tmp_path / "plate", fields=1)
    method = tmp_path / "method.yaml"
    method.write_text("segment: {method: stardist}")
    asked = ["--method", str(method)]
    assert cli(["run", str(tmp_path / "plate"), "-o", str(tmp_path / "run"), *asked]) == 2
    assert "segment.method is 'stardist', but no segmenter" in capsys.readouterr().err
    assert not (tmp_path / "run" / "parts").exists()
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,truth_path,dataset\n")
    assert cli(["evaluate", "--manifest", str(manifest), *asked]) == 2
    assert "'stardist'" in capsys.readouterr().err
