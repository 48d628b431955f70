"""The plan: the same for any order of files, quick for many, and it says what is missing."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from monolayer.read import Listing, ReadSettings, find_fields
from monolayer.read import plan as plan_module
from monolayer.read import walk as walk_module

PIXELS = np.zeros((8, 8), np.uint16)


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def missing(listing: Listing) -> list[str]:
    for field in listing.missing:
        assert field.channels == {}
        assert field.problem is not None
        assert field.problem[0] == "missing"
    return [field.field_id for field in listing.missing]


def test_order_of_the_file_system_never_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"P{p}/TimePoint_{t}/P_{w}_s{s}_w{c}.tif" for p in (1, 2) for t in (1, 2, 10)
             for w in ("A01", "B12") for s in (1, 2, 11) for c in (1, 2)]  # fmt: skip
    touch(tmp_path, *names, "P1/TimePoint_1/P_A01_s01_w1.tif", "P2/stray.tif", "P2/.hidden.tif",
          "P1/x.HTD", "P1/a.txt")  # fmt: skip
    expected = find_fields(tmp_path, ReadSettings())
    assert expected.layout == "metaxpress"
    real = os.scandir
    for seed in range(5):
        rng = random.Random(seed)

        def shuffled(path: str, rng: random.Random = rng) -> Iterator[os.DirEntry[str]]:
            entries = list(real(path))
            rng.shuffle(entries)
            return iter(entries)

        monkeypatch.setattr(walk_module, "os", SimpleNamespace(scandir=shuffled, path=os.path))
        assert find_fields(tmp_path, ReadSettings()) == expected
    assert list(expected.fields) == sorted(expected.fields, key=lambda f: f.sort_key)


def test_what_is_ignored_and_why(tmp_path: Path) -> None:
    touch(tmp_path, "a.tif", ".b.tif", ".git/c.tif", "sub/notes.txt", "old/run.json",
          "old/labels/d.tif")  # fmt: skip
    listing = find_fields(tmp_path, ReadSettings())
    assert [f.field for f in listing.fields] == ["a"]
    assert listing.ignored == (
        (".b.tif", "hidden"), (".git", "hidden"), ("old", "folder of a run"),
        ("sub/notes.txt", "not an image"))  # fmt: skip


def test_plain_names_are_paths_and_stay_distinct(tmp_path: Path) -> None:
    touch(tmp_path, "a.tif", "a.png", "b.ome.tif", "c/a.tif", "d.v2.tif", "B.TIFF")
    listing = find_fields(tmp_path, ReadSettings())
    assert {f.field: f.paths for f in listing.fields} == {
        "a.tif": ("a.tif",), "a.png": ("a.png",), "b": ("b.ome.tif",), "c/a": ("c/a.tif",),
        "d.v2": ("d.v2.tif",), "B": ("B.TIFF",)}  # fmt: skip
    assert len({f.field_id for f in listing.fields}) == 6


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    touch(tmp_path, "real/P_A01_s1.tif")
    images = tmp_path / "images"
    images.mkdir()
    (images / "linked").symlink_to(tmp_path / "real")
    (images / "P_A02_s1.tif").symlink_to(tmp_path / "real" / "P_A01_s1.tif")
    (images / "loop").symlink_to(images)
    listing = find_fields(images, ReadSettings(), layout="plain")
    assert {f.field for f in listing.fields} == {"P_A02_s1", "linked/P_A01_s1"}
    assert listing.ignored == (("loop", "link to a folder above it"),)


def test_folder_that_may_not_be_listed_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.tif", "closed/b.tif")
    real = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(walk_module, "os", SimpleNamespace(scandir=refuse, path=os.path))
    listing = find_fields(tmp_path, ReadSettings())
    assert {f.field: f.problem and f.problem[0] for f in listing.fields} == {
        "a": None, "closed/": "permission"}  # fmt: skip


def test_holes_of_a_regular_grid(tmp_path: Path) -> None:
    names = [f"P_{w}_s{s}_w1.tif" for w in ("A01", "A02", "B01") for s in (1, 2, 3)]
    names.remove("P_A02_s3_w1.tif")
    listing = find_fields(touch(tmp_path, *names), ReadSettings())
    assert missing(listing) == ["P/A02/3"]


def test_holes_in_time(tmp_path: Path) -> None:
    names = [f"TimePoint_{t}/P_A0{w}.tif" for w in (1, 2) for t in (1, 2, 3)]
    names.remove("TimePoint_2/P_A01.tif")
    listing = find_fields(touch(tmp_path, *names), ReadSettings())
    assert missing(listing) == ["P/A01/1/2"]


def test_a_selection_of_fields_is_no_grid(tmp_path: Path) -> None:
    touch(tmp_path, *(f"P_A{i:02d}_s{i}_w1.tif" for i in range(1, 9)))
    assert missing(find_fields(tmp_path, ReadSettings())) == []


def test_a_plain_folder_misses_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "a1.tif", "b2.tif", "b3.tif")
    assert missing(find_fields(tmp_path, ReadSettings())) == []


HTD = """"HTSInfoFile", Version 1.0
"TimePoints", {times}
"XWells", 3
"YWells", 2
"WellsSelection1", TRUE, FALSE, TRUE
"WellsSelection2", FALSE, TRUE, FALSE
"Sites", TRUE
"XSites", 2
"YSites", 1
"SiteSelection1", TRUE, {second}
"EndFile"
"""


def test_htd_plans_wells_sites_and_times(tmp_path: Path) -> None:
    touch(tmp_path, *(f"TimePoint_1/P_A01_s{s}_w1.tif" for s in (1, 2)))
    (tmp_path / "P.HTD").write_text(HTD.format(times=2, second="TRUE"))
    listing = find_fields(tmp_path, ReadSettings())
    wanted = [f"P/{w}/{s}/{t}" for w in ("A01", "A03", "B02") for t in (1, 2) for s in (1, 2)]
    assert missing(listing) == [i for i in wanted if i not in ("P/A01/1/1", "P/A01/2/1")]
    assert listing.missing[0].problem == (
        "missing",
        "Planned by P.HTD, but no file is there: copy it if it was lost.",
    )


def test_htd_without_time_folders_and_with_some_sites(tmp_path: Path) -> None:
    touch(tmp_path, "P_A01_s1_w1.tif")
    (tmp_path / "P.HTD").write_text(HTD.format(times=1, second="FALSE"))
    assert missing(find_fields(tmp_path, ReadSettings())) == ["P/A03/1", "P/B02/1"]


@pytest.mark.parametrize("text", ["", "\0\xff\xfe", '"TimePoints", many'])
def test_a_broken_side_file_costs_nothing(tmp_path: Path, text: str) -> None:
    touch(tmp_path, "P_A01_s1_w1.tif")
    (tmp_path / "P.HTD").write_text(text)
    listing = find_fields(tmp_path, ReadSettings())
    assert (len(listing.fields), missing(listing)) == (1, [])


def write_many(folder: Path, n: int) -> None:
    tifffile.imwrite(folder / "first.tif", PIXELS)
    data = (folder / "first.tif").read_bytes()
    (folder / "first.tif").unlink()
    for i in range(n):
        well = f"{chr(65 + i // 24 % 16)}{i % 24 + 1:02d}"
        (folder / f"P_{well}_s{i // 384 + 1}_w1.tif").write_bytes(data)


def test_a_thousand_files_open_no_decoder(tmp_path: Path) -> None:
    """A call that has nothing left to do must say so in two seconds, the imports included."""
    write_many(tmp_path, 1000)
    code = (
        "import sys; from pathlib import Path; from monolayer.read import *\n"
        "print(len(find_fields(Path(sys.argv[1]), ReadSettings()).fields))\n"
        "heavy = {'tifffile', 'imagecodecs', 'scipy', 'numba', 'cv2', 'pyarrow', 'dask'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert done.stdout.split("\n")[:2] == ["1000", "[]"]
    start = time.process_time()
    find_fields(tmp_path, ReadSettings())
    assert time.process_time() - start < 1.5


def test_each_file_is_probed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_many(tmp_path, 60)
    opened: list[str] = []
    real = Path.open

    def counted(self: Path, *args: object, **kwargs: object) -> object:
        opened.append(self.name)
        return real(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", counted)
    find_fields(tmp_path, ReadSettings())
    # Once each, and the first few again for the plan's pixel size.
    assert len(set(opened)) == 60
    assert len(opened) <= 60 + plan_module.PROBED_FOR_PIXEL_SIZE


@pytest.mark.parametrize("above", ["", "deeper/"])
def test_masks_of_a_manifest_are_no_images(tmp_path: Path, above: str) -> None:
    folder = tmp_path / above
    (folder / "truth").mkdir(parents=True)
    for name in ("plate_B02_s1_w1.tif", "truth/plate_B02_s1_w1_labels.tif"):
        tifffile.imwrite(folder / name, np.zeros((32, 32), np.uint16))
    manifest = "path,mask\nplate_B02_s1_w1.tif,truth/plate_B02_s1_w1_labels.tif\n"
    (folder / "manifest.csv").write_text(manifest)
    listing = find_fields(tmp_path, ReadSettings())
    assert [field.field_id for field in listing.fields] == ["plate/B02/1"]
    ignored = (f"{above}truth/plate_B02_s1_w1_labels.tif", "truth mask of manifest.csv")
    assert ignored in listing.ignored
