"""What a browser posts from the public page, and what it reads there."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from unittest.mock import patch

import altcha
from django.utils import timezone

from clients_app.models import (
    SignupPage,
)
from clients_app.signup import robots

PAGE = "/s/al-noor/"
EMBED = "/s/al-noor/embed/"


def hidden(answer, name):
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.content.decode())
    return found[1] if found else ""


def token_of(client, path=PAGE):
    return hidden(client.get(path), "submission_token")


def old_token(organisation, seconds):
    then = timezone.now() - timedelta(seconds=seconds)
    return robots.new_token(SignupPage.of(organisation), then)


def proof_for(token):
    with patch.object(robots, "_COUNTERS", range(3)):  # the same work, but soon done
        made = json.loads(robots.challenge_for(token, timezone.now()))
    challenge = altcha.Challenge.from_dict(made)
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    return altcha.Payload(challenge, solution).to_base64()


def company(organisation, **more):
    """Return what a browser posts that took its time and proved itself."""
    token = more.pop("token", None) or old_token(organisation, 30)
    return {
        "type": "company",
        "name": "Gulf Star LLC",
        "submission_token": token.sign(),
        "altcha": proof_for(token),
        **more,
    }
