"""A crowd of real processes at one signup page: limits are exact, a token is good once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.utils import timezone

from clients_app import throttle
from clients_app.models import (
    ApprovalMode,
    HeldFor,
    Organisation,
    SignupBucket,
    SignupPage,
    Submission,
)
from clients_app.signup import robots
from tests.fleet import ROOT, database_url

PROCESSES = 4
TRIES = 60

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def crowded():
    return Organisation.objects.create(
        name="Busy", slug="busy", signup_mode=ApprovalMode.SUSPICIOUS
    )


def push(tries, now, **environment):
    """Let four processes try at once; return what each try came to."""
    crowd = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.crowd",
                "busy",
                str(tries),
                "8",
                now.isoformat(),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.fast_settings",
                "DATABASE_URL": database_url(),
                **environment,
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    came_to = []
    for each in crowd:
        said, _ = each.communicate(timeout=120)
        assert each.returncode == 0
        came_to += said.split()
    assert len(came_to) == PROCESSES * tries
    return came_to


def test_sixty_tries_in_each_of_four_processes_meet_the_exact_limit(crowded):
    limit = robots.NETWORK

    came_to = push(TRIES, timezone.now())

    rows = Submission.objects.all()
    odd = [row for row in rows if HeldFor.MANY in row.held_for]
    assert came_to.count("refused") == PROCESSES * TRIES - limit.most
    assert len(rows) == limit.most == len(set(came_to)) - 1
    assert len(odd) == limit.most - limit.odd


def test_twenty_posts_of_one_token_make_one_signup_and_see_one_receipt(crowded):
    now = timezone.now()
    token = robots.new_token(SignupPage.of(crowded), now)

    came_to = push(5, now, TOKEN=token.sign())

    row = Submission.objects.get()
    assert set(came_to) == {row.receipt}
    used = SignupBucket.objects.get(
        mark=throttle.mark_of("network", crowded.pk, "192.0.2.1")
    )
    taken = (used.empty_at - now.timestamp()) / robots.NETWORK.step
    assert round(taken) == 1
