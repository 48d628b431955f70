"""CSV tables into a study: whole or not at all, and every line that is wrong is named."""

from pathlib import Path

import pytest

from monolayer.errors import InputError
from monolayer.history import Acquisition, Exchange
from monolayer.record import verify
from monolayer.study import Study
from monolayer.study.table_import import ImportRefused, import_table, import_tables

TABLES = {
    "exchanges": "vessel,time_h,volume_ml\nV-1,48,650\n",
    "acquisitions": (
        "vessel,at,n_fields,n_fields_ok,confluence_percent,contamination\n"
        "V-1,2026-11-11T14:00+01:00,20,19,34.5,no\n"
        "V-1,2026-11-13T14:00+01:00,20,,,\n"
    ),
    "vessels": (
        "name,type,lot,seeded_at,cells_seeded,medium_volume_ml,final_stage\n"
        "V-1,CellSTACK-10,L2,2026-11-10T08:00+01:00,2544e4,1300,yes\n"
    ),
    "lots": "name,donor,medium\nL2,D2,M1\n",
    "donors": "code\nD2\n",
    "media": "name,kind\nM1,platelet-lysate\n",
    "viabilities": "vessel,time_h,live,total\nV-1,78,182,200\n",
    "readings": "vessel,time_h,quantity,value\nV-1,50,glucose_mmol_per_l,4.1\n",
    "people": "name,printed_name,roles\nbeth,Beth B.,operator reviewer\n",
}


def write(folder: Path, tables: dict[str, str]) -> list[Path]:
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return [folder / f"{name}.csv" for name in tables]


def test_tables_in_any_order_become_a_history(study: Study, tmp_path: Path) -> None:
    with study.change("anna", "import") as change:
        added = import_tables(change, write(tmp_path, TABLES))
    assert {path.stem: n for path, n in added.items()} == dict.fromkeys(TABLES, 1) | {
        "acquisitions": 2
    }
    history = study.history("V-1")
    assert history.acquisitions == (
        Acquisition(30, n_fields=20, n_fields_ok=19, confluence=0.345, contamination=False),
        Acquisition(78, n_fields=20),
    )
    assert history.exchanges == (Exchange(48, 650),)
    assert history.vessel.final_stage is True
    assert history.vessel.seeding_density_cells_per_cm2 == 4000
    # W8 of the domain's worked examples.
    (count,) = history.viabilities
    assert count.viability == 0.91
    assert count.lower_bound == pytest.approx(0.869461, abs=5e-7)
    assert [person["roles"] for person in study.rows("people", name="beth")] == [
        ["operator", "reviewer"]
    ]
    assert verify(study.entries()) == []


LINES = {
    "V-017,2026-11-13T14:00+01:00,20,19,0.6": "",
    "V-017,2026-11-12T14:00+01:00,20,19,0.6": "time runs backwards for vessel V-017",
    "V-17,2026-11-14T14:00+01:00,20,19,0.6": "did you mean 'V-017'?",
    "V-017,2026-11-13T14:00+01:00,20,19,0.7": "there is one at that time already",
    "V-017,2026-11-14T14:00,20,19,0.6": "has no offset from UTC",
    "V-017,14.11.2026,20,19,0.6": "is no time",
    "V-017,2026-11-14T15:00+01:00,-20,19,0.6": "n_fields -20 is impossible",
    "V-017,2026-11-14T16:00+01:00,20,23,0.6": "23 of 20 fields are evaluable",
    "V-017,2026-11-14T17:00+01:00,20,19,60": "a share of 0 to 1",
    "V-017,2026-11-14T18:00+01:00,20,nineteen,0.6": "give a whole number",
    "V-017,2026-11-14T19:00+01:00,20,19,much": "is no number",
    'V-017,2026-11-14T19:30+01:00,20,19,"0,6"': "'0,6' has a comma; write numbers with a point",
    ",2026-11-14T20:00+01:00,20,19,0.6": "vessel is missing",
}


