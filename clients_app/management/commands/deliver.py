"""`deliver`: run the worker. Any number of them may run at once."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from clients_app import health, privacy, tally, webhooks
from clients_app.accounts import tries
from clients_app.audit import chain
from clients_app.delivery import beats, drift
from clients_app.delivery.engine import Engine, drain_once, seldom
from clients_app.imports import load, reading
from clients_app.models import ApiCredential, BeatRole
from clients_app.notices import digest, incidents
from clients_app.organisation import api_keys, remote_fields
from clients_app.signup import mail

log = logging.getLogger("portal.worker")
CHORES = (
    reading.read_due,
    load.store_due,
    seldom(600, load.tidy),
    seldom(60, privacy.purge_daily),
    mail.send_due,
    drift.write,
    tally.write,
    chain.seal_due,
    incidents.send_due,
    digest.send_due,
    seldom(15, incidents.watch),
    seldom(15, incidents.watch_drift),
    seldom(60, digest.prepare),
    seldom(60, remote_fields.look_daily),
    seldom(600, mail.tidy),
    seldom(600, tries.tidy),
    seldom(600, webhooks.prune),
    seldom(3600, drift.forget),
)


def check_key(credential: ApiCredential) -> str:
    """Ask Heffl about a stored key on the worker's behalf."""
    return str(api_keys.verify_key(credential, user=None))


class Command(BaseCommand):
    """Send what waits to Heffl, until told to stop."""

    help = "Run the delivery worker (with --once: drain the queue and exit)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="send what can be sent, then exit"
        )
        parser.add_argument(
            "--threads",
            type=int,
            default=settings.DELIVERY_THREADS,
            help="worker threads, one of them for the front desk (DELIVERY_THREADS)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT; a call under way is finished first.

        Raises CommandError when tables are missing or, with --once, when the clock is
        wrong, SystemCheckError when the database
        may forget what it has acknowledged.
        """
        self.check(tags=[Tags.database], databases=["default"])
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError(
                "The database is not up to date. Run `python manage.py migrate` first."
            )
        health.tell(starting=True)
        if options["once"]:
            if not beats.may_send():
                raise CommandError(
                    "This machine's clock is too far from the database's to send by it."
                )
            beats.beat("once", BeatRole.WORKER)
            drain_once(check_key)
            for chore in CHORES:
                chore()
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        watch = seldom(60, health.tell)
        engine = Engine(options["threads"], check_key, CHORES, watch)
        engine.start()
        log.info(
            "started",
            extra={
                "role": "worker",
                "version": settings.VERSION,
                "count": options["threads"],
            },
        )
        stop.wait()
        engine.stop()
        log.info("worker stopped")
