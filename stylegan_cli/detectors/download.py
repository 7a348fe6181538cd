"""Files from the network, piece by piece."""

import http.client
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from stylegan_cli import __version__
from stylegan_cli.errors import WeightsError
from stylegan_cli.files import writing

PIECE = 2**20
SECONDS_OF_SILENCE = 30


def download(url: str, path: Path, *, at_most: int) -> Iterator[int]:
    """Write what is at a URL to a file; yields the sizes of the pieces as they come.

    Args:
        at_most: Bytes beyond which it cannot be the file that was asked for.

    Raises:
        WeightsError: The network or the server fails, or the file is larger.
        OutputError: The place cannot be written.
    """
    request = urllib.request.Request(url, headers={"User-Agent": f"sgtool/{__version__}"})
    written = 0
    with writing(path), path.open("wb") as file:
        for piece in _pieces(url, request):
            written += len(piece)
            if written > at_most:
                raise WeightsError(f"{url}: more than {at_most:,} bytes; not the file it should be")
            file.write(piece)
            yield len(piece)


def _pieces(url: str, request: urllib.request.Request) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_OF_SILENCE) as response:
            promised = response.headers.get("Content-Length")
            received = 0
            while piece := response.read(PIECE):
                received += len(piece)
                yield piece
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(
            f"{url}: cannot be downloaded ({error}); try again, or download it elsewhere and "
            "give the file to sgtool weights add"
        ) from None
    if promised is not None and received != int(promised):
        raise WeightsError(f"{url}: {received:,} of {promised} bytes arrived; try again")
