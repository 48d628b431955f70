"""Every assay keeps the contract: columns that tables can have, numbers that the report finds."""

import inspect
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest
import yaml

from monolayer.assays import assay_of
from monolayer.assays.contract import Assay
from monolayer.cli import _exit_code as cli
from monolayer.cli._shared import ASSAYS
from monolayer.engine.schema import IDENTITY
from monolayer.errors import ConfigError
from monolayer.method import AssayName, Method, load_method
from monolayer.summarise.schema import PLATE_HEAD, WELL_HEAD

NAMES = get_args(AssayName)
CHANNELS = ("DAPI", "PI")


def method_of(name: str) -> Method:
    return Method.model_validate({"assay": name})


def test_the_command_line_knows_every_assay() -> None:
    assert set(ASSAYS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_assay_has_all_that_the_contract_names(name: str) -> None:
    assay = assay_of(method_of(name))
    assert assay.name == name
    for member, wanted in inspect.getmembers(Assay, inspect.isfunction):
        if not member.startswith("_"):
            given = inspect.signature(getattr(type(assay), member))
            assert list(given.parameters) == list(inspect.signature(wanted).parameters), member


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_unique_and_typed(name: str) -> None:
    method = method_of(name)
    assay = assay_of(method)
    tables = {
        "fields": assay.field_columns(CHANNELS, method),
        "wells": [*WELL_HEAD, *assay.well_columns(CHANNELS, method)],
        "plates": [*PLATE_HEAD, *assay.plate_columns(CHANNELS, method)],
    }
    for columns in tables.values():
        names = [column for column, _ in columns]
        assert len(names) == len(set(names))
        assert all(pa.type_for_alias(kind) is not None for _, kind in columns)
    assert not set(IDENTITY) & {column for column, _ in tables["fields"]}


@pytest.mark.parametrize("name", NAMES)
def test_what_leads_the_report_is_in_the_tables(name: str) -> None:
    method = method_of(name)
    assay = assay_of(method)
    show = assay.presentation(method)
    wells = {column for column, _ in [*WELL_HEAD, *assay.well_columns(CHANNELS, method)]}
    plates = {column for column, _ in assay.plate_columns(CHANNELS, method)}
    fields = {column for column, _ in assay.field_columns(CHANNELS, method)}
    assert show.leads
    for lead in show.leads:
        assert lead.column in wells & plates
        assert lead.in_fields in fields
        assert f"{lead.column}_ci_low" in wells
    assert {lead.column for lead in show.beside} <= wells


@pytest.mark.parametrize("name", NAMES)
def test_wells_without_an_evaluated_field_are_null_and_never_zero(name: str) -> None:
    method = method_of(name)
    assay = assay_of(method)
    fields = dict.fromkeys(column for column, _ in assay.field_columns(CHANNELS, method))
    row = fields | {"state": "failed", "plate": "P", "well": "A01", "time": None}
    well = assay.summarise_well([row], {}, method)
    known = {column for column, _ in assay.well_columns(CHANNELS, method)}
    assert set(well) <= known
    numbers = {k: v for k, v in well.items() if isinstance(v, int | float)}
    assert numbers == {}
    plate = assay.summarise_plate([well | {"n_fields_ok": 0, "well": "A01"}], method)
    assert set(plate) <= {column for column, _ in assay.plate_columns(CHANNELS, method)}


@pytest.mark.parametrize("name", NAMES)
def test_init_writes_the_sections_of_its_assay_alone(name: str, tmp_path: Path) -> None:
    path = tmp_path / "method.yaml"
    assert cli(["init", str(path), "--assay", name]) == 0
    data = yaml.safe_load(path.read_text())
    method = load_method(path)
    assert method.assay == method.name == name
    assert {key for key in data if isinstance(data[key], dict)} == {
        key for key, value in method.used().items() if isinstance(value, dict)
    }
    assert method.sha256 == load_method(None, name).sha256


def test_a_foreign_section_without_its_assay_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "method.yaml"
    path.write_text("confluence: {min_contrast: 3}\n")
    with pytest.raises(ConfigError, match="assay: confluence"):
        load_method(path)
    assert load_method(path, "confluence").confluence.min_contrast == 3


def test_settings_of_other_assays_do_not_change_a_method() -> None:
    changed = Method.model_validate({"confluence": {"min_contrast": 3}})
    assert changed.sha256 == Method().sha256
    assert method_of("confluence").sha256 != Method().sha256
