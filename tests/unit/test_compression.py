"""How pages travel: Brotli, gzip or as they are, by what the browser takes."""

from __future__ import annotations

import gzip

import brotli
import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from heffl_portal.compression import CompressMiddleware, compressed

pytestmark = pytest.mark.once

PAGE = b"<p>Al Noor Trading LLC, Dubai</p>\n" * 200


def answer(accepted, response=None):
    request = RequestFactory().get("/", headers={"Accept-Encoding": accepted})
    return CompressMiddleware(lambda _: response or HttpResponse(PAGE))(request)


@pytest.mark.parametrize(
    "accepted", ["br", "gzip, deflate, br", "gzip, br;q=0.5", "BR , gzip", "br;q=1.0"]
)
def test_brotli_for_those_who_take_it(accepted):
    got = answer(accepted)

    assert got["Content-Encoding"] == "br"
    assert got["Vary"] == "Accept-Encoding"
    assert int(got["Content-Length"]) == len(got.content)
    assert brotli.decompress(got.content) == PAGE


@pytest.mark.parametrize(
    "accepted", ["gzip", "gzip, br;q=0", "gzip, br;q=0.0, x", "gzip, bra"]
)
def test_gzip_for_the_others(accepted):
    got = answer(accepted)

    assert got["Content-Encoding"] == "gzip"
    assert gzip.decompress(got.content) == PAGE


@pytest.mark.parametrize("accepted", ["", "identity", "br;q=0"])
def test_as_it_is_for_those_who_take_neither(accepted):
    assert answer(accepted).content == PAGE


@pytest.mark.parametrize("size", [0, 1, 199, 200, 70_000, 2_000_000])
@pytest.mark.parametrize("text", [b"a", b"\xd8\xb4\xd8\xb1"])
def test_a_stream_says_what_the_page_says_and_its_length_does_not_tell(size, text):
    content = (text * size)[:size]
    streams = [compressed(content) for _ in range(30)]

    assert {brotli.decompress(stream) for stream in streams} == {content}
    assert len({len(stream) for stream in streams}) > 10


def test_short_and_compressed_answers_stay_and_streams_go_as_gzip():
    short = answer("br", HttpResponse(b"ok"))
    done = answer("br", HttpResponse(PAGE, headers={"Content-Encoding": "x"}))
    stream = answer("gzip, br", StreamingHttpResponse([PAGE, PAGE]))

    assert not short.has_header("Content-Encoding")
    assert done.content == PAGE
    assert gzip.decompress(stream.getvalue()) == PAGE * 2


def test_a_strong_etag_becomes_a_weak_one():
    got = answer("br", HttpResponse(PAGE, headers={"ETag": '"1"'}))

    assert got["ETag"] == 'W/"1"'
