"""What a finished run gives to a reference of morphology."""

from pathlib import Path

from monolayer.assays.morphology import measuring_sha256
from monolayer.errors import ConfigError
from monolayer.method import Method
from monolayer.results import open_run
from monolayer.summarise.reference import ReferenceRun

__all__ = ["read_reference_run"]


def read_reference_run(folder: Path) -> ReferenceRun:
    """Read the wells of a run of the assay morphology, and what it says of its culture.

    Raises
    ------
    RunFolderError
        It is no finished run's folder.
    ConfigError
        It is a run of another assay.
    """
    run = open_run(folder)
    wells = run.wells.arrow().to_pylist()
    method = Method.model_validate(run.record["method"])
    if method.assay != "morphology":
        raise ConfigError(
            f"{folder}: is a run of the assay {method.assay}; a reference of morphology needs runs "
            "of 'assay: morphology'."
        )
    seen = "nucleus" if method.morphology.cell_channel is None else "cell"
    culture = method.morphology.culture
    return ReferenceRun(folder.resolve().name, wells, seen, culture, measuring_sha256(method))
