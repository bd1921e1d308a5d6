"""The form as a page: both types in it, values kept, names of people never evaluated."""

import re
from html.parser import HTMLParser

import pytest
from django.http import QueryDict
from django.utils.translation import override

from clients_app.heffl.contract import BOTH, COMPANY, CONTACT, NEITHER, FieldKind
from clients_app.models import Organisation
from clients_app.questions.audience import Audience
from clients_app.questions.countries import ADDRESSES
from clients_app.questions.fields import Question
from clients_app.questions.form import SubmissionForm

NASTY = "{{ 7|add:7 }}{% now 'Y' %}<script>alert(1)</script>"


@pytest.fixture
def uae():
    return Organisation(name="Al Noor Trading", slug="al-noor", country="AE")


def spec(kind, name="cf_size", **changes):
    base = {
        "api_path": (name,),
        "kind": FieldKind(kind),
        "allowed_for": BOTH,
        "required_for": NEITHER,
        "group": "more",
        "label": "Size",
    }
    return Question(name=name, **{**base, **changes})


class Page(HTMLParser):
    """The parts of a page that tests ask about."""

    def __init__(self, html):
        super().__init__()
        self.elements = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def find(self, **wanted):
        return [
            (tag, attrs)
            for tag, attrs in self.elements
            if all(attrs.get(key) == value for key, value in wanted.items())
        ]

    def values(self, name):
        return [attrs.get("value", "") for _, attrs in self.find(name=name)]


def page(form):
    return Page(form.questions)


def test_fresh_form_asks_for_everything_of_both_types(uae):
    form = SubmissionForm(organisation=uae, specs=())

    names = [attrs["name"] for _, attrs in page(form).elements if "name" in attrs]

    assert names == [
        *("type", "type", "name", "website", "first_name", "last_name", "phone"),
        *("email", "job_title", "salutation", "name", "billing_address__country"),
        *("billing_address__address", "billing_address__landmark"),
        *("billing_address__city", "billing_address__state", "billing_address__state"),
        *("billing_address__postal_code", "tax_number", "opening_balance"),
    ]


def test_fresh_form_presets_the_country_and_folds_what_is_optional(uae):
    html = SubmissionForm(organisation=uae, specs=()).questions

    assert '<option value="AE" selected data-preset>United Arab Emirates' in html
    assert html.count("<details") == 2
    assert " open" not in html


@pytest.mark.parametrize(
    ("client_type", "focused"), [("company", "id_name"), ("contact", "id_first_name")]
)
def test_fresh_form_puts_the_cursor_into_the_first_question(uae, client_type, focused):
    form = SubmissionForm(organisation=uae, specs=(), initial={"type": client_type})

    elements = [attrs for _, attrs in page(form).elements if "autofocus" in attrs]

    assert [attrs["id"] for attrs in elements] == [focused]


def test_fresh_form_opens_the_group_with_a_required_question(uae):
    required = spec("text", required_for=BOTH)

    html = SubmissionForm(organisation=uae, specs=(required,)).questions

    assert html.count("<details") == 2
    assert html.count('<details class="group folded" open>') == 1


def test_fresh_form_follows_a_changed_question_at_once(uae):
    first = SubmissionForm(organisation=uae, specs=(spec("text"),)).questions
    again = SubmissionForm(organisation=uae, specs=(spec("text"),)).questions
    changed = SubmissionForm(
        organisation=uae, specs=(spec("text", label="Height"),)
    ).questions

    assert first == again
    assert "Height" in changed
    assert "Height" not in first


def test_valid_form_makes_no_field_at_all(uae):
    form = SubmissionForm({"name": "Al Noor"}, organisation=uae, specs=())

    assert form.is_valid()
    assert form.cleaned_answers() == {"name": "Al Noor"}
    assert form.fields == {}


def test_refused_form_keeps_both_sets_of_answers(uae):
    posted = QueryDict(
        "type=contact&name=Al+Noor&name=Sara+H&website=example.com&last_name=Haddad"
        "&billing_address__country=DE&billing_address__state=Dubai"
        "&billing_address__state=Bavaria&billing_address__postal_code=80331"
        "&opening_balance=abc"
    )
    form = SubmissionForm(posted, organisation=uae, specs=())

    assert not form.is_valid()

    shown = page(form)
    assert shown.values("name") == ["Al Noor", "Sara H"]
    assert shown.values("website") == ["example.com"]
    assert shown.values("billing_address__postal_code") == ["80331"]
    assert [attrs["value"] for tag, attrs in shown.elements if "selected" in attrs] == [
        "DE",
        "Dubai",
    ]
    assert ("input", "Bavaria") in [
        (tag, attrs.get("value")) for tag, attrs in shown.elements
    ]


@pytest.mark.parametrize(
    ("client_type", "names"), [("company", ["X", ""]), ("contact", ["", "X"])]
)
def test_refused_form_shows_a_lone_name_where_it_belongs(uae, client_type, names):
    posted = {"type": client_type, "name": "X", "opening_balance": "abc"}

    shown = page(SubmissionForm(posted, organisation=uae, specs=()))

    assert shown.values("name") == names


