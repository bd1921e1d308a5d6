"""What axe finds on the page that a browser shows."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe


def violations(page) -> list[str]:
    """Return what axe finds, in words, plus references to ids that are not there."""
    found = Axe().run(page).response["violations"]
    missing = page.evaluate(
        """() => [...document.querySelectorAll("[aria-describedby],[for],[aria-labelledby]")]
        .flatMap(node => ["aria-describedby", "for", "aria-labelledby"]
          .flatMap(name => (node.getAttribute(name) || "").split(/\\s+/)))
        .filter(id => id && !document.getElementById(id))"""
    )
    return [
        *(f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found),
        *(f"no element with id {name}" for name in missing),
    ]
