"""Files by address, bounded in size and time; networks from http(s) and Hugging Face are kept."""

import hashlib
import http
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from stylegan_cli import __version__
from stylegan_cli.errors import DownloadError, UsageError
from stylegan_cli.files import cache_folder, writing, written_whole

PIECE = 2**20
SECONDS_OF_SILENCE = 30
SLOWEST = 1024
"""Bytes a second over half a minute; a server that sends less has stalled."""
AT_MOST = 4 * 2**30
"""Bytes of a network file; published ones have at most a tenth of that."""
SUFFIXES = (".safetensors", ".pkl", ".pickle", ".pt", ".pth", ".ckpt")
EXTRA = "pip install '.[hub]'"
_HUB = re.compile(r"hf:(?P<repo>[^/:@#]+/[^/:@#]+)(?:@(?P<revision>[^:#]+))?(?::(?P<file>[^#]+))?")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A network file that came from an address.

    Attributes:
        note: Why it is a copy fetched earlier; empty if it is not.
    """

    path: Path
    note: str = ""


def address_of(text: str | Path) -> str | None:
    """Return the address by which a network is named; None for a path or a name."""
    # a Path takes two slashes for one
    restored = re.sub(r"^(https?):(/+|$)", r"\1://", str(text))
    return restored if restored.startswith(("http://", "https://", "hf:")) else None


def fetch(address: str) -> Iterator[int | Fetched]:
    """Fetch a network into the cache unless it is there; yields sizes of pieces, then the file.

    Args:
        address: `https://…`, or `hf:OWNER/REPO[@REVISION][:FILE]`; `#sha256=…` behind it names
            the content.

    Raises:
        DownloadError: It cannot be fetched, is no network, too large, or has another hash.
        UsageError: It is no address of a file, or a package for it is missing.
    """
    text, _, wanted = address.partition("#")
    wanted = wanted.removeprefix("sha256=").lower()
    if wanted and not _SHA256.fullmatch(wanted):
        raise UsageError(f"{address}: what follows # is no hash; write #sha256= and 64 hex digits")
    if text.startswith("hf:"):
        found = _from_hub(text)
    else:
        found = yield from _from_web(text, wanted)
    _check(found, wanted, address)
    yield found


def fetched(address: str) -> Path:
    """Return the file of a network by address, fetched if it is not in the cache."""
    *_, found = fetch(address)
    assert isinstance(found, Fetched), "the file comes last"
    return found.path


def _from_web(url: str, wanted: str) -> Generator[int, None, Fetched]:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"{url}: no address ({error})") from None
    name = re.sub(r"[^\w.-]", "_", unquote(parts.path).rpartition("/")[2])
    if not parts.netloc or not name:
        raise UsageError(f"{url}: names no file; give the address of the network file itself")
    path = cache_folder() / "networks" / hashlib.sha256(url.encode()).hexdigest()[:16] / name
    if path.is_file():
        return Fetched(path=path, note=f"the copy in the cache; remove {path} to fetch it again")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    # processes of one run may fetch it at the same time
    own = path.with_name(f"{os.getpid()}-{name}")
    with written_whole(own) as part:
        yield from download(url, part, at_most=AT_MOST)
        _check(Fetched(path=part), wanted, url)
    own.replace(path)
    return Fetched(path=path)


def _from_hub(address: str) -> Fetched:
    match = _HUB.fullmatch(address)
    if match is None:
        raise UsageError(f"{address}: no such address; write hf:OWNER/REPO or hf:OWNER/REPO:FILE")
    if find_spec("huggingface_hub") is None:
        raise UsageError(f"{address}: needs the package huggingface_hub; {EXTRA}")
    folder = cache_folder() / "huggingface"
    try:
        return Fetched(path=_newest(match, folder))
    except (DownloadError, UsageError):
        raise
    except Exception as error:  # the Hub's library raises those of its HTTP library too
        reason = str(error).strip().partition("\n")[0][:200]
        found = _cached(match, folder)
        if found is None:
            raise DownloadError(f"{address}: cannot be fetched ({reason}); try again") from None
        return Fetched(path=found, note=f"the copy in the cache, as the Hub is away ({reason})")


def _newest(match: re.Match[str], folder: Path) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, model_info

    repo, revision = match["repo"], match["revision"]
    file = match["file"]
    if file is None:
        # unlike list_repo_files, it does not try for half a minute
        about_repo = model_info(repo, revision=revision, timeout=10)
        file = _only([each.rfilename for each in about_repo.siblings or ()], match[0])
    about = get_hf_file_metadata(hf_hub_url(repo, file, revision=revision))
    if (about.size or 0) > AT_MOST:
        raise DownloadError(f"{match[0]}: {about.size:,} bytes, more than {AT_MOST:,}; no network")
    return Path(hf_hub_download(repo, file, revision=revision, cache_dir=folder))


def _cached(match: re.Match[str], folder: Path) -> Path | None:
    """Return a file fetched earlier; without its name, the only one that may be a network."""
    from huggingface_hub import try_to_load_from_cache

    repo, revision = match["repo"], match["revision"]
    if match["file"]:
        found = try_to_load_from_cache(repo, match["file"], cache_dir=folder, revision=revision)
        return Path(found) if isinstance(found, str) else None
    kept = (folder / f"models--{repo.replace('/', '--')}" / "snapshots").glob("*/*")
    newest = sorted(kept, key=lambda path: path.lstat().st_mtime)
    return next((path for path in reversed(newest) if path.suffix in SUFFIXES), None)


def _only(names: list[str], address: str) -> str:
    networks = [name for name in names if name.endswith(SUFFIXES)]
    ours = [name for name in networks if name.endswith(".safetensors")]
    for chosen in (ours, networks):
        if len(chosen) == 1:
            return chosen[0]
    there = ", ".join(sorted(networks or names)[:8]) or "nothing"
    raise UsageError(f"{address}: which file? There is {there}; write {address}:FILE")


def _check(found: Fetched, wanted: str, address: str) -> None:
    """Raise unless a file is what was asked for, as far as its first bytes and its hash tell."""
    with found.path.open("rb") as file:
        start = file.read(64).lstrip().lower()
        if start.startswith((b"<!doctype", b"<html", b"<?xml")):
            raise DownloadError(
                f"{address}: a web page, not a network; give the address of the file itself"
            )
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest() if wanted else ""
    if sha256 != wanted:
        raise DownloadError(
            f"{address}: its sha256 is {sha256}, not {wanted}; it has changed, or the address is "
            "another's"
        )


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
        too_large = f"{url}: more than {at_most:,} bytes; not the file it should be"
        if (response.length or 0) > at_most:
            raise DownloadError(too_large)
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        written = there if resumed else 0
        with writing(path), path.open("ab" if resumed else "wb") as file:
            yield written
            for piece in _pieces(url, response):
                written += len(piece)
                if written > at_most:
                    raise DownloadError(too_large)
                file.write(piece)
                yield len(piece)


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
