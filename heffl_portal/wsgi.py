"""The WSGI application, for the web server and others."""

import os

from heffl_portal.startup import explained

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heffl_portal.settings")
with explained():
    from django.core.wsgi import get_wsgi_application

    _portal = get_wsgi_application()

    from clients_app import health
    from clients_app.web import content_type

    application = content_type.guarded(_portal)
    health.tell_at_start()
