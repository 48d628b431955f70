"""Simulate: microscope images of cells with exact truth, from a seed.

`simulate_field` makes one fluorescence image with its label mask and a table of its nuclei;
`simulate_plate` writes a small plate of them, and ``sample_data/`` is what the default settings
make from `SAMPLE_SEED`. `simulate_phase_field` makes a phase-contrast image of adherent cells;
`simulate_phase_plate` writes a ladder of confluence, `simulate_vessel` the fields of one vessel.
`simulate_cell_field` adds a channel of the cells around their nuclei, `simulate_cell_plate` writes
a culture growing old. `simulate_culture` lets cells grow and gives both channels of each visit;
`simulate_series` writes them. `simulate_chamber_field` makes a bright-field image of cells in a
counting chamber; `simulate_chamber` writes samples of several such fields. `simulate_livedead`
makes living and dead cells under two or three dyes; `simulate_livedead_plate` writes a plate of
them with its control wells.
"""

from monolayer.simulate.cells.field import SimulatedCellField, simulate_cell_field
from monolayer.simulate.cells.plate import (
    CellPlateSettings,
    PlannedCells,
    plan_cell_plate,
    simulate_cell_plate,
)
from monolayer.simulate.cells.settings import CellFieldSettings, CellsSettings
from monolayer.simulate.chamber.field import SimulatedChamberField, simulate_chamber_field
from monolayer.simulate.chamber.plate import PlannedChamberField, plan_chamber, simulate_chamber
from monolayer.simulate.chamber.settings import ChamberFieldSettings, ChamberSettings
from monolayer.simulate.field import SimulatedField, simulate_field
from monolayer.simulate.livedead.field import LiveDeadSettings, SimulatedLiveDead, simulate_livedead
from monolayer.simulate.livedead.plate import (
    LiveDeadPlateSettings,
    PlannedLiveDead,
    plan_livedead,
    simulate_livedead_plate,
)
from monolayer.simulate.phase.culture import Visit, expected_density, simulate_culture
from monolayer.simulate.phase.culture_settings import CultureSettings, SeriesSettings
from monolayer.simulate.phase.field import SimulatedPhaseField, simulate_phase_field
from monolayer.simulate.phase.plate import (
    PhasePlateSettings,
    PlannedPhase,
    plan_phase_plate,
    simulate_phase_plate,
)
from monolayer.simulate.phase.series import PlannedVisit, plan_series, simulate_series
from monolayer.simulate.phase.settings import (
    MICROSCOPES,
    AdherentSettings,
    PhaseArtefactSettings,
    PhaseOpticsSettings,
    PhaseSettings,
)
from monolayer.simulate.phase.vessel import VesselSettings, plan_vessel, simulate_vessel
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
    "MICROSCOPES",
    "SAMPLE_SEED",
    "AdherentSettings",
    "CellFieldSettings",
    "CellPlateSettings",
    "CellsSettings",
    "ChamberFieldSettings",
    "ChamberSettings",
    "CultureSettings",
    "DebrisSettings",
    "LiveDeadPlateSettings",
    "LiveDeadSettings",
    "NucleiSettings",
    "OpticsSettings",
    "PhaseArtefactSettings",
    "PhaseOpticsSettings",
    "PhasePlateSettings",
    "PhaseSettings",
    "PlannedCells",
    "PlannedChamberField",
    "PlannedField",
    "PlannedLiveDead",
    "PlannedPhase",
    "PlannedVisit",
    "PlateSettings",
    "SeriesSettings",
    "SimulateSettings",
    "SimulatedCellField",
    "SimulatedChamberField",
    "SimulatedField",
    "SimulatedLiveDead",
    "SimulatedPhaseField",
    "VesselSettings",
    "Visit",
    "expected_density",
    "plan_cell_plate",
    "plan_chamber",
    "plan_fields",
    "plan_livedead",
    "plan_phase_plate",
    "plan_series",
    "plan_vessel",
    "simulate_cell_field",
    "simulate_cell_plate",
    "simulate_chamber",
    "simulate_chamber_field",
    "simulate_culture",
    "simulate_field",
    "simulate_livedead",
    "simulate_livedead_plate",
    "simulate_phase_field",
    "simulate_phase_plate",
    "simulate_plate",
    "simulate_series",
    "simulate_vessel",
]
