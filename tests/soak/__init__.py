"""The long suites behind docs/reliability.md: `python -m tests.soak --help`.

Each suite makes faults of one kind, counts what became of every accepted submission, and
breaks a guard on purpose to show that it would notice. Their short form runs in `make test`.
"""
