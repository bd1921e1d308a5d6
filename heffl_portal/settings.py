"""Settings for every installation. What differs between them comes from heffl_portal.env."""

from __future__ import annotations

from typing import Any

from clients_app.crypto import KeyRing, KeyRingError
from heffl_portal import __version__, env, sqlite_driver
from heffl_portal.log_config import logging_config
from heffl_portal.startup import StartupError

sqlite_driver.install()
_env = env.read()
try:
    PORTAL_KEYRING = KeyRing.parse(_env.keyring)
except KeyRingError as error:
    raise StartupError(str(error)) from None

VERSION = __version__
BASE_DIR = env.BASE_DIR
VAR_DIR = env.VAR_DIR
SECRET_KEY = _env.secret_key
DEBUG = _env.debug
ALLOWED_HOSTS = _env.allowed_hosts
HTTPS_ONLY = _env.https_only
ROOT_URLCONF = "heffl_portal.urls"
WSGI_APPLICATION = "heffl_portal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "clients_app.User"

# Heffl
HEFFL_API_URL = _env.heffl_api_url
HEFFL_RATE_LIMIT = _env.rate_limit
HEFFL_TIMEOUTS = {"connect": 5.0, "read": 20.0, "total": 30.0}
DELIVERY_THREADS = _env.delivery_threads
DELIVERY_TIMING: Any = (
    None  # clients_app.delivery.timing.Timing(): the durations in force
)
# All that may be in use at once: web threads, worker threads, and those that keep house.
DATABASE_CONNECTIONS = (
    env.read_web_server().workers * env.WEB_THREADS + _env.delivery_threads + 5
)
METRICS_TOKEN = _env.metrics_token
TRUSTED_PROXY_COUNT = _env.trusted_proxy_count

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "crispy_forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_tasks_db",
    "clients_app",
]
MIDDLEWARE = [
    "clients_app.middleware.request_log",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "heffl_portal.compression.CompressMiddleware",
    "clients_app.middleware.security_headers",
    "clients_app.middleware.probes",
    "clients_app.middleware.no_cookies",
    "clients_app.middleware.plain_faults",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "clients_app.middleware.size_bound",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "clients_app.accounts.doors.sign_in_doors",
    "clients_app.middleware.second_factor",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "heffl_portal.template_loader.LeanLoader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                ),
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Data. ATOMIC_REQUESTS stays off: with IMMEDIATE every GET would take the write lock.
DATABASES = {"default": {**_env.database, "ATOMIC_REQUESTS": False}}
CACHES = {
    # Throttles live here, shared by all processes; the size keeps junk from evicting a lockout.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
        "OPTIONS": {"MAX_ENTRIES": 500_000},
    },
}
TASKS = {
    "default": {
        "BACKEND": "django_tasks_db.DatabaseBackend",
        "QUEUES": ["desk", "default"],
    },
}

# People
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"
    },
    {"NAME": "clients_app.accounts.breached.BreachedPasswordValidator"},
    {"NAME": "clients_app.accounts.plain_words.PlainWordsValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "clients_app.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "clients_app.accounts.forms.LoginForm",
    "reauthenticate": "clients_app.accounts.forms.ReauthenticateForm",
    "reset_password": "clients_app.accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "clients_app.accounts.forms.ResetPasswordKeyForm",
    "change_password": "clients_app.accounts.forms.ChangePasswordForm",
}
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
# Allauth's own counts make threads wait for one another: clients_app.accounts counts.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ALLAUTH_TRUSTED_PROXY_COUNT = _env.trusted_proxy_count
MFA_ADAPTER = "clients_app.accounts.factors.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "activate_totp": "clients_app.accounts.factors.ActivateTOTPForm",
    "authenticate": "clients_app.accounts.forms.AuthenticateForm",
    "reauthenticate": "clients_app.accounts.forms.ReauthenticateCodeForm",
    "add_webauthn": "clients_app.accounts.factors.AddWebAuthnForm",
    "authenticate_webauthn": "clients_app.accounts.factors.AuthenticateWebAuthnForm",
    "login_webauthn": "clients_app.accounts.factors.LoginWebAuthnForm",
    "reauthenticate_webauthn": "clients_app.accounts.factors.ReauthenticateWebAuthnForm",
}
# Browsers allow passkeys on plain HTTP for localhost alone; so does this.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS_ONLY
MFA_TOTP_ISSUER = "Heffl Portal"
MFA_REQUIRED_ROLES = _env.mfa_required_roles
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# Seconds after which a sign-in ends even when it is used; the first for owners, admins, operators.
SESSION_LONGEST_AGE_ADMIN = 12 * 60 * 60
SESSION_LONGEST_AGE = 7 * 24 * 60 * 60

# Transport
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SESSION_COOKIE_NAME = "__Host-session" if HTTPS_ONLY else "session"
DEVICE_COOKIE_NAME = "__Host-device" if HTTPS_ONLY else "device"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS_ONLY else "csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "clients_app.views.errors.csrf_failure"
SECURE_SSL_REDIRECT = HTTPS_ONLY
# A machine is not led on: what it has sent without HTTPS is known already.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^webhooks/"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if _env.trusted_proxy_count:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# To take a form of this size apart takes 40 ms of a processor.
DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144
FILE_UPLOAD_HANDLERS = ["clients_app.views.uploads.NoFiles"]
DATA_UPLOAD_MAX_NUMBER_FIELDS = 400
DATA_UPLOAD_MAX_NUMBER_FILES = 5

# Words
FORM_RENDERER = "heffl_portal.form_renderer.HoldingRenderer"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ar", "العربية")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["heffl_portal.formats"]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS_ONLY
USE_I18N = USE_TZ = True
TIME_ZONE = "Asia/Dubai"

# Files
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "heffl_portal.static_files.LeanStorage"},
}
CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "portal"
CRISPY_FAIL_SILENTLY = False

# Mail
EMAIL_BACKEND = _env.email["EMAIL_BACKEND"]
EMAIL_HOST = _env.email["EMAIL_HOST"]
EMAIL_PORT = _env.email["EMAIL_PORT"]
EMAIL_HOST_USER = _env.email["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _env.email["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = _env.email["EMAIL_USE_TLS"]
EMAIL_USE_SSL = _env.email["EMAIL_USE_SSL"]
EMAIL_FILE_PATH = _env.email["EMAIL_FILE_PATH"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = _env.email.get("DEFAULT_FROM_EMAIL") or "portal@localhost"

LOGGING = logging_config()
LOGGING_CONFIG = "logging.config.dictConfig"
