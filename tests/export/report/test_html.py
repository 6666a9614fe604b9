"""HTML by pieces: what strangers wrote is text, whatever it is made of."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from vae_export.report.html import Markup, facts, join, table, tag, text, void


class Seen(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, name, attributes):
        self.tags.append((name, dict(attributes)))

    def handle_data(self, data):
        self.text += data


@given(st.text())
def test_a_name_shows_as_it_is_and_does_nothing(name):
    seen = Seen(tag("p", name, title=name))
    assert [tag for tag, _ in seen.tags] == ["p"]
    if name.isprintable():
        assert seen.text == name and seen.tags[0][1]["title"] == name


def test_what_could_turn_the_line_around_is_shown_as_its_number():
    assert "\u202e" not in text("photo\u202egnp.exe") and "\n" not in text("two\nlines.png")


def test_markup_is_not_escaped_again():
    assert tag("p", tag("b", "<i>")) == "<p><b>&lt;i&gt;</b></p>"
    assert join(["a & b", Markup("<hr>")]) == "a &amp; b<hr>"


def test_attributes_have_the_names_that_html_has():
    assert tag("p", class_="soft", aria_label="x") == '<p class="soft" aria-label="x"></p>'
    assert void("meta", name="viewport", content="a") == '<meta name="viewport" content="a">'
    assert tag("p", class_=None) == "<p></p>"


def test_tables_name_their_rows_and_columns():
    seen = Seen(table(["figure", "value"], [["ELBO", "<1>"]]))
    assert [attributes.get("scope") for name, attributes in seen.tags if name == "th"] == ["col", "col", "row"]
    assert "<1>" in seen.text
    assert Seen(facts([("size", "<64>")])).text == "size<64>"
