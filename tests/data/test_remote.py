"""Data sets at addresses."""

import http.server
import re
import threading
from contextlib import closing

import pytest

from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.sources import content_sha256, open_source
from stylegan_cli.errors import DataError
from stylegan_cli.metrics.pictures import stored_data
from stylegan_cli.training.settling import training_data
from tests.data.packed_forms import PNGS, table, tar_of, web_dataset
from tests.tiny import tiny


def test_shards_and_tables_at_an_address_are_read_like_those_on_disk(tmp_path):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    pattern = web_dataset(tmp_path / "made")
    for shard in pattern.parent.iterdir():
        memory.pipe(f"/shards/{shard.name}", shard.read_bytes())
    parquet = table(tmp_path / "x.parquet", {"image": [{"bytes": png} for png in PNGS]})
    memory.pipe("/x.parquet", parquet.read_bytes())
    here = [content_sha256(path) for path in (pattern, parquet)]
    there = ["memory://shards/birds-{000..001}.tar", "memory://x.parquet"]
    assert [content_sha256(address) for address in there] == here


class Ranges(http.server.BaseHTTPRequestHandler):
    """Serves one tar, in parts where `whole_only` does not forbid it."""

    content = b""
    whole_only = False

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        content = self.content
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted and not self.whole_only:
            first, last = int(wanted[1]), int(wanted[2] or len(content) - 1)
            self.send_response(206)
            last = min(last, len(content) - 1)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            content = content[first : last + 1]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture
def shard_server(tmp_path):
    pytest.importorskip("aiohttp")
    tar_of(tmp_path / "x.tar", {f"{i}.png": png for i, png in enumerate(PNGS)})
    Ranges.content, Ranges.whole_only = (tmp_path / "x.tar").read_bytes(), False
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.filterwarnings("ignore")  # of the event loop of fsspec
def test_shards_come_over_http_piece_by_piece(shard_server):
    with closing(open_source(f"{shard_server}/x-{{0..1}}.tar")) as source:
        entries = list(source.entries())
        assert [source.content(entry) for entry in entries] == PNGS * 2
        Ranges.whole_only = True
        with pytest.raises(UnusableImageError, match="sends only whole files"):
            source.content(entries[0])


def test_a_recipe_may_name_an_address(tmp_path):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe("/one/x.tar", tar_of(tmp_path / "x.tar", {"a.png": PNGS[0]}).read_bytes())
    dataset = training_data(tiny("data.path=memory://one/x.tar"))
    assert len(dataset) == 1
    assert stored_data("memory://one/x.tar", dataset, fit="crop").count == 1


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("memory://nowhere/x.tar", "cannot be opened"),
        ("memory://nowhere/x.zip", "only .tar and .parquet"),
        ("nosuch://host/x.tar", "cannot be reached"),
        ("x-{9..1}.tar", "write the lower number first"),
        ("x-{0..99999999999}.tar", "more than 100000 files"),
        ("x-{0..3}.tar", "x-0.tar: there is no such file"),
    ],
)
def test_addresses_and_patterns_of_nothing_end_in_words(address, said):
    pytest.importorskip("fsspec")
    with pytest.raises(DataError, match=said):
        open_source(address)
