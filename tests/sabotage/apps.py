"""Applies the sabotage named in TEST_SABOTAGE when Django starts."""

from __future__ import annotations

import os

from django.apps import AppConfig


class SabotageConfig(AppConfig):
    name = "tests.sabotage"
    label = "sabotage"

    def ready(self):
        if os.environ.get("TEST_SABOTAGE") == "resend_lost":
            from clients_app.delivery import outbox
            from clients_app.models import Status, Submission

            def send_lost_again(now):
                return Submission.objects.filter(
                    status=Status.SENDING, lease_until__lt=now
                ).update(status=Status.QUEUED, lease_until=None, not_before=now)

            outbox.take_back_lost = send_lost_again
