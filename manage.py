#!/usr/bin/env python
"""Run a management command. What cannot start says why in one paragraph, no traceback."""

import os
import sys


def main() -> None:
    """Run the command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heffl_portal.settings")
    from heffl_portal.startup import explained, lend_secrets

    if sys.argv[1:3] == ["keyring", "new"]:
        lend_secrets()  # whoever makes the first key ring has none yet
    with explained():
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
