"""The page in a real browser, where there is one: Debian's `chromium` and `chromium-driver`."""

import pytest

from stylegan_cli.report import write_page
from stylegan_cli.report.inputs import Report, read_run
from tests.browser import IS_INSTALLED, browser
from tests.report.runs import tick, write_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not IS_INSTALLED, reason="chromium and chromedriver are not installed"),
]
HOSTILE = (
    "<script>document.title = 'hacked'</script><img src=x onerror=\"document.title='hacked'\">"
)
HOME, END, LEFT = "\ue011", "\ue010", "\ue012"
SHOWN = """
return [...document.querySelectorAll(".frame")]
  .filter((frame) => frame.getClientRects().length)
  .map((frame) => [frame.querySelector("img").alt, frame.querySelector("img").naturalWidth > 0]);
"""
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    first = write_run(folder / "a", f"title={HOSTILE}", fakes=(0, 10, 20, 30))
    ticks = [tick(10, loss_g=5.5, resolution=8), tick(20, loss_g=6.5, resolution=16)]
    second = write_run(folder / "b", ticks=ticks, fakes=(0, 9, 19))
    runs = (read_run(first, HOSTILE), read_run(second, "second"))
    path = folder / "report.html"
    list(write_page(Report(inputs=("a",), runs=runs, studies=()), path, most_fakes=9))
    return path


@pytest.fixture(scope="module")
def window():
    with browser() as opened:
        yield opened


@pytest.fixture
def opened(window, page):
    window.show_as()
    window.resize(1280)
    window.open(page)
    return window


def shown(window):
    return [(alt.rpartition(" at ")[2], is_decoded) for alt, is_decoded in window.run(SHOWN)]


def test_the_newest_fakes_are_shown_first(opened):
    assert shown(opened) == [("30 kimg", True), ("19 kimg", True)]


def test_keys_move_the_slider_and_the_picture(opened):
    opened.run("document.querySelector('#together').click()")
    opened.press(".film input", LEFT)
    assert shown(opened)[0] == ("20 kimg", True)
    opened.press(".film input", HOME)
    assert shown(opened) == [("0 kimg", True), ("19 kimg", True)]
    said = "return document.querySelector('.film output').textContent"
    assert opened.run(said) == "0 kimg"


def test_all_runs_move_together_to_the_nearest_time(opened):
    opened.press(".film input", LEFT + LEFT)
    assert shown(opened) == [("10 kimg", True), ("9 kimg", True)]
    opened.press(".film input", END)
    assert shown(opened) == [("30 kimg", True), ("19 kimg", True)]


def test_the_charts_tell_what_was_when_the_shown_fakes_were_made(opened):
    opened.press(".film input", LEFT)
    assert opened.run("return document.querySelector('.chart .at').textContent") == "at 20 kimg"


def test_a_chart_tells_its_values_under_the_pointer(opened):
    values = """
    const chart = document.querySelector(".chart"), svg = chart.querySelector("svg");
    const { left, width } = svg.getBoundingClientRect();
    const clientX = left + width * (62 + (400 - 62) / 3) / 420;
    svg.dispatchEvent(new PointerEvent("pointermove", { clientX }));
    return [...chart.querySelectorAll(".key output, .at")].map((output) => output.textContent);
    """
    assert opened.run(values) == ["2", "5.5", "at 10 kimg"]


def test_the_console_stays_empty_and_nothing_is_asked_for(window, page):
    window.complaints()
    window.requests()
    window.open(page)
    window.press(".film input", HOME)
    assert window.complaints() == []
    asked = {address for address in window.requests() if not address.startswith("data:")}
    assert asked == {page.resolve().as_uri()}


def test_a_hostile_title_does_nothing(opened):
    assert opened.run("return document.title").startswith("<script>document.title")


def test_what_is_injected_does_not_run_either(opened):
    opened.run(
        "const script = document.createElement('script');"
        "script.textContent = \"document.title = 'hacked'\";"
        "document.body.append(script);"
    )
    assert opened.run("return document.title") != "hacked"
    opened.complaints()


def test_nothing_is_wider_than_the_window(opened):
    for width in (360, 800, 1600):
        opened.resize(width)
        assert opened.run(OVERFLOW) <= 0


def test_the_dark_scheme_is_dark(opened):
    def lightness():
        colour = opened.run("return getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.strip("rgb()").split(",")) / 3

    light = lightness()
    opened.show_as(scheme="dark")
    assert lightness() < 60 < 200 < light


def test_on_paper_are_the_first_middle_and_last_fakes_without_a_slider(opened):
    opened.show_as(media="print", scheme="dark")
    assert [kimg for kimg, _ in shown(opened)] == [
        "0 kimg",
        "20 kimg",
        "30 kimg",
        "0 kimg",
        "9 kimg",
        "19 kimg",
    ]
    slider = "return document.querySelector('.film input').getClientRects().length"
    assert opened.run(slider) == 0
