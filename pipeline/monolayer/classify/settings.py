"""What a method says about living and dead: stain, controls of the lot, gates."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from monolayer.errors import ConfigError
from monolayer.settings import Settings

__all__ = ["ControlLot", "ViabilitySettings", "required_lot"]

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ControlLot(Settings):
    """What the control wells of a reagent lot gave; written by ``monolayer controls``."""

    id: Annotated[str, Field(min_length=1)]
    """Name of the lot of controls; it stands in every row that was made with them."""

    stain: Literal["hoechst_pi", "calcein_ethd1", "ao_pi"]
    """The stain that the controls were taken with."""

    spillover: tuple[tuple[NotNegative, NotNegative], tuple[NotNegative, NotNegative]] | None = None
    """A row a channel, a column a dye, cells' dye first: what the channel sees of the dye, as a
    share of what the dye's own channel sees; hence ones on the diagonal. Null: no single-stain
    controls were measured."""

    dead_band: tuple[Finite, Finite]
    """Signal of the dead cells' dye, grey levels above the local background, compensated. Up to
    the first: membrane intact. Above the second: dead. Between: indeterminate."""

    cell_band: tuple[Finite, Finite] | None = None
    """The same for the living cells' dye, where the stain's rule needs it: up to the first no
    dye, above the second living."""

    dead_youden_cut: Finite | None = None
    """The one cut of the dead cells' dye that parts the controls best (Youden), for comparison."""

    dead_youden_index: Annotated[float, Field(ge=-1, le=1)] | None = None
    """How well it parts them: 1 is perfectly, 0 not at all."""

    cell_least: Finite | None = None
    """Signal of the cells' dye that nearly all killed cells still have, where that dye stains them
    too; dead cells far below it tell swapped channels or a failed stain."""

    content: tuple[Positive, Positive] | None = None
    """Median light of a whole cell in each dye (of nuclei: its DNA content), grey levels times
    pixels, from the controls; the debris gate holds fragments against it. Null: no such gate."""

    size_px: tuple[Positive, Positive] | None = None
    """Median area of an object of each dye in the controls, pixels; tells swapped channels."""

    pixel_size_um: Positive | None = None
    """Micrometres per pixel of the controls; images of another are refused."""

    n_objects: dict[str, int] = Field(default_factory=dict)
    """Objects measured in each control."""

    @model_validator(mode="after")
    def _in_order(self) -> "ControlLot":
        for name in ("dead_band", "cell_band"):
            band = getattr(self, name)
            if band is not None and band[0] > band[1]:
                raise ValueError(f"{name} {list(band)} must not fall: give the lower limit first")
        if self.spillover is not None and (self.spillover[0][0], self.spillover[1][1]) != (1, 1):
            raise ValueError("spillover needs ones on its diagonal: a dye's share of itself")
        return self


class ViabilitySettings(Settings):
    """How living and dead cells are told apart by two dyes."""

    stain: Literal["hoechst_pi", "calcein_ethd1", "ao_pi"] = "hoechst_pi"
    """hoechst_pi: Hoechst nuclei, dead where PI shines. calcein_ethd1: union of calcein bodies and
    EthD-1 nuclei; living with calcein alone, dead with EthD-1 (also with both), debris with
    neither. ao_pi: the same with acridine orange, which PI quenches in dead cells."""

    cell_channel: str | None = None
    """Channel of Hoechst, calcein or AO, named as found. Null: the one whose name says so."""

    dead_channel: str | None = None
    """Channel of PI or EthD-1, named as found. Null: the one whose name says so."""

    specimen: Literal["adherent", "suspension"] = "adherent"
    """adherent: cells on their surface; dead ones that came off are not in the image, so the
    result is the adherent fraction's viability and no release viability. suspension: a harvested
    sample."""

    find: Literal["threshold", "segment"] = "threshold"
    """How objects are found: threshold (the method of that name with the settings of the section
    segment; twice as fast as tree, and viability came out the same on simulated fields) or segment
    (what segment.method names)."""

    compensate: bool = True
    """Whether spill-over between the channels is taken out; needs single-stain controls."""

    unstained_quantile: Annotated[float, Field(gt=0.5, lt=1)] = 0.99
    """Quantile of the cells without dead cells' dye that bounds `intact`, when controls are
    measured."""

    killed_quantile: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    """Quantile of the killed cells that bounds `dead`, when controls are measured."""

    killed_cell_quantile: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Quantile of the killed cells in the cells' dye that bounds `no dye` (calcein, AO): some dead
    cells always hold a little, so it is lower than that of unstained ones."""

    gap_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the gap between those two limits, around its middle, that is indeterminate, when
    controls are measured. 1: the whole gap; but living cells in a stained well are brighter than
    unstained ones (leakage, light of dead neighbours), and most of them would be left in doubt."""

    min_control_objects: Annotated[int, Field(ge=20)] = 100
    """Fewest objects of a control: a 99th percentile needs a hundred."""

    min_youden_index: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Controls that part worse than this are refused."""

    max_control_indeterminate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Controls whose band would leave a larger share of a control indeterminate are refused."""

    max_control_weak: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Controls in which a larger share of the killed cells took up less than a quarter of the
    usual dye are refused: survivors would draw the limit down to the noise."""

    min_area_um2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0
    """Smaller objects are debris; not applied where the pixel size is unknown."""

    min_content: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Objects with less light than this share of a whole cell's, in both dyes, are debris."""

    max_clump_fraction: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Fields and wells with a larger share of cells in clumps are flagged: counts in clumps are
    less sure. 0.1 to 0.2 is usual."""

    min_unmatched: Annotated[int, Field(ge=1)] = 5
    """Fewest objects that can show that two channels are swapped."""

    max_unmatched_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of contradicting objects (PI without Hoechst, light below nothing after compensation)
    from which a field is refused as swapped or wrongly compensated."""

    control_wells: tuple[str, ...] = ()
    """Wells that hold controls on every plate of this method (A01): counted, shown and marked, but
    left out of the plate's mean. 'monolayer controls' writes those that it measured."""

    lot: ControlLot | None = None
    """Thresholds and spill-over of the reagent lot, fixed for all its images; 'monolayer controls'
    measures them and writes this section. There is no default, and no threshold per image: on an
    image without dead cells it would split the noise."""

    @model_validator(mode="after")
    def _same_stain(self) -> "ViabilitySettings":
        if self.lot is not None and self.lot.stain != self.stain:
            raise ValueError(
                f"lot {self.lot.id!r} was measured with {self.lot.stain}, not {self.stain}: "
                "measure the controls of this stain"
            )
        return self


def required_lot(settings: ViabilitySettings) -> ControlLot:
    """The lot that a run needs.

    Raises
    ------
    ConfigError
        There is none, or it has no spill-over and compensation is asked for.
    """
    lot = settings.lot
    if lot is None:
        raise ConfigError(
            "viability.lot is missing: thresholds come from control wells; 'monolayer controls' "
            "measures them and writes the method."
        )
    if settings.compensate and lot.spillover is None:
        raise ConfigError(
            f"viability.lot {lot.id!r} has no spill-over, as no single-stain controls were "
            "measured: measure them, or set viability.compensate to false."
        )
    return lot
