"""A logo that somebody uploads, made into a small PNG of our own.

Only the pixels of what was uploaded are kept: no place, no camera, no hidden rest of the
file. Needs Pillow; the caller stores the bytes.
"""

from __future__ import annotations

import io
import struct
import zlib

from django.utils.translation import gettext as _
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_BYTES = 1_048_576
LONGEST_SIDE = 6_000
MOST_PIXELS = 16_000_000
SIZE = (480, 160)
"""What it is made to fit in: three times the size at which it is shown."""
MOST_STORED = 102_400
_UNREADABLE = (
    *(OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError),
    *(AttributeError, OverflowError, struct.error, zlib.error),
    Image.DecompressionBombError,
)


class BadLogo(ValueError):
    """The file cannot be a logo. The text says why, in words for people."""


def read(data: bytes) -> bytes:
    """Return an uploaded picture as a PNG of at most 480 × 160 pixels and 100 KB.

    Raises BadLogo. The size is looked at before anything is unpacked.
    """
    if len(data) > MOST_BYTES:
        raise BadLogo(_("The logo may have up to 1 MB"))
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
                raise BadLogo(_("The logo has too many pixels. 480 by 160 are enough"))
            return _png(_small(picture))
    except BadLogo:
        raise
    except _UNREADABLE:
        raise BadLogo(
            _("This is not a picture that can be used. Choose a PNG, JPEG or WebP file")
        ) from None


def _small(picture: Image.Image) -> Image.Image:
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    small = upright.convert("RGBA")
    small.thumbnail(SIZE, Image.Resampling.LANCZOS)
    if small.getchannel("A").getextrema() == (255, 255):
        small = small.convert("RGB")
    # A new picture of these pixels: what else the file carried stays behind.
    return Image.frombytes(small.mode, small.size, small.tobytes())


def _png(picture: Image.Image) -> bytes:
    while True:
        for candidate in (picture, picture.quantize(256)):
            target = io.BytesIO()
            candidate.save(target, "PNG", optimize=True)
            if target.tell() <= MOST_STORED:
                return target.getvalue()
        picture = picture.resize((picture.width // 2 or 1, picture.height // 2 or 1))
