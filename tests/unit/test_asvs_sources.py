"""What OWASP ASVS asks of the sources themselves: see tests/asvs.toml.

Each rule reads every file anew, so that what is written tomorrow is held to it, too; each is
shown a piece that breaks it, so that it cannot pass by seeing nothing.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models import FileField

from clients_app.models import Submission
from tests.routes import OPEN

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*ROOT.glob("clients_app/**/*.py"), *ROOT.glob("heffl_portal/**/*.py")]
SCRIPTS = sorted(ROOT.glob("static/*.js"))
TEMPLATES = sorted(ROOT.glob("templates/**/*.html"))

Rule = Callable[[ast.AST], bool]


def called(node: ast.AST) -> str:
    """Return the dotted name of what a call calls; "" for anything else."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def first_argument(node: ast.AST) -> ast.AST | None:
    return node.args[0] if isinstance(node, ast.Call) and node.args else None


def found(rule: Rule, text: str) -> list[int]:
    """Return the lines of a piece of Python in which a rule sees something."""
    nodes = ast.walk(ast.parse(text))
    return sorted({node.lineno for node in nodes if rule(node)})  # type: ignore[attr-defined]


def breaches(rule: Rule) -> Iterator[str]:
    """Yield where in our Python a rule sees something."""
    for path in SOURCES:
        for line in found(rule, path.read_text()):
            yield f"{path.relative_to(ROOT)}:{line}"


def makes_code(node: ast.AST) -> bool:
    name = called(node)
    if name.rpartition(".")[2] in {"eval", "exec", "compile", "__import__"}:
        return not name.startswith("re.")
    if name.startswith(("os.system", "os.popen", "pickle.", "marshal.", "shelve.")):
        return True
    return isinstance(node, ast.keyword) and node.arg == "shell"


@pytest.mark.parametrize(
    "piece",
    [
        "eval(x)",
        "os.system(x)",
        "subprocess.run(x, shell=True)",
        "pickle.loads(x)",
    ],
)
def test_a_piece_that_makes_code_is_seen(piece):
    assert [node for node in ast.walk(ast.parse(piece)) if makes_code(node)]


def test_no_code_is_made_of_data_and_no_shell_is_asked():
    assert list(breaches(makes_code)) == []


def uses_weak_crypto(node: ast.AST) -> bool:
    name = called(node).rpartition(".")[2].lower()
    if name in {"md5", "sha1", "des", "arc4", "rc4", "ecb", "cbc", "blowfish"}:
        return True
    argument = first_argument(node)
    weak = isinstance(argument, ast.Constant) and argument.value in {"md5", "sha1"}
    return weak and called(node).startswith(("hashlib.", "hmac."))


@pytest.mark.parametrize("piece", ["hashlib.md5(x)", "hashlib.new('sha1')"])
def test_a_weak_hash_is_seen(piece):
    assert found(uses_weak_crypto, piece)


def test_no_weak_hash_or_cipher_is_used():
    assert list(breaches(uses_weak_crypto)) == []
    imports = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if re.search(r"^\s*(from|import) cryptography", path.read_text(), re.M)
    ]
    assert imports == ["clients_app/crypto.py"]
    assert "AESGCM" in (ROOT / "clients_app/crypto.py").read_text()


def makes_guessable_numbers(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(each.name == "random" for each in node.names)
    return isinstance(node, ast.ImportFrom) and node.module == "random"


def test_random_numbers_that_can_be_guessed_only_spread_retries():
    assert found(makes_guessable_numbers, "import random")
    where = {each.partition(":")[0] for each in breaches(makes_guessable_numbers)}
    assert where == {"clients_app/delivery/outbox.py"}


PATTERN_MAKERS = {
    f"re.{name}"
    for name in ("compile", "match", "fullmatch", "search", "sub", "split", "findall")
}
# Patterns that are put together, of parts that stand in the same file.
OWN_PARTS = {
    "clients_app/backup/folder.py",
    "clients_app/csv_text.py",
    "clients_app/heffl/refusal.py",
    "clients_app/signup/page_form.py",
    "heffl_portal/template_loader.py",
}


def makes_a_pattern(node: ast.AST) -> bool:
    argument = first_argument(node)
    if called(node) not in PATTERN_MAKERS or argument is None:
        return False
    return "re.escape" not in ast.unparse(argument) and not isinstance(
        argument, ast.Constant
    )


def test_no_pattern_is_made_of_input():
    assert found(makes_a_pattern, "re.search(typed, text)")
    where = {each.partition(":")[0] for each in breaches(makes_a_pattern)}
    assert where - OWN_PARTS == set()


def makes_a_template(node: ast.AST) -> bool:
    return called(node).rpartition(".")[2] in {"from_string", "Template"}


def test_no_template_is_made_of_input():
    assert found(makes_a_template, "engine.from_string(typed)")
    assert list(breaches(makes_a_template)) == []


def test_no_sql_is_made_of_input():
    """A statement is put together only in these files, of names that stand in them."""
    put_together = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if "migrations" not in path.parts
        and re.search(r"(execute\(f\"|\.extra\(|RawSQL\(|\.raw\()", path.read_text())
    }
    assert put_together <= {
        "clients_app/audit/chain.py",
        "clients_app/backup/postgresql.py",
        "clients_app/models/submission.py",
        "clients_app/review/queue.py",
        "clients_app/database/sqlite_turns.py",
    }
    # The one that takes a list puts whole numbers into it and nothing else.
    with pytest.raises((TypeError, ValueError)):
        Submission.objects.among(["1); DROP TABLE x"])


