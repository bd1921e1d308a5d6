"""The figures of the house: how its rooms, files, functions and pages measure.

`python -m scripts.house` prints them, `--before REV` beside those of another revision.
`limits` says what may not be exceeded; tests/unit/test_house_figures.py holds it.
"""
