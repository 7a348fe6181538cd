import pytest

from stylegan_cli.recipe import load
from tests.recipe.problems import problems_of


@pytest.mark.parametrize("key", ["growing.batch_size", "growing.lr"])
@pytest.mark.parametrize("side", ["2", "12", "2048", "08", "x"])
def test_tables_go_by_resolution(key, side):
    assert problems_of("stylegan1-f", f"{key}={{8 = 4, {side} = 4}}") == (
        f'{key}: "{side}" is not a resolution; write powers of two from 4 to 1024',
    )


@pytest.mark.parametrize(("first", "example"), [(0, 4), (2, 4), (12, 8), (128, 64)])
def test_growing_starts_at_a_resolution_of_the_run(first, example):
    found = problems_of("progan", "data.resolution=64", f"growing.initial_resolution={first}")
    assert found == (
        f"growing.initial_resolution: {first} is not a power of two from 4 to data.resolution, 64; "
        f"write for example {example}",
    )


@pytest.mark.parametrize("first", [4, 16, 64])
@pytest.mark.parametrize("name", ["progan", "stylegan1-f", "stylegan2-d"])
def test_growing_may_start_at_any_resolution_up_to_the_last(name, first):
    changes = ["data.resolution=64", f"growing.initial_resolution={first}"]
    assert load(name, changes).growing.initial_resolution == first


def test_a_wrong_resolution_is_not_blamed_on_where_growing_starts():
    (problem,) = problems_of("stylegan1-f", "data.resolution=7")
    assert problem.startswith("data.resolution: 7")
