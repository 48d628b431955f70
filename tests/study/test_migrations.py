"""A study's version: what the steps make is what the tables say, older ones come up whole."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from monolayer.custody.rows_check import rows_against_trail
from monolayer.errors import StudyError
from monolayer.record import verify
from monolayer.study import Change, Study
from monolayer.study.database import engine_of, writing
from monolayer.study.migrate import NEWEST, migrate
from monolayer.study.tables import metadata

from .conftest import SEEDED

FIRST = (
    "INSERT INTO people (id, name, printed_name, roles) "
    "VALUES (1, 'anna', 'Anna', '[\"operator\"]')",
    "INSERT INTO vessel_types (id, name, growth_area_cm2, n_layers, source) "
    "VALUES (1, 'T-75', 75, 1, 'maker')",
    "INSERT INTO vessels (id, name, type_id, seeded_at, seeded_offset_minutes) "
    "VALUES (1, 'V-1', 1, '2026-11-10 07:00:00.000000', 60)",
    "INSERT INTO viabilities (id, vessel_id, at, offset_minutes, viability) "
    "VALUES (1, 1, '2026-11-11 07:00:00.000000', 60, 0.9)",
)
OUTLOOK = (
    "INSERT INTO outlooks (id, vessel_id, history_sha256, recipe_sha256, outlook) "
    "VALUES (1, 1, '5eed', 'beef', '{}')"
)


def test_the_steps_make_the_tables(study: Study) -> None:
    with study.reading() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == NEWEST
        assert compare_metadata(context, metadata) == []


def test_an_older_study_is_brought_up_with_all_that_is_in_it(place: str) -> None:
    engine = engine_of(place)
    with writing(engine, place) as connection:
        migrate(connection, "0001")
        for statement in FIRST:
            connection.execute(text(statement))
    engine.dispose()
    with pytest.raises(StudyError, match=r"older.*monolayer study init"):
        Study.open(place)
    assert Study.upgrade(place, actor="anna") == ("0001", NEWEST)
    with Study.open(place) as study:
        history = study.history("V-1")
        assert history.vessel.seeded_at == SEEDED
        assert [(count.time_h, count.viability) for count in history.viabilities] == [(24, 0.9)]
        (entry,) = study.entries()
        assert (entry["action"], entry["before"]) == ("migrate", {"version": "0001"})
        assert verify([entry]) == []


def test_renamed_columns_still_agree_with_what_the_trail_says(place: str) -> None:
    engine = engine_of(place)
    with writing(engine, place) as connection:
        migrate(connection, "0003")
        for statement in (*FIRST, OUTLOOK):
            connection.execute(text(statement))
        change = Change(connection, "anna", "growth fitted", SEEDED)
        hashes = {"history_sha256": "5eed", "recipe_sha256": "beef"}
        told = {"vessel": "V-1", **hashes, "outlook": {}}
        change.note("add", "outlooks", "V-1/1", after=told)
        change.flush()
    engine.dispose()
    Study.upgrade(place, actor="anna")
    with Study.open(place) as study:
        (row,) = study.rows("outlooks")
        assert (row["measurements_sha256"], row["settings_sha256"]) == ("5eed", "beef")
        with study.reading() as connection:
            assert not [line for line in rows_against_trail(connection) if "outlooks" in line]
        with writing(study.engine, place) as connection:
            connection.execute(text("UPDATE outlooks SET settings_sha256 = 'dead'"))
        with study.reading() as connection:
            (line,) = (line for line in rows_against_trail(connection) if "outlooks" in line)
        assert line == 'outlooks 1: settings_sha256 is "dead", and the trail says "beef".'


def test_a_newer_study_is_refused(place: str) -> None:
    Study.create(place, actor="anna").close()
    engine = engine_of(place)
    with writing(engine, place) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for use in (Study.open, lambda at: Study.upgrade(at, actor="anna")):
        with pytest.raises(StudyError, match=r"9999 is newer.*update monolayer"):
            use(place)


def test_a_database_of_something_else_is_left_alone(place: str) -> None:
    engine = engine_of(place)
    with writing(engine, place) as connection:
        connection.execute(text("CREATE TABLE wines (name TEXT)"))
    engine.dispose()
    with pytest.raises(StudyError, match="no study's"):
        Study.create(place, actor="anna")
    with pytest.raises(StudyError, match="no study's"):
        Study.open(place)
