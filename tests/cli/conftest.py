import pytest


@pytest.fixture
def here(tmp_path, monkeypatch, network_file):
    """A folder of its own to work in, with a network chosen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SGTOOL_NETWORK", str(network_file))
    return tmp_path
