import pytest

from tests.interop.export.networks import shapes_unchecked


@pytest.fixture(scope="package", autouse=True)
def _untyped():
    with shapes_unchecked():
        yield
