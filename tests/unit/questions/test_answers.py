"""Every rule about what may be typed, by client type, with the words a person sees."""

import pytest
from django.http import QueryDict
from django.utils.translation import gettext, override
from hypothesis import given, settings
from hypothesis import strategies as st

from clients_app.heffl.contract import (
    BOTH,
    COMPANY,
    CONTACT,
    NEITHER,
    ClientType,
    FieldKind,
    build_payload,
)
from clients_app.questions.answers import check
from clients_app.questions.countries import ADDRESSES
from clients_app.questions.fields import QUESTIONS, Question, questions_for

COUNTRY = "billing_address__country"
STATE = "billing_address__state"
POSTAL_CODE = "billing_address__postal_code"


def custom(kind, *, required=False, allowed=BOTH, options=(), label="Size"):
    return Question(
        name="cf_size",
        api_path=("cf_size",),
        kind=FieldKind(kind),
        allowed_for=allowed,
        required_for=allowed if required else NEITHER,
        group="more",
        label=label,
        options=options,
    )


def checked(posted, *extra, region="AE"):
    return check(posted, region=region, extra=extra)


def company(**answers):
    return {"type": "company", "name": "Al Noor", **answers}


def contact(**answers):
    return {"type": "contact", "first_name": "Sara", **answers}


FULL = {
    "name": "Al Noor",
    "website": "https://example.com",
    "first_name": "Sara",
    "last_name": "Haddad",
    "salutation": "Dr.",
    "phone": "+971501234567",
    "email": "sara@example.com",
    "job_title": "Engineer",
    "tax_number": "100123456789003",
    "opening_balance": "250.50",
    "billing_address__country": "United Arab Emirates",
    "billing_address__address": "Street 1\nFloor 2",
    "billing_address__landmark": "Metro",
    "billing_address__city": "Deira",
    "billing_address__state": "Dubai",
    "billing_address__postal_code": "00000",
}


@pytest.mark.parametrize("client_type", list(ClientType))
def test_check_reads_exactly_what_the_type_allows(client_type):
    allowed = {spec.name for spec in questions_for(client_type)}

    result = checked({**FULL, "type": client_type.value})

    assert result.faults == {}
    assert result.answers == {name: FULL[name] for name in allowed}


@pytest.mark.parametrize("posted", [{}, {"type": ""}, {"type": ["company"]}])
def test_check_takes_a_missing_type_for_a_company(posted):
    result = checked({**posted, "name": "Al Noor"})

    assert result.client_type is ClientType.COMPANY
    assert result.answers == {"name": "Al Noor"}


def test_check_refuses_an_unknown_type():
    assert checked({"type": "person"}).faults == {"type": "Choose the client type"}


@pytest.mark.parametrize(
    ("client_type", "name", "words"),
    [
        ("company", "name", "Enter the company name"),
        ("contact", "first_name", "Enter the first name"),
    ],
)
@pytest.mark.parametrize("typed", ["", "   ", "\u200b"])
def test_check_asks_for_the_required_name(client_type, name, words, typed):
    result = checked({"type": client_type, name: typed})

    assert result.faults == {name: words}


def test_check_reports_every_fault_at_once():
    result = checked(
        {
            "type": "contact",
            "phone": "12x",
            "email": "nobody",
            COUNTRY: "AE",
            "tax_number": "123",
            "opening_balance": "-1",
        },
        custom("option", required=True, options=("A", "B")),
    )

    assert result.faults == {
        "first_name": "Enter the first name",
        "phone": "Enter a phone number with the country code, like +971 50 123 4567",
        "email": "Enter an email address like name@example.com",
        "tax_number": "Tax number must be 15 digits",
        "opening_balance": "Opening balance must be 0 or more, like 1500 or 250.50",
        "cf_size": "Choose Size",
    }


TEXTS = [
    (client_type, spec)
    for client_type in ClientType
    for spec in questions_for(client_type)
    if spec.kind in {FieldKind.TEXT, FieldKind.LONG_TEXT}
]


@pytest.mark.parametrize(
    ("client_type", "spec"), TEXTS, ids=[f"{t}-{s.name}" for t, s in TEXTS]
)
def test_check_holds_every_text_to_its_length(client_type, spec):
    needed = {"type": client_type.value, "name": "Al Noor", "first_name": "Sara"}
    question = spec.name
    if client_type is ClientType.CONTACT and question == "name":
        question = "display_name"

    fits = checked({**needed, spec.name: "ن" * spec.max_length})
    too_long = checked({**needed, spec.name: "ن" * (spec.max_length + 1)})

    assert fits.faults == {}
    assert too_long.faults == {
        question: f"{spec.label} must be {spec.max_length} characters or fewer"
    }


