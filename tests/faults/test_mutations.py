"""Damaged and hostile files of every kind: nothing runs, and every error ends in words."""

import pytest

from tests.faults.campaign import failures_of
from tests.faults.conftest import TIMES
from tests.faults.readers import STRUCTURED, readers

INPUTS = 600
KINDS = (
    *("pickles", "torch", "networks", "codes", "studies", "begun studies", "measurements"),
    *("directions", "zips", "HDF5 data sets", "records", "images", "recipes", "labels"),
    *("run statistics", "accounts", "states", "statistics of a run that is resumed"),
    *(f"structure of {kind}" for kind in STRUCTURED),
    *("structure of projections", "structure of begun projections", "structure of noise studies"),
    *("structure of centres", "structure of begun measurements"),
)


@pytest.fixture(scope="module")
def known(inputs, server):
    found = readers(inputs, server)
    assert set(found) == set(KINDS)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_end_in_words(kind, known, server, fresh):
    reader, folder = known[kind], fresh("damaged")
    (folder / "precious").write_text("mine")
    count = round(INPUTS * TIMES * reader.share / 100)
    failures = failures_of(reader, count, folder, server, kind)
    assert not failures, "\n\n".join(failures[:10]) + f"\n\n{len(failures)} failures"
    assert (folder / "precious").read_text() == "mine"
