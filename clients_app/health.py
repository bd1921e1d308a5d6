"""Can the portal do its work? Database, tables, key ring, clock and disk, in a few words.

Asked by /readyz and /metrics, at each start and by the worker. It costs a few small
queries and, once a second at most, a write.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from clients_app import credentials
from clients_app.accounts import factors
from clients_app.audit import chain
from clients_app.crypto import SealError, kid_of
from clients_app.database import outage
from clients_app.delivery import beats
from clients_app.models import ApiCredential, AuditSeal, BeatRole

log = logging.getLogger("portal.health")
OK = "ok"
PARTS = ("database", "migrations", "keyring", "clock", "disk")
REMEMBERED = 1.0
"""Seconds for which a write that succeeded counts, however often strangers ask."""
LEAST_BYTES = 50 * 2**20
FEW_BYTES = 500 * 2**20
LEAST_FILES = 1_000
TRIED = 3
"""Sealed values of one ring key that are opened: one may be damaged, not all of them."""


def state() -> dict[str, str]:
    """Return for each of PARTS "ok", or what is amiss, without a value or an address."""
    found = dict.fromkeys(PARTS, OK)
    found["disk"] = _disk()
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            found["migrations"] = "not applied; run `python manage.py migrate`"
            return found
        found["keyring"] = _keyring()
        found["clock"] = _clock()
        found["database"] = _written()
    except (DatabaseError, InterfaceError) as error:
        found["database"] = _unreachable(error)
    return found


def warnings(*, starting: bool = False) -> list[str]:
    """Return what calls for the operator and does not keep this process from its work.

    While it is `starting`, a worker may be, too: that none was seen says nothing then.
    Raises what the database raises.
    """
    found = []
    workers = beats.workers()
    if starting:
        pass
    elif workers.unseen is None:
        found.append("no delivery worker was ever seen")
    elif workers.unseen > beats.LATE.total_seconds():
        found.append(f"no delivery worker was seen for {workers.unseen:.0f} s")
    if abs(workers.clock_ahead) > beats.MOST_OFF:
        off = _off(workers.clock_ahead)
        found.append(f"a delivery worker's clock is {off}: it sends nothing")
    few = [name for name, free in free_bytes().items() if free < FEW_BYTES]
    found += [f"the disk of {name} is nearly full" for name in few]
    return found


def tell(*, starting: bool = False) -> None:
    """Log what is amiss, at a start and now and then."""
    found = state()
    for part in PARTS:
        if found[part] != OK:
            log.error("not ready", extra={"action": part, "reason": found[part]})
    if found["database"] == OK and found["migrations"] == OK:
        for words in warnings(starting=starting):
            log.warning("not in order", extra={"reason": words})


def tell_at_start() -> None:
    """Log what is amiss; leave no connection behind for the processes made of this one."""
    try:
        tell(starting=True)
    except (DatabaseError, InterfaceError) as error:
        log.error("database away", extra=outage.told(error))
    finally:
        connection.close()


def free_bytes() -> dict[str, int]:
    """Return how much room is left where the portal writes: its folder, SQLite's file."""
    return {name: room[0] for name, room in _rooms()}


def _rooms() -> Iterator[tuple[str, tuple[int, int]]]:
    places = {"var": Path(settings.VAR_DIR)}
    if connection.vendor == "sqlite":
        places["database"] = Path(connection.settings_dict["NAME"]).parent
    for name, place in places.items():
        try:
            found = os.statvfs(_there(place))
        except OSError:
            continue  # a write will tell
        files = found.f_favail if found.f_files else LEAST_FILES
        yield name, (found.f_bavail * found.f_frsize, files)


def _there(place: Path) -> Path:
    """Return a folder, or the one in which it will be made."""
    return next((each for each in (place, *place.parents) if each.is_dir()), place)


def _disk() -> str:
    for name, (free, files) in _rooms():
        if free < LEAST_BYTES:
            return f"{free // 2**20} MB are left for {name}"
        if files < LEAST_FILES:
            return f"{files} files are left for {name}"
    return OK


def _unreachable(error: Exception) -> str:
    told = outage.told(error)
    return f"unreachable ({told['code'] or told['reason']})"


_written_at = float("-inf")


def forget() -> None:
    """Write anew at the next question: somebody has met a database that is away."""
    global _written_at
    _written_at = float("-inf")


def _written() -> str:
    """Write a row, as taking a client in would: a full disk is noticed by that alone."""
    global _written_at
    if time.monotonic() - _written_at < REMEMBERED:
        return OK
    try:
        beats.beat(f"{socket.gethostname()[:30]}:{os.getpid()}", BeatRole.WEB)
    except (DatabaseError, InterfaceError) as error:
        if away := outage.of(error):
            log.error("database cannot be written", extra=outage.told(away))
            return f"cannot be written ({outage.code_of(away)})"
        raise
    _written_at = time.monotonic()
    return OK


def _off(seconds: float) -> str:
    side = "behind" if seconds > 0 else "ahead of"
    return f"{abs(seconds):.0f} s {side} the database's"


def _clock() -> str:
    offset = beats.clock_offset()
    return OK if abs(offset) <= beats.MOST_OFF else _off(offset)


def _keyring() -> str:
    """Open what the ring has sealed: a key of the right name may have the wrong bytes."""
    ring = settings.PORTAL_KEYRING
    opens: dict[str, list[bool]] = {}
    for credential in ApiCredential.objects.held().order_by("-added_at"):
        try:
            tried = opens.setdefault(kid_of(credential.ciphertext), [])
        except SealError:
            return "a stored key is malformed"
        if len(tried) < TRIED and not any(tried):
            tried.append(_reveals(credential))
    seal = AuditSeal.objects.order_by("-position").defer("entries").first()
    if seal and seal.kid in ring.keys:
        holds = ring.mac_holds(seal.digest, seal.kid, seal.mac, purpose=chain.PURPOSE)
        opens.setdefault(seal.kid, []).append(holds)
    if missing := sorted(opens.keys() - ring.keys.keys()):
        return f"key {', '.join(missing)} is missing"
    if wrong := sorted(kid for kid, tried in opens.items() if not any(tried)):
        return f"key {', '.join(wrong)} does not open what it sealed"
    kids = factors.kids_in_use() if not opens else {}
    if kids and factors.unreadable():
        return f"key {', '.join(sorted(kids))} does not open second factors"
    return OK


def _reveals(credential: ApiCredential) -> bool:
    try:
        credentials.reveal(credential)
    except SealError:
        return False
    return True