def test_nothing_is_marked_safe_but_pictures_we_draw():
    marked = {
        f"{path.relative_to(ROOT)}"
        for path in [*SOURCES, *TEMPLATES]
        if re.search(r"mark_safe\(|\|\s*safe\b|autoescape off", path.read_text())
    }
    assert marked == {
        "clients_app/views/signup_settings.py",  # the QR code
        "templates/mfa/totp/activate_form.html",  # the QR code
    }


MARKUP = re.compile(
    r"\beval\(|new Function\(|document\.write|insertAdjacentHTML"
    r"|(?:inner|outer)HTML\s*="
)
# Both take a page of our own server, in which everything that people typed is escaped.
OWN_PAGES = ("matches.innerHTML = html;", "document.write(html);")


def test_no_script_makes_code_or_markup_of_data():
    assert MARKUP.search("box.innerHTML = typed")
    for path in SCRIPTS:
        text = path.read_text()
        for own in OWN_PAGES:
            text = text.replace(own, "", 1)
        assert not MARKUP.search(text), path.name


def test_our_scripts_listen_to_no_messages():
    listening = re.compile(r"onmessage|addEventListener\(\s*['\"]message['\"]")
    assert listening.search('window.addEventListener("message", take)')
    assert [path.name for path in SCRIPTS if listening.search(path.read_text())] == []


def test_no_script_copies_foreign_keys():
    copying = re.compile(
        r"Object\.assign\([^{(]*,\s*JSON\.parse|__proto__|\bfor\s*\(\w+ \w+ in "
    )
    assert copying.search("Object.assign(state, JSON.parse(text))")
    assert [path.name for path in SCRIPTS if copying.search(path.read_text())] == []


def test_no_upload_becomes_a_file():
    """What is uploaded goes into rows; nothing is written under a name from outside."""
    from django.apps import apps

    fields = [field for model in apps.get_models() for field in model._meta.fields]
    assert [field for field in fields if isinstance(field, FileField)] == []
    assert settings.MEDIA_ROOT == ""
    assert list(breaches(lambda node: called(node).endswith("storage.save"))) == []


def test_a_view_says_which_methods_it_takes():
    """Whatever the URLconf leads to refuses, without a body, the methods it has no use for."""
    from django.urls import get_resolver

    ours = [
        pattern
        for pattern in get_resolver("clients_app.urls").url_patterns
        if pattern.callback.__module__.startswith("clients_app.")
    ]
    silent = [
        pattern.name
        for pattern in ours
        if not re.search(
            r"@(public\(|member_page|require_|\w*_page\()", source_of(pattern.callback)
        )
    ]
    assert ours
    assert silent == []


def source_of(view) -> str:
    """Return a view's source with its decorators."""
    module = ROOT / (view.__module__.replace(".", "/") + ".py")
    name = view.__name__
    found = re.search(
        rf"((?:^@.*\n(?:    .*\n|\)\n)*)*)^def {name}\b", module.read_text(), re.M
    )
    return found[1] if found else ""


def test_calls_ask_for_tls_1_2_at_least():
    loose = re.compile(r"PROTOCOL_TLSv1\b|CERT_NONE|verify=False|TLSv1(_1)?\b")
    assert loose.search("requests.get(address, verify=False)")
    assert [path.name for path in SOURCES if loose.search(path.read_text())] == []
    asked = (ROOT / "clients_app/heffl/transport.py").read_text()
    assert "minimum_version = ssl.TLSVersion.TLSv1_2" in asked


CALLERS = re.compile(
    r"^\s*(?:import (?:smtplib|ftplib)\b"
    r"|(?:from|import) (?:requests|urllib\.request|http\.client|httpx|socket)\b)",
    re.M,
)


def test_nothing_but_heffl_and_mail_is_called():
    assert CALLERS.search("import requests\n")
    calling = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if CALLERS.search(path.read_text())
    }
    assert {each for each in calling if not each.startswith("clients_app/heffl/")} <= {
        "clients_app/health.py",  # asks what this machine is called
        "heffl_portal/connections.py",  # takes the socket that it is handed
    }


def test_logs_go_to_stderr_alone():
    handlers = settings.LOGGING["handlers"].values()
    assert {each["class"] for each in handlers} == {"logging.StreamHandler"}
    assert OPEN  # the addresses that anybody may ask are a list, not a habit
