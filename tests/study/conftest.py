"""Studies to test on: one in SQLite, one in a real PostgreSQL where there is one."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from monolayer.study import Study

from .postgres_server import find_programs, postgres

SEEDED = datetime(2026, 11, 10, 8, tzinfo=timezone(timedelta(hours=1)))
MakePlace = Callable[[], str]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running server's URL, or a skip that says what it lacks."""
    programs = find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    with postgres(programs) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_database(postgres_url: str) -> Callable[[], str]:
    """Make an empty place for a study; answers its URL.

    A schema of its own in one database: a database each took 8 MB and most of the tests' time.
    """
    import psycopg

    numbers = itertools.count(1)

    def make() -> str:
        name = f"study_{next(numbers)}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{postgres_url}&options=-csearch_path%3D{name}"

    return make


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a study can be made."""
    if request.param == "sqlite":
        return str(tmp_path / "study.db")
    make: Callable[[], str] = request.getfixturevalue("postgres_database")
    return make()


@pytest.fixture
def study(place: str) -> Iterator[Study]:
    """A new study with one lot and one vessel."""
    with _made(place) as study:
        yield study


@pytest.fixture
def sqlite_study(tmp_path: Path) -> Iterator[Study]:
    """The same in SQLite alone, for what no database has a part in."""
    with _made(str(tmp_path / "study.db")) as study:
        yield study


@contextmanager
def _made(place: str) -> Iterator[Study]:
    with Study.create(place, actor="anna", at=SEEDED) as made:
        with made.change("anna", "seeding", SEEDED) as change:
            change.add("donors", code="D1", tissue="adipose")
            change.add("lots", name="L1", donor="D1")
            change.add(
                "vessels",
                name="V-017",
                type="CellSTACK-10",
                lot="L1",
                seeded_at=SEEDED,
                passage=2,
                doublings_at_seeding=9.4,
                seeding_density_cells_per_cm2=4000,
                medium_volume_ml=1300,
                n_layers_imaged=1,
                sentinel_assumption="lowest layer, validated",
            )
        yield made
