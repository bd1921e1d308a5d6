"""Loaded before Django's settings (pytest -p): the environment every test runs in."""

import os
import secrets
import tempfile

_dir = tempfile.mkdtemp(prefix="portal-test-")
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop is near
os.environ["SECRET_KEY"] = secrets.token_urlsafe(48)
os.environ["PORTAL_KEYRING"] = "test:" + "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
os.environ["HEFFL_API_URL"] = "http://127.0.0.1:9/api/v1"
os.environ["EMAIL_URL"] = "memory://"
os.environ["ALLOWED_HOSTS"] = "localhost,127.0.0.1,testserver.localhost"
os.environ.setdefault("DATABASE_URL", f"sqlite:///{_dir}/portal.sqlite3")
UNSET = (
    "DEBUG",
    "HTTPS_ONLY",
    "MFA_REQUIRED_ROLES",
    "PORTAL_KEYRING_FILE",
    "SECRET_KEY_FILE",
)
for name in UNSET:
    os.environ.pop(name, None)
