"""A QR code has its quiet zone, is black on white and says the same each way."""

import re

import segno

from clients_app.signup import qr

ADDRESS = "https://portal.example.com/s/al-noor/"


def modules(svg):
    """Draw the strokes of an SVG into rows of dark and light."""
    size = int(re.search(r'viewBox="0 0 (\d+) ', svg)[1])
    rows = [[0] * size for _ in range(size)]
    x, y = 0.0, 0.0
    strokes = re.search(r'stroke="#000" d="([^"]*)"', svg)[1]
    for kind, numbers in re.findall(r"([Mmh])(-?[\d.]+(?: -?[\d.]+)?)", strokes):
        values = [float(value) for value in re.findall(r"-?[\d.]+", numbers)]
        if kind == "M":
            x, y = values
        elif kind == "m":
            x, y = x + values[0], y + values[1]
        else:
            for column in range(int(values[0])):
                rows[int(y)][int(x) + column] = 1
            x += values[0]
    return rows


def test_the_picture_is_the_code_with_four_modules_of_white_around():
    svg = qr.svg(ADDRESS, title="Sign up")

    expected = segno.make_qr(ADDRESS, error="m", boost_error=False)
    assert expected.error == "M"
    assert modules(svg) == [list(row) for row in expected.matrix_iter(border=4)]


def test_it_is_black_on_white_and_has_words():
    svg = qr.svg(ADDRESS, title='A & B "C" <i>')

    assert 'stroke="#000"' in svg
    assert 'fill="#fff"' in svg
    assert '<svg role="img" ' in svg
    assert '<title>A &amp; B "C" &lt;i&gt;</title>' in svg
    assert "style=" not in svg


def test_a_file_of_its_own_stands_alone():
    svg = qr.svg(ADDRESS, inline=False)

    assert svg.startswith("<?xml")
    assert 'xmlns="http://www.w3.org/2000/svg"' in svg
    assert "width=" in svg
