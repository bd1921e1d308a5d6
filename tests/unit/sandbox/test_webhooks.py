"""Reports to a real listener, their signature checked here by hand."""

import base64
import hashlib
import hmac
import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from heffl_sandbox import webhooks
from heffl_sandbox.control import ControlError
from tests.unit.sandbox.conftest import create, wait_for


class Listener:
    """Takes POSTs, answers with the scripted statuses, then 204."""

    def __init__(self):
        self.reports = queue.Queue()
        self.statuses = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.reports.put((self.path, headers, body))
                status = outer.statuses.pop(0) if outer.statuses else 204
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                """Keep the console quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/?a=1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=[0.01])
        self.thread.start()

    def next(self):
        return self.reports.get(timeout=60)

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def listener():
    listening = Listener()
    yield listening
    listening.close()


def test_creation_is_reported_and_signed(sandbox, control, listener):
    secret = control.add_webhook("Test", listener.url)["secret"]

    made = create(sandbox, {"type": "contact", "firstName": "Zoë"}).json
    path, headers, body = listener.next()

    event = json.loads(body)
    assert path == "/hook/?a=1"
    assert event["event"] == "client.created"
    assert event["payload"]["id"] == made["id"]
    assert event["payload"]["number"] == made["number"]
    assert event["timestamp"].endswith("Z")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    key = base64.b64decode(secret.split("_", 1)[1])
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"


def test_sign_matches_the_example_of_the_standard():
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'

    signature = webhooks.sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_report_is_tried_again_with_the_same_id(
    sandbox, control, listener, monkeypatch
):
    monkeypatch.setattr(webhooks, "RETRY_AFTER", (0.01, 0.01))
    listener.statuses = [500, 307]
    control.add_webhook("Test", listener.url)

    create(sandbox, {"name": "A"})
    reports = [listener.next() for _ in range(3)]

    assert len({headers["webhook-id"] for _, headers, _ in reports}) == 1
    wait_for(lambda: control.webhooks()[0]["delivered"] == 1)
    assert control.webhooks()[0]["failed_tries"] == 2


def test_report_is_given_up_after_the_last_try(sandbox, control, listener, monkeypatch):
    monkeypatch.setattr(webhooks, "RETRY_AFTER", (0.01,))
    listener.statuses = [500] * 9
    control.add_webhook("Test", listener.url)

    create(sandbox, {"name": "A"})

    wait_for(lambda: control.webhooks()[0]["failed_tries"] == 2)
    time.sleep(0.1)
    assert listener.reports.qsize() == 2


def test_dead_address_does_not_delay_the_answer(sandbox, control):
    control.add_webhook("Test", "http://127.0.0.1:9/")

    assert create(sandbox, {"name": "A"}).status == 200
    wait_for(lambda: control.webhooks()[0]["failed_tries"] >= 1)


def test_report_uses_the_older_envelope_when_asked(sandbox, control, listener):
    control.add_webhook("Test", listener.url, envelope="data")

    create(sandbox, {"name": "A"})

    assert json.loads(listener.next()[2])["data"]["name"] == "A"


def test_only_the_own_workspace_is_reported(sandbox, control, listener):
    other = "heffl_user_other_key_0002"
    control.add_workspace("Harbour", keys=[other])
    control.add_webhook("Harbour", listener.url)

    create(sandbox, {"name": "Not for Harbour"})
    create(sandbox, {"name": "For Harbour"}, key=other)

    assert json.loads(listener.next()[2])["payload"]["name"] == "For Harbour"


def test_removed_address_gets_nothing_more(sandbox, control, listener):
    gone = control.add_webhook("Test", listener.url)["id"]
    stays = listener.url + "&stays"
    control.remove_webhook(gone)
    control.add_webhook("Test", stays)

    create(sandbox, {"name": "A"})

    assert listener.next()[0].endswith("&stays")
    assert listener.reports.empty()


def test_creation_whose_answer_is_lost_is_reported_too(sandbox, control, listener):
    control.add_webhook("Test", listener.url)
    control.push_fault("unavailable", created=True)

    create(sandbox, {"name": "Lost"})

    assert json.loads(listener.next()[2])["payload"]["name"] == "Lost"


def test_refused_create_is_not_reported(sandbox, control, listener):
    control.add_webhook("Test", listener.url)

    create(sandbox, {})
    create(sandbox, {"name": "Good"})

    assert json.loads(listener.next()[2])["payload"]["name"] == "Good"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://10.0.0.1/",
        "http://127.0.0.1.example.com/",
        "https://127.0.0.1/",
        "ftp://localhost/",
        "http://localhost:99999/",
        "http://[::1/",
        "nothing",
    ],
)
def test_address_off_this_machine_is_refused(control, url):
    with pytest.raises(ControlError, match="400"):
        control.add_webhook("Test", url)

    assert control.webhooks() == []


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_abc", "abc", "whsec_!!!!"])
def test_weak_secret_is_refused(control, secret):
    with pytest.raises(ControlError, match="400"):
        control.add_webhook("Test", "http://localhost/", secret=secret)


def test_given_secret_is_used(sandbox, control, listener):
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef").decode()

    assert control.add_webhook("Test", listener.url, secret=secret)["secret"] == secret
