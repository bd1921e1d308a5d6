"""The portal in Arabic: a whole catalogue, and pages without a stray English word."""

from __future__ import annotations

import ast
import gettext
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format, number_format
from django.utils.translation.template import templatize

from clients_app.models import CustomFieldKind, Status
from tests.factories import CustomFieldFactory, SubmissionFactory

pytestmark = pytest.mark.once  # What a page says does not depend on the database.

BASE_DIR = Path(__file__).resolve().parent.parent.parent
FOLDER = BASE_DIR / "locale/ar/LC_MESSAGES"
# One number for each of the six plural forms of Arabic.
ONE_OF_EACH = (0, 1, 2, 3, 11, 100)
MARKERS = {
    *("_", "gettext", "gettext_lazy", "gettext_noop"),
    *("ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"),
}
LITERAL = r"""(u?'(?:[^'\\]|\\.)*'|u?"(?:[^"\\]|\\.)*")"""
PLACEHOLDER = re.compile(r"\{\w+\}|%\(\w+\)[sd]|%[sd]|</?bdi>")


def read_po() -> dict[str, tuple[str, ...]]:
    """Return the entries of the .po: context and msgid → its forms, "" included."""
    entries = {}
    for block in (FOLDER / "django.po").read_text().split("\n\n"):
        parts: dict[str, str] = {}
        keyword = ""
        for line in block.splitlines():
            if line.startswith("#,"):
                assert "fuzzy" not in line, block
            if not line or line.startswith("#"):
                continue
            if not line.startswith('"'):
                keyword, line = line.split(" ", 1)
            parts[keyword] = parts.get(keyword, "") + ast.literal_eval(line)
        context = f"{parts['msgctxt']}\x04" if "msgctxt" in parts else ""
        forms = [text for name, text in parts.items() if name.startswith("msgstr")]
        entries[context + parts["msgid"]] = (parts.get("msgid_plural", ""), *forms)
    return entries


PO = read_po()
WORDS = {key: forms for key, forms in PO.items() if key}


