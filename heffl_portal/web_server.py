"""How gunicorn serves the portal: `gunicorn -c python:heffl_portal.web_server`.

The master loads everything once; its workers share that memory, and one that dies is
replaced at once. A reverse proxy with TLS stands before it in production.
"""

from __future__ import annotations

import gc
import logging
import os
from typing import Any

from heffl_portal import __version__, env
from heffl_portal.log_config import logging_config
from heffl_portal.startup import explained

with explained():
    _server = env.read_web_server()

wsgi_app = "heffl_portal.wsgi:application"
bind = f"127.0.0.1:{_server.port}"
worker_class = "gthread"
workers = _server.workers
threads = 16  # a page that waits for its number holds one
preload_app = True
timeout = 60
graceful_timeout = 10
keepalive = 5
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
forwarded_allow_ips = ""  # TRUSTED_PROXY_COUNT decides, in Django
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
accesslog = None
logconfig_dict = logging_config() | {
    "loggers": {
        "gunicorn.error": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "gunicorn.access": {"handlers": [], "propagate": False},
        "gunicorn.http": {"level": "ERROR"},  # it warns of every HEAD request
    }
}


def on_starting(server: Any) -> None:
    """Load the pages before the first visitor does, once for all workers."""
    from django.urls import get_resolver

    with explained():
        _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()  # what is shared stays shared: the collector need not touch it


def when_ready(server: Any) -> None:
    """Say once, when the port is open, that it serves and in which version."""
    logging.getLogger("portal.web").info(
        "started", extra={"role": "web", "version": __version__}
    )
