"""What a page is made of, piece by piece, so that it never lies in memory as a whole."""

from dataclasses import dataclass

from stylegan_cli.results.report.markup import Html


@dataclass(frozen=True)
class Problem:
    """Something left out of the page, in words."""

    words: str


Piece = Html | Problem
