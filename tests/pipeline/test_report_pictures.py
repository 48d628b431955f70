"""Pictures of fields: stretched, small, upright, with outlines that fill to their objects."""

import base64
import re
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from monolayer.drawing.pictures import MAX_WIDTH, encode_picture, outlines, scale_bar

from .report_example import disks


def decoded(data_uri: str) -> NDArray[np.uint8]:
    head, _, body = data_uri.partition(",")
    assert head == "data:image/webp;base64"
    data = np.frombuffer(base64.b64decode(body), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_picture_is_small_stretched_and_upright(dtype: Any) -> None:
    pixels = np.full((600, 1200), 10, dtype)
    pixels[:150, :300] = 200
    uri, width, height = encode_picture(pixels)
    small = decoded(uri)
    assert small.shape == (height, width) == (240, MAX_WIDTH)
    assert small[20:40, 20:100].min() > 245
    assert small[100:, 200:].max() < 10


def test_tall_and_tiny_images() -> None:
    assert encode_picture(np.eye(960, 300))[1:] == (150, 480)
    assert encode_picture(np.eye(3))[1:] == (3, 3)
    assert encode_picture(np.ones((1, 1)))[1:] == (1, 1)


def test_picture_of_a_constant_or_broken_image_is_grey_or_black() -> None:
    assert np.ptp(decoded(encode_picture(np.zeros((50, 60), np.uint16))[0])) <= 2
    pixels = np.linspace(0, 1, 5000).reshape(50, 100)
    pixels[:20] = np.nan
    assert decoded(encode_picture(pixels)[0])[:10].max() < 12
    assert decoded(encode_picture(np.full((9, 9), np.nan))[0]).min() > 100


def test_outlines_fill_to_the_objects_they_trace() -> None:
    _, labels, _ = disks("PLATE-7/A01/1")
    inside, border = (outlines(labels)[kind] for kind in ("inside", "border"))
    factor = 2 * MAX_WIDTH / labels.shape[1]
    canvas = np.zeros((round(labels.shape[0] * factor), 2 * MAX_WIDTH), np.uint8)
    polygons = [_polygon(path) for path in re.findall(r"M[^M]*", inside + border)]
    for polygon in polygons:
        cv2.fillPoly(canvas, [polygon], (1,))
    shape = (canvas.shape[1], canvas.shape[0])
    truth = cv2.resize((labels > 0).astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST)
    overlap = (canvas & truth).sum() / (canvas | truth).sum()
    assert overlap > 0.93
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    at_border = set(np.unique(edge).tolist()) - {0}
    assert border.count("M") >= len(at_border) > 0
    assert inside.count("M") >= len(set(np.unique(labels).tolist()) - {0} - at_border)


def _polygon(path: str) -> NDArray[np.int32]:
    start, _, steps = path[1:].rstrip("z").partition("l")
    points = np.array(f"{start} {steps}".split(), np.int32).reshape(-1, 2)
    return np.cumsum(points, axis=0, dtype=np.int32)


def test_outlines_skip_labels_that_are_not_there() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[10:20, 10:20] = 7
    found = outlines(labels)
    assert list(found) == ["inside"]
    assert found["inside"].count("M") == 1
    assert outlines(np.zeros((40, 40), np.int32)) == {}


def test_outlines_by_kind_leave_out_labels_without_one() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[2:8, 2:8], labels[12:18, 12:18], labels[22:28, 22:28] = 1, 2, 3
    found = outlines(labels, {1: "live", 3: "dead"})
    assert {kind: path.count("M") for kind, path in found.items()} == {"live": 1, "dead": 1}


def test_regions_are_drawn_with_their_holes() -> None:
    labels = np.ones((40, 40), np.int32)
    labels[10:20, 10:20] = 0
    assert outlines(labels, {1: "covered"})["covered"].count("M") == 1
    assert outlines(labels, {1: "covered"}, regions=True)["covered"].count("M") == 2


@pytest.mark.parametrize(
    ("width", "pixel", "um"), [(696, 0.65, 50), (1200, 0.65, 100), (480, 1.0, 50), (100, 0.1, 2)]
)
def test_scale_bar_is_round_and_a_tenth_to_a_fifth_of_the_field(
    width: int, pixel: float, um: float
) -> None:
    bar = scale_bar((300, width), pixel)
    assert bar is not None
    assert bar[0] == um
    assert bar[1] / min(width, MAX_WIDTH) == pytest.approx(um / (width * pixel))
    assert scale_bar((300, width), None) is None
