"""Layouts: names of each vendor become the right plate, well, field, time, channel and plane."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from monolayer.errors import ConfigError, InputError
from monolayer.field import Field
from monolayer.read import LAYOUTS, ReadSettings, channel_to_segment, find_fields
from monolayer.read.layouts import choose_layout, named_layout, parse

UUID = "0D0D9F2E-1111-2222-3333-444455556666"


def touch(folder: Path, *names: str) -> Path:
    """Files that hold only their own name: distinct, and read by nobody here."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def rows(fields: Sequence[Field]) -> list[tuple[str, str, str, str, str, dict[str, list[str]]]]:
    return [
        (f.plate, f.well, f.well_text, f.field, f.time,
         {name: [p.path for p in planes] for name, planes in f.channels.items()})
        for f in fields
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "layout", "expected"),
    [
        # plate, well, well as written, field, time, channel, z
        ("9987_B02_s1_w1.TIF", "metaxpress", ("9987", "B02", "B02", "1", "", "w1", None)),
        ("9987_B02.TIF", "metaxpress", ("9987", "B02", "B02", "1", "", "w1", None)),
        ("a_b_AA01_s12.tif", "metaxpress", ("a_b", "AA01", "AA01", "12", "", "w1", None)),
        ("P_B2_s1_w1.tif", "metaxpress", ("P", "B02", "B2", "1", "", "w1", None)),
        ("C07_s3.png", "metaxpress", ("", "C07", "C07", "3", "", "w1", None)),
        ("C7_w2.png", "metaxpress", ("", "C07", "C7", "1", "", "w2", None)),
        ("P_H12_w3.tif", "metaxpress", ("P", "H12", "H12", "1", "", "w3", None)),
        ("TimePoint_2/P_A01_s1_w1.TIF", "metaxpress", ("P", "A01", "A01", "1", "2", "w1", None)),
        (f"IXM_A01_s2_w1{UUID}.tif", "metaxpress_native",
         ("IXM", "A01", "A01", "2", "", "w1", None)),
        (f"IXM_A01_s2{UUID}.tif", "metaxpress_native", ("IXM", "A01", "A01", "2", "", "w1", None)),
        (f"IXM_A01{UUID}.tif", "metaxpress_native", ("IXM", "A01", "A01", "1", "", "w1", None)),
        ("IXMtest_G06_s3_w19ABE30.tif", "metaxpress_native",
         ("IXMtest", "G06", "G06", "3", "", "w1", None)),
        ("IXMtest_G06_s7_w1944414.tif", "metaxpress_native",
         ("IXMtest", "G06", "G06", "7", "", "w1", None)),
        (f"TimePoint_3/ZStep_2/P_E07_s1_w2{UUID}.tif", "metaxpress_native",
         ("P", "E07", "E07", "1", "3", "w2", 2)),
        ("CV_x_D08_T0012F003L01A02Z04C02.tif", "cv8000",
         ("CV_x", "D08", "D08", "3", "12", "C02", 4)),
        ("r02c03f04p05-ch6sk7fk1fl1.tiff", "opera", ("", "B03", "r02c03", "4", "7", "ch6", 5)),
        ("Images/r16c24f10p01-ch1.tiff", "opera", ("", "P24", "r16c24", "10", "", "ch1", 1)),
        ("B3_1_2026y11m22d_10h30m.tif", "incucyte",
         ("", "B03", "B3", "1", "2026-11-22T10:30", "ch1", None)),
        ("VID_7_B12_4_2026y01m02d_00h05m.tif", "incucyte",
         ("VID_7", "B12", "B12", "4", "2026-01-02T00:05", "ch1", None)),
        ("Channel1-13-B-01.tif", "cellprofiler_sbs", ("", "B01", "B01", "1", "", "Channel1", None)),
        ("AS_09125_050116030001_D03f00d0.tif", "cellomics",
         ("AS_09125_050116030001", "D03", "D03", "0", "", "d0", None)),
        ("DMSO_B5_t24.JPG", "well_time", ("DMSO", "B05", "B5", "1", "24", "ch1", None)),
    ],
)  # fmt: skip
def test_each_layout_by_hand(
    name: str, layout: str, expected: tuple[str, str, str, str, str, str, int | None]
) -> None:
    assert choose_layout([name]).name == layout
    p = parse(name, named_layout(layout))
    assert p is not None
    assert (p.plate, p.well, p.well_text, p.field, p.time, p.channel, p.z) == expected


