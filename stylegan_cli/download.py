"""Downloads over http(s), bounded in size and time."""

import http
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stylegan_cli import __version__
from stylegan_cli.errors import DownloadError
from stylegan_cli.files import writing

PIECE = 2**20
SECONDS_OF_SILENCE = 30
SLOWEST = 1024
"""Bytes a second over half a minute; a server that sends less has stalled."""


def download(url: str, path: Path, *, at_most: int) -> Iterator[int]:
    """Write what is at a URL to a file; yields the sizes of the pieces as they come.

    A partial file is completed, if the server can send the rest alone.

    Args:
        at_most: Largest size in bytes of the requested file.

    Raises:
        DownloadError: The network or the server fails, or the file is larger.
        OutputError: The place cannot be written.
    """
    there = path.stat().st_size if path.exists() else 0
    with _requested(url, there) as response:
        if (response.length or 0) > at_most:
            raise DownloadError(_too_large(url, at_most))
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        written = there if resumed else 0
        with writing(path), path.open("ab" if resumed else "wb") as file:
            yield written
            for piece in _pieces(url, response):
                written += len(piece)
                if written > at_most:
                    raise DownloadError(_too_large(url, at_most))
                file.write(piece)
                yield len(piece)


def _too_large(url: str, at_most: int) -> str:
    return f"{url}: more than {at_most:,} bytes; not the file it should be"


class _StayingSecure(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, hdrs: Any, to: str) -> Any:
        if req.full_url.startswith("https:") and not to.startswith("https:"):
            raise urllib.error.URLError(f"it redirects to {to}, which does not use https")
        return super().redirect_request(req, fp, code, msg, hdrs, to)


@contextmanager
def _failures_in_words(url: str) -> Iterator[None]:
    try:
        yield
    # ValueError: a malformed address or header
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadError(f"{url}: cannot be downloaded ({error}); try again") from None


@contextmanager
def _requested(url: str, there: int) -> Iterator[Any]:
    """Yield the answer of the server, of the bytes behind the first ones if it can."""
    headers = {"User-Agent": f"sgtool/{__version__}"}
    opener = urllib.request.build_opener(_StayingSecure)
    with _failures_in_words(url):
        try:
            rest = {"Range": f"bytes={there}-"} if there else {}
            request = urllib.request.Request(url, headers={**headers, **rest})
            response = opener.open(request, timeout=SECONDS_OF_SILENCE)
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            request = urllib.request.Request(url, headers=headers)
            response = opener.open(request, timeout=SECONDS_OF_SILENCE)
    with response:
        yield response


def _pieces(url: str, response: Any) -> Iterator[bytes]:
    received, began, late = 0, time.monotonic(), 0
    with _failures_in_words(url):
        length = response.headers.get("Content-Length")
        promised = None if length is None else int(length)
        while piece := response.read1(PIECE):
            received += len(piece)
            yield piece
            if time.monotonic() - began >= SECONDS_OF_SILENCE:
                if received - late < SLOWEST * SECONDS_OF_SILENCE:
                    raise TimeoutError(f"under {SLOWEST} bytes a second")
                began, late = time.monotonic(), received
    if promised is not None and received != promised:
        raise DownloadError(f"{url}: {received:,} of {promised} bytes arrived; try again to resume")
