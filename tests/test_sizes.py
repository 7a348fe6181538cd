import pytest

from stylegan_cli.sizes import LEVELS, Size, nearest_sizes, parse_size, problem_of, square


@pytest.mark.parametrize("level", LEVELS)
def test_squares_start_from_a_grid_of_4(level):
    assert square(level).level == level
    assert square(level).base == square(4)


@pytest.mark.parametrize(
    ("text", "base", "level"),
    [
        ("96x64", Size(2, 3), 128),
        ("192x128", Size(2, 3), 256),
        ("3x2", Size(2, 3), 4),
        ("64x128", Size(4, 2), 128),
        ("1024x768", Size(3, 4), 1024),
        ("1024x640", Size(5, 8), 512),
        ("64x16", Size(2, 8), 32),
    ],
)
def test_rectangles_start_from_the_smallest_grid(text, base, level):
    size = parse_size(text)
    assert (size.base, size.level) == (base, level)


@pytest.mark.parametrize("text", ["96x64", "1024x640", "64x16", "48x80", "64"])
def test_levels_double_the_base_grid_up_to_the_size(text):
    size = parse_size(text)
    sizes = [size.at(level) for level in size.levels]
    assert (sizes[0], sizes[-1]) == (size.base, size)
    assert [each.times(2) for each in sizes[:-1]] == sizes[1:]
    assert [each.level for each in sizes] == list(size.levels)
    assert [size >> k for k in range(len(sizes))] == sizes[::-1]


@pytest.mark.parametrize("text", ["96", "100", "2", "2048", "100x64", "1280x720", "9x2"])
def test_other_sizes_are_impossible(text):
    size = parse_size(text)
    assert not size.is_possible
    assert "power of two" in problem_of(size)
    assert all(each.is_possible for each in nearest_sizes(size))


def test_the_nearest_sizes_come_first():
    assert [str(each) for each in nearest_sizes(Size(130, 190))] == ["192×128", "224×128"]
    assert nearest_sizes(square(100))[0] == square(128)


@pytest.mark.parametrize("text", ["", "x", "64x", "-64x64", "6.4x64", "64x64x3", "1e9x64"])
def test_other_texts_mean_no_size(text):
    assert parse_size(text) is None


@pytest.mark.parametrize("value", [64, "96x64"])
def test_a_size_is_written_as_it_is_read(value):
    assert parse_size(value).value == value


def test_a_square_is_written_as_its_side():
    assert parse_size("64x64").value == 64
    assert str(square(64)) == "64×64"
