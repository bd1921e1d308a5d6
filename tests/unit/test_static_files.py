"""What is served says what the source says."""

from pathlib import Path

import pytest

from heffl_portal.static_files import lean, lean_style

OWN = sorted(Path("static").glob("*.js")) + sorted(Path("static").glob("*.css"))


def test_lean_drops_comments_indents_and_empty_lines():
    script = "// What.\n(() => {\n  let a = 'x'; /* kept\n out */\n\n  go(a);\n})();\n"

    assert lean(script) == "(() => {\nlet a = 'x';\ngo(a);\n})();"
    assert lean("a { b: url(/x//y.png); }") == "a { b: url(/x//y.png); }"


@pytest.mark.parametrize(
    ("style", "short"),
    [
        ("a { b: c; d: e; }\n", "a{b:c;d:e}"),
        ("a,\nb > c { d: 1px 2px }", "a,b > c{d:1px 2px}"),
        ("a :hover { b: c }", "a :hover{b:c}"),
        ('a::before { content: "x ; { y, "; }', 'a::before{content:"x ; { y, "}'),
        ("a { b: url(data:x, y ; z) }", "a{b:url(data:x, y ; z)}"),
        (
            "@media (a: b) and (c: d) {\n  e { f: g; }\n}",
            "@media (a:b) and (c:d){e{f:g}}",
        ),
    ],
)
def test_lean_style_drops_blanks_that_mean_nothing(style, short):
    assert lean_style(style) == short


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_own_files_lose_nothing_else(path):
    text = path.read_text()

    assert "/*" not in lean(text)
    assert lean(lean(text)) == lean(text)
    assert not [
        line for line in text.split("\n") if "`" in line and line.count("`") % 2
    ]