def test_every_bad_line_is_named_and_none_is_written(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "acquisitions.csv"
    path.write_text("vessel,at,n_fields,n_fields_ok,confluence\n" + "\n".join(LINES))
    before = list(study.entries())
    with pytest.raises(ImportRefused) as error, study.change("anna", "x") as change:
        import_table(change, path)
    expected = [(line, said) for line, said in enumerate(LINES.values(), 2) if said]
    # A line that runs backwards is refused, and does not become the one that others are after.
    assert len(error.value.sentences) == len(expected)
    for sentence, (line, said) in zip(error.value.sentences, expected, strict=True):
        assert sentence.startswith(f"{path}, line {line}: ")
        assert said in sentence
        assert sentence.endswith((".", "?"))
    assert list(study.entries()) == before
    assert study.history("V-017").acquisitions == ()


WHOLE_FILES = {
    "unit": ("exchanges", "vessel,at,volume\n", "no unit; call it 'volume_ml'"),
    "quantity": ("readings", "vessel,time_h,quantity,value\nV-017,2,glucose,3\n", "no unit"),
    "capital": ("readings", "vessel,time_h,quantity,value\nV-017,2,Glucose,3\n", "no unit"),
    "typo": (
        "readings",
        "vessel,time_h,quantity,value\nV-017,2,glucose_mmol_l,3\n",
        "did you mean 'glucose_mmol_per_l'?",
    ),
    "column": ("exchanges", "vessel,at,volume_l\n", "did you mean 'volume_ml'?"),
    "secret": ("people", "name,password\n", "unknown column 'password'"),
    "twice": ("exchanges", "vessel,at,at\n", "there twice"),
    "name": ("exchange", "vessel,at\n", "did you mean 'exchanges'?"),
    "empty": ("exchanges", "vessel,at\n", "holds no line"),
    "nothing": ("exchanges", "", "is empty"),
    "nameless": ("exchanges", "vessel,at,\nV-017,2026-11-12T08:00+01:00,\n", "column 3 has no"),
    "comma": ("exchanges", 'vessel,time_h,volume_ml\nV-017,3,"2,5"\n', "with a point"),
    "never": ("exchanges", "vessel,time_h\nV-017,1e300\n", "no time of a culture"),
    "no hour": ("exchanges", "vessel,time_h\nV-017,nan\n", "is no number"),
    "grouped": ("exchanges", "vessel,time_h,volume_ml\nV-017,3,1_0\n", "is no number"),
    "cells": ("exchanges", "vessel,at\nV-017,2026-11-12T08:00+01:00,,3\n", "more cells"),
    "volume": ("exchanges", "vessel,time_h,volume_ml\nV-017,3,2000\n", "more than the 1300 mL"),
    "both": ("exchanges", "vessel,at,time_h\nV-017,2026-11-12T08:00+01:00,3\n", "both 'at'"),
    "type": (
        "vessels",
        "name,type,seeded_at\nV-2,T175,2026-11-12T08:00+01:00\n",
        "did you mean 'T-175'?",
    ),
    "harvest": (
        "vessels",
        "name,type,seeded_at,ended_as,ended_at\n"
        "V-2,T-175,2026-11-12T08:00+01:00,harvested,2026-11-11T08:00+01:00\n",
        "before its seeding",
    ),
}


@pytest.mark.parametrize("case", WHOLE_FILES)
def test_what_else_a_file_can_be(sqlite_study: Study, tmp_path: Path, case: str) -> None:
    name, text, said = WHOLE_FILES[case]
    (path,) = write(tmp_path, {name: text})
    with pytest.raises(InputError) as error, sqlite_study.change("anna", "x") as change:
        import_table(change, path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_as_spreadsheets_write_them(
    sqlite_study: Study, tmp_path: Path, separator: str
) -> None:
    lines = ("n_fields, vessel ,time_h,note", "20.0,V-017,3,\u00fc", "", ",V-017,4,")
    text = "\r\n".join(line.replace(",", separator) for line in lines)
    path = tmp_path / "acquisitions.csv"
    path.write_bytes(text.encode("utf-8-sig"))
    with sqlite_study.change("anna", "x") as change:
        assert import_table(change, path) == 2
    first, second = sqlite_study.rows("acquisitions")
    assert (first["n_fields"], first["note"]) == (20, "\u00fc")
    assert "n_fields" not in second
    assert sqlite_study.history("V-017").acquisitions[1].time_h == 4


def test_a_quantity_is_known_however_it_is_written(sqlite_study: Study, tmp_path: Path) -> None:
    """A pH that is called pH must not be kept from decisions; what is no such quantity is kept."""
    rows = "V-017,2,pH,6.5\nV-017,2,Temperature_C,37\nV-017,2,humidity_percent,90\n"
    (path,) = write(tmp_path, {"readings": f"vessel,time_h,quantity,value\n{rows}"})
    with sqlite_study.change("anna", "x") as change:
        import_table(change, path)
    found = [each.quantity for each in sqlite_study.history("V-017").readings]
    assert found == ["ph", "temperature_c"]
    assert sqlite_study.rows("readings")[2]["quantity"] == "humidity_percent"


def test_files_that_cannot_be_read(sqlite_study: Study, tmp_path: Path) -> None:
    (tmp_path / "exchanges.csv").write_bytes(b"vessel,at\n\xff\xfe\x00")
    for path, said in (
        (tmp_path / "exchanges.csv", "is no text table"),
        (tmp_path / "none" / "exchanges.csv", "cannot be read"),
    ):
        with pytest.raises(InputError, match=said), sqlite_study.change("anna", "x") as change:
            import_table(change, path)
