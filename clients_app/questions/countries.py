"""Countries by ISO 3166-1 code, the seven emirates, and how the Gulf states write addresses.

Heffl's `country` is free text: it gets the English name, which prints well on an
invoice. The code stays inside the page and in our own rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

UAE = "AE"
LONGEST_NAME = 100
"""What is longer is the name of no country and no emirate."""

COUNTRIES: dict[str, str] = {
    "AF": _("Afghanistan"),
    "AX": _("Åland Islands"),
    "AL": _("Albania"),
    "DZ": _("Algeria"),
    "AS": _("American Samoa"),
    "AD": _("Andorra"),
    "AO": _("Angola"),
    "AI": _("Anguilla"),
    "AQ": _("Antarctica"),
    "AG": _("Antigua and Barbuda"),
    "AR": _("Argentina"),
    "AM": _("Armenia"),
    "AW": _("Aruba"),
    "AU": _("Australia"),
    "AT": _("Austria"),
    "AZ": _("Azerbaijan"),
    "BS": _("Bahamas"),
    "BH": _("Bahrain"),
    "BD": _("Bangladesh"),
    "BB": _("Barbados"),
    "BY": _("Belarus"),
    "BE": _("Belgium"),
    "BZ": _("Belize"),
    "BJ": _("Benin"),
    "BM": _("Bermuda"),
    "BT": _("Bhutan"),
    "BO": _("Bolivia"),
    "BA": _("Bosnia and Herzegovina"),
    "BW": _("Botswana"),
    "BV": _("Bouvet Island"),
    "BR": _("Brazil"),
    "IO": _("British Indian Ocean Territory"),
    "VG": _("British Virgin Islands"),
    "BN": _("Brunei"),
    "BG": _("Bulgaria"),
    "BF": _("Burkina Faso"),
    "BI": _("Burundi"),
    "KH": _("Cambodia"),
    "CM": _("Cameroon"),
    "CA": _("Canada"),
    "CV": _("Cape Verde"),
    "BQ": _("Caribbean Netherlands"),
    "KY": _("Cayman Islands"),
    "CF": _("Central African Republic"),
    "TD": _("Chad"),
    "CL": _("Chile"),
    "CN": _("China"),
    "CX": _("Christmas Island"),
    "CC": _("Cocos (Keeling) Islands"),
    "CO": _("Colombia"),
    "KM": _("Comoros"),
    "CD": _("Congo (Democratic Republic)"),
    "CG": _("Congo (Republic)"),
    "CK": _("Cook Islands"),
    "CR": _("Costa Rica"),
    "HR": _("Croatia"),
    "CU": _("Cuba"),
    "CW": _("Curaçao"),
    "CY": _("Cyprus"),
    "CZ": _("Czechia"),
    "CI": _("Côte d’Ivoire"),
    "DK": _("Denmark"),
    "DJ": _("Djibouti"),
    "DM": _("Dominica"),
    "DO": _("Dominican Republic"),
    "EC": _("Ecuador"),
    "EG": _("Egypt"),
    "SV": _("El Salvador"),
    "GQ": _("Equatorial Guinea"),
    "ER": _("Eritrea"),
    "EE": _("Estonia"),
    "SZ": _("Eswatini"),
    "ET": _("Ethiopia"),
    "FK": _("Falkland Islands"),
    "FO": _("Faroe Islands"),
    "FJ": _("Fiji"),
    "FI": _("Finland"),
    "FR": _("France"),
    "GF": _("French Guiana"),
    "PF": _("French Polynesia"),
    "TF": _("French Southern Territories"),
    "GA": _("Gabon"),
    "GM": _("Gambia"),
    "GE": _("Georgia"),
    "DE": _("Germany"),
    "GH": _("Ghana"),
    "GI": _("Gibraltar"),
    "GR": _("Greece"),
    "GL": _("Greenland"),
    "GD": _("Grenada"),
    "GP": _("Guadeloupe"),
    "GU": _("Guam"),
    "GT": _("Guatemala"),
    "GG": _("Guernsey"),
    "GN": _("Guinea"),
    "GW": _("Guinea-Bissau"),
    "GY": _("Guyana"),
    "HT": _("Haiti"),
    "HM": _("Heard Island and McDonald Islands"),
    "HN": _("Honduras"),
    "HK": _("Hong Kong"),
    "HU": _("Hungary"),
    "IS": _("Iceland"),
    "IN": _("India"),
    "ID": _("Indonesia"),
    "IR": _("Iran"),
    "IQ": _("Iraq"),
    "IE": _("Ireland"),
    "IM": _("Isle of Man"),
    "IL": _("Israel"),
    "IT": _("Italy"),
    "JM": _("Jamaica"),
    "JP": _("Japan"),
    "JE": _("Jersey"),
    "JO": _("Jordan"),
    "KZ": _("Kazakhstan"),
    "KE": _("Kenya"),
    "KI": _("Kiribati"),
    "KW": _("Kuwait"),
    "KG": _("Kyrgyzstan"),
    "LA": _("Laos"),
    "LV": _("Latvia"),
    "LB": _("Lebanon"),
    "LS": _("Lesotho"),
    "LR": _("Liberia"),
    "LY": _("Libya"),
    "LI": _("Liechtenstein"),
    "LT": _("Lithuania"),
    "LU": _("Luxembourg"),
    "MO": _("Macao"),
    "MG": _("Madagascar"),
    "MW": _("Malawi"),
    "MY": _("Malaysia"),
    "MV": _("Maldives"),
    "ML": _("Mali"),
    "MT": _("Malta"),
    "MH": _("Marshall Islands"),
    "MQ": _("Martinique"),
    "MR": _("Mauritania"),
    "MU": _("Mauritius"),
    "YT": _("Mayotte"),
    "MX": _("Mexico"),
    "FM": _("Micronesia"),
    "MD": _("Moldova"),
    "MC": _("Monaco"),
    "MN": _("Mongolia"),
    "ME": _("Montenegro"),
    "MS": _("Montserrat"),
    "MA": _("Morocco"),
    "MZ": _("Mozambique"),
    "MM": _("Myanmar"),
    "NA": _("Namibia"),
    "NR": _("Nauru"),
    "NP": _("Nepal"),
    "NL": _("Netherlands"),
    "NC": _("New Caledonia"),
    "NZ": _("New Zealand"),
    "NI": _("Nicaragua"),
    "NE": _("Niger"),
    "NG": _("Nigeria"),
    "NU": _("Niue"),
    "NF": _("Norfolk Island"),
    "KP": _("North Korea"),
    "MK": _("North Macedonia"),
    "MP": _("Northern Mariana Islands"),
    "NO": _("Norway"),
    "OM": _("Oman"),
    "PK": _("Pakistan"),
    "PW": _("Palau"),
    "PS": _("Palestine"),
    "PA": _("Panama"),
    "PG": _("Papua New Guinea"),
    "PY": _("Paraguay"),
    "PE": _("Peru"),
    "PH": _("Philippines"),
    "PN": _("Pitcairn Islands"),
    "PL": _("Poland"),
    "PT": _("Portugal"),
    "PR": _("Puerto Rico"),
    "QA": _("Qatar"),
    "RO": _("Romania"),
    "RU": _("Russia"),
    "RW": _("Rwanda"),
    "RE": _("Réunion"),
    "BL": _("Saint Barthélemy"),
    "SH": _("Saint Helena"),
    "KN": _("Saint Kitts and Nevis"),
    "LC": _("Saint Lucia"),
    "MF": _("Saint Martin"),
    "PM": _("Saint Pierre and Miquelon"),
    "VC": _("Saint Vincent and the Grenadines"),
    "WS": _("Samoa"),
    "SM": _("San Marino"),
    "SA": _("Saudi Arabia"),
    "SN": _("Senegal"),
    "RS": _("Serbia"),
    "SC": _("Seychelles"),
    "SL": _("Sierra Leone"),
    "SG": _("Singapore"),
    "SX": _("Sint Maarten"),
    "SK": _("Slovakia"),
    "SI": _("Slovenia"),
    "SB": _("Solomon Islands"),
    "SO": _("Somalia"),
    "ZA": _("South Africa"),
    "GS": _("South Georgia and the South Sandwich Islands"),
    "KR": _("South Korea"),
    "SS": _("South Sudan"),
    "ES": _("Spain"),
    "LK": _("Sri Lanka"),
    "SD": _("Sudan"),
    "SR": _("Suriname"),
    "SJ": _("Svalbard and Jan Mayen"),
    "SE": _("Sweden"),
    "CH": _("Switzerland"),
    "SY": _("Syria"),
    "ST": _("São Tomé and Príncipe"),
    "TW": _("Taiwan"),
    "TJ": _("Tajikistan"),
    "TZ": _("Tanzania"),
    "TH": _("Thailand"),
    "TL": _("Timor-Leste"),
    "TG": _("Togo"),
    "TK": _("Tokelau"),
    "TO": _("Tonga"),
    "TT": _("Trinidad and Tobago"),
    "TN": _("Tunisia"),
    "TM": _("Turkmenistan"),
    "TC": _("Turks and Caicos Islands"),
    "TV": _("Tuvalu"),
    "TR": _("Türkiye"),
    "UM": _("US Outlying Islands"),
    "VI": _("US Virgin Islands"),
    "UG": _("Uganda"),
    "UA": _("Ukraine"),
    "AE": _("United Arab Emirates"),
    "GB": _("United Kingdom"),
    "US": _("United States"),
    "UY": _("Uruguay"),
    "UZ": _("Uzbekistan"),
    "VU": _("Vanuatu"),
    "VA": _("Vatican City"),
    "VE": _("Venezuela"),
    "VN": _("Vietnam"),
    "WF": _("Wallis and Futuna"),
    "EH": _("Western Sahara"),
    "YE": _("Yemen"),
    "ZM": _("Zambia"),
    "ZW": _("Zimbabwe"),
}

EMIRATES: tuple[str, ...] = (
    _("Abu Dhabi"),
    _("Ajman"),
    _("Dubai"),
    _("Fujairah"),
    _("Ras Al Khaimah"),
    _("Sharjah"),
    _("Umm Al Quwain"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """What an area is called in the addresses of a country, and which are meant."""

    area: str
    areas: tuple[str, ...] = ()


# Where the areas of a country are few and stand firm, and what holds everywhere else.
ADDRESSES: dict[str, Address] = {
    "AE": Address(_("Emirate"), EMIRATES),
    "BH": Address(
        _("Governorate"),
        (_("Capital"), _("Muharraq"), _("Northern"), _("Southern")),
    ),
    "KW": Address(
        _("Governorate"),
        (_("Al Ahmadi"), _("Al Asimah"), _("Al Farwaniyah"), _("Al Jahra"))
        + (_("Hawalli"), _("Mubarak Al-Kabeer")),
    ),
    "OM": Address(
        _("Governorate"),
        (_("Ad Dakhiliyah"), _("Ad Dhahirah"), _("Al Batinah North"))
        + (_("Al Batinah South"), _("Al Buraimi"), _("Al Wusta"))
        + (_("Ash Sharqiyah North"), _("Ash Sharqiyah South"), _("Dhofar"))
        + (_("Musandam"), _("Muscat")),
    ),
    "QA": Address(
        _("Municipality"),
        (_("Al Daayen"), _("Al Khor"), _("Al Rayyan"), _("Al Shahaniya"))
        + (_("Al Shamal"), _("Al Wakrah"), _("Doha"), _("Umm Salal")),
    ),
    "SA": Address(
        _("Region"),
        (_("Al Bahah"), _("Al Jawf"), _("Al Madinah"), _("Al Qassim"), _("Aseer"))
        + (_("Eastern Province"), _("Hail"), _("Jazan"), _("Makkah"), _("Najran"))
        + (_("Northern Borders"), _("Riyadh"), _("Tabuk")),
    ),
}
ELSEWHERE = Address(_("State or province"))

_OTHER_NAMES = {
    "emirates": "AE",
    "uae": "AE",
    "u.a.e.": "AE",
    "ksa": "SA",
    "uk": "GB",
    "great britain": "GB",
    "usa": "US",
    "united states of america": "US",
    "turkey": "TR",
    "czech republic": "CZ",
    "ivory coast": "CI",
    "cote d'ivoire": "CI",
    "burma": "MM",
    "swaziland": "SZ",
    "east timor": "TL",
    "cabo verde": "CV",
    "macau": "MO",
    "holland": "NL",
}
_CODES = (
    {code.casefold(): code for code in COUNTRIES}
    | {name.casefold(): code for code, name in COUNTRIES.items()}
    | _OTHER_NAMES
)
_EMIRATES = {name.casefold(): name for name in EMIRATES}


def country_code(text: str) -> str:
    """Return the ISO code for a code or an English name in any case, else ""."""
    name = text.strip()
    return _CODES.get(name.casefold(), "") if len(name) <= LONGEST_NAME else ""


def address_in(country: str) -> Address:
    """Return how addresses are written in a country, by its ISO code."""
    return ADDRESSES.get(country, ELSEWHERE)


def emirate(text: str) -> str:
    """Return the emirate as we write it, or the text itself when it is none."""
    known = _EMIRATES.get(text.casefold()) if len(text) <= LONGEST_NAME else None
    return known or text
