"""What a suite found, kept as JSON lines, and the one table made of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

COLUMNS = (
    ("suite", "suite"),
    ("database", "on"),
    ("accepted", "accepted"),
    ("created", "created"),
    ("lost", "lost"),
    ("duplicates", "twice"),
    ("wrong_id", "wrong id"),
    ("cross_tenant", "cross-tenant"),
    ("uncertain", "uncertain"),
    ("settled_percent", "settled alone %"),
    ("settled_median", "median s"),
    ("review_percent", "person %"),
    ("points", "points"),
    ("controls", "controls red"),
    ("waits", "accept→created p50/p95/p99 s"),
    ("seconds", "took s"),
)


@dataclass
class Result:
    """One run of one suite on one database. `faults` lists what must not have been."""

    suite: str
    database: str
    accepted: int = 0
    created: int = 0
    lost: int = 0
    duplicates: int = 0
    wrong_id: int = 0
    cross_tenant: int = 0
    uncertain: int = 0
    settled_percent: float | None = None
    settled_median: float | None = None
    review_percent: float | None = None
    points: int = 0
    controls_red: int = 0
    controls: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    seconds: float = 0.0
    short: bool = False
    at: str = ""
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Say whether the promise held and every control went red."""
        counts = (self.lost, self.duplicates, self.wrong_id, self.cross_tenant)
        return not any(counts) and not self.faults and not self.controls_green

    @property
    def controls_green(self) -> int:
        """Return how many broken guards went unnoticed."""
        return self.controls - self.controls_red

    def control(self, name: str, red: bool) -> None:
        """Note whether a guard that was broken on purpose was noticed."""
        self.controls += 1
        self.controls_red += red
        if not red:
            self.faults.append(f"the control {name} stayed green")

    def row(self) -> list[str]:
        """Return the cells of the table."""
        cells = []
        for name, _ in COLUMNS:
            if name == "controls":
                cells.append(f"{self.controls_red}/{self.controls}")
            elif name == "waits":
                waits = (self.p50, self.p95, self.p99)
                cells.append(" / ".join(_shown(wait) for wait in waits))
            else:
                cells.append(_shown(getattr(self, name)))
        if cells[-2] == "– / – / –":
            cells[-2] = "–"
        return cells


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return str(value)


def percentile(values: list[float], share: float) -> float | None:
    """Return the value below which `share` of all values lie, None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


def keep(result: Result, path: Path) -> None:
    """Append a result to the file of all results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")


def kept(path: Path) -> list[Result]:
    """Return the last full result of each suite and database, else the last short one."""
    found: dict[tuple[str, str], Result] = {}
    known = {each.name for each in fields(Result)}
    for line in path.read_text().splitlines() if path.exists() else []:
        loaded = json.loads(line)
        result = Result(**{k: v for k, v in loaded.items() if k in known})
        before = found.get((result.suite, result.database))
        if before is None or before.short or not result.short:
            found[result.suite, result.database] = result
    return list(found.values())


def table(results: list[Result], order: list[str]) -> str:
    """Return all results as one Markdown table, the notes below it."""
    results = sorted(results, key=lambda r: (order.index(r.suite), r.database))
    lines = [
        "| " + " | ".join(title for _, title in COLUMNS) + " |",
        "| " + " | ".join("---" for _ in COLUMNS) + " |",
    ]
    for result in results:
        cells = result.row()
        cells[0] += " (short)" if result.short else ""
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    for result in results:
        for note in result.notes:
            lines.append(f"- {result.suite}, {result.database}: {note}")
        for fault in result.faults:
            lines.append(f"- **{result.suite}, {result.database}: {fault}**")
    return "\n".join(lines).rstrip() + "\n"
