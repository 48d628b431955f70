"""What sensors measure, each with the one unit in which it is kept and shown."""

from dataclasses import dataclass

from monolayer.history import ReadingName

__all__ = ["QUANTITIES", "Quantity"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured quantity.

    Attributes
    ----------
    name : str
        As in records and tables, with its unit.
    words, unit : str
        As a reader sees them.
    pint_unit : str
        The unit as pint writes it; empty: a pure number.
    molar_mass_g_per_mol : float or None
        By which mass concentrations are converted.
    lowest : float
        Below this no number is possible; between it and 0 a probe is at fault.
    """

    name: ReadingName
    words: str
    unit: str
    pint_unit: str
    molar_mass_g_per_mol: float | None = None
    lowest: float = 0.0


_ALL = (
    Quantity("ph", "pH", "", ""),
    Quantity("temperature_c", "temperature", "°C", "degC", lowest=-273.15),
    Quantity("dissolved_oxygen_percent", "dissolved oxygen", "% of air saturation", "percent"),
    Quantity("pco2_mmhg", "pCO2", "mmHg", "mmHg"),
    Quantity("glucose_mmol_per_l", "glucose", "mmol/L", "mmol/L", 180.156),
    # As the ion, which is what culture medium holds and enzyme electrodes measure.
    Quantity("lactate_mmol_per_l", "lactate", "mmol/L", "mmol/L", 89.07),
    Quantity("glutamine_mmol_per_l", "glutamine", "mmol/L", "mmol/L", 146.14),
    Quantity("ammonium_mmol_per_l", "ammonium", "mmol/L", "mmol/L", 18.04),
    Quantity("capacitance_pf_per_cm", "capacitance", "pF/cm", "pF/cm"),
)
QUANTITIES: dict[str, Quantity] = {each.name: each for each in _ALL}