def test_refused_form_links_every_problem_to_a_control(uae):
    specs = (
        spec("option", "cf_a", label="A", options=("x", "y"), required_for=BOTH),
        spec("options", "cf_b", label="B", options=("x", "y"), required_for=BOTH),
    )
    posted = {"type": "contact", "phone": "x"}
    form = SubmissionForm(posted, organisation=uae, specs=specs)

    problems = form.problems()
    ids = {attrs.get("id") for _, attrs in page(form).elements}

    assert [words for _, words in problems] == [
        "Enter the first name",
        "Enter a phone number with the country code, like +971 50 123 4567",
        "Choose A",
        "Choose B",
    ]
    assert {anchor for anchor, _ in problems} <= ids


@pytest.mark.parametrize("errors", [False, True])
def test_every_id_that_is_referred_to_exists_once(uae, errors):
    specs = tuple(
        spec(kind, f"cf_{kind}", hint="A hint", options=("x", "y"), required_for=BOTH)
        for kind in FieldKind
        if kind not in {FieldKind.MONEY, FieldKind.COUNTRY}
    )
    posted = {"type": "contact", "email": "x", "tax_number": "1", "phone": "x"}
    form = SubmissionForm(posted if errors else None, organisation=uae, specs=specs)

    shown = page(form)

    ids = [attrs["id"] for _, attrs in shown.elements if "id" in attrs]
    referred = [
        one
        for _, attrs in shown.elements
        for key in ("for", "aria-describedby", "aria-labelledby")
        for one in (attrs.get(key) or "").split()
    ]
    assert len(ids) == len(set(ids))
    assert set(referred) <= set(ids)
    assert len(shown.find(**{"aria-invalid": "true"})) == (17 if errors else 0)


def test_words_of_people_are_printed_never_evaluated(uae):
    specs = tuple(
        spec(kind, f"cf_{kind}", label=NASTY, hint=NASTY, options=(NASTY, "b"))
        for kind in FieldKind
        if kind not in {FieldKind.MONEY, FieldKind.COUNTRY}
    )

    for posted in (None, {"type": "company", "cf_option": "c", "name": NASTY}):
        html = SubmissionForm(posted, organisation=uae, specs=specs).questions

        assert "<script>" not in html
        assert "{{ 7|add:7 }}{% now &#x27;Y&#x27; %}&lt;script&gt;" in html
        assert not re.search(r"\b14\b", html)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (
            {
                "type": "company",
                "name": "Al Noor",
                "billing_address__country": "Germany",
            },
            {"name": ["Al Noor", ""], "selected": ["DE"]},
        ),
        (
            {
                "type": "contact",
                "name": "Sara",
                "billing_address__country": "United Arab Emirates",
                "billing_address__state": "Dubai",
            },
            {"name": ["", "Sara"], "selected": ["AE", "Dubai"]},
        ),
        (
            {"type": "company", "billing_address__country": "Freedonia"},
            {"name": ["", ""], "selected": ["Freedonia"]},
        ),
        (
            {
                "type": "company",
                "billing_address__country": "United Arab Emirates",
                "billing_address__state": "Somewhere",
            },
            {"name": ["", ""], "selected": ["AE", "Somewhere"]},
        ),
    ],
)
def test_form_opened_with_answers_shows_them_in_their_places(uae, answers, expected):
    shown = page(SubmissionForm(organisation=uae, specs=(), initial=answers))

    assert shown.values("name") == expected["name"]
    selected = [attrs["value"] for _, attrs in shown.elements if "selected" in attrs]
    assert selected == expected["selected"] + (
        [""] if len(expected["selected"]) == 1 else []
    )


@pytest.mark.parametrize(
    ("answer", "checked"), [(True, "yes"), (False, "no"), (None, "")]
)
def test_form_opened_with_answers_shows_yes_no_and_unanswered(uae, answer, checked):
    answers = {"type": "company", "name": "X", "cf_size": answer}
    form = SubmissionForm(organisation=uae, specs=(spec("yes_no"),), initial=answers)

    boxes = [attrs["value"] for _, attrs in page(form).find(name="cf_size")]
    chosen = [a["value"] for _, a in page(form).find(name="cf_size") if "checked" in a]

    assert boxes == ["yes", "no", ""]
    assert chosen == [checked]


def test_few_options_are_radios_and_many_a_list(uae):
    few = spec("option", "cf_few", options=tuple("abcdef"))
    many = spec("option", "cf_many", options=tuple("abcdefg"))

    shown = page(SubmissionForm(organisation=uae, specs=(few, many)))

    assert {attrs["type"] for _, attrs in shown.find(name="cf_few")} == {"radio"}
    assert [tag for tag, _ in shown.find(name="cf_many")] == ["select"]


