"""The web server: `python -m heffl_portal.web_server` starts it, and this is its setting.

gunicorn's master loads everything once; its workers share that memory, and one that dies is
replaced at once. In each worker waitress serves (heffl_portal.connections). It listens on
PORT of this machine, or on the sockets that systemd hands over. A reverse proxy with TLS
stands before it in production.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import Any

from heffl_portal import __version__, env
from heffl_portal.log_config import logging_config
from heffl_portal.startup import explained

with explained():
    _server = env.read_web_server()

wsgi_app = "heffl_portal.wsgi:application"
bind = f"127.0.0.1:{_server.port}"
worker_class = "heffl_portal.web_worker.PortalWorker"
workers = _server.workers
threads = env.WEB_THREADS  # a page that waits for its number holds one
preload_app = True
timeout = 60
graceful_timeout = 10
backlog = 1024
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
accesslog = None
_logging = logging_config()
logconfig_dict = _logging | {
    "loggers": {
        "gunicorn.error": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "gunicorn.access": {"handlers": [], "propagate": False},
        "waitress": {"level": "WARNING", "filters": ["no_addresses"]},
        "waitress.queue": {"level": "ERROR"},
    },
    "filters": _logging["filters"]
    | {"no_addresses": {"()": "heffl_portal.connections.NoAddresses"}},
}


def on_starting(server: Any) -> None:
    """Load the pages before the first visitor does, once for all workers."""
    from django.urls import get_resolver

    from heffl_portal.web_worker import hold_signals_over_forks

    with explained():
        _ = get_resolver().url_patterns
    hold_signals_over_forks()
    gc.collect()
    gc.freeze()  # what is shared stays shared: the collector need not touch it


def when_ready(server: Any) -> None:
    """Say once, when the port is open, that it serves and in which version."""
    logging.getLogger("portal.web").info(
        "started", extra={"role": "web", "version": __version__}
    )


def main() -> None:
    """Serve. Does not return while the server runs."""
    from gunicorn.app.wsgiapp import WSGIApplication

    sys.argv = ["heffl-portal", "--config", "python:heffl_portal.web_server"]
    WSGIApplication("%(prog)s").run()


if __name__ == "__main__":
    main()
