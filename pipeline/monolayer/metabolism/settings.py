"""Settings of the metabolism stage. Every number is an example that a site replaces by its own."""

from typing import Literal

from pydantic import Field, model_validator

from monolayer.settings import Settings

__all__ = ["MetabolismSettings", "Metabolite"]

Metabolite = Literal[
    "glucose_mmol_per_l", "lactate_mmol_per_l", "glutamine_mmol_per_l", "ammonium_mmol_per_l"
]


class MetabolismSettings(Settings):
    """How samples of medium and counts of cells become rates, advice and cell numbers."""

    fresh_mmol_per_l: dict[Metabolite, float] = Field(default_factory=dict)
    """Concentrations in fresh medium, such as {glucose_mmol_per_l: 5.5, lactate_mmol_per_l: 0}.
    A metabolite that is left out has no rate over an exchange."""

    fresh_cv: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    """Relative standard uncertainty of the concentrations in fresh medium."""

    seeded_in_fresh: bool = True
    """Whether cells are seeded in fresh medium. A sample at hour 0 that agrees with it is then one
    more measurement of it; one that does not stands alone, and the rate is flagged."""

    assay_cv: float = Field(default=0.03, ge=0, allow_inf_nan=False)
    """Relative standard uncertainty of a measured concentration."""

    assay_sd_mmol_per_l: float = Field(default=0.02, gt=0, allow_inf_nan=False)
    """Standard uncertainty of a measured concentration near 0."""

    count_cv: float = Field(default=0.05, ge=0, allow_inf_nan=False)
    """Relative standard uncertainty of a cell number that comes without its own."""

    evaporation_ml_per_d: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Water that a vessel loses a day between exchanges."""

    glutamine_decay_per_d: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    """Share of the glutamine that decays by itself a day, to ammonium."""

    max_extrapolation_h: float = Field(default=24.0, ge=0, allow_inf_nan=False)
    """Hours before the first and after the last cell number over which growth is carried on."""

    min_interval_h: float = Field(default=6.0, gt=0, allow_inf_nan=False)
    """Hours between exchange and sample below which no rate is given."""

    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Of all intervals, and of the test before estimates are fused."""

    glucose_rate_window: tuple[float, float] = (1.0, 20.0)
    """Glucose rates in pmol per cell and day outside which something is wrong."""

    max_lactate_per_glucose: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    """Lactate per glucose (mol/mol) above which another source, evaporation or an assay error is
    at work: glycolysis alone gives 2."""

    glucose_floor_mmol_per_l: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Glucose that must not be reached before the next visit."""

    next_visit_h: float = Field(default=24.0, gt=0, allow_inf_nan=False)
    """Hours until the next visit, for advice on feeding."""

    feed_for_h: float = Field(default=72.0, gt=0, allow_inf_nan=False)
    """Hours that the glucose should last after a feed."""

    glucose_rate_of_process: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The process's own glucose rate in pmol per cell and day, by which consumption tells cells.
    Empty: no cell number is made of metabolism."""

    glucose_rate_of_process_cv: float = Field(default=0.15, ge=0, allow_inf_nan=False)
    """Its relative standard uncertainty between cultures."""

    capacitance_per_million_cells_per_ml: float | None = Field(
        default=None, gt=0, allow_inf_nan=False
    )
    """Capacitance in pF/cm of a million viable cells per mL, from the site's calibration. It is
    that of their volume: enlarged cells bias it. Empty: no cell number is made of capacitance."""

    capacitance_blank_pf_per_cm: float = Field(default=0.0, allow_inf_nan=False)
    """Capacitance of medium without cells."""

    capacitance_cv: float = Field(default=0.10, ge=0, allow_inf_nan=False)
    """Relative standard uncertainty of a cell number by capacitance."""

    fuse_within_h: float = Field(default=6.0, ge=0, allow_inf_nan=False)
    """Hours between a cell number of one source and that of another over which both are of one
    time, growth allowed for."""

    fuse_scale: Literal["log", "linear"] = "log"
    """Scale on which cell numbers are weighed by their inverse variance."""

    dry_weight_pg: float = Field(default=500.0, gt=0, allow_inf_nan=False)
    """Dry weight of a cell, for fluxes per gram of dry weight."""

    dry_weight_cv: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Its relative standard uncertainty."""

    @model_validator(mode="after")
    def _sensible(self) -> "MetabolismSettings":
        low, high = self.glucose_rate_window
        if not low < high:
            raise ValueError(f"glucose_rate_window {self.glucose_rate_window} must rise")
        below = next((name for name, c in self.fresh_mmol_per_l.items() if not c >= 0), None)
        if below is not None:
            raise ValueError(f"fresh_mmol_per_l: {below} must be 0 or more")
        return self