@pytest.mark.parametrize("posted", ["", "short", "x" * 65, "white space", "a<b>c=d+e"])
def test_unusable_token_is_replaced_by_a_fresh_one(uae, posted):
    form = SubmissionForm({"submission_token": posted}, organisation=uae, specs=())

    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", form.token)
    assert form.token == form.token


def test_posted_token_is_kept(uae):
    form = SubmissionForm(
        {"submission_token": "abcDEF-_90"}, organisation=uae, specs=()
    )

    assert form.token == "abcDEF-_90"


def test_refuse_shows_the_remotes_words_at_the_question_of_the_type(uae):
    answers = {"type": "contact", "first_name": "Sara", "name": "Sara H"}
    form = SubmissionForm(organisation=uae, specs=(), initial=answers)

    form.refuse("name", "Already taken")
    form.refuse("cf_gone", "No such field")

    assert form.problems() == [
        ("id_display_name", "Already taken"),
        ("", "No such field"),
    ]


def test_show_only_keeps_what_was_typed_and_finds_no_fault(uae):
    posted = {"type": "contact", "phone": "12x"}
    form = SubmissionForm(posted, organisation=uae, specs=())

    form.show_only()

    assert form.problems() == []
    assert page(form).values("phone") == ["12x"]
    assert "has-error" not in form.questions


@pytest.mark.parametrize(
    ("allowed", "wrapper"),
    [
        (BOTH, ["field "]),
        (COMPANY, ["field only-company"]),
        (CONTACT, ["field only-contact"]),
        (NEITHER, []),
    ],
)
def test_custom_question_shows_for_those_it_is_asked_of(uae, allowed, wrapper):
    form = SubmissionForm(organisation=uae, specs=(spec("text", allowed_for=allowed),))

    before = re.findall(
        r'<div class="([^"]*)"><label[^>]*for="id_cf_size"', form.questions
    )

    assert before == wrapper


@pytest.mark.parametrize(
    ("house", "chosen", "label", "area"),
    [
        ("AE", "SA", "Region", "Riyadh"),
        ("SA", "", "Region", "Makkah"),
        ("OM", "QA", "Municipality", "Doha"),
        ("AE", "DE", "State or province", ""),
        ("SA", "DE", "State or province", ""),
    ],
)
def test_areas_are_called_and_suggested_as_in_the_country_chosen(
    house, chosen, label, area
):
    made = Organisation(name="House", slug="house", country=house)
    data = QueryDict(f"type=company&billing_address__country={chosen}")
    form = SubmissionForm(data if chosen else None, organisation=made, specs=())

    told = form.label_at("billing_address__state")
    html = str(form["billing_address__state"])

    assert told == label
    assert ('list="areas"' in html) == bool(area)
    assert "<datalist" in html
    assert f"<option>{area}<" in html or not area
    assert 'type="text"' in html


@pytest.mark.parametrize(
    ("language", "elsewhere", "qatar", "riyadh"),
    [
        ("en", "State or province", ["Municipality", "Al Daayen"], "Riyadh"),
        ("ar", "الولاية أو المقاطعة", ["البلدية", "الضعاين"], "الرياض"),
    ],
)
def test_page_carries_what_areas_are_called_in_other_countries(
    uae, language, elsewhere, qatar, riyadh
):
    with override(language):
        shown = page(SubmissionForm(organisation=uae, specs=()))

    told = {
        attrs.get("value", ""): attrs["data-area"].split("|")
        for _, attrs in shown.elements
        if "data-area" in attrs
    }
    assert told.pop("") == [elsewhere]
    assert set(told) == set(ADDRESSES) - {"AE"}
    assert told["QA"][:2] == qatar
    assert riyadh in told["SA"]


def test_page_that_asks_for_no_area_gives_the_country_nothing_to_name(uae):
    form = SubmissionForm(
        organisation=uae,
        specs=(),
        audience=Audience(public=True, without=frozenset({"billing_address__state"})),
    )

    ((_, country),) = page(form).find(name="billing_address__country")

    assert "data-area" not in country


@pytest.mark.parametrize("kind", list(FieldKind))
def test_what_cannot_be_held_is_shown_cut_and_says_so(uae, kind):
    size = spec(kind, options=("Small", "Large"))
    posted = {"type": "company", "name": "x" * 300_000, "cf_size": "y" * 300_000}

    form = SubmissionForm(posted, organisation=uae, specs=(size,))

    assert not form.is_valid()
    found = page(form)
    assert found.values("name")[0].endswith("x…")
    assert len(form.questions) < 100_000
    assert (
        "Company name must be 160 characters or fewer. Only its beginning is shown here"
    ) in form.errors["name"]


def test_what_is_cut_can_not_be_sent_as_if_it_had_been_typed(uae):
    typed = "Al Noor" + "\u200b" * 10_000 + "Trading"

    form = SubmissionForm({"name": typed}, organisation=uae, specs=())
    form.show_only()

    (shown, _) = page(form).values("name")
    assert shown.endswith("…")
    again = SubmissionForm({"name": shown}, organisation=uae, specs=())
    assert not again.is_valid() or again.cleaned_answers()["name"].endswith("…")
