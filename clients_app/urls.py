"""The portal's addresses. A route is named after its view, with hyphens."""

from django.urls import path

from clients_app.views import health

urlpatterns = [
    path("healthz", health.health_alive, name="health-alive"),
    path("readyz", health.health_ready, name="health-ready"),
]
