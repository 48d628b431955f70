"""``monolayer day-plan``."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._vessels import advice_for, histories_of, history_options, recipe_for
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.notice import DayPlan, Planned, SiteSettings

__all__ = ["command"]

_FILE = click.Path(path_type=Path)


@click.command("day-plan")
@history_options
@click.option(
    "--site",
    "site_path",
    type=_FILE,
    metavar="FILE",
    help="Hours, people and minutes a task ('monolayer init --site' writes one).",
)
@click.option(
    "--at",
    metavar="TIME",
    help="Now, with its offset from UTC. Default: the latest record of all vessels.",
)
@click.option("--date", "day", metavar="YYYY-MM-DD", help="The day. Default: that of --at.")
@click.option("--csv", "csv_path", type=_FILE, metavar="FILE", help="Write it as CSV too.")
@click.option("--ics", "ics_path", type=_FILE, metavar="FILE", help="Write it for a calendar too.")
@json_option
def command(
    history: Path | None,
    study: str | None,
    recipe_path: Path | None,
    site_path: Path | None,
    at: str | None,
    day: str | None,
    csv_path: Path | None,
    ics_path: Path | None,
    as_json: bool,
) -> None:
    """Plan a day for vessels of HISTORY.yaml or of a study: what to do, in which order, by whom.

    Tasks are the recipe's recommendations, feeds that fall due and the next visits of the
    microscope. What must be finished first comes first; what does not fit is named.
    """
    from monolayer.culture.day import day_plan_for
    from monolayer.engine.files import write_file
    from monolayer.intake.site_file import load_site
    from monolayer.notice import calendar_of, csv_of

    site = load_site(site_path)
    recipe = recipe_for(study, recipe_path)
    plan = day_plan_for(
        histories_of(history, study, ended=False if at is None else None),
        recipe,
        site,
        at=_moment(at),
        day=_day(day),
        recommend=advice_for(study, recipe),
    )
    if csv_path is not None:
        write_file(csv_path, csv_of(plan, site).encode())
    if ics_path is not None:
        write_file(ics_path, calendar_of(plan))
    if as_json:
        echo_json(_as_data(plan, site))
        return
    click.echo("\n".join(_lines(plan, site)))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigError(f"--at {text}: give a time with its offset, 2026-11-23T14:10+01:00.")
    return moment


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--date {text}: give a day such as 2026-11-23.") from None


def _lines(plan: "DayPlan", site: "SiteSettings") -> list[str]:
    from monolayer.notice.hours import local

    made_at = local(plan.made_at, site)
    lines = [
        f"{plan.day:%A %Y-%m-%d} ({site.time_zone}), from what was known at "
        f"{made_at:%Y-%m-%d %H:%M %z}"
    ]
    lines += [_planned(each, site) for each in plan.planned] or ["  nothing to do"]
    lines += [
        f"  DOES NOT FIT: {each.task.task} {each.task.vessel} ({each.task.minutes} min): "
        f"{each.reason}; {each.task.why}"
        for each in plan.unplaced
    ]
    lines += [
        f"  may follow: {each.task} {each.vessel} ({each.minutes} min), {each.why}"
        for each in plan.may_follow
    ]
    if plan.earlier:
        names = ", ".join(f"{task.task} {task.vessel}" for task in plan.earlier)
        lines.append(f"  to be done on a working day before: {names}")
    minutes = plan.minutes_by_task
    by_task = ", ".join(f"{task} {spent}" for task, spent in minutes.items()) or "none"
    lines.append(
        f"operator minutes: {by_task}; {sum(minutes.values())} of {plan.minutes_available} planned"
        + (f", {plan.minutes_unplaced} do not fit" if plan.unplaced else "")
    )
    return lines + [each.sentence for each in plan.notices]


def _planned(each: "Planned", site: "SiteSettings") -> str:
    from monolayer.notice.hours import local

    task = each.task
    line = (
        f"  {local(each.start, site):%H:%M}-{local(each.end, site):%H:%M} operator "
        f"{each.operator}: {task.task} {task.vessel}, {task.why}; finish by "
        f"{local(task.finish_by, site):%a %H:%M}"
    )
    if task.behind:
        line += f"; behind it: {', '.join(task.behind)}"
    return line + (" LATE" if each.late else "") + (" ASK AGAIN FIRST" if each.renew else "")


def _as_data(plan: "DayPlan", site: "SiteSettings") -> dict[str, Any]:
    from dataclasses import asdict

    from monolayer.notice.table import rows_of

    return {
        "date": plan.day.isoformat(),
        "time_zone": site.time_zone,
        "made_at": plan.made_at.isoformat(),
        "tasks": list(rows_of(plan, site)),
        "minutes_by_task": dict(plan.minutes_by_task),
        "minutes_available": plan.minutes_available,
        "minutes_that_do_not_fit": plan.minutes_unplaced,
        "may_follow": [asdict(each) for each in plan.may_follow],
        "notices": [
            {"vessel": each.vessel, "sentence": each.sentence, "low": each.low, "high": each.high}
            for each in plan.notices
        ],
    }
