"""Control wells on disk to a lot's thresholds, by the same road as any field.

Each kind of control is looked for in the channel that shows it: killed cells of a single stain
have no nuclear dye, and unstained ones no dye of the dead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monolayer.assays.dye_channels import dye_channels
from monolayer.assays.dyed_cells import find_dyed
from monolayer.classify import ControlLot, stain_named
from monolayer.classify.lots import Controls, ControlSignals, make_lot, needed_singles
from monolayer.engine.plan import Notify, Plan
from monolayer.errors import ConfigError, ImageError
from monolayer.field import Field, State, natural_key
from monolayer.inspect import inspect_field
from monolayer.method import Method
from monolayer.read import ReadSettings, read_field
from monolayer.read.wells import normalise_well

__all__ = ["ControlWells", "measure_controls"]


@dataclass(frozen=True, slots=True)
class ControlWells:
    """Which wells are which control.

    Attributes
    ----------
    unstained, killed : tuple of str
    single : mapping of str to tuple of str
        Wells of each dye alone.
    """

    unstained: tuple[str, ...]
    killed: tuple[str, ...]
    single: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def all(self) -> tuple[str, ...]:
        """Every well that is a control, normalised (A01), in natural order."""
        names = (*self.unstained, *self.killed, *(w for many in self.single.values() for w in many))
        return tuple(sorted({normalise_well(name) or name for name in names}, key=natural_key))


def measure_controls(
    plan: Plan, wells: ControlWells, lot_id: str, notify: Notify
) -> tuple[ControlLot, list[str]]:
    """Measure the controls of a plate.

    Parameters
    ----------
    plan : Plan
        The plate's fields and the draft method.
    wells : ControlWells
        Well names as found, or as people write them (b3).
    lot_id : str
        Empty: made from the figures.
    notify : callable
        Told the stage ``controls`` with fields done and to do.

    Returns
    -------
    lot : ControlLot
    skipped : list of str
        A sentence for each control field that could not be used.

    Raises
    ------
    ConfigError
        A well is not there or is both killed and unstained, single-stain controls are missing,
        or the controls cannot be used (see `monolayer.classify.lots.make_lot`).
    """
    settings = plan.method.viability
    stain = stain_named(settings.stain)
    singles = needed_singles(settings, wells.single)
    groups = {
        "unstained": (wells.unstained, stain.dyes[0]),
        "killed": (wells.killed, stain.dyes[1] if stain.unites else stain.dyes[0]),
        **{f"single {dye}": (wells.single[dye], dye) for dye in singles},
    }
    fields = {name: _fields_of(plan, names) for name, (names, _) in groups.items()}
    _check_apart(fields["unstained"], fields["killed"])
    work = [(name, where) for name, found in fields.items() for where in found]
    measured: dict[str, list[ControlSignals]] = {name: [] for name in groups}
    skipped: list[str] = []
    sizes: dict[float | None, str] = {}
    for done, (name, where) in enumerate(work, start=1):
        try:
            signals, size = _measure(where, plan, groups[name][1])
            measured[name].append(signals)
            sizes.setdefault(size, where.field_id)
        except ImageError as error:
            skipped.append(f"{where.field_id} ({name}): {error.detail}")
        notify("controls", done, len(work))
    pooled = {name: ControlSignals.pooled(found) for name, found in measured.items()}
    single = {dye: pooled[f"single {dye}"] for dye in singles}
    controls = Controls(pooled["unstained"], pooled["killed"], single)
    return make_lot(controls, settings, _one_size(sizes), lot_id), skipped


def _fields_of(plan: Plan, names: Sequence[str]) -> list[Field]:
    """Fields of the wells named; each name must have some."""
    found: list[Field] = []
    for name in dict.fromkeys(names):
        here = [where for where in plan.fields if where.well == (normalise_well(name) or name)]
        if not here:
            wells = ", ".join(dict.fromkeys(f.well for f in plan.fields if f.well)) or "none"
            raise ConfigError(f"Control well {name!r} is not among those found ({wells}).")
        found += here
    return found


def _check_apart(unstained: Sequence[Field], killed: Sequence[Field]) -> None:
    both = {where.well for where in unstained} & {where.well for where in killed}
    if both:
        raise ConfigError(f"Well {min(both)} is given as unstained and as killed: it is only one.")


def _measure(where: Field, plan: Plan, finder: str) -> tuple[ControlSignals, float | None]:
    method = plan.method
    if where.problem is not None:
        raise ImageError(*where.problem)
    roles = dye_channels(where.channels, method.viability)
    image = read_field(where, plan.root, _reading(method, roles[finder]))
    inspection = inspect_field(image, method.inspect, roles[finder])
    if inspection.state is not State.OK:
        raise ImageError(inspection.reason, inspection.detail)
    cells = find_dyed(image, roles, method, finder)
    return ControlSignals(cells.seen, cells.columns["area_px"].astype(float)), image.pixel_size_um


def _reading(method: Method, channel: str) -> ReadSettings:
    return method.read.model_copy(update={"channel": channel})


def _one_size(sizes: Mapping[float | None, str]) -> float | None:
    if len(sizes) > 1:
        listed = ", ".join(f"{where}: {size or 'unknown'}" for size, where in sizes.items())
        raise ConfigError(f"Control images differ in pixel size ({listed} um): use one objective.")
    return next(iter(sizes), None)
