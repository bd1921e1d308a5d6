"""What is uploaded as a logo: a small PNG of its pixels comes out, or plain words."""

import io
import random
import struct
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from clients_app.signup import logos
from clients_app.signup.logos import BadLogo


def picture(kind="PNG", size=(900, 300), mode="RGB", colour=(10, 90, 130), **options):
    target = io.BytesIO()
    Image.new(mode, size, colour).save(target, kind, **options)
    return target.getvalue()


def opened(png):
    return Image.open(io.BytesIO(png))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_becomes_a_small_png(kind):
    made = opened(logos.read(picture(kind)))

    assert (made.format, made.size) == ("PNG", (480, 160))


def test_a_small_one_is_not_blown_up_and_keeps_what_can_be_seen_through():
    made = opened(logos.read(picture(size=(20, 10), mode="RGBA", colour=(1, 2, 3, 0))))

    assert made.size == (20, 10)
    assert made.convert("RGBA").getpixel((0, 0))[3] == 0


def test_what_else_the_file_carries_stays_behind():
    exif = Image.Exif()
    exif[0x010E] = "taken at home, 25.2N 55.3E"
    notes = PngInfo()
    notes.add_text("Author", "Somebody Secret")
    png = picture(pnginfo=notes, icc_profile=b"a profile " * 20)
    jpeg = picture("JPEG", exif=exif)

    for data in (png + b"<script>hidden</script>", jpeg):
        made = logos.read(data)
        assert opened(made).info == {}
        assert not any(
            word in made for word in (b"Secret", b"home", b"hidden", b"prof")
        )


def test_a_noisy_one_is_kept_small():
    noise = random.Random(1).randbytes(480 * 160 * 3)
    target = io.BytesIO()
    Image.frombytes("RGB", (480, 160), noise).save(target, "PNG")

    assert len(logos.read(target.getvalue())) <= logos.MOST_STORED


def bomb(width, height):
    """Return a PNG that says it is huge and weighs little."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 100_000)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain words",
        SVG,
        picture("GIF", mode="P", colour=3),
        picture("BMP"),
        picture()[:60],
        picture("JPEG")[:300],
        bomb(5_000, 5_000),
        bomb(60_000, 60_000),
        bomb(2**31 - 1, 2**31 - 1),
        b"\x89PNG\r\n\x1a\n" + b"\0" * 1_048_576,
    ],
    ids=range(11),
)
def test_what_cannot_be_a_logo_is_refused_in_words(data):
    with pytest.raises(BadLogo, match="logo|picture"):
        logos.read(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_damaged_file_is_a_logo_or_refused(kind):
    whole = picture(kind, size=(60, 40))
    chance = random.Random(7)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            made = logos.read(bytes(damaged))
        except BadLogo:
            continue
        assert opened(made).format == "PNG"
