"""Vessels in culture for a screen, without one: recommendation, forecast, evidence, disposition.

What is decided about is what custody knows: of a study the latest stored recommendation, which may
be stale while the records say something else; both are told. Every look reads anew, and before a
person signs it is made sure that what they looked at is still the latest.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monolayer.errors import InputError
from monolayer_napari.culture_words import (
    beside_words,
    disposed_words,
    forecast_words,
    standing_words,
    until_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monolayer.batch.content import Decision, Disposition
    from monolayer.culture.advise import Advice
    from monolayer.decide import Recommendation
    from monolayer.history import VesselHistory
    from monolayer.notice import SiteSettings
    from monolayer.recipe import Recipe
    from monolayer.record import Proposal
    from monolayer.record.words import DisposedAction
    from monolayer.study import Study

__all__ = ["Culture", "Opened", "VesselLook", "VesselRow"]

_FILES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class VesselRow:
    """A vessel of the list.

    Attributes
    ----------
    vessel, action, code : str
        What is recommended for it, and why.
    standing : str
        ``holds``, ``not stored``, or why it cannot be accepted.
    """

    vessel: str
    action: str
    code: str
    standing: str


@dataclass(frozen=True, slots=True)
class Opened:
    """Vessels in culture, and what the site asks of a disposition.

    Attributes
    ----------
    rows : tuple of VesselRow
        In the order of the study or file.
    reason_codes : tuple of str
        The site's codes for overriding; empty where it has none.
    signs : bool
        Whether dispositions are signed with a password.
    """

    rows: tuple[VesselRow, ...]
    reason_codes: tuple[str, ...] = ()
    signs: bool = True


@dataclass(frozen=True, slots=True)
class VesselLook:
    """One vessel as it is shown.

    Attributes
    ----------
    vessel, action, code, state : str
        What is recommended, why, and where the vessel stands.
    headline : str
        The same in a sentence, with the recipe.
    standing : str
        Whether the recommendation holds; if not, why, and what the records say now.
    forecast : str
        When the target is crossed, or why nobody can tell.
    evidence : tuple of (str, str, str, str)
        Name, value, limit and margin of each comparison of the rule that decided.
    beside : tuple of str
        Warnings, rules behind it, and what was not evaluated, a sentence each.
    disposed : str
        What a person decided last; empty where nobody did.
    svg : str
        The growth curve.
    can_accept, can_override : bool
        Whether custody would take it; an override asks only for a study.
    proposal_sha256 : str or None
        Of the stored recommendation that is shown.
    """

    vessel: str
    action: str
    code: str
    state: str
    headline: str
    standing: str
    forecast: str
    evidence: tuple[tuple[str, str, str, str], ...]
    beside: tuple[str, ...]
    disposed: str
    svg: str
    can_accept: bool
    can_override: bool
    proposal_sha256: str | None


class Culture:
    """Vessels of a study or of a file of histories.

    Parameters
    ----------
    source : str
        A study's file or URL, or a file of histories (YAML or JSON).
    recipe, site : Path, optional
        Recipe and site file; else the study's approved recipe, or the example one, and UTC.

    Raises
    ------
    InputError
        Nothing was given.
    """

    def __init__(self, source: str, recipe: Path | None = None, site: Path | None = None) -> None:
        self.source = source.strip()
        if not self.source:
            raise InputError("say which study or which file of histories to open.")
        self.is_study = Path(self.source).suffix.lower() not in _FILES
        self._recipe_path, self._site_path = recipe, site
        self._of_file: list[VesselHistory] | None = None

    def open(self, now: datetime | None = None) -> Opened:
        """List the vessels in culture with what is recommended for them."""
        now = now or _now()
        if not self.is_study:
            self._of_file = None
            recipe = self._recipe(None)
            advice = _advice(recipe)
            alive = [each for each in self._histories() if each.ended_as is None]
            return Opened(tuple(_file_row(advice(each), now) for each in alive))
        from monolayer.custody import latest_proposals, site_policy

        with self._study() as study:
            policy = site_policy(study)
            advice = self._study_advice(study)
            stored = latest_proposals(study, now)
            rows = [
                _study_row(advice, history, stored.get(history.vessel.name))
                for history in study.histories(ended=False)
            ]
        return Opened(tuple(rows), policy.override_reasons, policy.sign_dispositions)

    def vessels_of(self, run_folder: Path) -> list[str]:
        """Vessels that a run shows by the study, as it is or corrected; wherever it lies now."""
        if not self.is_study:
            return []
        tables = (run_folder / part / "fields.parquet" for part in ("", "corrected"))
        found = []
        with self._study() as study:
            for digest in (_sha256(path) for path in tables if path.is_file()):
                for run in study.rows("runs", fields_sha256=digest):
                    found += study.rows("acquisitions", run=run["name"])
        return list(dict.fromkeys(str(row["vessel"]) for row in found))

    def look(self, vessel: str, now: datetime | None = None) -> VesselLook:
        """Look at one vessel.

        Raises
        ------
        InputError
            It is not there, or no longer in culture.
        """
        now = now or _now()
        if self.is_study:
            with self._study() as study:
                return self._look_in_study(study, vessel, now)
        from monolayer.dossier import decision_of

        history, recipe = self._of_name(vessel), self._recipe(None)
        made = _advice(recipe)(history)
        decision = decision_of(made, recipe.decide.target_confluence, "recomputed")
        standing = f"Made from the file's latest record; {until_words(decision, now)}"
        return self._shown(history, recipe, made, decision, (decision,), standing, now)

    def recommend_now(self, vessel: str, name: str, now: datetime | None = None) -> str:
        """Recommend by what is known now and store it in the study; answers what was done.

        Raises
        ------
        InputError
            It is not known when the vessel was seeded.
        """
        from monolayer.culture.advise import store_outlooks, store_recommendations

        now = now or _now()
        with self._study() as study:
            advice, history = self._study_advice(study), study.history(vessel)
            if history.vessel.seeded_at is None:
                raise InputError(
                    f"vessel {vessel}: has no seeded_at; a recommendation needs a date."
                )
            at_h = (now - history.vessel.seeded_at).total_seconds() / 3600
            found = advice(history, at_h)
            store_outlooks(study, advice, name, at=now)
            store_recommendations(study, [found], name, "recommendation asked for", at=now)
        return f"{vessel}: {found.action} ({found.code}) is recommended, and stored."

    def dispose(
        self,
        look: VesselLook,
        action: "DisposedAction",
        *,
        name: str,
        password: str,
        reason: str = "",
        reason_code: str = "",
        now: datetime | None = None,
    ) -> str:
        """Have a person's decision recorded and signed by custody; answers it in words.

        Parameters
        ----------
        look : VesselLook
            What the person saw.
        action : str
            The recommended one accepts, another overrides.
        name, password : str
            Who decides.
        reason, reason_code : str
            Why; obligatory where it is not the recommended action.
        now : datetime, optional
            With its offset from UTC.

        Raises
        ------
        NotAllowedError, InputError
            As `monolayer.custody.dispose_vessel`; or a recommendation came after the look.
        """
        from monolayer.custody import dispose_vessel, latest_proposal

        now = now or _now()
        with self._study() as study:
            proposal, _ = latest_proposal(study, look.vessel, now)
            if (proposal and proposal.sha256) != look.proposal_sha256:
                raise InputError(
                    f"{look.vessel}: another recommendation came while you looked; look at it "
                    "first."
                )
            done = dispose_vessel(
                study, look.vessel, action, name=name.strip(), password=password or None,
                reason=reason or None, reason_code=reason_code or None, now=now,
            )  # fmt: skip
        words = "accepted" if done.decision == "accept" else "overridden"
        return f"{done.vessel}: {done.action} ({words}), by {done.person} ({done.role})."

    def _look_in_study(self, study: "Study", vessel: str, now: datetime) -> VesselLook:
        from monolayer.custody import latest_proposal
        from monolayer.dossier import decision_of
        from monolayer.dossier.study import lot_of_study

        advice = self._study_advice(study)
        recipe = advice.recipe
        kept = lot_of_study(study, recipe, vessel=vessel)
        history = kept.histories[0]
        made = advice(history)
        fresh = decision_of(made, recipe.decide.target_confluence, "recomputed")
        proposal, doubt = latest_proposal(study, vessel, now)
        stored = kept.recorded.vessels[vessel].decisions or ()
        decision = _of_proposal(stored, proposal) or fresh
        standing = standing_words(proposal, doubt, fresh, decision, now)
        drawn = stored or (fresh,)
        return self._shown(
            history, recipe, made, decision, drawn, standing, now,
            proposal, doubt, kept.recorded.dispositions,
        )  # fmt: skip

    def _shown(
        self,
        history: "VesselHistory",
        recipe: "Recipe",
        made: "Recommendation",
        decision: "Decision",
        drawn: "Sequence[Decision]",
        standing: str,
        now: datetime,
        proposal: "Proposal | None" = None,
        doubt: str | None = None,
        disposed: "Sequence[Disposition]" = (),
    ) -> VesselLook:
        from monolayer.batch.words import comparison_words
        from monolayer_napari.culture_curve import growth_svg

        same = decision.recipe_sha256 == made.recipe_sha256
        by = f"{made.recipe} ({made.recipe_status})" if same else "another recipe"
        rule = f" by rule {decision.rule}" if decision.rule else ", no rule fired"
        return VesselLook(
            vessel=history.vessel.name,
            action=decision.action,
            code=decision.code,
            state=decision.state,
            headline=(
                f"{decision.action} ({decision.code}){rule}; state {decision.state}. Recipe: {by}, "
                f"{decision.recipe_sha256[:12]}."
            ),
            standing=standing,
            forecast=forecast_words(history, recipe, made, self._site(), now),
            evidence=tuple(comparison_words(check) for check in decision.evidence),
            beside=beside_words(decision),
            disposed=disposed_words(disposed),
            svg=growth_svg(history, recipe, drawn),
            can_accept=proposal is not None and doubt is None,
            can_override=self.is_study,
            proposal_sha256=None if proposal is None else proposal.sha256,
        )

    def _study(self) -> "Study":
        from monolayer.study import Study

        return Study.open(self.source)

    def _study_advice(self, study: "Study") -> "Advice":
        from monolayer.culture.advise import Advice, stored_outlooks

        recipe = self._recipe(study)
        return Advice(recipe, stored_outlooks(study, recipe))

    def _recipe(self, study: "Study | None") -> "Recipe":
        if study is None:
            from monolayer.recipe import load_recipe

            return load_recipe(self._recipe_path)
        from monolayer.custody import recipe_in_force

        return recipe_in_force(study, self._recipe_path)

    def _site(self) -> "SiteSettings":
        from monolayer.intake.site_file import load_site

        return load_site(self._site_path)

    def _histories(self) -> "list[VesselHistory]":
        if self._of_file is None:
            from monolayer.intake.history_file import read_histories

            self._of_file = read_histories(Path(self.source))
        return self._of_file

    def _of_name(self, vessel: str) -> "VesselHistory":
        for each in self._histories():
            if each.vessel.name == vessel:
                return each
        raise InputError(f"vessel {vessel}: is not in {self.source}; open the file again.")


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _now() -> datetime:
    return datetime.now().astimezone()


def _advice(recipe: "Recipe") -> "Advice":
    from monolayer.culture.advise import Advice

    return Advice(recipe)


def _file_row(made: "Recommendation", now: datetime) -> VesselRow:
    over = made.expires_at is not None and made.expires_at <= now
    return VesselRow(made.vessel, made.action, made.code, "expired" if over else "holds")


def _study_row(
    advice: "Advice", history: "VesselHistory", stored: "tuple[Proposal, str | None] | None"
) -> VesselRow:
    name = history.vessel.name
    if stored is None:
        made = advice(history)
        return VesselRow(name, made.action, made.code, "not stored")
    proposal, doubt = stored
    return VesselRow(name, proposal.action, proposal.code, doubt or "holds")


def _of_proposal(stored: "Sequence[Decision]", proposal: "Proposal | None") -> "Decision | None":
    """The stored recommendation that custody would have accepted or overridden."""
    if proposal is None:
        return None
    for each in reversed(stored):
        if (each.code, each.history_sha256, each.recipe_sha256, each.expires_at) == (
            proposal.code,
            proposal.history_sha256,
            proposal.recipe_sha256,
            proposal.expires_at,
        ):
            return each
    return None
