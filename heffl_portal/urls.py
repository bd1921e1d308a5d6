"""Addresses: sign-in from django-allauth, the site operator's admin, and the portal's own."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("clients_app.urls")),  # some of them instead of allauth's
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
handler400 = "clients_app.views.errors.bad_request"
handler403 = "clients_app.views.errors.forbidden"
handler404 = "clients_app.views.errors.not_found"
handler500 = "clients_app.views.errors.server_error"
