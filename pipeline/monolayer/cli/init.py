"""``monolayer init``."""

from pathlib import Path

import click

from monolayer.cli._shared import assay_option
from monolayer.errors import ConfigError

__all__ = ["command"]


@click.command("init")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@assay_option
@click.option("--recipe", is_flag=True, help="Write a recipe (for 'decide') instead of a method.")
@click.option("--site", is_flag=True, help="Write a site file (for 'day-plan') instead.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def command(path: Path | None, assay: str | None, recipe: bool, site: bool, force: bool) -> None:
    """Write a method file to PATH (default: method.yaml); every setting says what it means.

    With --recipe a recipe file (default: recipe.yaml): targets and limits by which vessels are
    fed, passaged and harvested. With --site a site file (default: site.yaml): hours, people and
    minutes that a day is planned by.
    """
    from monolayer.engine.files import write_file

    if recipe and assay:
        raise ConfigError("--assay belongs to a method; leave it out with --recipe.")
    if site and (assay or recipe):
        raise ConfigError("--site stands alone; leave out --assay and --recipe.")
    path = path or Path("site.yaml" if site else "recipe.yaml" if recipe else "method.yaml")
    if path.exists() and not force:
        raise ConfigError(f"{path}: is there already; give another path, or --force to replace it.")
    write_file(path, _content(assay, recipe, site).encode())
    use = f"decide HISTORY --recipe {path}" if recipe else f"run IMAGES -o RUN --method {path}"
    use = f"day-plan HISTORY --site {path}" if site else use
    click.echo(f"Wrote {path}; use it with: monolayer {use}")


def _content(assay: str | None, recipe: bool, site: bool) -> str:
    if site:
        from monolayer.site_file import commented_site

        return commented_site()
    if recipe:
        from monolayer.recipe import commented_recipe

        return commented_recipe()
    from monolayer.method import commented_method, load_method

    return commented_method(load_method(None, assay))
