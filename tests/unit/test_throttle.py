"""Buckets fill and empty, networks and mailboxes are recognised in every spelling."""

from datetime import UTC, datetime, timedelta

import pytest

from clients_app import throttle
from clients_app.models import SignupBucket

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("remote", "passed", "proxies", "network"),
    [
        ("192.0.2.1", "", 0, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", 0, "192.0.2.1"),
        ("127.0.0.1", "1.1.1.1, 203.0.113.9", 1, "203.0.113.9"),
        ("127.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.1", 2, "203.0.113.9"),
        ("127.0.0.1", "", 1, "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", 2, "127.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "", 0, "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "", 0, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "", 0, "192.0.2.1"),
        ("", "", 0, ""),
        ("127.0.0.1", "nonsense", 1, ""),
    ],
)
def test_a_network_is_an_address_or_a_64(remote, passed, proxies, network):
    meta = {"REMOTE_ADDR": remote, "HTTP_X_FORWARDED_FOR": passed}

    assert throttle.network_of(meta, proxies) == network


def test_a_bucket_fills_empties_and_is_forgotten(db):
    limit = throttle.Limit(window=600.0, odd=1, most=3)
    later = NOW + timedelta(seconds=200)
    ended = NOW + timedelta(seconds=900)

    at_once = [throttle.take("a", limit, NOW) for _ in range(4)]
    one_more = [throttle.take("a", limit, later) for _ in range(2)]

    assert at_once == [1, 2, 3, None]
    assert one_more == [3, None]
    assert throttle.is_full("a", limit, later)
    assert not throttle.is_full("a", limit, ended)
    assert not throttle.is_full("b", limit, NOW)
    assert throttle.forget_empty(later) == 0
    assert throttle.forget_empty(ended) == 1
    assert not SignupBucket.objects.exists()


def test_no_address_is_stored(db):
    throttle.take(
        throttle.mark_of("network", 1, "192.0.2.1"),
        throttle.Limit(600.0, odd=1, most=3),
        NOW,
    )

    assert "192" not in SignupBucket.objects.get().mark[:3]
    assert throttle.mark_of("a", "b") != throttle.mark_of("ab", "")


def test_what_a_bucket_is_given_back_leaves_room(db):
    limit = throttle.Limit(window=600.0, odd=1, most=2)
    throttle.take("a", limit, NOW)
    throttle.take("a", limit, NOW)
    full = throttle.seconds_left("a", limit, NOW)

    throttle.give_back("a", limit)

    assert 290 <= full <= 300
    assert throttle.take("a", limit, NOW) == 2


@pytest.mark.parametrize(
    "spelling",
    [
        "victim@example.com",
        "Victim+1@Example.COM",
        "victim++a+b@example.com.",
        '"victim"@example.com',
        "ｖｉｃｔｉｍ@example.com",
        " victim+\N{ARABIC LETTER BEH}@example.com ",
    ],
)
def test_every_spelling_of_an_address_is_one_mailbox(spelling):
    assert throttle.mailbox_of(spelling) == "victim@example.com"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a.n.n@gmail.com", "ann+x@googlemail.com", True),
        ("a.n.n@example.com", "ann@example.com", False),
        ("ann@bücher.example", "ann@xn--bcher-kva.example", True),
        ("+ann@example.com", "+bob@example.com", False),
        ("ann@example.com", "ann@example.org", False),
    ],
)
def test_two_addresses_are_one_mailbox_or_two(one, other, same):
    assert (throttle.mailbox_of(one) == throttle.mailbox_of(other)) is same


@pytest.mark.parametrize(
    "nonsense", ["", "@", "no address", "a@" + "b" * 300, "a@.", "a@b..c", "\ud800@x"]
)
def test_what_is_no_address_has_a_mailbox_of_its_own(nonsense):
    assert isinstance(throttle.mailbox_of(nonsense), str)
