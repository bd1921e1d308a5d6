"""The form of Settings, Signup: it checks what was typed, nothing else."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, cast
from urllib.parse import urlsplit

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.forms import BoundField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clients_app.models import ApprovalMode, SignupLanguage, SignupPage
from clients_app.organisation.forms import CleanText
from clients_app.questions.fields import QUESTIONS, label_of
from clients_app.signup import colours, logos
from clients_app.signup.page_settings import NEVER_ASKED

MOST_ORIGINS = 20
LONGEST_ORIGIN = 300
CLOSED = "closed"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.ASCII)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_CHOOSABLE = tuple(
    spec
    for spec in QUESTIONS
    if spec.allowed_for and not spec.required_for and spec.name not in NEVER_ASKED
)
"""What a page can ask or leave: neither what a client needs nor what no visitor knows."""


class BadOrigin(ValueError):
    """This is not the address of a site. The text says why, in words for people."""


def origin_of(text: str) -> str:
    """Return a typed site as scheme, host and port, as a browser names it.

    `https://Shop.Example/` becomes `https://shop.example`; a host in another script
    becomes its ASCII form. Raises BadOrigin.
    """
    text = text.strip()
    if len(text) > LONGEST_ORIGIN:
        raise BadOrigin(gettext("Enter a site like https://www.example.com"))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise BadOrigin(gettext("Enter a site like https://www.example.com"))
    extra = (
        parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    )
    if extra:
        raise BadOrigin(gettext("Leave out what follows the name of the site"))
    name = _ascii_host(host)
    if not name:
        raise BadOrigin(gettext("Enter a site like https://www.example.com"))
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise BadOrigin(gettext("The site must begin with https://"))
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{name}" + ("" if port in (None, usual) else f":{port}")


def _ascii_host(host: str) -> str:
    """Return a host as it stands in a header, or "" when it is none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return f"[{address}]" if address.version == 6 else str(address)
    try:
        name = host.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    return name if len(name) <= 253 and _HOST.fullmatch(name) else ""


