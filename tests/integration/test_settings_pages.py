"""The start page, the settings of an organisation, and one's own preferences."""

import pytest
from django.core.cache import cache

from clients_app import credentials
from clients_app.models import AuditEvent, CustomField, Organisation, User
from tests.factories import CustomFieldFactory, MembershipFactory

PASSWORD = "correct horse battery"
HEFFL = "/o/al-noor/settings/heffl/"
FIELDS = "/o/al-noor/settings/fields/"
FIELD = {
    "key": "cf_size",
    "label": "Size",
    "kind": "option",
    "options": "Small\nLarge",
    "help_text": "",
    "for_company": "on",
}


def text(answer):
    return answer.content.decode()


def test_home_leads_to_the_new_client_page_of_the_one_organisation(
    frontdesk, signed_in
):
    assert signed_in(frontdesk).get("/").url == "/o/al-noor/clients/new/"


def test_home_lists_several_organisations(frontdesk, outsider, signed_in):
    MembershipFactory(user=frontdesk.user, organisation=outsider.organisation)

    page = text(signed_in(frontdesk).get("/"))

    assert "/o/al-noor/clients/new/" in page
    assert "/o/elsewhere/clients/new/" in page


def test_home_leaves_out_where_one_is_suspended(frontdesk, outsider, signed_in):
    MembershipFactory(
        user=frontdesk.user,
        organisation=outsider.organisation,
        suspended_at="2026-01-01T00:00Z",
    )

    assert signed_in(frontdesk).get("/").url == "/o/al-noor/clients/new/"


def test_home_without_an_organisation_says_what_to_do(db, signed_in):
    user = User.objects.create_user("alone@example.test")

    assert "do not belong to an organisation" in text(signed_in(user).get("/"))


def test_home_sends_strangers_to_sign_in(db, client):
    assert client.get("/").url == "/accounts/login/?next=/"


@pytest.mark.parametrize(("role", "page"), [("owner", HEFFL), ("admin_member", FIELDS)])
def test_settings_lead_to_the_first_page_that_one_may_open(
    request, signed_in, role, page
):
    browser = signed_in(request.getfixturevalue(role))

    assert browser.get("/o/al-noor/settings/").url == page


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(
    "page", ["heffl", "fields", "signup", "members", "audit", "privacy"]
)
def test_every_page_of_settings_tells_the_version(
    owner, signed_in, settings, page, language
):
    settings.VERSION = "12.3.4"
    client = signed_in(owner)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    urls = {"audit": "/o/al-noor/audit/"}

    answer = client.get(urls.get(page, f"/o/al-noor/settings/{page}/"))

    assert ">Heffl Portal 12.3.4</p>" in text(answer)


# The API key


def test_heffl_page_shows_the_key_by_its_ends_only(
    owner, connected, sandbox, signed_in
):
    page = text(signed_in(owner).get(HEFFL))

    assert "heffl_user_…cdef" in page
    assert sandbox.key not in page
    assert connected.ciphertext not in page
    assert connected.fingerprint not in page
    assert 'type="password" name="key"' in page
    assert 'autocomplete="new-password"' in page


def test_heffl_page_saves_a_key_that_works(owner, sandbox, signed_in, organisation):
    browser = signed_in(owner)

    answer = browser.post(HEFFL, {"action": "save", "key": f"\n {sandbox.key} \n"})

    assert answer.url == HEFFL
    page = text(browser.get(HEFFL))
    assert "Heffl accepts the key." in page
    assert "by <bdi>" in page
    assert credentials.current(organisation).verified_at


def test_heffl_page_says_why_a_key_is_refused_and_keeps_it_to_itself(
    owner, sandbox, signed_in, organisation
):
    wrong = "heffl_user_wrong_0000"

    answer = signed_in(owner).post(HEFFL, {"action": "save", "key": wrong})

    page = text(answer)
    assert answer.status_code == 422
    assert "Heffl does not know this key." in page
    assert "<title>Error:" in page
    assert wrong not in page
    assert credentials.current(organisation) is None


@pytest.mark.parametrize(
    "key", ["", "short", "two words here", "schlüssel-123", "a\x00bcdefghi"]
)
def test_heffl_page_says_what_is_wrong_with_what_is_no_key(
    owner, sandbox, signed_in, key
):
    answer = signed_in(owner).post(HEFFL, {"action": "save", "key": key})

    assert answer.status_code == 422
    assert "There is a problem" in text(answer)
    assert sandbox.control.calls() == []


