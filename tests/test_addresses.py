import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.download import Fetched, address_of, fetch, fetched
from stylegan_cli.errors import DownloadError, UsageError

COMMIT = "c" * 40
FILES = {"config.json": b"{}", "net.safetensors": b""}


class Server(http.server.ThreadingHTTPServer):
    """A few files, some of them at the addresses of a Hub; counts the downloads."""

    def __init__(self, network: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = network.read_bytes()
        self.downloads = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        content = self.server.content
        headers = {}
        if self.path.startswith("/api/models/owner/repo"):
            files = [
                {"rfilename": name, "type": "file", "path": name, "size": 2, "oid": "1"}
                for name in FILES
            ]
            listing = files if "/tree/" in self.path else {"id": "owner/repo", "siblings": files}
            content = json.dumps(listing).encode()
            headers = {"Content-Type": "application/json"}
        elif self.path.startswith("/owner/repo/resolve/") and "net.safetensors" in self.path:
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        elif self.path == "/page.safetensors":
            content = b"<!DOCTYPE html><html>Please sign in</html>"
        elif not self.path.startswith("/net."):
            self.send_error(404)
            return
        self.server.downloads += body and "api" not in self.path
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture
def server(network_file, tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path / "cache"))
    with Server(network_file) as server:
        yield server
        server.shutdown()


def test_a_network_is_fetched_once(server, network_file):
    address = f"{server.address}/net.safetensors"
    *sizes, found = fetch(address)
    assert found.path.read_bytes() == network_file.read_bytes()
    assert sum(sizes) == network_file.stat().st_size
    assert list(fetch(address)) == [
        Fetched(
            path=found.path, note=f"the copy in the cache; remove {found.path} to fetch it again"
        )
    ]
    assert server.downloads == 1


def test_the_cache_serves_without_a_network(server):
    path = fetched(f"{server.address}/net.safetensors")
    server.shutdown()
    server.server_close()
    assert fetched(f"{server.address}/net.safetensors") == path


def test_commands_take_an_address_for_a_network(server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    address = f"{server.address}/net.safetensors"
    facts = CliRunner().invoke(app, ["info", address, "--json"])
    assert json.loads(facts.stdout)["kind"] == "network"
    grid = CliRunner().invoke(app, ["grid", "--seeds", "0", "--network", address, "-o", "grid"])
    assert grid.exit_code == 0, grid.output
    assert "the copy in the cache" in grid.stderr
    assert server.downloads == 1


def test_a_wrong_hash_is_refused_and_not_kept(server, tmp_path):
    with pytest.raises(DownloadError, match=f"its sha256 is .*, not {'0' * 64}"):
        fetched(f"{server.address}/net.safetensors#sha256={'0' * 64}")
    assert not list(tmp_path.rglob("*.safetensors"))
    right = hashlib.sha256(server.content).hexdigest()
    assert fetched(f"{server.address}/net.safetensors#sha256={right}").is_file()
    with pytest.raises(DownloadError, match="it has changed"):
        fetched(f"{server.address}/net.safetensors#sha256={'0' * 64}")


def test_a_web_page_is_no_network(server, tmp_path):
    with pytest.raises(DownloadError, match="a web page, not a network"):
        fetched(f"{server.address}/page.safetensors")
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_file_above_the_bound_is_not_fetched(server, monkeypatch, tmp_path):
    monkeypatch.setattr("stylegan_cli.download.AT_MOST", 1000)
    with pytest.raises(DownloadError, match="more than 1,000 bytes"):
        fetched(f"{server.address}/net.safetensors")
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize(
    "address", ["https://", "https://host/", "https://[::1/a", "http://a/b#md5=1", "hf:owner"]
)
def test_an_address_of_no_file_is_a_wrong_call(address):
    with pytest.raises(UsageError):
        fetched(address)


def test_a_path_keeps_the_address():
    assert address_of(Path("https://host/a.pkl")) == "https://host/a.pkl"
    assert address_of(Path("https://")) == "https://"
    assert address_of("hf:owner/repo:a.pkl") == "hf:owner/repo:a.pkl"
    assert address_of(Path("runs/people")) is None


def on_the_hub(endpoint, address, *names, **more):
    """Fetch in a process of its own, as the Hub's library reads its endpoint when imported."""
    pytest.importorskip("huggingface_hub")
    code = (
        "import sys\nfrom stylegan_cli.download import fetch\n"
        "from stylegan_cli.errors import SgtoolError\n"
        "try:\n    *_, found = fetch(sys.argv[1])\n    print(found.path, found.note)\n"
        "except SgtoolError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, address],
        env={**os.environ, "HF_ENDPOINT": endpoint, **more},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_repository_of_the_hub_gives_its_network_also_offline(server, network_file):
    found = on_the_hub(server.address, "hf:owner/repo")
    assert Path(found).read_bytes() == network_file.read_bytes()
    assert on_the_hub(server.address, "hf:owner/repo:net.safetensors") == found
    assert server.downloads == 1
    offline = on_the_hub(server.address, "hf:owner/repo:net.safetensors", HF_HUB_OFFLINE="1")
    assert offline.startswith(f"{found} the copy in the cache, as the Hub is away")
    server.shutdown()
    server.server_close()
    away = on_the_hub(server.address, "hf:owner/repo")
    assert away.startswith(f"{found} the copy in the cache, as the Hub is away")


def test_what_the_hub_does_not_have_ends_in_words(server):
    assert "cannot be fetched" in on_the_hub(server.address, "hf:owner/other")
    wrong = f"hf:owner/repo:net.safetensors#sha256={'0' * 64}"
    assert "its sha256 is" in on_the_hub(server.address, wrong)
