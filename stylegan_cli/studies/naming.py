"""Names on the sheets of studies."""

from collections.abc import Sequence

from stylegan_cli.latents.references import Pick, format_picks

LONGEST_TITLE = 40
"""Longer lists of seeds are only counted above the picture; every image has its name."""


def seeds_title(picks: Sequence[Pick], count: int) -> str:
    """Return the title of a sheet that shows these seeds, or codes in files."""
    written = format_picks(picks)
    return f"seeds {written}" if len(written) <= LONGEST_TITLE else f"{count} seeds"


def psi_names(psis: Sequence[float]) -> tuple[str, ...]:
    """Return the shortest names that distinguish the strengths."""
    return tuple(f"{psi:g}" if float(f"{psi:g}") == psi else repr(psi) for psi in psis)
