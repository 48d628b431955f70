"""Which channel shows which dye: as the method says, else as the channels are named.

Nothing is guessed: a dye whose channel nobody named, and a channel named after the other dye,
are refused.
"""

from collections.abc import Collection, Mapping

from monolayer.classify import Stain, ViabilitySettings, stain_named
from monolayer.errors import ConfigError

__all__ = ["dye_channels"]


def dye_channels(channels: Collection[str], settings: ViabilitySettings) -> dict[str, str]:
    """Channel of each dye of the stain, cells' dye first.

    Raises
    ------
    ConfigError
        A dye has no channel, two have the same, or a channel is named after the other dye.
    """
    stain = stain_named(settings.stain)
    given = dict(zip(stain.dyes, (settings.cell_channel, settings.dead_channel), strict=True))
    named = stain.channels_by_name(channels)
    roles: dict[str, str] = {}
    for dye, key in zip(stain.dyes, ("cell_channel", "dead_channel"), strict=True):
        channel = given[dye] or named.get(dye)
        if channel not in channels or channel is None:
            raise ConfigError(_absent(dye, key, channel, channels))
        roles[dye] = channel
    if len(set(roles.values())) == 1:
        shared = roles[stain.dyes[0]]
        raise ConfigError(f"viability: {' and '.join(roles)} cannot share channel {shared!r}.")
    _check_names(roles, stain)
    return roles


def _absent(dye: str, key: str, channel: str | None, channels: Collection[str]) -> str:
    found = ", ".join(channels) or "none"
    if channel is None:
        return f"No channel is named after {dye} (found: {found}): set viability.{key}."
    return f"viability.{key} {channel!r} is not among the channels found ({found})."


def _check_names(roles: Mapping[str, str], stain: Stain) -> None:
    """Refuse channels whose own names say that they are the other dye's."""
    for dye, channel in roles.items():
        told = stain.dye_of(channel)
        if told is not None and told != dye:
            raise ConfigError(
                f"Channel {channel!r} is named after {told} but given for {dye}: "
                "viability.cell_channel and viability.dead_channel look swapped."
            )
