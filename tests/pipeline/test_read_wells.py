"""Well names: every way of writing a well means one well, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monolayer.read.wells import normalise_number, normalise_well, row_number, well_name

ROWS = [chr(65 + i) for i in range(26)] + ["A" + chr(65 + i) for i in range(6)]


@given(row=st.integers(1, 32), column=st.integers(1, 48), data=st.data())
def test_every_spelling_of_a_well_is_the_same_well(
    row: int, column: int, data: st.DataObject
) -> None:
    letters = ROWS[row - 1]
    digits = data.draw(st.sampled_from([f"{column}", f"{column:02d}", f"{column:03d}"]))
    between = data.draw(st.sampled_from(["", "-", "_", " "]))
    spelling = data.draw(st.sampled_from([letters, letters.lower()])) + between + digits
    assert normalise_well(spelling) == f"{letters}{column:02d}"
    assert normalise_well(f"r{row:02d}c{column:02d}") == f"{letters}{column:02d}"


@given(row=st.integers(1, 32), column=st.integers(1, 48))
def test_normalised_names_stay_as_they_are_and_are_distinct(row: int, column: int) -> None:
    name = well_name(row, column)
    assert name is not None
    assert normalise_well(name) == name
    letters = name.rstrip("0123456789")
    assert (row_number(letters), int(name[len(letters) :])) == (row, column)


@pytest.mark.parametrize(
    "text",
    ["", "A", "1", "A0", "A49", "AG01", "BA01", "Z1x", "AAA1", "A1B", "r33c01", "r00c01", "٣"],
)
def test_what_is_no_well_is_none(text: str) -> None:
    assert normalise_well(text) is None


@given(st.text(max_size=6))
def test_any_text_gives_a_well_or_none(text: str) -> None:
    name = normalise_well(text)
    assert name is None or normalise_well(name) == name


@pytest.mark.parametrize(("row", "column"), [(0, 1), (33, 1), (1, 0), (1, 49), (-1, 5)])
def test_wells_outside_the_largest_plate_have_no_name(row: int, column: int) -> None:
    assert well_name(row, column) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("001", "1"), ("0", "0"), ("00", "0"), ("10", "10"), ("x01", "x01"), ("", "")],
)
def test_numbers_lose_leading_zeros_only(text: str, number: str) -> None:
    assert normalise_number(text) == number