@pytest.mark.parametrize("spec", QUESTIONS, ids=[spec.name for spec in QUESTIONS])
def test_check_refuses_a_control_character_everywhere(spec):
    client_type = "company" if ClientType.COMPANY in spec.allowed_for else "contact"
    needed = {"type": client_type, "name": "Al Noor", "first_name": "Sara"}

    result = checked({**needed, spec.name: "a\x00b"})

    assert list(result.faults) == [spec.name]
    assert "cannot be saved" in result.faults[spec.name]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("+971 50 123 4567", "+971501234567"),
        ("00971501234567", "+971501234567"),
        ("050 123 4567", "+971501234567"),
        ("٠٥٠ ١٢٣ ٤٥٦٧", "+971501234567"),
        ("971501234567", "+971501234567"),
        ("(050) 123-4567", "+971501234567"),
        ("+971 (0)50 123 4567", "+971501234567"),
        ("050.123.4567", "+971501234567"),
        ("tel:+971-50-1234567", "+971501234567"),
        ("Sara, M: +971 50 123 4567, sara@example.com", None),
        ("+49 (30) 123456", "+4930123456"),
        ("12x", None),
        ("050 123 4567 ext 9", None),
        ("123", None),
        ("+999 12345678", None),
    ],
)
def test_check_stores_a_phone_number_as_e164(typed, stored):
    result = checked(contact(phone=typed))

    assert result.answers.get("phone") == stored
    assert ("phone" in result.faults) is (stored is None)


def test_check_reads_a_local_phone_number_in_the_chosen_country():
    result = checked(contact(phone="030 123456", **{COUNTRY: "Germany"}))

    assert result.answers["phone"] == "+4930123456"


@pytest.mark.parametrize(
    "typed",
    ["nobody", "a@b", "a@[127.0.0.1]", '"a b"@example.com', "a" * 65 + "@example.com",
     "a@example.com, b@example.com", "a@-example.com", "@example.com"],
)  # fmt: skip
def test_check_refuses_what_is_no_email_address(typed):
    assert checked(contact(email=typed)).faults == {
        "email": "Enter an email address like name@example.com"
    }


@pytest.mark.parametrize("typed", ["a@example.com", "ann.lee+x@mail.example.co.uk"])
def test_check_keeps_an_email_address(typed):
    assert checked(contact(email=f" {typed} ")).answers["email"] == typed


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("example.com", "https://example.com"),
        ("www.example.com/shop?a=1", "https://www.example.com/shop?a=1"),
        ("http://example.com", "http://example.com"),
        ("HTTPS://Example.com", "https://example.com"),
        ("مثال.إختبار", "https://مثال.إختبار"),
        ("example", None),
        ("ftp://example.com", None),
        ("javascript:alert(1)", None),
        ("mailto:a@example.com", None),
        ("https://user:pw@example.com", None),
        ("https://", None),
        ("http://[::1", None),
        ("exa mple.com", None),
        ("http://localhost", None),
    ],
)
def test_check_completes_or_refuses_a_website(typed, stored):
    result = checked(company(website=typed))

    assert result.answers.get("website") == stored
    if stored is None:
        assert result.faults == {"website": "Enter a website like example.com"}


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("0", "0"),
        ("1,500", "1500"),
        ("٢٥٠٫٥٠", "250.50"),
        ("999999999999999", "999999999999999"),
        ("-1", None),
        ("1,5", None),
        ("abc", None),
        ("1e3", None),
        ("1.23456", None),
        ("1000000000000000", None),
    ],
)
def test_check_takes_an_opening_balance_of_0_or_more(typed, stored):
    result = checked(company(opening_balance=typed))

    assert result.answers.get("opening_balance") == stored
    assert ("opening_balance" in result.faults) is (stored is None)