@pytest.mark.parametrize(
    "name",
    ["00071198d059ba7f.png", "A01.tif", "exp_B2.tif", "cell_12.png", "b_1863.png",
     "set01.tif", "image_001.tif",
     "trai_2022-03-18_RPE1_eccbc8_3.tif", "s_Z49_s1.tif", "P_B02_s1_w1_mask.tif",
     "r01c01.tif", "exp_t24.tif"],
)  # fmt: skip
def test_ordinary_names_are_no_plate(name: str) -> None:
    assert choose_layout([name]).name == "plain"


def test_layouts_do_not_overlap() -> None:
    """A name that two layouts fit would be read by the order of a table."""
    names = ["9987_B02_s1_w1.TIF", f"IXM_A01_s2_w1{UUID}.tif", "IXMtest_G06_s3_w19ABE30.tif",
             "P_D08_T0012F003L01A02Z04C02.tif", "r02c03f04p05-ch6sk7fk1fl1.tiff",
             "V_B3_1_2026y11m22d_10h30m.tif", "Channel1-13-B-01.tif", "AS_D03f00d0.tif",
             "DMSO_B5_t0.JPG"]  # fmt: skip
    for name in names:
        assert [one.name for one in LAYOUTS if parse(name, one)] == [choose_layout([name]).name]


def test_registry_names_are_unique_and_described() -> None:
    names = [layout.name for layout in LAYOUTS]
    assert len(set(names)) == len(names)
    assert all(layout.description for layout in LAYOUTS)
    assert {named_layout(name).name for name in names} == set(names)


def test_mostly_one_layout_is_that_layout_and_strays_get_a_row(tmp_path: Path) -> None:
    touch(tmp_path, *(f"P_A{c:02d}_s1_w1.tif" for c in range(1, 10)), "notes of friday.tif")
    listing = find_fields(tmp_path, ReadSettings())
    assert listing.layout == "metaxpress"
    assert len(listing.fields) == 10
    (stray,) = [f for f in listing.fields if f.problem]
    assert stray.problem is not None
    assert stray.problem[0] == "layout"
    assert stray.field == "notes of friday"
    assert listing.missing == ()


def test_a_few_plate_like_names_do_not_make_a_plate(tmp_path: Path) -> None:
    touch(tmp_path, "exp_A01.tif", "one.tif", "two.tif", "three.tif")
    listing = find_fields(tmp_path, ReadSettings())
    assert listing.layout == "plain"
    assert [f.field for f in listing.fields] == ["exp_A01", "one", "three", "two"]
    assert {f.problem for f in listing.fields} == {None}


def test_two_layouts_in_halves_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "P_A01_s1_w1.tif", "r01c01f01p01-ch1.tiff")
    with pytest.raises(InputError, match=r"opera \(1 files\) and metaxpress \(1 files\)"):
        find_fields(tmp_path, ReadSettings())


def test_channels_and_planes_join_one_field(tmp_path: Path) -> None:
    touch(tmp_path, *(f"r01c02f1{f}p{p:02d}-ch{c}sk1fk1fl1.tiff"
                      for f in range(2) for p in (10, 9, 2) for c in (1, 10, 2)))  # fmt: skip
    listing = find_fields(tmp_path, ReadSettings())
    assert [(f.field_id, list(f.channels)) for f in listing.fields] == [
        (f"{tmp_path.name}/A02/10/1", ["ch1", "ch2", "ch10"]),
        (f"{tmp_path.name}/A02/11/1", ["ch1", "ch2", "ch10"]),
    ]
    stack = listing.fields[0].channels["ch2"]
    assert [(p.path[6:12], p.z) for p in stack] == [("f10p02", 0), ("f10p09", 1), ("f10p10", 2)]


