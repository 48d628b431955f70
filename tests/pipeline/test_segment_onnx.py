"""Learned models in ONNX format: small ones built here, run alone and through ``monolayer run``."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from scipy import ndimage

from monolayer.cli import _exit_code as cli
from monolayer.errors import ConfigError, ImageError, MissingExtraError
from monolayer.segment import SegmentSettings, open_segmenter, segment_nuclei, segmenter_identity
from monolayer.segment.instances import Maps, find_instances

SIDE = 15
Shape = list[int | str]


def save(path: Path, nodes: Any, weights: Any, shapes: tuple[Shape, Shape]) -> Path:
    """A model with one input x and one output y."""
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip("xy", shapes, strict=True)
    )
    named = [numpy_helper.from_array(np.asarray(w, np.float32), name) for name, w in weights]
    graph = helper.make_graph(nodes, "small", [x], [y], named)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(model, str(path))
    return path


def mean_model(path: Path, sizes: Shape, level: float = 0.3, channels: int = 1) -> Path:
    """Sigmoid of 20 times (a 5 x 5 mean of the first channel, less a level)."""
    kernel = np.zeros((1, channels, 5, 5))
    kernel[0, 0] = 20 / 25
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[2, 2, 2, 2]),
        helper.make_node("Sigmoid", ["c"], ["y"]),
    ]
    weights = [("w", kernel), ("b", [-20 * level])]
    return save(path, nodes, weights, ([1, channels, *sizes], [1, 1, *sizes]))


def picture(size: int = 200, pitch: int = 40, radius: int = 9) -> NDArray[np.uint16]:
    """Discs of one brightness, 16 of them by default, on a noisy background."""
    y, x = np.mgrid[:size, :size]
    centres = range(pitch // 2 + 10, size - pitch // 2, pitch)
    mask = np.zeros((size, size), bool)
    for cy in centres:
        for cx in centres:
            mask |= np.hypot(y - cy, x - cx) <= radius
    noise = np.random.default_rng(0).normal(0, 8, (size, size))
    return (200 + 1000 * mask + noise).astype(np.uint16)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def by(model: Path, expected_um: float | None = None, **options: Any) -> SegmentSettings:
    given: dict[str, Any] = {
        "model": str(model),
        "sha256": sha256(model),
        "margin_px": 8,
        "stride_px": 8,
    }
    given |= {"low": 1.0, "high": 99.0} | options
    return SegmentSettings(method="onnx", options=given, min_area_um2=expected_um)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    return mean_model(folder / "mean.onnx", ["h", "w"])


# What the model's channels become ---------------------------------------------------------------


def test_objects_are_where_a_slow_version_of_the_model_says(model: Path) -> None:
    image = picture()
    found = segment_nuclei(image, by(model))
    low, high = np.percentile(image, (1, 99))
    plane = (image - low) / (high - low)
    # Beyond the plane it is mirrored, as scipy's "reflect" does it.
    mean = ndimage.uniform_filter(plane, 5, mode="reflect")
    chance = 1 / (1 + np.exp(-20 * (mean - 0.3)))
    labelled: Any = ndimage.label(np.round(chance, 3) >= 0.5)
    expected, count = labelled
    assert count == 16
    np.testing.assert_array_equal(found.labels, expected)
    means = ndimage.mean(np.round(chance, 3), expected, range(1, count + 1))
    np.testing.assert_allclose(found.scores, means, atol=2e-6)
    areas = np.bincount(found.labels.ravel())[1:]
    assert found.diameter_px == pytest.approx(2 * np.sqrt(np.median(areas) / np.pi))
    assert found.figures == {
        "segment_noise": None,
        "segment_brightness": None,
        "segment_mean_score": pytest.approx(found.scores.mean()),
    }


@pytest.mark.parametrize("tile_px", [24, 56, 64, 96, 4096])
def test_tiles_change_nothing_where_the_margin_is_wide_enough(model: Path, tile_px: int) -> None:
    image = np.ascontiguousarray(picture()[:173, :121])
    expected = segment_nuclei(image, by(model))
    found = segment_nuclei(image, by(model, tile_px=tile_px))
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.scores, expected.scores)


def test_a_model_of_fixed_size_gets_tiles_of_it(model: Path, folder: Path) -> None:
    fixed = mean_model(folder / "fixed.onnx", [48, 64])
    image = picture()
    np.testing.assert_array_equal(
        segment_nuclei(image, by(fixed)).labels, segment_nuclei(image, by(model)).labels
    )


def test_a_grey_plane_is_repeated_for_a_model_of_three_channels(model: Path, folder: Path) -> None:
    colour = mean_model(folder / "colour.onnx", ["h", "w"], channels=3)
    image = picture()
    np.testing.assert_array_equal(
        segment_nuclei(image, by(colour)).labels, segment_nuclei(image, by(model)).labels
    )


def test_channels_may_come_last(model: Path, folder: Path) -> None:
    kernel = np.full((1, 1, 5, 5), 20 / 25)
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", "w", "b"], ["c"], pads=[2, 2, 2, 2]),
        helper.make_node("Transpose", ["c"], ["y"], perm=[0, 2, 3, 1]),
    ]
    shapes: tuple[Shape, Shape] = ([1, "h", "w", 1], [1, "h", "w", 1])
    last = save(folder / "last.onnx", nodes, [("w", kernel), ("b", [-6.0])], shapes)
    image = picture()
    found = segment_nuclei(image, by(last, layout="nhwc", activation="sigmoid"))
    np.testing.assert_array_equal(found.labels, segment_nuclei(image, by(model)).labels)


def fixed_grey(model: Path, **options: Any) -> SegmentSettings:
    return by(model, normalise="fixed", low=0.0, high=1000.0, **options)


def test_fixed_grey_values_make_brightness_count(model: Path) -> None:
    image = picture()
    assert len(segment_nuclei(image, fixed_grey(model)).scores) == 16
    assert len(segment_nuclei(image // 8, fixed_grey(model)).scores) == 0
    assert len(segment_nuclei(image // 8, by(model)).scores) == 16


def channels_model(path: Path, gains: Any, offsets: Any) -> Path:
    """Channels that are the plane times a gain plus an offset: what a net would say, drawn."""
    weights = [("w", np.asarray(gains)[:, None, None, None]), ("b", offsets)]
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["y"])]
    n = len(np.asarray(gains))
    return save(path, nodes, weights, ([1, 1, "h", "w"], [1, n, "h", "w"]))


def two_steps() -> NDArray[np.uint16]:
    """A pair of touching squares at 900 within a rim of 600, and the background at 0."""
    image = np.zeros((40, 60), np.uint16)
    image[8:32, 8:52] = 600
    image[11:29, 11:28] = image[11:29, 32:49] = 900
    return image


def test_a_boundary_channel_parts_what_touches(folder: Path) -> None:
    # Inside is the plane, boundary is 1 on the rim of 600 only.
    nodes = [
        helper.make_node("Sub", ["x", "rim"], ["d"]),
        helper.make_node("Abs", ["d"], ["a"]),
        helper.make_node("Mul", ["a", "ten"], ["m"]),
        helper.make_node("Sub", ["one", "m"], ["s"]),
        helper.make_node("Relu", ["s"], ["edge"]),
        helper.make_node("Concat", ["x", "edge"], ["y"], axis=1),
    ]
    weights = [("rim", [0.6]), ("ten", [10.0]), ("one", [1.0])]
    path = save(folder / "edge.onnx", nodes, weights, ([1, 1, "h", "w"], [1, 2, "h", "w"]))
    image = two_steps()
    together = segment_nuclei(image, fixed_grey(path))
    assert len(together.scores) == 1
    parted = segment_nuclei(image, fixed_grey(path, boundary=1))
    assert len(parted.scores) == 2
    # The rim goes to the nearer square, so that no pixel of the foreground is lost.
    np.testing.assert_array_equal(parted.labels > 0, together.labels > 0)
    assert parted.labels[20, 12] == 1
    assert parted.labels[20, 47] == 2


def test_a_distance_channel_gives_the_seeds(folder: Path) -> None:
    path = channels_model(folder / "distance.onnx", [1.0, 10.0], [0.0, 0.0])
    settings = fixed_grey(path, distance=1, seed_level=8.0)
    assert len(segment_nuclei(two_steps(), settings).scores) == 2
    assert len(segment_nuclei(two_steps(), fixed_grey(path, distance=1)).scores) == 1
    nothing = fixed_grey(path, distance=1, seed_level=20.0)
    assert len(segment_nuclei(two_steps(), nothing).scores) == 0


def test_softmax_leaves_the_distance_alone_and_sums_the_foreground(folder: Path) -> None:
    # Background, inside, boundary; then a distance that would drown them in one softmax.
    path = channels_model(folder / "softmax.onnx", [0.0, 20.0, 0.0, 100.0], [9.0, 0.0, 6.0, 0.0])
    image = two_steps()
    settings = fixed_grey(
        path, activation="softmax", foreground=[1, 2], distance=3, seed_level=80.0
    )
    found = segment_nuclei(image, settings)
    assert len(found.scores) == 2
    e = np.exp([9.0, 18.0, 6.0])
    inner = round(float((e[1] + e[2]) / e.sum()), 3)
    e = np.exp([9.0, 12.0, 6.0])
    rim = round(float((e[1] + e[2]) / e.sum()), 3)
    n_inner, n_all = 18 * 17, 24 * 22
    assert found.scores[0] == pytest.approx((n_inner * inner + (n_all - n_inner) * rim) / n_all)


def test_holes_are_filled_and_small_objects_left_out(model: Path) -> None:
    image = picture()
    image[25:34, 25:34] = 200
    assert image.shape == (200, 200)
    found = segment_nuclei(image, by(model))
    for region in ndimage.find_objects(found.labels):
        inside = found.labels[region] > 0
        np.testing.assert_array_equal(ndimage.binary_fill_holes(inside), inside)
    image[0:6, 0:6] = 1200
    assert len(segment_nuclei(image, by(model)).scores) == 17
    assert len(segment_nuclei(image, by(model, 60.0), 1.0).scores) == 16
    with pytest.raises(ImageError, match="min_area_um2 is 60 but the pixel size is unknown"):
        segment_nuclei(image, by(model, 60.0))


def test_the_same_to_the_last_bit_and_for_any_dtype(model: Path) -> None:
    image = picture()
    first = segment_nuclei(image, by(model))
    for same in (image, image.astype(np.float64), np.asfortranarray(image)):
        again = segment_nuclei(same, by(model))
        assert again.scores.tobytes() == first.scores.tobytes()
        np.testing.assert_array_equal(again.labels, first.labels)


def test_a_plane_of_one_value_is_background(model: Path) -> None:
    assert len(segment_nuclei(np.full((64, 64), 700, np.uint16), by(model)).scores) == 0


def test_last_bits_of_the_maps_change_nothing() -> None:
    chance: Any = ndimage.gaussian_filter((picture() > 700).astype(np.float32), 3)
    shaken = chance * np.float32(1 + 2e-7)
    first, second = (find_instances(Maps(m, m), 0.5, 0.5) for m in (chance, shaken))
    np.testing.assert_array_equal(first.labels, second.labels)


# What cannot work is said before the first field ----------------------------------------------


def test_other_weights_are_refused(model: Path, folder: Path) -> None:
    swapped = folder / "swapped.onnx"
    swapped.write_bytes(model.read_bytes())
    settings = by(swapped)
    assert segmenter_identity(settings).weights_sha256 == sha256(model)
    mean_model(swapped, ["h", "w"], level=0.5)
    with pytest.raises(ConfigError, match="these are other weights than the method's"):
        segmenter_identity(settings)


def test_a_missing_hash_is_told(model: Path) -> None:
    settings = SegmentSettings(method="onnx", options={"model": str(model)})
    with pytest.raises(ConfigError, match=rf"sha256 is missing: that of .* is {sha256(model)}"):
        open_segmenter(settings)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"low": 5.0, "high": 2.0}, "high is 2 and low 5"),
        ({"high": 101.0}, "must be percent"),
        ({"foreground": [-1]}, "channels count from 0"),
        ({"foreground": [3]}, "name channel 3, but .* gives 1"),
        ({"boundary": 1}, "name channel 1, but .* gives 1"),
        ({"boundary": 0, "distance": 0}, "seeds come from one of them"),
        ({"output": "z"}, "output is 'z', but .* gives y"),
        ({"layout": "nhwc"}, "leaves nothing of tiles of 1 x 24 pixels: .* check .*layout"),
        ({"tile_px": 16, "margin_px": 8}, "leaves nothing of tiles of 16 x 16"),
        ({"colour": True}, "segment.options.colour: Extra inputs are not permitted"),
        ({"sha256": "0f"}, "segment.options.sha256"),
    ],
)
def test_wrong_options_are_named(model: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        open_segmenter(by(model, **options))


def test_what_is_no_model_is_refused(folder: Path) -> None:
    missing: dict[str, Any] = {"model": "/nowhere/to/be.onnx"}
    with pytest.raises(ConfigError, match=r"cannot be read .*; check segment.options.model"):
        open_segmenter(SegmentSettings(method="onnx", options=missing))
    with pytest.raises(ConfigError, match=r"segment\.options\.model: Field required"):
        open_segmenter(SegmentSettings(method="onnx"))
    text = folder / "text.onnx"
    text.write_text("weights")
    with pytest.raises(ConfigError, match="is no model that onnxruntime opens"):
        open_segmenter(by(text))
    flat = save(
        folder / "flat.onnx", [helper.make_node("Relu", ["x"], ["y"])], [], (["n", 4], ["n", 4])
    )
    with pytest.raises(ConfigError, match=r"takes x tensor\(float\) \['n', 4\], not one 4-D"):
        open_segmenter(by(flat))
    half = save(
        folder / "half.onnx",
        [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])],
        [],
        ([1, 1, "h", "w"], [1, 1, "p", "q"]),
    )
    with pytest.raises(ConfigError, match=r"output of shape \(1, 1, \d+, \d+\) for a tile of"):
        open_segmenter(by(half))


def test_a_model_that_gives_no_numbers_costs_the_field(folder: Path) -> None:
    path = save(
        folder / "log.onnx",
        [helper.make_node("Log", ["x"], ["y"])],
        [],
        ([1, 1, "h", "w"], [1, 1, "h", "w"]),
    )
    with pytest.raises(ImageError, match="NaN or infinite values") as caught:
        segment_nuclei(picture(), by(path))
    assert caught.value.reason == "segmenter_output"


def test_the_missing_extra_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'monolayer\[onnx\]'"):
        segmenter_identity(by(model))


# Through the command line -----------------------------------------------------------------------


def write_method(path: Path, settings: SegmentSettings) -> Path:
    path.write_text(json.dumps({"segment": settings.model_dump(mode="json", exclude_unset=True)}))
    return path


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_counts_with_the_model(
    tmp_path: Path, model: Path, write_plate: Callable[..., dict[str, int]], workers: int
) -> None:
    truth = write_plate(tmp_path / "plate")
    settings = by(model, normalise="fixed", low=200.0, high=900.0, foreground_level=0.6)
    method, run = write_method(tmp_path / "onnx.yaml", settings), tmp_path / "run"
    command = ["run", str(tmp_path / "plate"), "-o", str(run), "--method", str(method)]
    assert cli([*command, "--workers", str(workers)]) == 0
    fields = pq.read_table(run / "fields.parquet").to_pylist()
    assert {row["field_id"]: row["n_objects"] for row in fields} == truth
    record = json.loads((run / "run.json").read_text())
    assert record["segmenter"]["name"] == "onnx"
    assert record["segmenter"]["weights_sha256"] == sha256(model)
    assert "onnxruntime" in record["segmenter"]["version"]


def test_a_run_with_other_weights_stops_before_its_first_field(
    tmp_path: Path, model: Path, write_plate: Callable[..., dict[str, int]], capsys: Any
) -> None:
    write_plate(tmp_path / "plate", fields=1)
    settings = by(model, sha256="0" * 64)
    method = write_method(tmp_path / "onnx.yaml", settings)
    command = ["run", str(tmp_path / "plate"), "-o", str(tmp_path / "run"), "--method", str(method)]
    assert cli([*command, "--workers", "1"]) == 2
    assert "these are other weights than the method's" in capsys.readouterr().err
    assert not (tmp_path / "run" / "parts").exists()
