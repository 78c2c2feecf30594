"""LeafLoaf's settings, in the order of Django's documentation; `.env.example` says what each variable means."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext
from celery.schedules import crontab

from leafloaf.environment import Environment
from leafloaf.lib.database import Connection, ReplicaConnection

# Lets annotations such as `ModelAdmin[Product]` stand in code that runs.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

# A process's own variables win over .env, and .env over what a running `make run` wrote down.
env = Environment()
env.read(BASE_DIR / ".env")
VAR_DIR = Path(env.text("LEAFLOAF_VAR", str(BASE_DIR / "var")))
env.read(VAR_DIR / "stack.env")

# Core

DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY", "leafloaf-for-development-only" if DEBUG else None) or "missing"
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost" if DEBUG else "")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "leafloaf.apps.LeafLoafConfig",
    "leafloaf.staff.apps.StaffConfig",
    "leafloaf.storefront.apps.StorefrontConfig",
    "personalization.apps.PersonalizationConfig",
    "capture.apps.CaptureConfig",
    "privacy.apps.PrivacyConfig",
    "leafloaf.catalog.apps.CatalogConfig",
    "leafloaf.access.apps.AccessConfig",
    "leafloaf.staff.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
]

MIDDLEWARE = [
    "leafloaf.observability.request_log.RequestLogMiddleware",
    "leafloaf.observability.request_times.RequestTimesMiddleware",
    "leafloaf.headers.SecurityHeadersMiddleware",
    "leafloaf.hosts.InvalidHostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "leafloaf.lib.chunked.LengthRequiredMiddleware",
    "leafloaf.lib.refusals.LargeBodyMiddleware",
    "leafloaf.access.cors.CorsMiddleware",
    "leafloaf.overload.OverloadMiddleware",
    "leafloaf.access.throttling.headers.RateLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "leafloaf.staff.signing_in.sessions.StaffSessionMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "leafloaf.urls"
WSGI_APPLICATION = "leafloaf.wsgi.application"
APPEND_SLASH = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes; the events contract takes at most 1 MiB
FILE_UPLOAD_MAX_MEMORY_SIZE = DATA_UPLOAD_MAX_MEMORY_SIZE
DATA_UPLOAD_MAX_NUMBER_FILES = 1
FILE_UPLOAD_HANDLERS = ["leafloaf.lib.refusals.FilesInMemory"]
PATHS_THAT_TAKE_FILES = ["/privacy/certificate/"]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Overload (docs/load.md): of each web process, its threads, the requests of the shop it works on at once, those that
# may wait for their turn, and for how long. What comes on top is answered 503 at once.

WEB_THREADS = int(env.number("WEB_THREADS", "32", minimum="1"))
WEB_PLACES = int(env.number("WEB_PLACES", "4", minimum="1"))
WEB_WAITING = int(env.number("WEB_WAITING", "16"))
WEB_WAIT_SECONDS = float(env.number("WEB_WAIT_SECONDS", "1", maximum="60"))

# Threads of the worker, which share one pool, too.
WORKER_THREADS = int(env.number("WORKER_THREADS", "4", minimum="1"))

# Database

DATABASES: dict[str, dict[str, Any]] = {"default": env.database("DATABASE_URL")}
if env.text("DATABASE_REPLICA_URL", ""):
    DATABASES["replica"] = env.database("DATABASE_REPLICA_URL", "")
MOST_CONNECTIONS = max(WEB_PLACES, WORKER_THREADS) + 4  # of each process: staff have two more, and probes
for _alias, _kind in (("default", Connection), ("replica", ReplicaConnection)):
    if DATABASES.get(_alias, {}).get("ENGINE", "django.db.backends.dummy") != "django.db.backends.dummy":
        DATABASES[_alias].setdefault("OPTIONS", {}).update(_kind.options(MOST_CONNECTIONS))
        DATABASES[_alias]["CONN_HEALTH_CHECKS"] = True  # a restarted server must not cost a request
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis: cache and real-time sink

REDIS_ENABLED = env.boolean("REDIS_ENABLED", False)
REDIS_URL = env.url("REDIS_URL", ("redis", "rediss", "unix"), None if REDIS_ENABLED else "")
REDIS_PREFIX = env.text("REDIS_PREFIX", "leafloaf:")

CACHES: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if REDIS_ENABLED and REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": f"{REDIS_PREFIX}cache",
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 1, "SOCKET_TIMEOUT": 1, "IGNORE_EXCEPTIONS": True},
    }

# Sign-in, sessions, security

LOGIN_URL = "admin:login"
# The password alone opens nothing but the page that asks for a code, or sets up the app that makes one.
STAFF_TWO_FACTOR = env.boolean("STAFF_TWO_FACTOR", not DEBUG)
OTP_TOTP_ISSUER = "LeafLoaf"
OTP_TOTP_THROTTLE_FACTOR = OTP_STATIC_THROTTLE_FACTOR = 0  # who must wait: leafloaf.staff.signing_in.guesses
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: who is locked out has no password looked at
    "django.contrib.auth.backends.ModelBackend",
]
# Wrong passwords for one name from one address, until nobody gets in by that name from there, and for how long.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_CALLABLE = "leafloaf.staff.signing_in.lock_out.kept_name"
AXES_CLIENT_IP_CALLABLE = "leafloaf.staff.signing_in.lock_out.address"
AXES_LOCKOUT_CALLABLE = "leafloaf.staff.signing_in.lock_out.refusal"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
AXES_VERBOSE = AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True  # who signed in when is in the sessions and the audit
# A session of staff ends so long after the password, and so long after its last page.
STAFF_SESSION_AGE = timedelta(hours=8)
STAFF_SESSION_IDLE = timedelta(minutes=30)
SESSION_COOKIE_AGE = int(STAFF_SESSION_AGE.total_seconds())
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if not DEBUG:  # over HTTPS only, for this host alone; browsers hold the prefix to that
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-leafloaf-staff", "__Host-leafloaf-csrf"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_SSL_REDIRECT = env.boolean("SECURE_SSL_REDIRECT", not DEBUG)
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
# Probes, and Prometheus, speak plain HTTP from inside.
SECURE_REDIRECT_EXEMPT = [r"^health(/live|/ready)?$", r"^metrics$"]
IS_BEHIND_PROXY = env.boolean("BEHIND_TLS_PROXY", False)
if IS_BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# How many proxies stand before this server: so many entries of X-Forwarded-For, from the right, are true.
TRUSTED_PROXIES = int(env.number("TRUSTED_PROXIES", "1" if IS_BEHIND_PROXY else "0", maximum="10"))
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "privacy.pages.refusals.forged"

# Language and time

LANGUAGE_CODE = "en-ca"
TIME_ZONE = "America/Toronto"
USE_TZ = True
LEAFLOAF_CURRENCY = "CAD"

# Static files

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no page elsewhere has any business with them
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Django REST framework: everything is denied unless a view says otherwise

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["leafloaf.access.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["leafloaf.access.permissions.Denied"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["leafloaf.lib.parsers.StrictJson"],
    "DEFAULT_THROTTLE_CLASSES": ["leafloaf.access.throttling.throttle.Throttle"],
    "EXCEPTION_HANDLER": "leafloaf.access.throttling.throttle.handle",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "LeafLoaf",
    "DESCRIPTION": "Search and tracking for an online grocery shop.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
    "ENUM_NAME_OVERRIDES": {  # many things have a status
        "HealthEnum": ["healthy", "degraded", "unhealthy"],
        "PersonalEnum": ["ok", "off", "no_history"],
        "ReorderEnum": ["due", "overdue", "upcoming"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "capture.openapi.add_event_vocabulary",
        "leafloaf.access.throttling.openapi.add_limits",
        "leafloaf.openapi.describing.describe",
    ],
    "SERVERS": [{"url": "/", "description": "This server."}],
    "LICENSE": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}

# Limits: how often each network address, user and key may ask (docs/access.md). The key of a shop front is that of all
# its shoppers; an address may be that of a whole campus. Each event of a batch counts. A demo and the tests are one
# address and a few users, who do in a minute what people do in a year.

THROTTLES = {
    "search": env.text("THROTTLE_SEARCH", "address=1800/min, user=600/min, key=600000/min"),
    "events": env.text("THROTTLE_EVENTS", "address=60000/min, user=60000/min, key=6000000/min"),
    "recommendations": env.text("THROTTLE_RECOMMENDATIONS", "address=1800/min, user=600/min, key=600000/min"),
    "privacy": env.text(
        "THROTTLE_PRIVACY", "off" if DEBUG else "address=600/min, user=300/min, key=60000/min"
    ),
    "privacy_writes": env.text(
        "THROTTLE_PRIVACY_WRITES", "off" if DEBUG else "address=60/min, user=30/min, key=6000/min"
    ),
    "privacy_pages": env.text("THROTTLE_PRIVACY_PAGES", "off" if DEBUG else "address=600/min, user=300/min"),
    "privacy_page_writes": env.text(
        "THROTTLE_PRIVACY_PAGE_WRITES", "off" if DEBUG else "address=60/min, user=30/min"
    ),
    "failures": env.text("THROTTLE_FAILURES", "off" if DEBUG else "address=300/min"),
}

# Celery: wake-ups only. Without Redis the broker is a folder.

CELERY_BROKER_URL = env.url(
    "CELERY_BROKER_URL",
    ("redis", "rediss", "filesystem", "gcpubsub", "amqp", "memory"),
    REDIS_URL or "filesystem://",
)
if not CELERY_BROKER_URL:  # Celery asks the environment first, and would stop with a traceback of its own
    os.environ.pop("CELERY_BROKER_URL", None)
CELERY_BROKER_FOLDER = VAR_DIR / "celery"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {
        "data_folder_in": str(CELERY_BROKER_FOLDER / "messages"),
        "data_folder_out": str(CELERY_BROKER_FOLDER / "messages"),
        "control_folder": str(CELERY_BROKER_FOLDER / "control"),
        "polling_interval": 0.1,
    }
    if CELERY_BROKER_URL.startswith("filesystem")
    # A wake-up that is seconds old is of no use any more.
    else {"queue_name_prefix": "leafloaf-", "ack_deadline_seconds": 60, "retry_timeout_seconds": 5}
    if CELERY_BROKER_URL.startswith("gcpubsub")
    # Without these four a request would wait 6 seconds for a broker that is away.
    else {
        "socket_connect_timeout": 1,
        "socket_timeout": 5,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    }
)
if CELERY_BROKER_URL.startswith("gcpubsub"):  # topics are called like the exchanges (docs/deployment.md)
    CELERY_TASK_DEFAULT_QUEUE = "leafloaf-wake-ups"
    CELERY_EVENT_EXCHANGE = "leafloaf-heartbeats"
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # it takes a subscription for each process
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
# A message is a wake-up and no more, and a worker that loses its broker while it owes an acknowledgement dies of it.
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = WORKER_THREADS
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# Capture: where events go. A sink that is off is not owed anything until it is switched on.

CLOUD_STORAGE_ENABLED = env.boolean("CLOUD_STORAGE_ENABLED", False)
CLOUD_STORAGE_BUCKET = env.text("CLOUD_STORAGE_BUCKET", None if CLOUD_STORAGE_ENABLED else "")
CLOUD_STORAGE_ENDPOINT = env.url("CLOUD_STORAGE_ENDPOINT", ("http", "https"), "")
ENABLE_BIGQUERY = env.boolean("ENABLE_BIGQUERY", False)
BIGQUERY_PROJECT = env.text("BIGQUERY_PROJECT", None if ENABLE_BIGQUERY else "")
BIGQUERY_DATASET = env.text("BIGQUERY_DATASET", "leafloaf_analytics")
BIGQUERY_LOCATION = env.text("BIGQUERY_LOCATION", "northamerica-northeast1")
BIGQUERY_ENDPOINT = env.url("BIGQUERY_ENDPOINT", ("http", "https"), "")
BIGQUERY_WRITE_METHOD = env.choice(
    "BIGQUERY_WRITE_METHOD", ("INSERT_ALL", "STORAGE_WRITE"), "INSERT_ALL"
).lower()
BIGQUERY_WRITE_ENDPOINT = env.url("BIGQUERY_WRITE_ENDPOINT", ("http", "https"), "")
# A month's; 0 is none.
BIGQUERY_BUDGET_DOLLARS = float(env.number("BIGQUERY_BUDGET_DOLLARS", "0"))
# Google's list prices in dollars, of 2025 (docs/costs.md); a region's may be others. `capture.costs` says for how much.
BIGQUERY_PRICES = {
    "streaming": float(env.number("BIGQUERY_STREAMING_PRICE", "0.01")),
    "storage_write": float(env.number("BIGQUERY_STORAGE_WRITE_PRICE", "0.025")),
    "storage": float(env.number("BIGQUERY_STORAGE_PRICE", "0.02")),
    "query": float(env.number("BIGQUERY_QUERY_PRICE", "6.25")),
}
ENABLE_PUBSUB = env.boolean("ENABLE_PUBSUB", False)
PUBSUB_PROJECT = env.text("PUBSUB_PROJECT", None if ENABLE_PUBSUB else "")
PUBSUB_TOPIC = env.text("PUBSUB_TOPIC", "leafloaf-events")
PUBSUB_ENDPOINT = env.url("PUBSUB_ENDPOINT", ("http", "https"), "")
# Twice as long, for a dead letter, must be over before an erasure's 72 hours are.
PUBSUB_RETENTION_HOURS = float(env.number("PUBSUB_RETENTION_HOURS", "24", minimum="1", maximum="35"))
ENABLE_SPANNER = env.boolean("ENABLE_SPANNER", False)
SPANNER_PROJECT = env.text("SPANNER_PROJECT", None if ENABLE_SPANNER else "")
SPANNER_INSTANCE = env.text("SPANNER_INSTANCE", None if ENABLE_SPANNER else "")
SPANNER_DATABASE = env.text("SPANNER_DATABASE", "leafloaf")
SPANNER_ENDPOINT = env.url("SPANNER_ENDPOINT", ("http", "https"), "")
# As whom Google is asked to read, erase and verify; the process's own account writes (docs/deployment.md).
GOOGLE_ACCOUNTS = (
    ("reader", env.text("GOOGLE_READER_ACCOUNT", "")),
    ("eraser", env.text("GOOGLE_ERASER_ACCOUNT", "")),
    ("verifier", env.text("GOOGLE_VERIFIER_ACCOUNT", "")),
)

SINKS: dict[str, dict[str, Any]] = {
    "redis": {
        "BACKEND": "capture.sinks.redis.RedisSink",
        "ENABLED": REDIS_ENABLED,
        "BATCH_SIZE": 500,
        "MAX_AGE_SECONDS": 0.5,
        "OPTIONS": {"url": REDIS_URL, "prefix": REDIS_PREFIX},
    },
    "cloud_storage": {
        "BACKEND": "capture.sinks.cloud_storage.CloudStorageSink",
        "ENABLED": CLOUD_STORAGE_ENABLED,
        "BATCH_SIZE": 100,
        "MAX_AGE_SECONDS": 60,
        "OPTIONS": {
            "bucket": CLOUD_STORAGE_BUCKET,
            "endpoint": CLOUD_STORAGE_ENDPOINT,
            "project": BIGQUERY_PROJECT or "leafloaf",
            "location": BIGQUERY_LOCATION,
            "is_zipped": env.boolean("CLOUD_STORAGE_GZIP", False),
            "accounts": GOOGLE_ACCOUNTS,
        },
    },
    "bigquery": {
        "BACKEND": "capture.sinks.bigquery.BigQuerySink",
        "ENABLED": ENABLE_BIGQUERY,
        # Of pending streams, one a batch and table, a project may open 30,000 in four hours.
        "BATCH_SIZE": 500 if BIGQUERY_WRITE_METHOD == "insert_all" else 5000,
        "MAX_AGE_SECONDS": 2 if BIGQUERY_WRITE_METHOD == "insert_all" else 10,
        "OPTIONS": {
            "project": BIGQUERY_PROJECT,
            "dataset": BIGQUERY_DATASET,
            "location": BIGQUERY_LOCATION,
            "endpoint": BIGQUERY_ENDPOINT,
            "method": BIGQUERY_WRITE_METHOD,
            "write_endpoint": BIGQUERY_WRITE_ENDPOINT,
            "views": ("personalization.aggregation.warehouse.views",),
            "accounts": GOOGLE_ACCOUNTS,
        },
    },
}
# A stream is there for shops that use one; what it was sent is asked for once it is switched off, too.
PUBSUB_OPTIONS = {
    "project": PUBSUB_PROJECT,
    "topic": PUBSUB_TOPIC,
    "endpoint": PUBSUB_ENDPOINT,
    "accounts": GOOGLE_ACCOUNTS,
}
if ENABLE_PUBSUB:
    SINKS["pubsub"] = {
        "BACKEND": "capture.sinks.pubsub.PubSubSink",
        "ENABLED": True,
        "BATCH_SIZE": 500,
        "MAX_AGE_SECONDS": 0.5,
        "OPTIONS": PUBSUB_OPTIONS,
    }
# The graph memory a second time, for shops that ask graphs; what it holds is erased once it is switched off, too.
SPANNER_OPTIONS = {
    "project": SPANNER_PROJECT,
    "instance": SPANNER_INSTANCE,
    "database": SPANNER_DATABASE,
    "endpoint": SPANNER_ENDPOINT,
    "source": "personalization.graph_copy.source.memory",
    "accounts": GOOGLE_ACCOUNTS,
}
if ENABLE_SPANNER:
    SINKS["spanner"] = {
        "BACKEND": "capture.sinks.spanner.SpannerSink",
        "ENABLED": True,
        "BATCH_SIZE": 500,
        "MAX_AGE_SECONDS": 2,
        "OPTIONS": SPANNER_OPTIONS,
    }
# What is derived from events in the statement that stores them.
PROJECTIONS = ["personalization.signals.projection.projection"]
# Which words of a query analytics may be told of; without it none (docs/privacy.md).
QUERY_WORDS = "leafloaf.storefront.query_words.vouched"
RAW_EVENT_RETENTION_DAYS = 90
OUTBOX_LEASE_SECONDS = float(env.number("OUTBOX_LEASE_SECONDS", "120", minimum="1"))


def scheduled(task: str, when: float | crontab, expires: int, *args: str) -> dict[str, Any]:
    """A task of the scheduler, every so many seconds or by the clock (UTC); a message `expires` after so many."""
    return {"task": task, "schedule": when, "args": args, "options": {"expires": expires}}


# Nights are the shop's, after 07:00 UTC.
CELERY_BEAT_SCHEDULE = {
    **{
        f"drain-{name}": scheduled("capture.tasks.drain", 0.5, 5, name)
        for name, sink in SINKS.items()
        if sink["ENABLED"]
    },
    "take-readings": scheduled("capture.tasks.take_readings", 15.0, 30),
    "close-ledger": scheduled("capture.tasks.close_ledger", 30.0, 60),
    "make-partitions": scheduled("capture.tasks.make_partitions", 3600.0, 600),
    "count-volumes": scheduled("capture.tasks.count_volumes", 60.0, 60),
    "reconcile-recent": scheduled("capture.tasks.reconcile_recent", 3600.0, 3600),
    "reconcile-overdue": scheduled("capture.tasks.reconcile_overdue", crontab(hour=8, minute=20), 3600),
    "test-connections": scheduled("capture.tasks.test_connections", 5.0, 5),
    "check-schema": scheduled("capture.tasks.check_schema", 3600.0, 3600),
    "refresh-search": scheduled("leafloaf.catalog.tasks.refresh_search", crontab(hour=8, minute=50), 3600),
    "count-searches": scheduled("leafloaf.storefront.tasks.count_searches", 60.0, 60),
    "count-aggregates": scheduled("personalization.tasks.count_aggregates", 60.0, 60),
    "count-baskets": scheduled("personalization.tasks.count_baskets", 60.0, 60),
    "renew-basket-counts": scheduled(
        "personalization.tasks.renew_basket_counts", crontab(hour=7, minute=40), 3600
    ),
    "count-recommendations": scheduled("personalization.tasks.count_recommendations", 60.0, 60),
    "prune-recommendations": scheduled(
        "personalization.tasks.prune_recommendations", crontab(hour=7, minute=30), 3600
    ),
    "group-meals": scheduled("personalization.tasks.group_meals", crontab(hour=8, minute=5), 3600),
    "fit-predictions": scheduled("personalization.tasks.fit_predictions", crontab(hour=8, minute=10), 3600),
    "advance-deletions": scheduled("privacy.tasks.advance_deletions", 1.0, 5),
    "forget-old-signals": scheduled(
        "personalization.tasks.forget_old_signals", crontab(hour=7, minute=30), 3600
    ),
    "report-overdue-deletions": scheduled("privacy.tasks.report_overdue_deletions", 3600.0, 3600),
    "prune-lookups": scheduled("privacy.tasks.prune_lookups", crontab(hour=7, minute=35), 3600),
    "make-exports": scheduled("privacy.tasks.make_exports", 5.0, 30),
    "count-privacy": scheduled("privacy.tasks.count_privacy", 60.0, 60),
    "enforce-retention": scheduled("privacy.tasks.enforce_retention", crontab(hour=7, minute=45), 3600),
    "prune-throttles": scheduled("leafloaf.access.tasks.prune_throttles", 60.0, 60),
    "prune-sign-ins": scheduled("leafloaf.staff.tasks.prune_sign_ins", 3600.0, 600),
    "prune-events": scheduled("capture.tasks.prune_events", crontab(hour=7, minute=20), 3600),
}

if ENABLE_SPANNER:
    CELERY_BEAT_SCHEDULE["settle-graph"] = scheduled("personalization.tasks.settle_graph", 5.0, 5)
    CELERY_BEAT_SCHEDULE["draw-graph"] = scheduled(
        "personalization.tasks.draw_graph", crontab(hour=8, minute=40), 3600
    )
if REDIS_ENABLED:
    CELERY_BEAT_SCHEDULE["admit-waiting"] = scheduled("capture.tasks.admit_waiting", 5.0, 5)

# Personalization: what a signal says of a preference, what is left of that after each day, and for how many days

SIGNALS = {
    "view": {"weight": 0.1, "decay": 0.98, "days": 30},
    "click": {"weight": 0.2, "decay": 0.95, "days": 60},
    "cart": {"weight": 0.5, "decay": 0.90, "days": 90},
    "purchase": {"weight": 1.0, "decay": 0.85, "days": 180},
    "removed": {"weight": -0.5, "decay": 0.90, "days": 90},  # takes back an `add`
    "disliked": {"weight": -1.0, "decay": 0.98, "days": 180},  # two stars or fewer
}

# The founding profile is what a profile shows; with the lasting one a purchase halves in 69 days and the more often
# bought product stays ahead (docs/personalization.md has both measured for the order of a search).
SIGNAL_PROFILES: dict[str, dict[str, Any]] = {
    "founding": {"signals": SIGNALS, "is_saturating": False},
    "lasting": {
        "signals": SIGNALS | {"purchase": {"weight": 1.0, "decay": 0.99, "days": 180}},
        "is_saturating": True,
    },
}
RERANK_PROFILE = env.choice("RERANK_PROFILE", ("FOUNDING", "LASTING"), "LASTING").lower()

# Privacy: whom a change of a person's settings is told to, in the transaction that makes it

PRIVACY_LISTENERS = [
    "personalization.signals.forgetting.listen",
    "personalization.graph_copy.drawing.listen",
]

# An erasure of a larger share of what a holder has asks somebody first.
ERASURE_LARGEST_SHARE = float(env.number("ERASURE_LARGEST_SHARE", "0.05", maximum="1"))
# So does one of more anonymous rows than so many for each row of the person's own, and one of so many visits.
ERASURE_LARGEST_CLAIM = float(env.number("ERASURE_LARGEST_CLAIM", "50"))
ERASURE_MOST_VISITS = int(env.number("ERASURE_MOST_VISITS", "500"))

# Every place with personal data: `privacy.holders` says what each must be able to do, `privacy.checks` finds the gaps.
DATA_HOLDERS: dict[str, str] = {
    "events": "capture.holders.log.EventLogHolder",
    "redis": "capture.holders.redis.RedisHolder",
    "cloud_storage": "capture.holders.cloud_storage.CloudStorageHolder",
    "training_exports": "leafloaf.storefront.training_export.holder.TrainingExportHolder",
    "bigquery": "capture.holders.bigquery.BigQueryHolder",
    "pubsub": "capture.holders.pubsub.PubSubHolder",
    "spanner": "capture.holders.spanner.SpannerHolder",
    "profiles": "personalization.holders.ProfilesHolder",
    "recommendations": "personalization.holders.RecommendationsHolder",
    "aggregates": "personalization.holders.AggregatesHolder",
    "staff": "leafloaf.staff.holders.StaffHolder",
    "privacy": "privacy.own_holder.PrivacyHolder",
}
if "replica" in DATABASES:  # it has everybody whom the database has
    DATA_HOLDERS["replica"] = "privacy.replica_holder.ReplicaHolder"
# What is worked out of a person when it is asked for, and so belongs into their export though no holder has it.
EXPORT_INFERENCES = ["personalization.inferred_export.rows"]

# Storefront

RECOMMENDATION_TIMEOUT = float(env.number("RECOMMENDATION_TIMEOUT", "0.5"))

# Search

# The weight of meaning against words, 0 to 1; without vectors it is 0 whatever stands here.
SEARCH_ALPHA = float(env.number("SEARCH_ALPHA", "0.3", maximum="1"))
SEMANTIC_ENABLED = env.boolean("SEMANTIC_ENABLED", True)
if SEMANTIC_ENABLED:
    CELERY_BEAT_SCHEDULE["embed"] = scheduled("leafloaf.catalog.tasks.embed", 2.0, 5)
SEARCH_TIMEOUT_SECONDS = 1.0  # of each statement of a search
# Staff see a query when at least so many different shoppers made it.
SEARCH_ANALYTICS_K = int(env.number("SEARCH_ANALYTICS_K", "20", minimum="2"))

# Off until the shop says so: who keeps events in a bucket has not asked for copies to train models on.
TRAINING_EXPORT_ENABLED = env.boolean("TRAINING_EXPORT_ENABLED", False)
if TRAINING_EXPORT_ENABLED and CLOUD_STORAGE_ENABLED:
    CELERY_BEAT_SCHEDULE["export-training-data"] = {
        "task": "leafloaf.storefront.tasks.export_training_data",
        "schedule": crontab(hour=8, minute=30),
        "options": {"expires": 3600},
    }

# Complements

# Two products are said to go together when at least so many different shoppers bought both at once.
COMPLEMENTS_K = int(env.number("COMPLEMENTS_K", "3", minimum="1"))

# Predictions

# A nightly fit is not put to use when a figure of its hold-out is worse than that of the version in use by more than
# this share of a score, or this much of an error of probability.
PREDICTIONS_MARGIN = float(env.number("PREDICTIONS_MARGIN", "0.05"))

# Staff

DASHBOARDS = [
    "capture.dashboard.BackendHealth",
    "capture.quality_dashboard.DataQuality",
    "leafloaf.staff.people.dashboard.UserProfiles",
    "privacy.deletions_dashboard.DeletionRequests",
    "privacy.metrics_dashboard.PrivacyMetrics",
    "leafloaf.storefront.analytics_dashboard.SearchAnalytics",
    "leafloaf.catalog.catalogue_dashboard.CatalogueAndMerchandising",
    "personalization.aggregation.trends_dashboard.ShopTrends",
    "leafloaf.access.clients_dashboard.ApiClients",
]

# Metrics (docs/metrics.md): where this machine's processes keep what they count, and what is read from the database

# Whoever serves puts the variable back: what a command counts in its short life is nobody's.
# A process that a server starts reads these settings again (granian's), so it is kept by another name meanwhile.
METRICS_FOLDER = Path(
    os.environ.get("LEAFLOAF_METRICS_FOLDER")
    or env.text("PROMETHEUS_MULTIPROC_DIR", str(VAR_DIR / "metrics"))
)
if given := os.environ.pop("PROMETHEUS_MULTIPROC_DIR", ""):
    os.environ.setdefault("LEAFLOAF_METRICS_FOLDER", given)
# On a machine that has a worker and no web server, what the worker counts is read from here; 0 is nowhere.
METRICS_PORT = int(env.number("METRICS_PORT", "0", maximum="65535"))
METRICS_ADDRESS = env.text("METRICS_ADDRESS", "127.0.0.1")
# Gauges, and for how many seconds what they said is fresh enough for whoever asks next.
METRICS: dict[str, float] = {
    "capture.gauges.read": 5,
    "privacy.gauges.read": 5,
    "capture.usage_gauges.read": 60,
    "capture.quality_gauges.read": 60,
    "capture.quality_gauges.sampled": 300,
    "privacy.gauges.counted": 300,
    "leafloaf.storefront.gauges.read": 60,
    "personalization.gauges.read": 60,
    "leafloaf.catalog.gauges.read": 60,
    "leafloaf.access.gauges.read": 60,
}

# Documentation: pages of docs/ that `manage.py write_reference` writes, and what answers the text of each

REFERENCE_PAGES = {
    "events.md": "capture.reference.events_page",
    "settings.md": "leafloaf.reference.settings_page.page",
    "commands.md": "leafloaf.reference.commands_page.page",
    "admin.md": "leafloaf.reference.admin_page.page",
    "metrics.md": "leafloaf.observability.reference.page",
}

# Tests and benches read real data sets from this folder and skip, saying so, when it is not given.

LEAFLOAF_DATA_DIR = env.text("LEAFLOAF_DATA_DIR", "")

# Logging: one line an event on stderr; never a user id, never a secret (docs/logs.md)

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_FORMAT = env.choice("LOG_FORMAT", ("JSON", "LINE"), "LINE" if DEBUG else "JSON").lower()
LOGGING_CONFIG = "leafloaf.observability.logs.configure"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "leafloaf.observability.logs.JsonLine"},
        "line": {"()": "leafloaf.observability.logs.TextLine"},
    },
    "filters": {"loudness": {"()": "leafloaf.observability.logs.Loudness"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["loudness"]},
        "kept": {"class": "leafloaf.observability.logs.KeptError"},
    },
    # Django brings handlers of its own; one line an event is enough.
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # These say the address, and what stood in a header; each request has a line of ours.
        "django.request": {"handlers": ["kept"], "level": "ERROR", "propagate": False},
        "django.security": {"level": "CRITICAL"},
        "axes": {"level": "ERROR"},  # who failed to sign in is on a page of the admin
        # Six wake-ups a second are no news either.
        **{
            name: {"level": "WARNING"}
            for name in ("celery.app.trace", "celery.worker.strategy", "celery.beat")
        },
    },
    "root": {"handlers": ["console"], "level": env.choice("LOG_LEVEL", LOG_LEVELS, "INFO")},
}

SETTINGS_PROBLEMS = env.problems
