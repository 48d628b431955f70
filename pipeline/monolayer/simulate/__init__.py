"""Simulate: microscope images of cells with exact truth, from a seed.

`simulate_field` makes one fluorescence image with its label mask and a table of its nuclei;
`simulate_plate` writes a small plate of them. `simulate_phase_field` makes a phase-contrast image
of adherent cells. ``sample_data/`` is what the default settings
make from `SAMPLE_SEED`.
"""

from monolayer.simulate.field import SimulatedField, simulate_field
from monolayer.simulate.phase_field import SimulatedPhaseField, simulate_phase_field
from monolayer.simulate.phase_plate import (
    PhasePlateSettings,
    PlannedPhase,
    plan_phase_plate,
    simulate_phase_plate,
)
from monolayer.simulate.phase_settings import (
    AdherentSettings,
    PhaseArtefactSettings,
    PhaseOpticsSettings,
    PhaseSettings,
)
from monolayer.simulate.plate import PlannedField, plan_fields, simulate_plate
from monolayer.simulate.settings import (
    SAMPLE_SEED,
    DebrisSettings,
    NucleiSettings,
    OpticsSettings,
    PlateSettings,
    SimulateSettings,
)
from monolayer.simulate.vessel import VesselSettings, plan_vessel, simulate_vessel

__all__ = [
    "SAMPLE_SEED",
    "AdherentSettings",
    "DebrisSettings",
    "NucleiSettings",
    "OpticsSettings",
    "PhaseArtefactSettings",
    "PhaseOpticsSettings",
    "PhasePlateSettings",
    "PhaseSettings",
    "PlannedField",
    "PlannedPhase",
    "PlateSettings",
    "SimulateSettings",
    "SimulatedField",
    "SimulatedPhaseField",
    "VesselSettings",
    "plan_fields",
    "plan_phase_plate",
    "plan_vessel",
    "simulate_field",
    "simulate_phase_field",
    "simulate_phase_plate",
    "simulate_plate",
    "simulate_vessel",
]
