"""Which labels touch: against slow counts, and regrouped after joining."""

from typing import Any

import numpy as np
import pytest

from monolayer_kernels.contact import Contacts, group_contacts, label_contacts

RNG = np.random.default_rng(23)


def slow_contacts(labels: Any, image: Any) -> Any:
    faces: dict[Any, list[float]] = {}
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            for r, c in ((y + 1, x), (y, x + 1)):
                if r < height and c < width and 0 != labels[y, x] != labels[r, c] != 0:
                    pair = tuple(sorted((int(labels[y, x]), int(labels[r, c]))))
                    faces.setdefault(pair, []).append((float(image[y, x]) + image[r, c]) / 2)
    return {pair: (len(light), sum(light)) for pair, light in sorted(faces.items())}


def as_dict(contacts: Contacts) -> Any:
    rows = zip(contacts.pairs.tolist(), contacts.faces, contacts.light, strict=True)
    return {tuple(pair): (int(n), float(light)) for pair, n, light in rows}


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (17, 23), (40, 40)])
@pytest.mark.parametrize("count", [1, 3, 9])
def test_contacts_equal_a_slow_count(shape: Any, count: Any) -> None:
    labels = RNG.integers(0, count + 1, shape).astype(np.int32)
    image = RNG.integers(0, 100, shape).astype(np.float32)
    found, expected = as_dict(label_contacts(labels, image)), slow_contacts(labels, image)
    assert list(found) == list(expected)
    assert found == expected


def test_a_checkerboard_needs_more_room_than_is_guessed() -> None:
    y, x = np.mgrid[:40, :40]
    labels = (1 + (y + x) % 2).astype(np.int32)
    assert as_dict(label_contacts(labels, np.ones(labels.shape, np.float32))) == {
        (1, 2): (2 * 40 * 39, 2.0 * 40 * 39)
    }


def test_corners_do_not_touch_and_nothing_touches_nothing() -> None:
    labels = np.array([[1, 0], [0, 2]], np.int32)
    for some in (labels, np.zeros((3, 3), np.int32), np.zeros((0, 3), np.int32)):
        contacts = label_contacts(some, np.zeros(some.shape, np.float32))
        assert contacts.pairs.shape == (0, 2)
        assert len(contacts.faces) == len(contacts.light) == 0


def test_regrouping_equals_counting_the_joined_labels() -> None:
    labels = RNG.integers(0, 8, (30, 30)).astype(np.int32)
    image = RNG.integers(0, 50, (30, 30)).astype(np.float32)
    names = np.array([0, 1, 1, 3, 4, 4, 1, 3])
    before = label_contacts(labels, image)
    after = group_contacts(before._replace(pairs=names[before.pairs]))
    assert as_dict(after) == slow_contacts(names[labels], image)


def test_shapes_that_differ_are_named() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 2\)"):
        label_contacts(np.zeros((2, 3), np.int32), np.zeros((3, 2), np.float32))
