"""What is served says what the source says."""

from pathlib import Path

import pytest

from heffl_portal.static_files import lean

OWN = sorted(Path("static").glob("*.js")) + sorted(Path("static").glob("*.css"))


def test_lean_drops_comments_indents_and_empty_lines():
    script = "// What.\n(() => {\n  let a = 'x'; /* kept\n out */\n\n  go(a);\n})();\n"

    assert lean(script) == "(() => {\nlet a = 'x';\ngo(a);\n})();"
    assert lean("a { b: url(/x//y.png); }") == "a { b: url(/x//y.png); }"


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_own_files_lose_nothing_else(path):
    text = path.read_text()

    assert "/*" not in lean(text)
    assert lean(lean(text)) == lean(text)
    assert not [
        line for line in text.split("\n") if "`" in line and line.count("`") % 2
    ]