def test_heffl_page_offers_to_store_a_key_unchecked_when_heffl_is_away(
    owner, signed_in, organisation
):
    browser = signed_in(owner)
    key = "heffl_user_later_0000"

    refused = browser.post(HEFFL, {"action": "save", "key": key})
    stored = browser.post(HEFFL, {"action": "save_unverified", "key": key})

    assert refused.status_code == 422
    assert "Heffl could not be reached. Nothing was changed." in text(refused)
    assert 'value="save_unverified"' in text(refused)
    assert stored.url == HEFFL
    page = text(browser.get(HEFFL))
    assert "not checked yet" in page
    assert "Nothing is sent at the moment" in page


def test_heffl_page_warns_about_an_unusual_key(owner, sandbox, signed_in):
    sandbox.control.add_key("Sandbox", "unusual-key-0000")
    browser = signed_in(owner)

    browser.post(HEFFL, {"action": "save", "key": "unusual-key-0000"})

    assert "does not begin with heffl_user_" in text(browser.get(HEFFL))


def test_heffl_page_warns_when_another_organisation_has_the_key(
    owner, outsider, sandbox, signed_in
):
    browser = signed_in(owner)
    signed_in(outsider).post(
        "/o/elsewhere/settings/heffl/", {"action": "save", "key": sandbox.key}
    )

    browser.post(HEFFL, {"action": "save", "key": sandbox.key})

    page = text(browser.get(HEFFL))
    assert "Another organisation here uses the same key." in page
    assert "Elsewhere" not in page


def test_heffl_page_tests_the_connection(owner, connected, sandbox, signed_in):
    browser = signed_in(owner)

    browser.post(HEFFL, {"action": "test", "slot": "current"})
    works = text(browser.get(HEFFL))
    sandbox.control.revoke_key(sandbox.key)
    browser.post(HEFFL, {"action": "test", "slot": "current"})
    refused = text(browser.get(HEFFL))

    assert "Heffl accepts the key." in works
    assert "Heffl does not know this key." in refused


def test_heffl_page_removes_the_key(owner, connected, signed_in, organisation):
    browser = signed_in(owner)

    browser.post(HEFFL, {"action": "remove", "slot": "current"})

    assert "The key is removed." in text(browser.get(HEFFL))
    assert credentials.current(organisation) is None


@pytest.mark.parametrize("form", [{}, {"action": "test"}, {"action": "x", "slot": "y"}])
def test_heffl_page_bears_any_form(owner, connected, signed_in, form):
    answer = signed_in(owner).post(HEFFL, form)

    assert answer.status_code == 302


@pytest.fixture
def with_password(owner, signed_in):
    cache.clear()
    owner.user.set_password(PASSWORD)
    owner.user.save()
    return signed_in(owner)


def test_heffl_page_asks_for_the_password_first(with_password):
    asked = with_password.get(HEFFL, follow=True)

    with_password.post(asked.request["PATH_INFO"], {"password": PASSWORD})

    assert asked.request["PATH_INFO"] == "/accounts/reauthenticate/"
    assert with_password.get(HEFFL).status_code == 200


def test_heffl_page_asks_again_after_five_minutes(with_password, settings):
    with_password.post("/accounts/reauthenticate/", {"password": PASSWORD})
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0

    assert with_password.get(HEFFL).status_code == 302


def test_a_key_sent_without_a_fresh_password_is_not_kept_anywhere(
    with_password, sandbox, organisation
):
    """allauth would put the whole form into the session, key and all, in clear."""
    answer = with_password.post(
        HEFFL, {"action": "save", "key": sandbox.key}, follow=True
    )

    assert "Nothing was changed." in text(answer)
    assert answer.request["PATH_INFO"] == "/accounts/reauthenticate/"
    assert sandbox.key not in str(dict(with_password.session))
    assert credentials.current(organisation) is None


# Custom fields


def test_fields_page_without_fields_says_so(owner, signed_in):
    assert "No custom fields yet." in text(signed_in(owner).get(FIELDS))


