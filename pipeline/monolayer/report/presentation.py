"""How an assay presents itself: which numbers lead, what the outlines mean, what to beware of.

The report stage knows no assay; an assay hands it this, and the page follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Lead", "Presentation"]


@dataclass(frozen=True, slots=True)
class Lead:
    """A column of the wells and plates tables, as a reader sees it.

    Attributes
    ----------
    column : str
        Its interval is in ``<column>_ci_low`` and ``_ci_high`` where it has one.
    label, unit : str
        ``Area density of cells``, ``cells/cm²``; fractions have the unit ``%`` and are shown
        times 100.
    field_column : str
        The same quantity in the fields table, where it has another name there.
    """

    column: str
    label: str
    unit: str
    field_column: str = ""

    @property
    def factor(self) -> float:
        """What a table's number is multiplied by to be shown."""
        return 100.0 if self.unit == "%" else 1.0

    @property
    def in_fields(self) -> str:
        """Its column in the fields table."""
        return self.field_column or self.column


@dataclass(frozen=True, slots=True)
class Presentation:
    """What a report says of an assay.

    Attributes
    ----------
    title : str
        Of the page: ``Cell count``.
    measurand : str
        What was measured, in the words of ISO 20391-1.
    leads : tuple of Lead
        The first that any row knows leads the page.
    beside : tuple of Lead
        Shown beside it for the whole and for each well.
    noun : str
        What an object is: ``nucleus``.
    outlines : tuple of (str, str)
        Kinds of outlines in the pictures and what they mean: ``inside``, ``border``,
        ``covered``, ``unusable``, ``live``, ``dead``, ``indeterminate``, ``debris``.
    kind_column : str
        Column of the objects table that names an object's kind; empty: inside or border.
    label_kinds : mapping of int to str
        Kind of each label where labels are regions and not objects.
    distributions : tuple of Lead
        Columns of the objects table drawn as histograms; empty: area and intensities.
    shown_channel : str
        Channel under the outlines in the pictures; empty: the first role's.
    remark_columns : (str, str) or None
        Columns of the wells table that hold a verdict and its reason; wells with a reason show both
        among their remarks.
    caveats : tuple of str
        Sentences a reader must know before using the number.
    """

    title: str
    measurand: str
    leads: tuple[Lead, ...]
    beside: tuple[Lead, ...] = ()
    noun: str = "object"
    outlines: tuple[tuple[str, str], ...] = ()
    kind_column: str = ""
    label_kinds: Mapping[int, str] = field(default_factory=dict)
    distributions: tuple[Lead, ...] = ()
    shown_channel: str = ""
    remark_columns: tuple[str, str] | None = None
    caveats: tuple[str, ...] = ()
