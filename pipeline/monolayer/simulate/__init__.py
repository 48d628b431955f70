"""Simulate: microscope images of nuclei with exact truth, from a seed.

`simulate_field` makes one image with its label mask and a table of its nuclei;
`simulate_plate` writes a small plate of them. ``sample_data/`` is what the default settings
make from `SAMPLE_SEED`.
"""

from monolayer.simulate.field import SimulatedField, simulate_field
from monolayer.simulate.plate import PlannedField, plan_fields, simulate_plate
from monolayer.simulate.settings import (
    SAMPLE_SEED,
    DebrisSettings,
    NucleiSettings,
    OpticsSettings,
    PlateSettings,
    SimulateSettings,
)

__all__ = [
    "SAMPLE_SEED",
    "DebrisSettings",
    "NucleiSettings",
    "OpticsSettings",
    "PlannedField",
    "PlateSettings",
    "SimulateSettings",
    "SimulatedField",
    "plan_fields",
    "simulate_field",
    "simulate_plate",
]
