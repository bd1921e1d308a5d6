"""Every address of the portal, by who may open it. A new one is named here, or a test fails."""

from __future__ import annotations

from clients_app.models import Role

# Pages of an organisation, and the least role that may open each.
OF_AN_ORGANISATION = {
    "o/<slug:slug>/balance/": Role.REVIEWER,
    "o/<slug:slug>/clients/": Role.FRONTDESK,
    "o/<slug:slug>/clients/export.csv": Role.FRONTDESK,
    "o/<slug:slug>/clients/matches/": Role.FRONTDESK,
    "o/<slug:slug>/clients/new/": Role.FRONTDESK,
    "o/<slug:slug>/clients/<uuid:uuid>/": Role.FRONTDESK,
    "o/<slug:slug>/clients/<uuid:uuid>/drop/": Role.REVIEWER,
    "o/<slug:slug>/clients/<uuid:uuid>/edit/": Role.FRONTDESK,
    "o/<slug:slug>/clients/<uuid:uuid>/link/": Role.REVIEWER,
    "o/<slug:slug>/clients/<uuid:uuid>/send-again/": Role.REVIEWER,
    "o/<slug:slug>/clients/<uuid:uuid>/status/": Role.FRONTDESK,
    "o/<slug:slug>/overview/": Role.REVIEWER,
    "o/<slug:slug>/review/": Role.REVIEWER,
    "o/<slug:slug>/review/<uuid:uuid>/": Role.REVIEWER,
    "o/<slug:slug>/review/decide/": Role.REVIEWER,
    "o/<slug:slug>/review/reject/": Role.REVIEWER,
    "o/<slug:slug>/import/": Role.REVIEWER,
    "o/<slug:slug>/import/template.csv": Role.REVIEWER,
    "o/<slug:slug>/import/template.xlsx": Role.REVIEWER,
    "o/<slug:slug>/import/<uuid:import_id>/": Role.REVIEWER,
    "o/<slug:slug>/import/<uuid:import_id>/check/": Role.REVIEWER,
    "o/<slug:slug>/import/<uuid:import_id>/columns/": Role.REVIEWER,
    "o/<slug:slug>/import/<uuid:import_id>/failed.csv": Role.REVIEWER,
    "o/<slug:slug>/settings/": Role.ADMIN,
    "o/<slug:slug>/settings/fields/": Role.ADMIN,
    "o/<slug:slug>/settings/fields/new/": Role.ADMIN,
    "o/<slug:slug>/settings/fields/read/": Role.ADMIN,
    "o/<slug:slug>/settings/fields/<int:pk>/": Role.ADMIN,
    "o/<slug:slug>/settings/fields/<int:pk>/change/": Role.ADMIN,
    "o/<slug:slug>/settings/privacy/": Role.ADMIN,
    "o/<slug:slug>/settings/heffl/": Role.OWNER,
    "o/<slug:slug>/settings/signup/": Role.ADMIN,
    "o/<slug:slug>/settings/signup/kiosk/": Role.ADMIN,
    "o/<slug:slug>/settings/signup/poster/": Role.ADMIN,
    "o/<slug:slug>/settings/signup/preview/": Role.ADMIN,
    "o/<slug:slug>/settings/signup/qr.svg": Role.ADMIN,
    "o/<slug:slug>/settings/members/": Role.ADMIN,
    "o/<slug:slug>/settings/members/<int:person>/": Role.ADMIN,
    "o/<slug:slug>/audit/": Role.ADMIN,
    "o/<slug:slug>/audit/export.csv": Role.ADMIN,
}
# Pages of a person: each shows only what belongs to who asks.
OF_A_PERSON = {
    "",
    "accounts/language/",
    "accounts/preferences/",
    "accounts/shortcuts/",
    "accounts/stay/",
}
OPEN = {"healthz", "readyz", "metrics", "webhooks/heffl/<slug:slug>/"}
# Pages for strangers: tests/integration/test_signup_page.py says what they tell.
PUBLIC = {
    "invitation/<str:token>/",
    "s/<slug:slug>/",
    "s/<slug:slug>/embed/",
    "s/<slug:slug>/brand.<slug:digest>.css",
    "s/<slug:slug>/embed/r/<slug:receipt>/",
    "s/<slug:slug>/kiosk/",
    "s/<slug:slug>/kiosk/app.webmanifest",
    "s/<slug:slug>/kiosk/thanks/",
    "s/<slug:slug>/logo.<slug:digest>.png",
    "s/<slug:slug>/r/<slug:receipt>/",
    "s/<slug:slug>/r/<slug:receipt>/correct/",
}
