import pytest

from stylegan_cli.report.markup import closing, element, opening, text


def test_text_reads_as_it_is_and_is_never_markup():
    assert text("<script>&\"'") == "&lt;script&gt;&amp;&quot;&#x27;"


def test_an_attribute_cannot_end_early():
    assert element("p", title='"><script>') == '<p title="&quot;&gt;&lt;script&gt;"></p>'


@pytest.mark.parametrize(
    ("attributes", "written"),
    [
        ({"class_": "a"}, '<p class="a"></p>'),
        ({"data_kimg": 3}, '<p data-kimg="3"></p>'),
        ({"checked": True}, "<p checked></p>"),
        ({"checked": False, "title": None}, "<p></p>"),
        ({"min": 0}, '<p min="0"></p>'),
    ],
)
def test_attributes_are_written_as_html_has_them(attributes, written):
    assert element("p", **attributes) == written


def test_children_stand_between_the_tags():
    assert element("p", text("a"), element("b", text("c"))) == "<p>a<b>c</b></p>"


def test_an_image_has_no_end():
    assert element("img", src="data:,") == '<img src="data:,">'


def test_an_element_may_be_written_in_pieces():
    assert opening("p", class_="a") + text("b") + closing("p") == element(
        "p", text("b"), class_="a"
    )
