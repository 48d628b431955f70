"""A run as its user opens it in a notebook."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import monolayer
from monolayer.errors import ConfigError, MissingExtraError, RunFolderError

WritePlate = Callable[..., dict[str, int]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, write_plate: WritePlate) -> monolayer.Run:
    folder = tmp_path_factory.mktemp("results")
    write_plate(folder / "images", wells=("B02", "B03"), fields=2)
    return monolayer.run(folder / "images", folder / "RUN")


def test_tables_in_every_form(run: monolayer.Run) -> None:
    arrow, pandas = run.objects.arrow(), run.objects.pandas()
    polars = run.objects.polars().collect()
    assert len(run.objects) == arrow.num_rows == len(pandas) == len(polars) == 3 + 5 + 7 + 9
    assert run.objects.column_names == arrow.column_names == list(pandas) == polars.columns
    assert run.wells.pandas(["well"]).well.to_list() == ["B02", "B03"]
    assert repr(run.plates).startswith("<Table: 1 rows")


def test_image_and_labels_of_a_field(run: monolayer.Run) -> None:
    image, labels = run.image("P1/B03/1"), run.labels("P1/B03/1")
    assert image.shape == labels.shape == (160, 160)
    assert list(image.channels) == ["w1"]
    assert image.pixel_size_um == pytest.approx(0.65, rel=1e-5)
    inside = image.channels["w1"][labels > 0].mean()
    assert inside > 3 * image.channels["w1"][labels == 0].mean()
    assert "4 of 4 fields ok" in repr(run)


def test_what_is_not_there_is_said(run: monolayer.Run, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="P1/Z09/1"):
        run.labels("P1/Z09/1")
    with pytest.raises(RunFolderError, match="P1/Z09/1"):
        run.image("P1/Z09/1")
    with pytest.raises(RunFolderError, match=r"run\.json"):
        monolayer.open_run(tmp_path)


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_missing_extra_is_named(
    run: monolayer.Run, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtraError, match=r"monolayer\[notebook\]"):
        getattr(run.fields, package)()


def test_count_takes_any_grey_image_and_refuses_the_rest() -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:96, :96]
    image = rng.normal(100, 3, (96, 96)) + 400 * (np.hypot(y - 48, x - 48) < 12)
    assert [len(monolayer.count(image.astype(t))) for t in (np.uint16, np.int32, float)] == [1] * 3
    assert monolayer.count(image).figures["density_cells_per_cm2"] is None
    assert monolayer.count(image, pixel_size_um=0.5).figures["density_cells_per_cm2"] > 0
    with pytest.raises(ConfigError, match="blank"):
        monolayer.count(np.zeros((64, 64)))
    with pytest.raises(ConfigError):
        monolayer.count(np.zeros((4, 64, 64, 2)))
