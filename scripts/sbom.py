"""`make sbom`: what the portal is made of, as CycloneDX, in var/sbom.json.

The pinned requirements with their hashes and licences, and the scripts of others that lie in
static/vendor. What only developers need is not in it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

BASE_DIR = Path(__file__).resolve().parent.parent
VENDOR = BASE_DIR / "static" / "vendor"
TARGET = BASE_DIR / "var" / "sbom.json"
VERSION = SchemaVersion.V1_6


def required() -> dict[str, Any]:
    """Return the list of pinned requirements, as the CycloneDX tool makes it.

    Raises CalledProcessError.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "requirements.txt"]
    command += ["--pyproject", "pyproject.toml", "--spec-version", "1.6"]
    command += ["--output-reproducible", "--output-format", "JSON"]
    made = subprocess.run(command, cwd=BASE_DIR, check=True, capture_output=True)
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def licence_of(name: str) -> str:
    """Return what an installed distribution says of its licence; "" where it says nothing."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:  # needed on another system only
        return ""
    kinds = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier", [])
        if line.startswith("License :: ")
    ]
    named = next(
        (told[field] for field in ("License-Expression", "License") if field in told),
        "",
    )
    return named if 0 < len(named) < 60 else " and ".join(kinds)


def vendored() -> list[dict[str, Any]]:
    """Return the scripts in static/vendor; their names hold their versions."""
    return [
        {
            "type": "library",
            "bom-ref": f"static/vendor/{path.name}",
            "name": path.name.removesuffix(".js").rpartition("-")[0],
            "version": path.name.removesuffix(".js")
            .removesuffix(".min")
            .rpartition("-")[2],
            "licenses": [{"license": {"name": "MIT"}}],
            "hashes": [
                {
                    "alg": "SHA-256",
                    "content": hashlib.sha256(path.read_bytes()).hexdigest(),
                }
            ],
        }
        for path in sorted(VENDOR.glob("*.js"))
    ]


def bill() -> dict[str, Any]:
    """Return the whole list. Raises ValueError where it breaks the schema."""
    made = required()
    for part in made["components"]:
        part.pop("description", None)  # it repeats the line with its hashes
        if name := licence_of(part["name"]):
            part["licenses"] = [{"license": {"name": name}}]
    made["components"] += vendored()
    fault = JsonStrictValidator(VERSION).validate_str(json.dumps(made))
    if fault:
        raise ValueError(str(fault))
    return made


def main() -> int:
    """Write the list and say where it lies."""
    made = bill()
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
    sys.stdout.write(f"{len(made['components'])} components: {TARGET}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
