"""Throttles are exact when many tries come at once from several processes."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.core.cache import cache

from clients_app.models import User
from tests.fleet import database_url

ROOT = Path(__file__).resolve().parents[2]
PROCESSES, TRIES, LIMIT = 4, 15, 5
# One process: as many threads as tries, all let go at the same moment.
GUESS = """
import sys, threading, logging
import django
from django.conf import settings
settings.STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
django.setup()
logging.disable(logging.CRITICAL)
from django.db import connections
from django.test import Client
path, field, value, tries = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
start, told = threading.Barrier(tries), []
def guess(number):
    start.wait()
    data = {field: value, "password": f"wrong password {number}"}
    answer = Client(HTTP_HOST="localhost").post(path, data, REMOTE_ADDR="203.0.113.9")
    told.append(answer.status_code)
    connections.close_all()
threads = [threading.Thread(target=guess, args=(n,)) for n in range(tries)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(*told)
"""


@pytest.mark.slow
@pytest.mark.asvs("6.3.1")
@pytest.mark.parametrize("address", ["guessed@al-noor.test", "nobody@al-noor.test"])
@pytest.mark.django_db(transaction=True)
def test_no_more_than_five_wrong_passwords_get_through_however_many_come_at_once(
    address,
):
    cache.clear()
    User.objects.create_user("guessed@al-noor.test", "correct horse battery")
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", GUESS, "/accounts/login/", "login",
             address, str(TRIES)],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database_url(),
                 "DJANGO_SETTINGS_MODULE": "heffl_portal.settings"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip

    outputs = [process.communicate(timeout=120) for process in processes]

    told = Counter(" ".join(out for out, _err in outputs).split())
    assert sum(told.values()) == PROCESSES * TRIES, outputs[0][1][-2000:]
    # 200 is the page that says "not right": the password was looked at.
    assert 1 <= told["200"] <= LIMIT, told
    assert set(told) <= {"200", "429", "503"}, told
