"""``monolayer dispose``."""

from typing import TYPE_CHECKING, get_args

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._who import Passwords, actor_option, fd_option, reason_option, study_argument
from monolayer.record.words import DisposedAction

if TYPE_CHECKING:
    from monolayer.study import Study

__all__ = ["command"]


@click.command("dispose")
@study_argument
@click.argument("vessel")
@click.argument(
    "action",
    type=click.Choice(get_args(DisposedAction), case_sensitive=False),
    required=False,
    metavar="[ACTION]",
)
@actor_option
@reason_option
@click.option("--code", metavar="CODE", help="One of the site's reason codes, where it has any.")
@fd_option
@json_option
def command(
    where: str,
    vessel: str,
    action: DisposedAction | None,
    name: str,
    reason: str | None,
    code: str | None,
    password_fd: int | None,
    as_json: bool,
) -> None:
    """Decide about VESSEL: write down and sign what is done with it.

    ACTION is CONTINUE, FEED, PASSAGE, HARVEST, REIMAGE, HOLD, ESCALATE or DISCARD. The recommended
    one accepts the recommendation, which must still hold; any other overrides it and needs a
    --reason. Without ACTION: show what is recommended, and change nothing.
    """
    from dataclasses import asdict

    from monolayer.custody import dispose_vessel, site_policy
    from monolayer.study import Study

    with Study.open(where) as study:
        if action is None:
            _show(study, vessel, as_json)
            return
        signs = site_policy(study).sign_dispositions
        password = Passwords(password_fd).ask(f"Password of {name}") if signs else None
        decided = dispose_vessel(
            study, vessel, action, name=name, password=password, reason=reason, reason_code=code
        )
    if as_json:
        echo_json(asdict(decided))
        return
    against = "" if decided.recommended is None else f", {decided.recommended} was recommended"
    words = "accepted" if decided.decision == "accept" else f"overridden{against}"
    click.echo(f"{vessel}: {decided.action} ({words}), by {decided.person} ({decided.role}).")
    if decided.doubt:
        click.echo(f"  of the recommendation: {decided.doubt}")


def _show(study: "Study", vessel: str, as_json: bool) -> None:
    from dataclasses import asdict

    from monolayer.custody import latest_proposal

    proposal, doubt = latest_proposal(study, vessel)
    if as_json:
        echo_json({"recommendation": proposal and asdict(proposal), "doubt": doubt})
    elif proposal is None:
        click.echo(f"{vessel}: nothing was recommended yet.")
    else:
        until = proposal.expires_at
        holds = "" if until is None else f", valid until {until:%Y-%m-%d %H:%M %z}"
        click.echo(f"{vessel}: {proposal.action} ({proposal.code}){holds}")
        if doubt:
            click.echo(f"  cannot be accepted: {doubt}")