@pytest.mark.parametrize(
    ("country", "typed", "stored"),
    [
        ("AE", "100 1234 5678 9003", "100123456789003"),
        ("United Arab Emirates", "100-1234-5678-9003", "100123456789003"),
        ("AE", "١٠٠١٢٣٤٥٦٧٨٩٠٠٣", "100123456789003"),
        ("AE", "TRN: 100123456789003", "100123456789003"),
        ("AE", "12345", None),
        ("AE", "1001234567890O3", None),
        ("SA", "3001 2345 6700 003", "300123456700003"),
        ("SA", "100123456700003", None),
        ("BH", "200-0012", None),
        ("BH", "200012345678900", "200012345678900"),
        ("OM", "om 1100 006083", "OM1100006083"),
        ("OM", "VATIN OM1100006083", "OM1100006083"),
        ("OM", "1100006083", None),
        ("KW", "VAT 12", "VAT 12"),
        ("DE", "DE 123 456 789", "DE 123 456 789"),
        ("", "VAT-1", "VAT-1"),
    ],
)
def test_check_knows_the_tax_numbers_of_the_gulf_and_takes_any_other(
    country, typed, stored
):
    result = checked(company(tax_number=typed, **{COUNTRY: country}))

    assert result.answers.get("tax_number") == stored
    assert ("tax_number" in result.faults) is (stored is None)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("AE", "United Arab Emirates"),
        ("ae", "United Arab Emirates"),
        ("united arab emirates", "United Arab Emirates"),
        ("UAE", "United Arab Emirates"),
        ("Türkiye", "Türkiye"),
        ("Freedonia", "Freedonia"),
    ],
)
def test_check_names_the_country_in_english(typed, stored):
    assert checked(company(**{COUNTRY: typed})).answers[COUNTRY] == stored


@pytest.mark.parametrize(
    ("country", "posted", "stored"),
    [
        ("AE", ["Dubai", ""], "Dubai"),
        ("AE", ["", "Bavaria"], None),
        ("AE", ["dubai"], "Dubai"),
        ("AE", ["Somewhere"], "Somewhere"),
        ("DE", ["Dubai", "Bavaria"], "Bavaria"),
        ("DE", ["Dubai", ""], None),
        ("", ["Bavaria"], "Bavaria"),
    ],
)
def test_check_reads_the_state_that_belongs_to_the_country(country, posted, stored):
    result = checked(company(**{COUNTRY: country, STATE: posted}))

    assert result.answers.get(STATE) == stored


@pytest.mark.parametrize(
    ("country", "typed", "stored"),
    [
        ("BH", "العاصمة", "Capital"),
        ("KW", "العاصمة", "Al Asimah"),
        ("KW", "محافظة حولى", "Hawalli"),
        ("SA", "منطقة الرياض", "Riyadh"),
        ("SA", "الشرقية", "Eastern Province"),
        ("OM", "AL BURAIMI", "Al Buraimi"),
        ("AE", "إمارة دبي", "Dubai"),
        ("", "عجمان", "Ajman"),
        ("OM", "الرياض", "الرياض"),
        ("DE", "محافظة", "محافظة"),
    ],
)
def test_check_writes_an_area_as_its_country_does(country, typed, stored):
    result = checked(company(**{COUNTRY: country, STATE: [typed]}))

    assert result.answers[STATE] == stored


@pytest.mark.parametrize("country", ADDRESSES)
def test_check_knows_every_area_in_arabic(country):
    for area in ADDRESSES[country].areas:
        with override("ar"):
            typed = gettext(area)
        assert not typed.isascii()
        result = checked(company(**{COUNTRY: country, STATE: [typed]}))
        assert result.answers[STATE] == area


@pytest.mark.parametrize(
    ("country", "label"),
    [("SA", "Region"), ("AE", "Emirate"), ("DE", "State or province")],
)
def test_check_calls_an_area_what_the_page_calls_it(country, label):
    result = checked(company(**{COUNTRY: country, STATE: ["x" * 300]}))

    (words,) = result.faults.values()
    assert words.startswith(f"{label} must be ")


@pytest.mark.parametrize(
    ("states", "stored"), [(["Dubai", ""], None), (["Dubai"], "12345"), ([], "12345")]
)
def test_check_drops_a_postal_code_that_the_page_had_hidden(states, stored):
    posted = company(**{COUNTRY: "AE", STATE: states, POSTAL_CODE: "12345"})

    assert checked(posted).answers.get(POSTAL_CODE) == stored


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("type=company&name=Al+Noor", "Al Noor"),
        ("type=company&name=Al+Noor&name=Sara", "Al Noor"),
        ("type=contact&first_name=S&name=Al+Noor&name=Sara", "Sara"),
        ("type=contact&first_name=S&name=Sara", "Sara"),
        ("type=contact&first_name=S&name=Al+Noor&name=", None),
        ("type=contact&first_name=S", None),
    ],
)
def test_check_reads_the_name_that_belongs_to_the_type(query, name):
    result = checked(QueryDict(query))

    assert result.faults == {}
    assert result.answers.get("name") == name


