import functools
import http.server
import threading

import pytest

from stylegan_cli.detectors.weights import PIECE, download
from stylegan_cli.errors import WeightsError

CONTENT = b"x" * (PIECE + 5)


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

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


def test_a_missing_file_is_told_with_the_other_way(server, tmp_path):
    with pytest.raises(WeightsError, match=r"404.*sgtool weights add"):
        list(download(f"{server}/none", tmp_path / "got", at_most=10))


def test_a_cut_download_is_told(server, tmp_path):
    with pytest.raises(WeightsError, match="1,048,581 of 9999999 bytes"):
        list(download(f"{server}/cut", tmp_path / "got", at_most=2 * PIECE))


def test_a_larger_file_is_not_the_one_asked_for(server, tmp_path):
    with pytest.raises(WeightsError, match="more than 100 bytes"):
        list(download(f"{server}/file", tmp_path / "got", at_most=100))


def test_a_server_that_is_not_there_is_told(tmp_path):
    with pytest.raises(WeightsError, match="cannot be downloaded"):
        list(download("http://127.0.0.1:9/file", tmp_path / "got", at_most=100))
