"""Units at the edge: what a file writes becomes the one unit of its quantity, by pint.

Every conversion here is a straight line, so pint is asked twice for a quantity and unit and then
never again. What pint cannot know (that ``C`` is degrees and no charge, that pH has no unit, a
molar mass) stands here.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from monolayer.errors import InputError, MissingExtraError
from monolayer.history import ReadingName
from monolayer.sensors.quantities import QUANTITIES

if TYPE_CHECKING:
    import pint

__all__ = ["Line", "conversion", "quantity_of", "split_header"]

Line = tuple[float, float]
_NAMES: dict[str, ReadingName] = {
    "ph": "ph",
    "temperature": "temperature_c",
    "temp": "temperature_c",
    "do": "dissolved_oxygen_percent",
    "do2": "dissolved_oxygen_percent",
    "dissolved_oxygen": "dissolved_oxygen_percent",
    "pco2": "pco2_mmhg",
    "glucose": "glucose_mmol_per_l",
    "glc": "glucose_mmol_per_l",
    "lactate": "lactate_mmol_per_l",
    "lac": "lactate_mmol_per_l",
    "glutamine": "glutamine_mmol_per_l",
    "gln": "glutamine_mmol_per_l",
    "ammonium": "ammonium_mmol_per_l",
    "nh4": "ammonium_mmol_per_l",
    "nh4+": "ammonium_mmol_per_l",
    "capacitance": "capacitance_pf_per_cm",
    "permittivity": "capacitance_pf_per_cm",
}
# What instruments write and pint reads otherwise, or not at all.
_SPELLINGS = {
    "temperature_c": {"c": "degC", "°c": "degC", "f": "degF", "°f": "degF", "k": "kelvin"},
    "ph": {"ph": "", "ph units": "", "1": "", "-": ""},
    "dissolved_oxygen_percent": {
        "%": "percent",
        "% air saturation": "percent",
        "% of air saturation": "percent",
        "% a.s.": "percent",
        "%as": "percent",
        "% sat": "percent",
    },
}
_HINTS = {
    "dissolved_oxygen_percent": "export it in % of air saturation",
    "pco2_mmhg": "export it as a pressure, such as mmHg or kPa",
    "capacitance_pf_per_cm": "export it in pF/cm",
    "ph": "pH has no unit; write pH",
}


def quantity_of(name: str) -> tuple[ReadingName, bool] | None:
    """The quantity a name means, and whether the name holds its unit; None: it means none."""
    plain = re.sub(r"[\s\-]+", "_", name.strip().lower())
    if plain in QUANTITIES:
        return QUANTITIES[plain].name, True
    return (_NAMES[plain], False) if plain in _NAMES else None


def split_header(header: str) -> tuple[str, str | None]:
    """``glucose [g/L]`` or ``glucose (g/L)`` as name and unit; None where there is no unit."""
    found = re.fullmatch(r"\s*([^\[(]+?)\s*[\[(]([^\])]*)[\])]\s*", header)
    return (found.group(1), found.group(2).strip()) if found else (header.strip(), None)


@cache
def conversion(quantity: ReadingName, unit: str) -> Line:
    """Factor and offset that make a number in `unit` one in the quantity's own unit.

    Raises
    ------
    InputError
        A unit that is not known or measures something else; the sentence lacks where.
    MissingExtraError
        pint is not installed.
    """
    spelt = _SPELLINGS.get(quantity, {}).get(unit.strip().lower(), unit.strip())
    at_zero, at_one = (_converted(quantity, value, spelt, unit) for value in (0.0, 1.0))
    return at_one - at_zero, at_zero


def _converted(quantity: ReadingName, value: float, spelt: str, unit: str) -> float:
    if QUANTITIES[quantity].pint_unit == spelt:
        return value
    try:
        import pint
    except ImportError:
        raise MissingExtraError.named("pint", "science") from None
    own = QUANTITIES[quantity]
    try:
        given = _registry().Quantity(value, spelt)
    except (pint.UndefinedUnitError, pint.PintError, ValueError, TypeError, AssertionError):
        raise InputError(f"{own.words} in '{unit}': no known unit; {_hint(quantity)}.") from None
    if own.molar_mass_g_per_mol is not None and given.check("[mass]/[length]**3"):
        given = given / _registry().Quantity(own.molar_mass_g_per_mol, "g/mol")
    try:
        converted: Any = given.to(own.pint_unit)
    except pint.PintError:
        raise InputError(
            f"{own.words} in '{unit}': measures something else; {_hint(quantity)}."
        ) from None
    return float(converted.magnitude)


def _hint(quantity: ReadingName) -> str:
    return _HINTS.get(quantity, f"export it in {QUANTITIES[quantity].unit}")


@cache
def _registry() -> "pint.UnitRegistry[float]":
    import pint

    return pint.UnitRegistry(cache_folder=None)
