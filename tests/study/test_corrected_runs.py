"""A corrected run into a study: it takes the place of the automatic one, and both stay."""

from pathlib import Path

from monolayer.cli import _exit_code as cli
from monolayer.engine.corrected import recompute
from monolayer.engine.corrections import Reviewer
from monolayer.engine.reviewing import RunReview
from monolayer.review import Delete, Exclude
from monolayer.study import Study
from monolayer.study.run_import import import_run
from monolayer.study.visits import Visit

from ..pipeline.conftest import WritePlate, write_plate  # noqa: TID252  plates have one home

__all__ = ["write_plate"]


def test_corrections_supersede_the_acquisition_and_make_advice_stale(
    sqlite_study: Study, tmp_path: Path, write_plate: WritePlate
) -> None:
    write_plate(tmp_path / "images", wells=("B03",), fields=3)
    base = ["run", str(tmp_path / "images"), "-o", str(tmp_path / "RUN"), "--workers", "1"]
    assert cli(base) == 0
    visits = [Visit("V-017", time_h=48, well="B03")]
    with sqlite_study.change("anna", "import") as change:
        import_run(change, tmp_path / "RUN", visits)
    before = sqlite_study.history("V-017")

    review = RunReview(tmp_path / "RUN")
    who = Reviewer("anna")
    review.field("P1/B03/2").act(Delete(labels=(1, 2)), who, "debris")
    review.field("P1/B03/3").act(Exclude(), who, "a bubble")
    corrected = recompute(review).folder
    with sqlite_study.change("anna", "corrected after review") as change:
        import_run(change, corrected, visits, supersede=True)

    after = sqlite_study.history("V-017")
    (was,), (now,) = before.acquisitions, after.acquisitions
    assert (was.n_fields_ok, now.n_fields_ok) == (3, 2)
    assert now.density_cells_per_cm2 != was.density_cells_per_cm2
    # What was recommended by the records before is stale: they have another hash now.
    assert after.sha256 != before.sha256
    old, new = sqlite_study.rows("acquisitions")
    assert new["supersedes"] == old["id"]
    assert old["density_cells_per_cm2"] == was.density_cells_per_cm2