class Origins(CleanText):
    """Sites, one per line; each fault names its line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            multiline=True,
            required=False,
            max_length=MOST_ORIGINS * LONGEST_ORIGIN,
            error_messages={"max_length": _("There may be up to 20 sites")},
            **kwargs,
        )

    def clean(self, value: Any) -> Any:
        """Return the origins in the order typed, each once. See origin_of()."""
        lines = str(super().clean(value)).splitlines()
        numbered = [
            (place, line) for place, line in enumerate(lines, 1) if line.strip()
        ]
        faults, found = [], []
        for place, line in numbered:
            try:
                found.append(origin_of(line))
            except BadOrigin as fault:
                words = gettext("Line %(line)s: %(fault)s")
                faults.append(words % {"line": place, "fault": fault})
        if faults:
            raise forms.ValidationError(". ".join(faults[:MOST_ORIGINS]))
        found = list(dict.fromkeys(found))
        if len(found) > MOST_ORIGINS:
            raise forms.ValidationError(_("There may be up to 20 sites"))
        return found


def _text(label: Any, most: int, language: str, hint: Any = "") -> CleanText:
    attrs = {"rows": 2, "lang": language, "dir": "rtl" if language == "ar" else "ltr"}
    return CleanText(
        label=label,
        help_text=hint,
        required=False,
        max_length=most,
        multiline=most > 300,
        widget=forms.Textarea(attrs=attrs),
        error_messages={"max_length": _("This is too long. Make it shorter")},
    )


class SignupPageForm(forms.ModelForm[SignupPage]):
    """How the signup page looks, what it asks, and whether it is open.

    Valid: `instance` is the page to store, `mode` and `public_fields` go with it, and
    `changed()` names what differs. `shade` is a colour that would pass in the place of
    one that did not.
    """

    mode = forms.ChoiceField(
        label=_("Signups from strangers"),
        choices=[(CLOSED, _("Closed")), *ApprovalMode.choices],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose who may sign up")},
        help_text=_(
            "Open, the page takes signups and sends them to Heffl, at once or after "
            "somebody here has looked at them. Closed, there is no such page."
        ),
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        choices=SignupLanguage.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one language")},
    )
    default_language = forms.ChoiceField(
        label=_("Language to begin with"),
        choices=SignupLanguage.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose the language to begin with")},
    )
    intro_en = _text(
        _("Introduction in English"),
        300,
        "en",
        _("Empty, the page says it in our words."),
    )
    intro_ar = _text(_("Introduction in Arabic"), 300, "ar")
    thanks_en = _text(
        _("Thanks in English"),
        600,
        "en",
        _("What happens next, after the form is sent."),
    )
    thanks_ar = _text(_("Thanks in Arabic"), 600, "ar")
    consent_en = _text(
        _("Consent in English"),
        600,
        "en",
        _(
            "What a visitor agrees to by sending the form. Each signup keeps which "
            "wording it was."
        ),
    )
    consent_ar = _text(_("Consent in Arabic"), 600, "ar")
    contact = CleanText(
        label=_("Contact for questions"),
        help_text=_("For example a phone number or an email address."),
        required=False,
        max_length=200,
        error_messages={"max_length": _("This is too long. Make it shorter")},
    )
    asked = forms.MultipleChoiceField(
        label=_("Fields to ask"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What a client cannot do without is always asked."),
    )
    accent = forms.CharField(
        label=_("Colour"),
        max_length=20,
        help_text=_("For example #0a5e86. It must be dark enough to be read on white."),
        widget=forms.TextInput(
            attrs={"dir": "ltr", "spellcheck": "false", "autocapitalize": "none"}
        ),
        error_messages={
            "required": _("Enter a colour like #0a5e86"),
            "max_length": _("Enter a colour like #0a5e86"),
        },
    )
    logo_file = forms.FileField(
        label=_("Logo"),
        required=False,
        help_text=_("A PNG, JPEG or WebP picture of up to 1 MB."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
        error_messages={"empty": _("This file is empty")},
    )
    allowed_origins = Origins(
        label=_("Sites that may show the page in a frame"),
        help_text=_("One per line, for example https://www.example.com"),
        widget=forms.Textarea(attrs={"rows": 3, "dir": "ltr", "spellcheck": "false"}),
    )

    class Meta:
        model = SignupPage
        fields = [
            "languages",
            "default_language",
            "intro_en",
            "intro_ar",
            "thanks_en",
            "thanks_ar",
            "consent_en",
            "consent_ar",
            "contact",
            "shows_number",
            "accent",
            "allowed_origins",
        ]
        labels = {"shows_number": _("Show the client number on the visitor's own page")}

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        page: SignupPage,
    ) -> None:
        """Open the form for a page as stored; checking changes `page` and saves nothing."""
        self.own = list(
            page.organisation.custom_fields.filter(
                is_active=True, required=False
            ).order_by("position", "id")
        )
        offered = [spec.name for spec in _CHOOSABLE]
        public = [field.key for field in self.own if field.is_public]
        initial = {
            "mode": page.organisation.signup_mode or CLOSED,
            "languages": page.spoken,
            "allowed_origins": "\n".join(map(str, page.allowed_origins)),
            "asked": [n for n in offered if n not in page.hidden_fields] + public,
        }
        super().__init__(data, files, instance=page, initial=initial)
        self.shade = ""
        asked = cast("forms.MultipleChoiceField", self.fields["asked"])
        asked.choices = [
            *((spec.name, label_of(spec)) for spec in _CHOOSABLE),
            *((field.key, field.label) for field in self.own),
        ]
        for field in self.fields.values():
            # A silent cut of pasted text is worse than a message.
            field.widget.attrs.pop("maxlength", None)

    @property
    def groups(self) -> list[tuple[str, list[BoundField]]]:
        """Return (heading, fields) in the order of the page."""
        names = {
            gettext("Who may sign up"): ("mode", "shows_number"),
            gettext("Words"): (
                *("languages", "default_language", "intro_en", "intro_ar"),
                *("thanks_en", "thanks_ar", "consent_en", "consent_ar", "contact"),
            ),
            gettext("Questions"): ("asked",),
            gettext("Looks"): ("accent", "logo_file"),
            gettext("On your own site"): ("allowed_origins",),
        }
        return [(title, [self[one] for one in group]) for title, group in names.items()]

    def clean_mode(self) -> str:
        """Return an ApprovalMode, or "" for a closed page."""
        mode = str(self.cleaned_data["mode"])
        return "" if mode == CLOSED else mode

    def clean_accent(self) -> str:
        """Return the colour as `#rrggbb`. For one that cannot be read, `shade` is set."""
        try:
            colour = colours.parse(self.cleaned_data["accent"])
        except colours.BadColour:
            raise forms.ValidationError(_("Enter a colour like #0a5e86")) from None
        if not colours.is_readable(colour):
            self.shade = colours.nearest_readable(colour)
            words = gettext(
                "White letters on %(colour)s are hard to read. The nearest shade that "
                "works is %(shade)s"
            )
            raise forms.ValidationError(words % {"colour": colour, "shade": self.shade})
        return colour

    def clean_logo_file(self) -> bytes | None:
        """Return the logo as a PNG of our own, or None when there is no new one."""
        upload: UploadedFile[Any] | None = self.cleaned_data["logo_file"]
        if upload is None:
            return None
        if (upload.size or 0) > logos.MOST_BYTES:
            raise forms.ValidationError(_("The logo may have up to 1 MB"))
        try:
            return logos.read(upload.read())
        except logos.BadLogo as fault:
            raise forms.ValidationError(str(fault)) from None

    def clean(self) -> dict[str, Any]:
        """Check what concerns two fields; a good logo is asked for again after an error."""
        cleaned = super().clean() or {}
        spoken = cleaned.get("languages")
        if spoken and cleaned.get("default_language") not in spoken:
            self.add_error(
                "default_language",
                _("Choose one of the languages that the page speaks"),
            )
        if "asked" in cleaned:
            chosen = set(cleaned["asked"])
            kept = [spec.name for spec in _CHOOSABLE if spec.name not in chosen]
            known = {spec.name for spec in _CHOOSABLE}
            others = [n for n in self.instance.hidden_fields if n not in known]
            self.instance.hidden_fields = kept + others
        if self.errors and cleaned.get("logo_file"):
            self.add_error("logo_file", _("Choose the logo once more"))
        return cleaned

    @property
    def logo(self) -> bytes | None:
        """Return the new logo, a PNG of our own; None when there is no new one."""
        logo: bytes | None = self.cleaned_data["logo_file"]
        return logo

    @property
    def public_fields(self) -> set[str]:
        """Return the keys of the own questions that the page is to ask."""
        return {field.key for field in self.own} & set(self.cleaned_data["asked"])

    def changed(self) -> list[str]:
        """Return the names of what differs from what is stored, sorted, for the audit."""
        names = set(self.changed_data) - {"logo_file"}
        if "asked" in names:
            names.remove("asked")
            before, after = set(self["asked"].initial), set(self.cleaned_data["asked"])
            own = {field.key for field in self.own}
            if (before ^ after) & own:
                names.add("public_fields")
            if (before ^ after) - own:
                names.add("hidden_fields")
        return sorted(names)
