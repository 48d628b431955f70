"""The plug-in without napari: its manifest, a run's labels, the sample data."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml

import monolayer_napari
from monolayer.engine.files import labels_path
from monolayer.errors import RunFolderError
from monolayer_napari.reader import get_reader, read_run
from monolayer_napari.sample_data import simulated_field

MANIFEST = Path(monolayer_napari.__file__).parent / "napari.yaml"


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run's folder of three fields: two of one size, a name that needs quoting."""
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, "given": {}}))
    fields = {"P 1/A01/2": (6, 8), "P 1/A01/10": (6, 8), "P 1/B:2/1": (5, 5)}
    for value, (field_id, shape) in enumerate(fields.items(), start=1):
        file = tmp_path / labels_path(field_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(file, np.full(shape, value, np.uint16))
    (tmp_path / "labels" / ".unfinished-3.tif").write_bytes(b"half")
    return tmp_path


def manifest() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    return content


def test_manifest_names_the_distribution_and_functions_that_exist() -> None:
    content = manifest()
    assert content["name"] == "monolayer"
    commands = {command["id"]: command for command in content["contributions"]["commands"]}
    for command in commands.values():
        module, function = command["python_name"].split(":")
        assert callable(getattr(import_module(module), function))
    kinds = ("readers", "writers", "widgets", "sample_data")
    used = [entry for kind in kinds for entry in content["contributions"][kind]]
    assert {entry["command"] for entry in used} == set(commands)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_npe2_accepts_the_manifest() -> None:
    npe2 = pytest.importorskip("npe2", reason="npe2 comes with napari (extra 'gui')")
    found = npe2.PluginManifest.from_file(MANIFEST)
    found.validate_imports()
    assert found.contributions.readers[0].accepts_directories


def test_run_opens_as_one_layer_a_size(run_folder: Path) -> None:
    for path in (run_folder, run_folder / "run.json"):
        reader = get_reader(str(path))
        assert reader is not None
        stack, single = reader(str(path))
        data, arguments, kind = stack
        assert kind == "labels"
        assert arguments["name"] == "labels 8 x 6"
        assert arguments["metadata"]["field_ids"] == ["P 1/A01/2", "P 1/A01/10"]
        assert arguments["metadata"]["monolayer_run"] == str(run_folder)
        assert data.shape == (2, 6, 8)
        assert [int(np.asarray(field).max()) for field in data] == [1, 2]
        np.testing.assert_array_equal(single[0], np.full((5, 5), 3))
        assert single[1]["metadata"]["field_ids"] == ["P 1/B:2/1"]


def test_fields_are_read_when_they_are_shown(run_folder: Path) -> None:
    stack = read_run(str(run_folder))[0][0]
    (run_folder / labels_path("P 1/A01/10")).unlink()
    assert int(np.asarray(stack[0]).max()) == 1
    with pytest.raises(FileNotFoundError):
        np.asarray(stack[1])


def test_other_folders_and_lists_are_left_to_other_readers(tmp_path: Path) -> None:
    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(tmp_path / "image.tif")) is None
    assert get_reader([str(tmp_path)]) is None


def test_run_without_labels_says_so(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, "given": {}}))
    with pytest.raises(RunFolderError, match="no label images"):
        read_run(str(tmp_path))


def test_newer_run_is_refused_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": 10_000, "monolayer": "99.0"}))
    with pytest.raises(RunFolderError, match="update monolayer"):
        read_run(str(tmp_path))


def test_sample_data_is_an_image_with_its_truth() -> None:
    (pixels, of_image, image), (labels, of_labels, kind) = simulated_field()
    assert (image, kind) == ("image", "labels")
    assert pixels.shape == labels.shape
    assert of_image["scale"] == of_labels["scale"]
    # Nuclei are brighter than what lies around them, or image and truth do not belong together.
    assert labels.max() > 10
    assert pixels[labels > 0].mean() > 1.5 * pixels[labels == 0].mean()
    np.testing.assert_array_equal(pixels, simulated_field()[0][0])