@pytest.mark.parametrize(
    ("kind", "typed", "stored"),
    [
        ("text", " A\nB ", "A B"),
        ("long_text", " A\r\nB ", "A\nB"),
        ("number", "-1,200.5", "-1200.5"),
        ("date", "2026-02-28", "2026-02-28"),
        ("date", "٢٨/٠٢/٢٠٢٦", "2026-02-28"),
        ("email", "a@example.com", "a@example.com"),
        ("phone", "050 123 4567", "+971501234567"),
        ("link", "example.com", "https://example.com"),
        ("yes_no", "yes", True),
        ("yes_no", "no", False),
        ("option", "B", "B"),
        ("options", ["B", "A", "B", ""], ["A", "B"]),
    ],
)
def test_check_stores_a_custom_answer_by_its_kind(kind, typed, stored):
    field = custom(kind, options=("A", "B"), required=True)

    result = checked(company(cf_size=typed), field)

    assert result.faults == {}
    assert result.answers["cf_size"] == stored


@pytest.mark.parametrize(
    ("kind", "typed", "words"),
    [
        ("number", "ten", "Size must be a number, like 12 or 250.50"),
        ("date", "2026-02-30", "Enter a real date for Size, like 2026-12-31"),
        ("date", "05/06/2026", "Enter a real date for Size, like 2026-12-31"),
        ("date", "20260228", "Enter a real date for Size, like 2026-12-31"),
        ("email", "x", "Enter an email address like name@example.com"),
        ("link", "x", "Enter a website like example.com"),
        ("yes_no", "maybe", "Choose Size"),
        ("option", "C", "Choose Size"),
        ("options", ["A", "C"], "Choose Size"),
        ("text", "x" * 161, "Size must be 160 characters or fewer"),
    ],
)
def test_check_refuses_a_custom_answer_in_plain_words(kind, typed, words):
    field = custom(kind, options=("A", "B"))

    assert checked(company(cf_size=typed), field).faults == {"cf_size": words}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("text", "Enter Size"),
        ("number", "Enter Size"),
        ("date", "Enter Size"),
        ("yes_no", "Choose Size"),
        ("option", "Choose Size"),
        ("options", "Choose Size"),
    ],
)
def test_check_asks_for_a_required_custom_answer(kind, words):
    field = custom(kind, required=True, options=("A",))

    assert checked(company(), field).faults == {"cf_size": words}


def test_check_leaves_a_custom_field_of_the_other_type_alone():
    field = custom("text", required=True, allowed=CONTACT)

    result = checked(company(cf_size="x"), field)

    assert (result.faults, result.answers) == ({}, {"name": "Al Noor"})


def test_check_puts_a_label_into_words_as_it_is():
    field = custom("option", allowed=COMPANY, options=("A",), label="{label} %(x)s")

    assert checked(company(cf_size="C"), field).faults == {
        "cf_size": "Choose {label} %(x)s"
    }


_extra = tuple(
    Question(
        name=f"cf_{kind}",
        api_path=(f"cf_{kind}",),
        kind=kind,
        allowed_for=BOTH,
        required_for=NEITHER,
        group="more",
        label=kind.title(),
        options=("A", "B"),
    )
    for kind in FieldKind
    if kind not in {FieldKind.COUNTRY, FieldKind.MONEY}
)
_typed = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["AE", "Dubai", "050 123 4567", "1,200.50", "-0", "example.com", "a@example.com",
     "2026-01-31", "yes", "A", "\u200b", "٠٫٥"]
)  # fmt: skip
_names = [spec.name for spec in (*QUESTIONS, *_extra)]


@pytest.mark.slow
@settings(max_examples=300, deadline=20_000)
@given(
    st.sampled_from(["company", "contact"]),
    st.dictionaries(
        st.sampled_from(_names), _typed | st.lists(_typed, max_size=3), max_size=30
    ),
)
def test_check_lets_nothing_through_that_heffl_could_not_be_sent(client_type, posted):
    result = check({**posted, "type": client_type}, region="AE", extra=_extra)

    if not result.faults:
        payload = build_payload(result.client_type, result.answers, _extra)
        assert payload["type"] == client_type
    assert not result.answers.keys() & result.faults.keys()


