"""What is served says what the source says, and the source is written for people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import rcssmin
import rjsmin
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from heffl_portal.static_files import LeanStorage, lean_script, lean_style

STATIC = Path("static")
SCRIPTS = sorted(STATIC.glob("*.js"))
SHEET = STATIC / "portal.css"


def named(path):
    return path.name


@pytest.mark.parametrize(
    ("script", "short"),
    [
        ("// What.\n(() => {\n  go(1); /* out */\n\n})();\n", "(()=>{go(1);})();"),
        ("say('// no comment');", "say('// no comment');"),
        ('say("/* no comment */  x");', 'say("/* no comment */  x");'),
        ("a = `b  ${c  + d}\n  // e`;", "a=`b  ${c  + d}\n  // e`;"),
        ("if (/^[/'\"]  \\/\\/x/.test(a)) b()", "if(/^[/'\"]  \\/\\/x/.test(a))b()"),
        ("a = b / c / d; // e", "a=b/c/d;"),
        ("return /a  b/g", "return/a  b/g"),
        ("let a\n++b", "let a\n++b"),
        ("a + +b", "a+ +b"),
    ],
)
def test_lean_script_drops_only_what_means_nothing(script, short):
    assert lean_script(script) == short


@pytest.mark.parametrize(
    ("style", "short"),
    [
        ("a { b: c; d: e; }\n", "a{b:c;d:e}"),
        ("a,\nb > c { d: 1px 2px }", "a,b>c{d:1px 2px}"),
        ("a :hover { b: c }", "a :hover{b:c}"),
        ('a::before { content: "x ; { 0.5 / y, "; }', 'a::before{content:"x ; { 0.5 / y, "}'),
        ("a { b: url('data:x, 0.5 / y') }", "a{b:url('data:x, 0.5 / y')}"),
        ("a { b: 0.5rem -0.5rem 10.5px; }", "a{b:.5rem -0.5rem 10.5px}"),
        ("a { b: calc(0.5rem + 1px) c / 0.4rem; }", "a{b:calc(.5rem + 1px) c/.4rem}"),
        ('a { content: "•" / ""; }', 'a{content:"•"/""}'),
        ("@media (a: b) and (c: d) {\n  e { f: g; }\n}", "@media (a:b) and (c:d){e{f:g}}"),
    ],
)  # fmt: skip
def test_lean_style_drops_blanks_that_mean_nothing(style, short):
    assert lean_style(style) == short


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_scripts_come_out_the_same_where_the_minifier_is_not_compiled(path):
    slow = rjsmin._make_jsmin(python_only=True)

    assert slow(path.read_text()) == lean_script(path.read_text())


def test_the_stylesheet_comes_out_the_same_where_the_minifier_is_not_compiled():
    slow = rcssmin._make_cssmin(python_only=True)

    assert slow(SHEET.read_text()) == rcssmin.cssmin(SHEET.read_text())


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_nothing_is_left_to_take_out_of_a_lean_script(path):
    lean = lean_script(path.read_text())

    assert lean_script(lean) == lean
    assert len(lean) < len(path.read_text()) * 0.85


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_no_expression_begins_right_after_an_arrow_that_the_minifier_misreads(path):
    misread = re.compile(r"""=>\s*/(?![/*])[^/\n]*["'`\s]""")

    assert misread.search("x => /a b/.test(x)")
    assert not misread.search(path.read_text())


def test_the_sections_of_the_stylesheet_stand_in_their_order():
    marks = re.findall(r"^/\* ==== (.+?) =+$", SHEET.read_text(), re.M)

    assert marks == [
        "Base",
        "Shell",
        "Forms",
        "Lists",
        "Client",
        "Pages",
        "Other ways of seeing",
    ]


def collected(source, target):
    """Collect source into target as collectstatic does; return the served names."""
    files = FileSystemStorage(location=source)
    storage = LeanStorage(location=target, base_url="/static/")
    paths = {}
    for path in source.rglob("*.*"):
        name = path.relative_to(source).as_posix()
        if not storage.exists(name):  # what is there is not copied again
            storage.save(name, ContentFile(path.read_bytes()))
        paths[name] = (files, name)
    for _name, _hashed, processed in storage.post_process(paths):
        assert not isinstance(processed, Exception)
    return storage.hashed_files


def test_collecting_thins_out_our_own_files_and_leaves_those_of_others(tmp_path):
    source = tmp_path / "source"
    target = tmp_path / "target"
    (source / "vendor").mkdir(parents=True)
    (source / "all.css").write_text("/* All. */\na {\n  b: 0.5rem;\n}\n")
    (source / "go.js").write_text("// Goes.\ngo( 1 );\n")
    (source / "vendor" / "x.js").write_text("/* licence */ x( 1 );\n")

    served = collected(source, target)

    assert (target / served["all.css"]).read_text() == "a{b:.5rem}"
    assert (target / served["go.js"]).read_text() == "go(1);"
    assert (target / served["vendor/x.js"]).read_text() == "/* licence */ x( 1 );\n"


def test_collecting_again_takes_the_source_not_what_lies_there(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "go.js").write_text("go( 1 );\n")
    collected(source, tmp_path / "target")
    (source / "go.js").write_text("go( 2 );\n")

    served = collected(source, tmp_path / "target")

    assert (tmp_path / "target" / served["go.js"]).read_text() == "go(2);"


def crowded(line):
    """Whether a line of a stylesheet holds more than one thing."""
    bare = re.sub(r'"[^"]*"|/\*.*?\*/', "", line).strip()
    return bool(re.search(r"[;{}].", bare))


@pytest.mark.parametrize("path", [*SCRIPTS, SHEET], ids=named)
def test_no_line_of_a_source_is_longer_than_120_characters(path):
    lines = path.read_text().splitlines()

    assert not [line for line in lines if len(line) > 120]


def test_the_stylesheet_has_one_declaration_a_line():
    lines = SHEET.read_text().splitlines()

    assert not [line for line in lines if crowded(line)]


def test_a_crowded_line_is_found():
    assert crowded("a { b: c; }")
    assert crowded("  b: c; d: e;")
    assert not crowded('  content: "a; b"; /* why; so */')
    assert not crowded("@media (a: b) {")


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_a_script_says_at_its_top_what_it_is_for(path):
    assert path.read_text().startswith("// ")
