"""Templates laid out for people: what the loader takes out, and what it must leave."""

from __future__ import annotations

import time

import pytest
from django.template import engines
from django.utils import translation

from heffl_portal.template_loader import lean

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("source", "thin"),
    [
        # Lines and words.
        ("<ul>\n  <li>one</li>\n\n  <li>two</li>\n</ul>\n", "<ul><li>one</li><li>two</li></ul>"),
        ("<p>\n  one\n  two  three\n</p>", "<p>one two  three</p>"),
        ("one {{ two }}\n  {{ three }}\n  four", "one {{ two }} {{ three }} four"),
        ("\ufeff<p>\r\n\t one\r\n\t two\r\n</p>\r\n", "\ufeff<p>one two</p>"),
        ("  <p>one</p>  ", "<p>one</p>"),
        ("a < b\n  and c", "a < b and c"),
        # Elements inside a line.
        ("<b>one</b> <i>two</i>, three", "<b>one</b> <i>two</i>, three"),
        ("one\n<b>two</b>\nthree", "one<b>two</b>three"),
        ('one{{ " " }}\n<b>two</b>', "one <b>two</b>"),
        ("<b>two</b>\n{{ ' ' }}\n<i>", "<b>two</b> <i>"),
        ("{% if one %} <b>two</b>{% endif %}", "{% if one %} <b>two</b>{% endif %}"),
        ("{% if one %}\n  two\n{% else %}\n  three\n{% endif %}", "{% if one %}two{% else %}three{% endif %}"),
        ("<p>{% translate 'Error:' %} \n</p>", "<p>{% translate 'Error:' %}</p>"),
        # Attributes.
        ('<a\n  class="btn"\n  href="{% url \'x\' %}"\n>\n  y\n</a>', '<a class="btn" href="{% url \'x\' %}">y</a>'),
        ("<input\n  name=a\n  required\n/>", "<input name=a required/>"),
        ('<a\n  {% if b %}c="d"{% endif %}\n>', '<a{% if b %} c="d"{% endif %}>'),
        ('<a b="c"{% if d %} e{% endif %}>', '<a b="c"{% if d %} e{% endif %}>'),
        ("<a\n{% if b %}c{% elif d %}e{% else %}f{% endif %}\ng\n>", "<a{% if b %} c{% elif d %} e{% else %} f{% endif %} g>"),
        ("<a\n{% if b %}\n  c\n  d\n{% endif %}\n>", "<a{% if b %} c d{% endif %}>"),
        ("<a\n{% for k, v in all %}{{ k }}={{ v }}{% endfor %}\n>", "<a{% for k, v in all %} {{ k }}={{ v }}{% endfor %}>"),
        ("<a\n  {% include 'b' %}\n  {{ c }}\n>", "<a {% include 'b' %} {{ c }}>"),
        ("<h1 {% block a %}{% endblock %}>", "<h1 {% block a %}{% endblock %}>"),
        ('<a title="one  two > three\n  four">', '<a title="one  two > three four">'),
        ("<a title='say \"x\"\n  y'\n>", "<a title='say \"x\" y'>"),
        ('<a class="\n  b\n  {% if c %}d{% endif %}\n">', '<a class="b{% if c %} d{% endif %}">'),
        ('<a b="{% if c %}d {% endif %}e">', '<a b="{% if c %}d {% endif %}e">'),
        ('<a b="{{ c|default:"d  >" }}"\n  e>', '<a b="{{ c|default:"d  >" }}" e>'),
        ('{% if a %}\n<a\nb="c"\n{% else %}\n<i\n{% endif %}\nd="e"\n>', '{% if a %}<a b="c"{% else %}<i{% endif %} d="e">'),
        # Left alone.
        ("<pre>\n one\n  two </pre>\n<p>", "<pre>\n one\n  two </pre><p>"),
        ('<textarea\n  id="a"\n>\n {{ " " }} {{ b }}\n</textarea>\n<p>', '<textarea id="a">\n {{ " " }} {{ b }}\n</textarea><p>'),
        ("<script>\n if (a < b)\n  c()\n</SCRIPT>\n<p>", "<script>\n if (a < b)\n  c()\n</SCRIPT><p>"),
        ("<!-- it's\n  so -->\n<p\n>", "<!-- it's\n  so --><p>"),
        ("{% verbatim %}\n {{ a }}\n{% endverbatim %}\n<p>", "{% verbatim %}\n {{ a }}\n{% endverbatim %}<p>"),
        ("{% verbatim x %}{% endverbatim %}\n <b>\n{% endverbatim x %}\n", "{% verbatim x %}{% endverbatim %}\n <b>\n{% endverbatim x %}"),
        ("{% blocktranslate %}\n one\n <b\n{% endblocktranslate %}\n<p>", "{% blocktranslate %}\n one\n <b\n{% endblocktranslate %}<p>"),
        # Comments.
        ("one {# two #}\n three", "one three"),
        ("one\n{# two #}\nthree", "one three"),
        ("<p>\n{% comment %}\n {{ one }} <b\n{% endcomment %}\n</p>", "<p></p>"),
    ],
)  # fmt: skip
def test_a_layout_is_thinned_to_what_it_says(source, thin):
    assert lean(source) == thin
    assert lean(thin) == thin


@pytest.fixture
def folder(tmp_path, settings):
    """Return a folder of templates that the portal's loaders read."""
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    return tmp_path


def rendered(name: str, **context: object) -> str:
    return engines["django"].get_template(name).render(context)


def test_wrapped_words_of_blocktranslate_keep_their_translation(folder):
    words = "The address may be mistyped, or the page belongs to an organisation you are not a member of."
    half = words.index("or the")
    (folder / "a.html").write_text(
        "{% load i18n %}\n<p>\n  {% blocktranslate trimmed %}\n"
        f"    {words[:half]}\n    {words[half:]}\n  {{% endblocktranslate %}}\n</p>\n"
    )
    (folder / "b.html").write_text(
        f'{{% load i18n %}}<p>{{% translate "{words}" %}}</p>'
    )

    for language in ("en", "ar"):
        with translation.override(language):
            assert rendered("a.html") == rendered("b.html")


def test_only_html_is_thinned(folder):
    (folder / "a.html").write_text("<p>\n  one\n</p>\n")
    (folder / "a.txt").write_text("one\n\n  two\n")

    assert rendered("a.html") == "<p>one</p>"
    assert rendered("a.txt") == "one\n\n  two\n"


def test_templates_of_other_packages_stay_as_they_are(folder):
    found = engines["django"].get_template("admin/base.html").template

    assert "\n<html" in found.source


def test_a_template_is_thinned_once(folder, monkeypatch):
    (folder / "a.html").write_text("<p>\n  {{ one }}\n</p>\n")
    rendered("a.html", one=1)
    monkeypatch.setattr("heffl_portal.template_loader.lean", None)

    assert rendered("a.html", one=2) == "<p>2</p>"


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", [" ", "\n", "<", "<a ", '"', "{%", "{{ ", "<!--", "<script>", "</pre"]
)
def test_time_grows_with_the_length_alone(piece):
    """50,000 times any piece takes less than ten seconds; with a square it would take hours."""
    start = time.process_time()
    lean("<p " + piece * 50_000)
    lean(piece * 50_000)

    assert time.process_time() - start < 10
