"""The widget Tune: knobs of every assay, drafts that load, previews that are what a run finds."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from monolayer.assays import assay_of
from monolayer.errors import ConfigError
from monolayer.field import FieldImage
from monolayer.method import AssayName, Method, load_method
from monolayer.preview import Preview, preview_labels
from monolayer_napari.tuning import knobs_of, save_draft, turned


@pytest.mark.parametrize("name", get_args(AssayName))
def test_every_knob_turns_and_says_what_it_means(name: str) -> None:
    method = Method.model_validate({"assay": name})
    knobs = knobs_of(method)
    assert len(knobs) >= 4
    for knob in knobs:
        assert knob.help
        if knob.kind == "number":
            middle = knob.low + 0.5 * (knob.high - knob.low)
            value: Any = round(middle) if knob.step == 1 else middle
        else:
            value = knob.choices[-1] if knob.choices else not knob.value
        changed = turned(method, knob, value)
        section: Any = changed
        for part in knob.section.split("."):
            section = getattr(section, part)
        assert getattr(section, knob.name) == value
        assert changed.sha256 != method.sha256 or value == knob.value


def test_a_value_that_cannot_be_is_refused() -> None:
    method = Method()
    (knob,) = [knob for knob in knobs_of(method) if knob.name == "min_score"]
    with pytest.raises(ConfigError, match=r"segment.min_score.*less than 1"):
        turned(method, knob, 1.0)


def test_a_draft_is_a_method_file_and_never_written_over(tmp_path: Path) -> None:
    method = Method()
    (knob,) = [knob for knob in knobs_of(method) if knob.name == "min_score"]
    tuned = turned(method, knob, 0.6)
    path = tmp_path / "method.yaml"
    with pytest.raises(ConfigError, match="another version"):
        save_draft(tuned, method, path, method.name, method.version)
    with pytest.raises(ConfigError, match="needs a name"):
        save_draft(tuned, method, path, " ", "2")
    assert not path.exists()
    draft = save_draft(tuned, method, path, "nuclei", "2-draft")
    assert load_method(path).sha256 == draft.sha256
    assert load_method(path).segment.min_score == 0.6
    with pytest.raises(ConfigError, match="is there already"):
        save_draft(tuned, method, path, "nuclei", "3")


@pytest.mark.parametrize("name", ["nuclei", "confluence", "suspension"])
def test_a_preview_of_a_field_is_what_a_run_finds(name: str) -> None:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:192, :192]
    pixels = rng.normal(500, 8, (192, 192))
    for cy, cx in ((40, 50), (60, 130), (140, 90)):
        pixels += 900 * np.clip(10.5 - np.hypot(y - cy, x - cx), 0, 1)
    image = FieldImage({"w1": pixels.astype(np.uint16)}, 0.65)
    method = Method.model_validate({"assay": name})
    assay = assay_of(method)
    roles = assay.roles(image.channels, method)
    found = assay.evaluate(image, roles, method).labels
    assert found is not None
    np.testing.assert_array_equal(preview_labels(image, roles, method), found)


def test_a_preview_of_changed_settings_is_what_a_new_one_finds() -> None:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:192, :192]
    pixels = rng.normal(500, 8, (192, 192))
    for cy, cx in ((40, 50), (60, 130), (140, 90)):
        pixels -= 300 * np.clip(10.5 - np.hypot(y - cy, x - cx), 0, 1)
    image = FieldImage({"w1": pixels.astype(np.uint16)}, 0.65)
    preview = Preview(image, {"cells": "w1"})
    found = []
    for score in (0.0, 0.9, 0.0):
        method = Method.model_validate({"assay": "suspension", "suspension": {"min_score": score}})
        found.append(preview.labels(method))
        np.testing.assert_array_equal(found[-1], preview_labels(image, {"": "w1"}, method))
    assert found[0].any()
    np.testing.assert_array_equal(found[0], found[2])