def test_native_thumbnails_and_projections_are_not_fields(tmp_path: Path) -> None:
    u = [f"{i:08d}{UUID[8:]}" for i in range(6)]
    touch(
        tmp_path,
        f"P/P_A01_s1_w1{u[0]}.tif", f"P/P_A01_s1_w1_thumb{u[1]}.tif", f"P/P_A01_s1_w2{u[2]}.tif",
        f"P/ZStep_1/P_A01_s1_w1{u[3]}.tif", f"P/ZStep_2/P_A01_s1_w1{u[4]}.tif",
        f"P/ZStep_2/P_A01_s1_w1_thumb{u[5]}.tif",
    )  # fmt: skip
    listing = find_fields(tmp_path, ReadSettings())
    assert rows(listing.fields) == [
        ("P", "A01", "A01", "1", "", {
            "w1": [f"P/ZStep_1/P_A01_s1_w1{u[3]}.tif", f"P/ZStep_2/P_A01_s1_w1{u[4]}.tif"],
            "w2": [f"P/P_A01_s1_w2{u[2]}.tif"]}),
    ]  # fmt: skip
    assert sorted(reason for _, reason in listing.ignored) == [
        "projection of planes that are here", "thumbnail", "thumbnail"]  # fmt: skip


def test_plates_of_one_name_in_two_folders_stay_apart(tmp_path: Path) -> None:
    touch(tmp_path, "one/TimePoint_1/P_A01_s1.tif", "two/TimePoint_1/P_A01_s1.tif")
    assert [f.plate for f in find_fields(tmp_path, ReadSettings()).fields] == ["one", "two"]
    assert [f.plate for f in find_fields(tmp_path / "two", ReadSettings()).fields] == ["P"]


def test_same_folder_names_on_two_days_stay_apart(tmp_path: Path) -> None:
    touch(tmp_path, "d1/scan/P_A01_s1.tif", "d2/scan/P_A01_s1.tif")
    fields = find_fields(tmp_path, ReadSettings()).fields
    assert [f.plate for f in fields] == ["d1_scan", "d2_scan"]


def test_a_folder_a_well_is_one_plate(tmp_path: Path) -> None:
    touch(tmp_path, "A01/P_A01_s1.tif", "A02/P_A02_s1.tif")
    assert [f.field_id for f in find_fields(tmp_path, ReadSettings()).fields] == [
        "P/A01/1", "P/A02/1"]  # fmt: skip


def test_plates_without_a_name_take_their_folders(tmp_path: Path) -> None:
    touch(tmp_path, "left/Images/r01c01f01p01-ch1.tiff", "right/Images/r01c01f01p01-ch1.tiff")
    assert [f.plate for f in find_fields(tmp_path, ReadSettings()).fields] == ["left", "right"]
    inside = find_fields(tmp_path / "left" / "Images", ReadSettings())
    assert [f.plate for f in inside.fields] == ["left"]


def test_yokogawa_channel_of_two_actions_is_two_channels(tmp_path: Path) -> None:
    touch(tmp_path, "P_A01_T0001F001L01A01Z01C01.tif", "P_A01_T0001F001L01A02Z01C01.tif",
          "P_A01_T0001F001L01A02Z01C02.tif", "SC_BP445-45_20x v2_M01_CH01.tif",
          *(f"P_A{i:02d}_T0001F001L01A01Z01C02.tif" for i in (5, 6)))  # fmt: skip
    listing = find_fields(tmp_path, ReadSettings(channel="L01A01 C01"), layout="cv8000")
    assert list(listing.fields[0].channels) == ["L01A01 C01", "L01A02 C01", "L01A02 C02"]
    assert ("SC_BP445-45_20x v2_M01_CH01.tif", "shading or dark image") in listing.ignored


def test_regex_with_row_and_col(tmp_path: Path) -> None:
    touch(tmp_path, "day1/x-3-11-f002-green.tif")
    pattern = r"day(?P<time>\d+)/x-(?P<row>\d+)-(?P<col>\d+)-f(?P<field>\d+)-(?P<channel>\w+)"
    listing = find_fields(tmp_path, ReadSettings(), layout=pattern)
    assert listing.layout == "regex"
    assert rows(listing.fields) == [
        (tmp_path.name, "C11", "r3c11", "2", "1",
         {"green": ["day1/x-3-11-f002-green.tif"]})
    ]  # fmt: skip


