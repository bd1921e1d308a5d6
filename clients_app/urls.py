"""The portal's addresses. A route is named after its view, with hyphens."""

from django.urls import path
from django.views.i18n import set_language

from clients_app.views import (
    account,
    address,
    audit,
    balance,
    brand,
    client,
    correction,
    decisions,
    factors,
    health,
    heffl_settings,
    history,
    imports,
    invitation,
    kiosk,
    matches,
    members,
    metrics,
    overview,
    own_fields,
    privacy,
    receipt,
    review,
    review_item,
    signup,
    signup_settings,
    submissions,
    webhooks,
)

urlpatterns = [
    path("", account.home, name="home"),
    path("accounts/language/", set_language, name="set-language"),
    path(
        "accounts/preferences/",
        account.account_preferences,
        name="account-preferences",
    ),
    # In place of the pages that django-allauth has at these addresses.
    path("accounts/email/", address.address_change, name="account_email"),
    path(
        "accounts/confirm-email/<str:key>/",
        address.address_confirm,
        name="account_confirm_email",
    ),
    path(
        "accounts/2fa/totp/activate/",
        factors.factor_activate_app,
        name="mfa_activate_totp",
    ),
    path(
        "accounts/2fa/webauthn/add/",
        factors.factor_add_passkey,
        name="mfa_add_webauthn",
    ),
    path("accounts/sessions/", account.account_sessions, name="usersessions_list"),
    path("accounts/shortcuts/", account.account_shortcuts, name="account-shortcuts"),
    path("accounts/stay/", account.account_stay, name="account-stay"),
    path("healthz", health.health_alive, name="health-alive"),
    path("readyz", health.health_ready, name="health-ready"),
    path("metrics", metrics.metrics_text, name="metrics"),
    path("o/<slug:slug>/balance/", balance.balance_page, name="balance"),
    path("o/<slug:slug>/clients/", history.submission_list, name="submission-list"),
    path(
        "o/<slug:slug>/clients/export.csv",
        history.submission_export,
        name="submission-export",
    ),
    path(
        "o/<slug:slug>/clients/new/",
        submissions.submission_create,
        name="submission-create",
    ),
    path(
        "o/<slug:slug>/clients/matches/",
        matches.submission_matches,
        name="submission-matches",
    ),
    path(
        "o/<slug:slug>/clients/<uuid:uuid>/",
        client.submission_detail,
        name="submission-detail",
    ),
    path(
        "o/<slug:slug>/clients/<uuid:uuid>/drop/",
        decisions.submission_drop,
        name="submission-drop",
    ),
    path(
        "o/<slug:slug>/clients/<uuid:uuid>/edit/",
        correction.submission_edit,
        name="submission-edit",
    ),
    path(
        "o/<slug:slug>/clients/<uuid:uuid>/link/",
        decisions.submission_link,
        name="submission-link",
    ),
    path(
        "o/<slug:slug>/clients/<uuid:uuid>/send-again/",
        decisions.submission_send_again,
        name="submission-send-again",
    ),
    path(
        "o/<slug:slug>/clients/<uuid:uuid>/status/",
        client.submission_status,
        name="submission-status",
    ),
    path("o/<slug:slug>/overview/", overview.overview_page, name="overview"),
    path("o/<slug:slug>/review/", review.review_queue, name="review-queue"),
    path("o/<slug:slug>/review/decide/", review.review_decide, name="review-decide"),
    path("o/<slug:slug>/review/reject/", review.review_reject, name="review-reject"),
    path(
        "o/<slug:slug>/review/<uuid:uuid>/", review_item.review_item, name="review-item"
    ),
    path("o/<slug:slug>/import/", imports.import_start, name="import-start"),
    path(
        "o/<slug:slug>/import/template.csv",
        imports.import_template,
        {"kind": "csv"},
        name="import-template-csv",
    ),
    path(
        "o/<slug:slug>/import/template.xlsx",
        imports.import_template,
        {"kind": "xlsx"},
        name="import-template-xlsx",
    ),
    path(
        "o/<slug:slug>/import/<uuid:import_id>/",
        imports.import_progress,
        name="import-progress",
    ),
    path(
        "o/<slug:slug>/import/<uuid:import_id>/columns/",
        imports.import_columns,
        name="import-columns",
    ),
    path(
        "o/<slug:slug>/import/<uuid:import_id>/check/",
        imports.import_check,
        name="import-check",
    ),
    path(
        "o/<slug:slug>/import/<uuid:import_id>/failed.csv",
        imports.import_failed,
        name="import-failed",
    ),
    path("o/<slug:slug>/settings/", heffl_settings.settings, name="settings"),
    path(
        "o/<slug:slug>/settings/fields/",
        own_fields.settings_fields,
        name="settings-fields",
    ),
    path(
        "o/<slug:slug>/settings/fields/new/",
        own_fields.settings_field_new,
        name="settings-field-new",
    ),
    path(
        "o/<slug:slug>/settings/fields/read/",
        own_fields.settings_fields_read,
        name="settings-fields-read",
    ),
    path(
        "o/<slug:slug>/settings/fields/<int:pk>/",
        own_fields.settings_field_edit,
        name="settings-field-edit",
    ),
    path(
        "o/<slug:slug>/settings/fields/<int:pk>/change/",
        own_fields.settings_field_change,
        name="settings-field-change",
    ),
    path(
        "o/<slug:slug>/settings/privacy/",
        privacy.settings_privacy,
        name="settings-privacy",
    ),
    path(
        "o/<slug:slug>/settings/heffl/",
        heffl_settings.settings_heffl,
        name="settings-heffl",
    ),
    path(
        "o/<slug:slug>/settings/signup/",
        signup_settings.settings_signup,
        name="settings-signup",
    ),
    path(
        "o/<slug:slug>/settings/signup/kiosk/",
        signup_settings.settings_signup_kiosk,
        name="settings-signup-kiosk",
    ),
    path(
        "o/<slug:slug>/settings/signup/poster/",
        signup_settings.settings_signup_poster,
        name="settings-signup-poster",
    ),
    path(
        "o/<slug:slug>/settings/signup/preview/",
        signup_settings.settings_signup_preview,
        name="settings-signup-preview",
    ),
    path(
        "o/<slug:slug>/settings/signup/qr.svg",
        signup_settings.settings_signup_qr,
        name="settings-signup-qr",
    ),
    path(
        "o/<slug:slug>/settings/members/",
        members.settings_members,
        name="settings-members",
    ),
    path(
        "o/<slug:slug>/settings/members/<int:person>/",
        members.settings_member,
        name="settings-member",
    ),
    path("o/<slug:slug>/audit/", audit.audit_list, name="audit-list"),
    path("o/<slug:slug>/audit/export.csv", audit.audit_export, name="audit-export"),
    path(
        "invitation/<str:token>/",
        invitation.invitation_accept,
        name="invitation-accept",
    ),
    path(
        "webhooks/heffl/<slug:slug>/", webhooks.webhook_receive, name="webhook-receive"
    ),
    path("s/<slug:slug>/", signup.signup_form, name="signup-form"),
    path(
        "s/<slug:slug>/brand.<slug:digest>.css",
        brand.signup_brand,
        name="signup-brand",
    ),
    path("s/<slug:slug>/logo.<slug:digest>.png", brand.signup_logo, name="signup-logo"),
    path("s/<slug:slug>/kiosk/", signup.signup_kiosk, name="signup-kiosk"),
    path(
        "s/<slug:slug>/kiosk/app.webmanifest",
        kiosk.signup_kiosk_app,
        name="signup-kiosk-app",
    ),
    path(
        "s/<slug:slug>/kiosk/thanks/",
        kiosk.signup_kiosk_thanks,
        name="signup-kiosk-thanks",
    ),
    path("s/<slug:slug>/embed/", signup.signup_embed, name="signup-embed"),
    path(
        "s/<slug:slug>/embed/r/<slug:receipt>/",
        receipt.signup_embed_receipt,
        name="signup-embed-receipt",
    ),
    path(
        "s/<slug:slug>/r/<slug:receipt>/",
        receipt.signup_receipt,
        name="signup-receipt",
    ),
    path(
        "s/<slug:slug>/r/<slug:receipt>/correct/",
        receipt.signup_correct,
        name="signup-correct",
    ),
]
