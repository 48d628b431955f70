"""The parts' rows and objects in the plan's order, a few parts in memory at a time.

Where a field's results lie is known from the parts' ledgers: 16 bytes a field. Fields are asked
for many at a time and looked up part by part, so that a part is opened once for all of them:
neighbours in the plan lie in one part, but in as many as there are shards where shards did them.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from monolayer.engine.ledger import ledger_of
from monolayer.engine.open_part import OpenPart, aligned
from monolayer.field import Field

__all__ = ["PartRows"]

OPEN_PARTS = 8


class PartRows:
    """What the parts hold of a plan's fields, each named by its place in the plan.

    Parameters
    ----------
    fields : iterable of Field
        The plan's; each is in a part.
    folder : Path
        The run's folder.
    signatures : mapping of str to str
        Signature of each field's work, by field id.
    schema : pyarrow.Schema
        Columns of the fields table.
    """

    def __init__(
        self,
        fields: Iterable[Field],
        folder: Path,
        signatures: Mapping[str, str],
        schema: pa.Schema,
    ) -> None:
        self.schema = schema
        ledger = ledger_of(folder)
        self._part, self._row = array("L"), array("L")
        for field in fields:
            part, row, _ = ledger.place_of(signatures[field.field_id])
            self._part.append(part)
            self._row.append(row)
        self._of_objects: list[pa.Schema] = []
        self._of_one = set[int]()
        names = ledger.parts  # and not `self`, which would keep the open parts alive after it
        self._open = lru_cache(maxsize=OPEN_PARTS)(
            lambda part: OpenPart(folder, names[part], schema)
        )

    def figures(self, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Give each field's place and some columns of its row, part by part.

        Parts come in the order of their first fields, and the columns of the objects are met.
        """
        parts = np.asarray(self._part)
        _, first, which = np.unique(parts, return_index=True, return_inverse=True)
        # As `_by_part` has it, but of all fields at once, and in 8 bytes a field, not 70.
        together = np.argsort(first[which], kind="stable")
        for part, members in groupby(map(int, together), key=self._part.__getitem__):
            rows = self._first_look(part, columns)
            for place in members:
                yield place, rows[self._row[place]]

    def _first_look(self, part: int, columns: Sequence[str]) -> list[dict[str, Any]]:
        schema = self._open(part).objects.schema
        if "label" in schema.names and not any(map(schema.equals, self._of_objects)):
            self._of_objects.append(schema)
        rows = self._open(part).figures(columns)
        if len(rows) == 1:
            self._of_one.add(part)
        return rows

    def objects_schema(self) -> pa.Schema:
        """Columns that any part's objects have, as `figures` met them; those of no object."""
        found = self._of_objects
        return pa.unify_schemas(found, promote_options="permissive") if found else pa.schema([])

    def fields(self, places: Iterable[int]) -> pa.Table:
        """Rows of the fields table."""
        wanted = list(places)
        together = self._by_part(wanted)
        tables = [self.schema.empty_table()]
        for part, rows in self._stretches(together):
            tables.append(self._open(part).fields.slice(rows[0], len(rows)))
        table = pa.concat_tables(tables)
        if together == wanted:
            return table
        found = {place: row for row, place in enumerate(together)}
        return table.take(pa.array([found[place] for place in wanted]))

    def objects(self, places: Iterable[int], schema: pa.Schema) -> pa.Table:
        """Rows of the objects table, of fields that have objects; after `figures`."""
        wanted = list(places)
        together = self._by_part(wanted)
        if together == wanted:
            found = [self._objects_of(part, rows) for part, rows in self._stretches(wanted)]
        else:
            each = {at: self._objects_of(self._part[at], [self._row[at]]) for at in together}
            found = [each[at] for at in wanted]
        tables = (aligned(table, schema) for table in found)
        return pa.concat_tables([schema.empty_table(), *tables]).combine_chunks()

    def _objects_of(self, part: int, rows: Sequence[int]) -> pa.Table:
        """Objects of neighbours in a part."""
        opened = self._open(part)
        return (
            opened.all_objects() if part in self._of_one else opened.objects_of(rows[0], len(rows))
        )

    def _by_part(self, places: Sequence[int]) -> list[int]:
        """The same places, those of one part together; parts in the order in which they come."""
        turns: dict[int, int] = {}
        for place in places:
            turns.setdefault(self._part[place], len(turns))
        return sorted(places, key=lambda place: turns[self._part[place]])

    def _stretches(self, places: Iterable[int]) -> Iterator[tuple[int, list[int]]]:
        """Neighbours that are neighbours in one part as well."""
        part, rows = -1, list[int]()
        for place in places:
            if self._part[place] != part or self._row[place] != rows[-1] + 1:
                if rows:
                    yield part, rows
                part, rows = self._part[place], []
            rows.append(self._row[place])
        if rows:
            yield part, rows