def test_the_preset_country_alone_is_no_address():
    page = {"name": ["Acme", ""], "billing_address__country": "AE"}
    page["billing_address__state"] = ["", ""]

    untouched = check(page, region="AE")
    touched = check({**page, "billing_address__city": "Dubai"}, region="AE")
    chosen = check({**page, "billing_address__country": "OM"}, region="AE")
    script = check({"name": "Acme", "billing_address__country": "AE"}, region="AE")

    assert untouched.answers == {"name": "Acme"}
    assert touched.answers["billing_address__country"] == "United Arab Emirates"
    assert chosen.answers["billing_address__country"] == "Oman"
    assert script.answers["billing_address__country"] == "United Arab Emirates"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("mailto:sara@example.com", "sara@example.com"),
        ("Sara Ahmed <sara@example.com>", "sara@example.com"),
        ("<sara@example.com>", "sara@example.com"),
        ("Sara <sara@example.com>, Ali <ali@example.com>", None),
        ("Sara Ahmed | Sales | +971 50 123 4567 | sara@example.com", None),
    ],
)
def test_check_understands_an_address_as_mail_programs_copy_it(typed, stored):
    result = checked(contact(email=typed))

    assert result.answers.get("email") == stored
    assert ("email" in result.faults) is (stored is None)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("WWW.Example.COM/Menu", "https://www.example.com/Menu"),
        ("HTTP://example.com", "http://example.com"),
        ("example .com", None),
        ("my shop", None),
    ],
)
def test_check_writes_a_website_in_one_way(typed, stored):
    result = checked(company(website=typed))

    assert result.answers.get("website") == stored
    assert ("website" in result.faults) is (stored is None)


@pytest.mark.parametrize("name", ["🌴 Palm Café", "O'Brien & Söhne <GmbH>", "محل ١"])
def test_check_leaves_names_alone(name):
    stored = checked(company(name=name)).answers["name"]

    assert stored == name.replace("١", "1")


@pytest.mark.parametrize(
    ("client_type", "spec"),
    [(kind, spec) for kind in ClientType for spec in questions_for(kind)],
    ids=lambda value: getattr(value, "name", str(value)),
)
@pytest.mark.parametrize("filling", ["x", "1", "\u0301\u0316", "\u200b", "@", "the "])
def test_check_refuses_what_is_too_long_to_be_cleaned(client_type, spec, filling):
    needed = {"type": client_type, "first_name": "A"}
    if client_type is ClientType.COMPANY:
        needed = {"type": client_type, "name": "A"}
    typed = ("a" + filling * 200_000)[:200_000] + "z"

    found = checked({**needed, spec.name: typed})

    (words,) = found.faults.values()
    assert words == (
        f"{spec.label} must be {spec.max_length} characters or fewer. "
        "Only its beginning is shown here"
    )


def test_check_takes_any_blanks_around_an_answer():
    found = checked(company(name=" " * 100_000 + "Al Noor" + "\n" * 100_000))

    assert found.answers == {"name": "Al Noor"}


@pytest.mark.parametrize(
    "lines", ["x\n" * 100_000, "x" + "\n \n" * 100_000 + "x", "x\n" * 51]
)
def test_check_counts_the_lines_of_an_answer_before_it_cleans_them(lines):
    found = checked(company(name="A", cf_size=lines + "y"), custom(FieldKind.TEXTS))

    assert found.faults == {"cf_size": "Size must be 50 lines or fewer"}


def test_check_cleans_each_of_many_choices_once():
    options = tuple(f"خيار {number}" for number in range(200))
    size = custom(FieldKind.OPTIONS, options=options)

    found = checked(company(name="A", cf_size=[*options, *options]), size)

    assert found.answers["cf_size"] == list(options)


@pytest.mark.parametrize("kind", [FieldKind.OPTION, FieldKind.OPTIONS])
def test_check_does_not_look_for_a_choice_in_a_long_text(kind):
    size = custom(kind, options=("Small", "Large"))

    found = checked(company(name="A", cf_size="\u200b" * 100_000 + "Small"), size)

    assert found.faults == {"cf_size": "Choose Size"}
