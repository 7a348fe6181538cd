import contextlib
import functools
import http.server
import threading
import time
import urllib.error
import urllib.request

import pytest

from stylegan_cli.download import PIECE, _StayingSecure, download
from stylegan_cli.errors import DownloadError

CONTENT = b"x" * (PIECE + 5)


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        begin = self.headers.get("Range", "").removeprefix("bytes=").removesuffix("-")
        if self.path == "/odd":
            self.send_response(200)
            self.send_header("Content-Length", "abc")
            self.end_headers()
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://[::1")
            self.end_headers()
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b"x")
                    time.sleep(0.02)
        elif begin == str(len(CONTENT)):
            self.send_error(416)
        elif begin:
            self.send_response(206)
            self.end_headers()
            self.wfile.write(CONTENT[int(begin) :])
        else:
            super().do_GET()

    def end_headers(self):
        if self.path == "/cut":
            self._headers_buffer = [
                line.replace(b"1048581", b"9999999") for line in self._headers_buffer
            ]
        super().end_headers()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    for name in ("file", "cut"):
        (folder / name).write_bytes(CONTENT)
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_download_is_the_file_and_yields_what_came(server, tmp_path):
    pieces = list(download(f"{server}/file", tmp_path / "got", at_most=len(CONTENT)))
    assert (tmp_path / "got").read_bytes() == CONTENT
    assert sum(pieces) == len(CONTENT)


def test_a_missing_file_is_told(server, tmp_path):
    with pytest.raises(DownloadError, match=r"404.*try again"):
        list(download(f"{server}/none", tmp_path / "got", at_most=10))


def test_a_cut_download_is_told(server, tmp_path):
    with pytest.raises(DownloadError, match="1,048,581 of 9999999 bytes"):
        list(download(f"{server}/cut", tmp_path / "got", at_most=10 * PIECE))


def test_a_larger_file_is_not_the_one_asked_for(server, tmp_path):
    with pytest.raises(DownloadError, match="more than 100 bytes"):
        list(download(f"{server}/file", tmp_path / "got", at_most=100))


def test_a_server_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DownloadError, match="cannot be downloaded"):
        list(download("http://127.0.0.1:9/file", tmp_path / "got", at_most=100))


@pytest.mark.parametrize("there", [7, PIECE, len(CONTENT)])
def test_a_stopped_download_resumes(server, tmp_path, there):
    (tmp_path / "got").write_bytes(CONTENT[:there])
    pieces = list(download(f"{server}/file", tmp_path / "got", at_most=len(CONTENT)))
    assert (tmp_path / "got").read_bytes() == CONTENT
    assert sum(pieces) == len(CONTENT)


@pytest.mark.parametrize(("name", "said"), [("odd", "'abc'"), ("elsewhere", "Invalid IPv6")])
def test_odd_headers_end_in_words(server, tmp_path, name, said):
    with pytest.raises(DownloadError, match=f"cannot be downloaded.*{said}"):
        list(download(f"{server}/{name}", tmp_path / "got", at_most=100))


def test_a_stalled_download_ends_in_words(server, tmp_path, monkeypatch):
    monkeypatch.setattr("stylegan_cli.download.SECONDS_OF_SILENCE", 0.2)
    with pytest.raises(DownloadError, match="under 1024 bytes a second"):
        list(download(f"{server}/slow", tmp_path / "got", at_most=10_000))


def test_https_does_not_lead_to_http():
    request = urllib.request.Request("https://example.org/a")
    redirect = _StayingSecure()
    with pytest.raises(urllib.error.URLError, match="does not use https"):
        redirect.redirect_request(request, None, 302, "", {}, "http://example.org/a")
    assert redirect.redirect_request(request, None, 302, "", {}, "https://example.org/b")
