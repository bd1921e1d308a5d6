#!/bin/sh
# Make .venv and install pinned requirements in it: bootstrap.sh [requirements.txt]
# Does nothing when the file and the interpreter are those of the last time.
set -eu
cd "$(dirname "$0")/.."
wanted=${1:-requirements.txt}
stamp=.venv/.installed-$wanted

say() { printf '%s\n' "$*" >&2; }

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 && recent "$name"; then
            command -v "$name"
            return
        fi
    done
    say "Heffl Portal needs Python 3.11 or later, and none was found. Install it, or name it: make run PYTHON=/path/to/python3"
    return 1
}

# Debian keeps venv's other half in a package of its own.
mend_venv() {
    package=python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        say "Installing $package."
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq >/dev/null &&
            apt-get install -y -qq -o Dpkg::Use-Pty=0 "$package" >/dev/null && return
    fi
    say "Python's venv module is not complete here. This mends it: sudo apt-get install $package"
    return 1
}

make_venv() {
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null || mend_venv "$python"
    say "Making .venv with $("$python" -V)."
    rm -rf .venv
    "$python" -m venv .venv
}

state() { .venv/bin/python -V && cat "$wanted"; }

if [ -x .venv/bin/python ] && state 2>/dev/null | cmp -s - "$stamp"; then
    exit 0
fi
if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || ! recent .venv/bin/python; then
    make_venv
fi
say "Installing $wanted. This takes about half a minute, once."
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --no-input --require-hashes -r "$wanted"
state > "$stamp"
if [ "$wanted" = requirements-dev.txt ]; then # it holds all of the other
    wanted=requirements.txt
    state > ".venv/.installed-$wanted"
fi