def test_field_is_added_at_the_end_and_noted(admin_member, signed_in, organisation):
    CustomFieldFactory(organisation=organisation, position=1)

    answer = signed_in(admin_member).post(FIELDS + "new/", FIELD)

    field = CustomField.objects.get(key="cf_size")
    assert answer.url == FIELDS
    assert field.position == 2
    assert field.options == ["Small", "Large"]
    assert (field.for_company, field.for_contact, field.required) == (
        True,
        False,
        False,
    )
    assert Organisation.objects.get(pk=organisation.pk).form_version == 2
    event = AuditEvent.objects.get(action="settings.field_added")
    assert "Small" not in str(event.detail)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": ""}, "Enter the API name"),
        ({"key": "size"}, "Use cf_ followed by letters, digits or underscores"),
        ({"key": "cf_"}, "Use cf_ followed by letters, digits or underscores"),
        ({"key": "cf_a b"}, "Use cf_ followed by letters, digits or underscores"),
        ({"key": "cf_" + "a" * 60}, "The API name must be 60 characters or fewer"),
        ({"key": "CF_TAKEN".lower()}, "There is a field with this API name already"),
        ({"label": " \u200b "}, "Enter the label"),
        ({"label": "x" * 121}, "The label must be 120 characters or fewer"),
        ({"label": "a\x00b"}, "This holds a character that cannot be stored"),
        ({"kind": ""}, "Choose the kind of answer"),
        ({"kind": "colour"}, "Choose the kind of answer"),
        ({"options": "\n \n"}, "Enter at least one option"),
        ({"options": "A\nB\nA"}, "Each option may stand there only once"),
        ({"options": "x" * 121}, "An option must be 120 characters or fewer"),
        (
            {"options": "\n".join(map(str, range(201)))},
            "There may be up to 200 options",
        ),
        ({"for_company": ""}, "Choose companies, contacts or both"),
        ({"help_text": "x" * 201}, "The hint must be 200 characters or fewer"),
    ],
)
def test_field_with_a_fault_says_what_is_wrong_and_keeps_the_rest(
    owner, signed_in, organisation, change, words
):
    CustomFieldFactory(organisation=organisation, key="cf_taken")

    answer = signed_in(owner).post(FIELDS + "new/", FIELD | change)

    page = text(answer)
    assert answer.status_code == 422
    assert words in page
    assert "There is a problem" in page
    assert CustomField.objects.count() == 1


def test_field_is_changed_but_keeps_its_api_name(owner, signed_in, organisation):
    field = CustomFieldFactory(organisation=organisation, key="cf_size")

    signed_in(owner).post(
        f"{FIELDS}{field.pk}/", FIELD | {"key": "cf_other", "kind": "text"}
    )

    field.refresh_from_db()
    assert (field.key, field.label, field.options) == ("cf_size", "Size", [])


def test_fields_move_and_stop_at_the_ends(owner, signed_in, organisation):
    fields = [
        CustomFieldFactory(organisation=organisation, key=f"cf_{name}", position=place)
        for place, name in enumerate("abc")
    ]
    browser = signed_in(owner)

    for action in ("up", "up", "up"):
        browser.post(f"{FIELDS}{fields[2].pk}/change/", {"action": action})
    browser.post(f"{FIELDS}{fields[0].pk}/change/", {"action": "down"})

    order = organisation.custom_fields.order_by("position").values_list(
        "key", flat=True
    )
    assert list(order) == ["cf_c", "cf_b", "cf_a"]


def test_field_is_switched_off_and_on(owner, signed_in, organisation):
    field = CustomFieldFactory(organisation=organisation, label="Colour of the door")
    browser = signed_in(owner)
    change = f"{FIELDS}{field.pk}/change/"

    browser.post(change, {"action": "off"})
    hidden = text(browser.get("/o/al-noor/clients/new/"))
    browser.post(change, {"action": "on"})
    shown = text(browser.get("/o/al-noor/clients/new/"))

    assert "Colour of the door" not in hidden
    assert "Colour of the door" in shown


def test_field_change_without_a_known_action_is_not_found(
    owner, signed_in, organisation
):
    field = CustomFieldFactory(organisation=organisation)

    answer = signed_in(owner).post(f"{FIELDS}{field.pk}/change/", {"action": "x"})

    assert answer.status_code == 404


# One's own preferences


def test_shortcuts_are_switched_off_and_on(frontdesk, signed_in):
    browser = signed_in(frontdesk)

    browser.post("/accounts/shortcuts/")
    off = User.objects.get(pk=frontdesk.user.pk).shortcuts
    browser.post("/accounts/shortcuts/")

    assert off is False
    assert User.objects.get(pk=frontdesk.user.pk).shortcuts is True


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/o/al-noor/clients/?q=x", "/o/al-noor/clients/?q=x"),
        ("https://evil.test/", "/accounts/preferences/"),
        ("//evil.test/", "/accounts/preferences/"),
        ("", "/accounts/preferences/"),
    ],
)
def test_shortcuts_lead_back_within_this_site(frontdesk, signed_in, asked, led):
    assert signed_in(frontdesk).post("/accounts/shortcuts/", {"next": asked}).url == led