def test_regex_with_plate_keeps_it_over_folders(tmp_path: Path) -> None:
    touch(tmp_path, "a/P1-b2.tif", "b/P1-b3.tif")
    listing = find_fields(tmp_path, ReadSettings(), layout=r"(?P<plate>\w+)-(?P<well>\w+)\.tif")
    assert [(f.plate, f.well, f.well_text) for f in listing.fields] == [
        ("P1", "B02", "b2"), ("P1", "B03", "b3")]  # fmt: skip


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("metaexpress", "'metaexpress' is unknown: use auto, metaxpress_native"),
        (r"(?P<well>\w+", "not a valid regex"),
        (r"(?P<wel>\w+)", "unknown group 'wel': use channel, col, field"),
        (r"(\w+)", "cannot tell fields apart"),
        (r"(?P<plate>\w+)", "cannot tell fields apart"),
        (r"(?P<row>\w)(?P<field>\d)", "one of row and col"),
    ],
)
def test_wrong_layouts_are_the_callers(tmp_path: Path, layout: str, message: str) -> None:
    touch(tmp_path, "a.tif")
    with pytest.raises(ConfigError, match=re.escape(message)):
        find_fields(tmp_path, ReadSettings(), layout=layout)


def test_a_layout_that_fits_nothing_names_the_first_file(tmp_path: Path) -> None:
    touch(tmp_path, "b.tif", "a.tif")
    with pytest.raises(InputError, match=r"Layout opera .* fits none of the 2 images .* is a\.tif"):
        find_fields(tmp_path, ReadSettings(), layout="opera")


def test_channel_to_segment_prefers_the_nuclear_stain() -> None:
    def choose(*names: str, wanted: str | None = None) -> str:
        field = Field("", "", "f", "", dict.fromkeys(names, ()))
        return channel_to_segment(field, ReadSettings(channel=wanted))

    assert choose("FITC", "DAPI") == "DAPI"
    assert choose("ch10", "ch2") == "ch2"
    assert choose("GFP", "Nuclei 405") == "Nuclei 405"
    assert choose("mCherry-H2B", "BF") == "mCherry-H2B"
    assert choose("FITC", "hoechst 33342", "dapi") == "dapi"
    assert choose("w1", "w2", wanted="w2") == "w2"
    with pytest.raises(ConfigError, match=r"'w9' is not among those found \(w1, w2, w10\)"):
        choose("w10", "w2", "w1", wanted="w9")


def test_loaddata_csv(tmp_path: Path) -> None:
    touch(tmp_path / "images", "a1.tif", "a2.tif", "b1.tif", "b2.tif")
    table = tmp_path / "load.csv"
    table.write_text(
        "FileName_DNA,PathName_DNA,FileName_ER,PathName_ER,Metadata_Plate,Metadata_Well,"
        "Metadata_Site\n"
        "a1.tif,/gone/images,a2.tif,/gone/images,P7,b4,01\n"
        "b1.tif,C:\\gone\\images,b2.tif,images,P7,B05,02\n"
    )
    expected = [
        ("P7", "B04", "b4", "1", "", {"DNA": ["images/a1.tif"], "ER": ["images/a2.tif"]}),
        ("P7", "B05", "B05", "2", "", {"DNA": ["images/b1.tif"], "ER": ["images/b2.tif"]}),
    ]
    for root, layout in ((table, "auto"), (tmp_path, "auto"), (tmp_path, "loaddata")):
        listing = find_fields(root, ReadSettings(), layout=layout)
        assert listing.layout == "loaddata"
        assert rows(listing.fields) == expected


def test_loaddata_row_and_column_and_a_missing_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.tif")
    table = tmp_path / "t.csv"
    table.write_text("FileName_X,Metadata_Row,Metadata_Column\na.tif,C,7\nb,4,08\n")
    listing = find_fields(table, ReadSettings())
    assert [(f.well, f.paths) for f in listing.fields] == [("C07", ("a.tif",)), ("D08", ("b",))]


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n1,2\n", "no FileName_"), ("FileName_X\n", "lists no image"), ("", "no FileName_")],
)
def test_tables_that_are_no_loaddata(tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=message):
        find_fields(table, ReadSettings())


def test_a_result_table_beside_the_images_is_not_a_layout(tmp_path: Path) -> None:
    touch(tmp_path, "P_A01_s1_w1.tif")
    (tmp_path / "Image.csv").write_text(
        "FileName_DNA,FileName_Overlay,Metadata_Well\nP_A01_s1_w1.tif,over.png,A01\n"
    )
    assert find_fields(tmp_path, ReadSettings()).layout == "metaxpress"