def words_in_code():
    for path in [
        *BASE_DIR.glob("clients_app/**/*.py"),
        *BASE_DIR.glob("*_portal/*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if node.func.id in MARKERS and texts:
                in_context = node.func.id.startswith("pgettext")
                yield "\x04".join(texts[:2]) if in_context else texts[0]


def words_in_templates():
    call = re.compile(rf"(\w+)\({LITERAL}(?:, {LITERAL})?")
    for path in BASE_DIR.glob("templates/**/*"):
        if path.is_dir():
            continue
        for name, first, second in call.findall(templatize(path.read_text())):
            if name in MARKERS:
                parts = [first, second] if name == "pgettext" else [first]
                yield "\x04".join(ast.literal_eval(part) for part in parts)


def test_catalogue_holds_the_words_of_code_and_templates_and_no_others():
    used = {*words_in_code(), *words_in_templates()}

    assert set(WORDS) == used


def test_compiled_catalogue_is_in_step():
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog

    written = {}
    for key, (plural, *forms) in WORDS.items():
        if plural:
            written |= {(key, number): form for number, form in enumerate(forms)}
        else:
            written[key] = forms[0]
    assert {key: text for key, text in compiled.items() if key} == written


def told(key: str) -> list[str]:
    """Return what Django says in Arabic for an entry, each plural form once."""
    plural = WORDS[key][0]
    context, _, message = key.rpartition("\x04")
    if plural:
        return [translation.ngettext(message, plural, n) for n in ONE_OF_EACH]
    if context:
        return [translation.pgettext(context, message)]
    return [translation.gettext(message)]


def test_every_message_is_told_in_our_arabic():
    with translation.override("ar"):
        wrong = {
            key: told(key) for key, (_, *forms) in WORDS.items() if told(key) != forms
        }

    assert wrong == {}
    assert [key for key, (_, *forms) in WORDS.items() if not all(forms)] == []


def faults_of(key: str, plural: str, forms: list[str]) -> list[str]:
    meant = sorted(PLACEHOLDER.findall(plural or key))
    faults = []
    for number, form in enumerate(forms):
        found = sorted(PLACEHOLDER.findall(form))
        # "One client" needs no number, where placeholders have names.
        spelt_out = plural and number < 3 and "%d" not in meant
        if not set(found) <= set(meant) if spelt_out else found != meant:
            faults.append(f"other placeholders: {form}")
        if len(re.findall("[\u2066\u2068]", form)) != form.count("\u2069"):
            faults.append(f"an isolate stays open: {form}")
        if re.search("[٠-٩۰-۹]", form):
            faults.append(f"other digits than Western ones: {form}")
    return faults


def test_placeholders_isolates_and_digits_are_right():
    faults = [
        fault
        for key, (plural, *forms) in WORDS.items()
        for fault in faults_of(key, plural, forms)
    ]

    assert faults == []


def test_numbers_and_dates_have_western_digits():
    at = datetime(2026, 11, 20, 13, 25, tzinfo=UTC)

    with translation.override("ar"):
        shown = [
            number_format(1234.5, decimal_pos=2, force_grouping=True),
            date_format(timezone.localtime(at), translation.gettext("j M, H:i")),
            date_format(timezone.localtime(at), "DATETIME_FORMAT"),
        ]

    assert shown == ["1,234.50", "20 نوفمبر، 17:25", "20 نوفمبر 2026، 17:25"]


class Shown(HTMLParser):
    """What a person sees and hears of a page."""

    SPOKEN = ("aria-label", "title", "alt", "placeholder", "data-say", "data-busy")

    def __init__(self, response):
        super().__init__()
        self.pieces = []
        self.root = {}
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "html":
            self.root = found
        self.pieces += [found[name] for name in self.SPOKEN if found.get(name)]

    def handle_data(self, data):
        if data.strip():
            self.pieces.append(data.strip())

    @property
    def text(self):
        return "\n".join(self.pieces)


# Names, keys of the keyboard and examples stay as they are.
FOREIGN = re.compile(
    r"Heffl Portal|Heffl|\(Settings, Developers\)|API|English|CSV|Excel|QR|HTTP"
    r"|\b(?:Ctrl|Alt|Enter|Esc|N|J|K|A)\b|CLT-\d+|heffl_user_\S*|whsec_\S*|client\.created|https?://\S+|\bcf_\w*"
    r"|[\w.-]+@[\w.-]+|example\.com|Al Noor Trading"
)


def is_arabic(response):
    """Assert that a page is in Arabic throughout; return its words."""
    page = Shown(response)
    assert page.root["lang"] == "ar"
    assert page.root["dir"] == "rtl"
    left = [
        piece for piece in page.pieces if re.search("[A-Za-z]", FOREIGN.sub("", piece))
    ]
    assert left == []
    return page.text


@pytest.fixture
def boss(owner, signed_in):
    """The owner's browser, set to Arabic."""
    owner.user.name = "هناء سالم"
    owner.user.save()
    client = signed_in(owner)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "ar"
    return client


@pytest.fixture
def visitor(db):
    return Client(headers={"accept-language": "ar-AE,ar;q=0.9,en;q=0.5"})


def test_sign_in_page_is_arabic(visitor):
    fresh = visitor.get("/accounts/login/")
    wrong = visitor.post("/accounts/login/", {"login": "a@b.test", "password": "x"})

    assert "تسجيل الدخول" in is_arabic(fresh)
    assert "البريد الإلكتروني أو كلمة المرور غير صحيحة." in is_arabic(wrong)


COMPANY_WORDS = [
    *("اسم الشركة", "الموقع الإلكتروني", "الرقم الضريبي", "الدولة", "العنوان"),
    *("علامة مميزة قريبة", "المدينة أو المنطقة", "الإمارة", "الرمز البريدي"),
    "الرصيد الافتتاحي",
]
PERSON_WORDS = [
    *("الاسم الأول", "اسم العائلة", "اللقب", "المسمى الوظيفي", "الهاتف"),
    *("البريد الإلكتروني", "الاسم المعروض"),
]


@pytest.mark.parametrize("kind", ["company", "contact"])
def test_form_page_has_the_words_agreed_on(boss, organisation, kind):
    page = reverse("submission-create", args=[organisation.slug])

    text = is_arabic(boss.get(page, {"type": kind}))

    lines = text.splitlines()
    assert [word for word in COMPANY_WORDS + PERSON_WORDS if word not in lines] == []


@pytest.mark.parametrize(
    ("posted", "faults"),
    [
        (
            {
                "type": "company",
                "website": "???",
                "tax_number": "12",
                "opening_balance": "-1",
                "billing_address__country": "AE",
            },
            [
                "أدخل اسم الشركة",
                "أدخل موقعًا مثل example.com",
                "يجب أن يتكون الرقم الضريبي من 15 رقمًا",
                "يجب أن يكون الرصيد الافتتاحي صفرًا أو أكثر، مثل 1500",
            ],
        ),
        (
            {"type": "company", "name": "م" * 161},
            ["يجب ألا يتجاوز اسم الشركة 160 حرفًا"],
        ),
        (
            {
                "type": "contact",
                "phone": "000",
                "email": "@",
                "cf_day": "0",
                "cf_o": "0",
            },
            [
                "أدخل الاسم الأول",
                "أدخل رقم هاتف مع رمز الدولة",
                "أدخل بريدًا إلكترونيًا مثل name@example.com",
                "أدخل تاريخًا صحيحًا في يوم الافتتاح، مثل \u20662026-12-31\u2069",
                "اختر المساحة",
            ],
        ),
    ],
)
def test_form_page_tells_faults_in_the_words_agreed_on(
    boss, organisation, posted, faults
):
    CustomFieldFactory(
        organisation=organisation,
        key="cf_day",
        label="يوم الافتتاح",
        kind=CustomFieldKind.DATE,
    )
    CustomFieldFactory(
        organisation=organisation,
        key="cf_o",
        label="المساحة",
        kind=CustomFieldKind.OPTION,
        options=["صغيرة", "كبيرة"],
    )
    page = reverse("submission-create", args=[organisation.slug])

    response = boss.post(page, {"submission_token": "token-0001", **posted})

    lines = is_arabic(response).splitlines()
    assert response.status_code == 422
    assert [fault for fault in ["توجد مشكلة", *faults] if fault not in lines] == []


@pytest.mark.parametrize(
    "query", ["", "?q=x1&status=CREATED&type=company&from=2026-11-01", "?from=0"]
)
@pytest.mark.parametrize("filled", [False, True])
def test_list_is_arabic(boss, organisation, filled, query):
    if filled:
        for number in range(3):
            SubmissionFactory(
                organisation=organisation,
                display_name=f"شركة الواحة {number}",
                created_at=timezone.now() - timedelta(days=400 * number),
            )

    response = boss.get(
        reverse("submission-list", args=[organisation.slug]) + query.replace("x1", "1")
    )

    assert "العملاء" in is_arabic(response)


@pytest.mark.parametrize("status", Status.values)
def test_detail_is_arabic(boss, organisation, status):
    told = {
        Status.CREATED: {"heffl_id": "clt_1", "number": "CLT-00123"},
        Status.SENDING: {"lease_until": timezone.now() + timedelta(hours=1)},
        Status.NEEDS_FIX: {"message": "غير صحيح", "problem_field": "website"},
    }
    submission = SubmissionFactory(
        organisation=organisation,
        display_name="شركة الواحة",
        status=status,
        **told.get(Status(status), {}),
    )

    response = boss.get(
        reverse("submission-detail", args=[organisation.slug, submission.uuid])
    )

    assert "اسم الشركة" in is_arabic(response).splitlines()


@pytest.mark.parametrize("page", ["fields", "field-new", "heffl"])
def test_settings_are_arabic(boss, organisation, connected, page):
    CustomFieldFactory(organisation=organisation, label="المساحة")
    address = reverse(f"settings-{page}", args=[organisation.slug])

    shown = is_arabic(boss.get(address))
    told = boss.post(address, {"action": "save"})

    assert "الإعدادات" in shown
    if told.status_code != 405:
        assert "توجد مشكلة" in is_arabic(told)


@pytest.mark.parametrize(
    "page", ["", "accounts/preferences/", "accounts/password/change/", "accounts/2fa/"]
)
def test_account_pages_are_arabic(boss, page):
    assert "تسجيل الخروج" in is_arabic(boss.get(f"/{page}", follow=True))


def test_page_that_does_not_exist_is_arabic(visitor):
    response = visitor.get("/nowhere/")

    assert response.status_code == 404
    assert "لا توجد صفحة كهذه" in is_arabic(response)


@pytest.mark.parametrize("signed", [False, True])
def test_language_switch_leads_back_in_the_other_language(
    client, boss, organisation, signed
):
    visitor = boss if signed else client
    home = (
        reverse("submission-list", args=[organisation.slug])
        if signed
        else "/accounts/login/"
    )
    chosen, other = ("en", "ar") if signed else ("ar", "en")

    page = visitor.get(home).content.decode()
    answer = visitor.post(
        reverse("set-language"), {"language": chosen, "next": home}, follow=True
    )

    assert f'name="language" value="{chosen}" lang="{chosen}"' in page
    assert f'<input type="hidden" name="next" value="{home}">' in page
    assert answer.redirect_chain == [(home, 302)]
    assert f'name="language" value="{other}" lang="{other}"' in answer.content.decode()
    cookie = visitor.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert cookie.value == chosen
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_language_switch_never_leads_elsewhere(client, db):
    answer = client.post(
        reverse("set-language"), {"language": "ar", "next": "https://evil.test/"}
    )

    assert answer.url == "/"


def test_language_switch_refuses_a_foreign_form(db):
    strict = Client(enforce_csrf_checks=True)

    answer = strict.post(reverse("set-language"), {"language": "ar", "next": "/"})

    assert answer.status_code == 403
    assert settings.LANGUAGE_COOKIE_NAME not in answer.cookies
