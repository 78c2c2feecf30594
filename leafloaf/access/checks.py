"""What may not be true of the credentials in the database, by Django's system checks.

Run by `migrate` and by `check --database default`. The demo's keys are public: they may not exist in a shop that is not
a demo; outside one, `keys.find` and `token_keys.read` refuse them besides.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks

from leafloaf.access import audit_protection, encryption, keys, token_keys
from leafloaf.access.models import ApiKey, AuditEntry, TokenKey
from leafloaf.lib import statements


@checks.register(checks.Tags.database)
def no_demo_keys(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    if settings.DEBUG or not databases or ApiKey._meta.db_table not in _tables():
        return []
    hashes = [keys.digest(key) for key in keys.DEMO_KEYS.values()]
    if not ApiKey.objects.filter(key_hash__in=hashes, revoked_at=None).exists():
        return []
    return [
        checks.Error(
            "The demo API keys exist although DEBUG is off.",
            hint="Revoke the clients named 'Demo …' in the admin, or set DEBUG=true for a demo.",
            id="access.E001",
        )
    ]


@checks.register(checks.Tags.database)
def no_demo_token_key(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    if settings.DEBUG or not databases or TokenKey._meta.db_table not in _tables():
        return []
    if not TokenKey.objects.filter(kid=token_keys.DEMO_KID, revoked_at=None).exists():
        return []
    return [
        checks.Error(
            "The demo's token key exists although DEBUG is off: anybody can sign a token for any user with it.",
            hint="Revoke the token key 'Demo user tokens' in the admin, or set DEBUG=true for a demo.",
            id="access.E002",
        )
    ]


@checks.register(checks.Tags.database)
def readable_token_keys(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    if not databases or TokenKey._meta.db_table not in _tables():
        return []
    working = TokenKey.objects.filter(revoked_at=None, algorithm=TokenKey.Algorithm.HS256)
    return [
        checks.Warning(
            f"The secret of the token key {key.kid!r} cannot be read: it was encrypted under another SECRET_KEY.",
            hint="Add the former SECRET_KEY to SECRET_KEY_FALLBACKS, or revoke this key and create another.",
            id="access.W003",
        )
        for key in working
        if not is_readable(key)
    ]


@checks.register(checks.Tags.database, deploy=True)
def audit_is_protected(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    if not databases or AuditEntry._meta.db_table not in _tables():
        return []
    found = audit_protection.faults(
        statements.fetch, str(statements.fetch("SELECT current_user::text")[0][0])
    )
    if not found:
        return []
    return [
        checks.Warning(
            f"The application could change what the audit says. {' '.join(found)}",
            hint="Run `manage.py protect_audit` as the role that set the database up; docs/audit.md says how.",
            id="access.W004",
        )
    ]


def is_readable(key: TokenKey) -> bool:
    try:
        encryption.decrypt(bytes(key.secret or b""), key.kid)
    except encryption.Unreadable:
        return False
    return True


def _tables() -> list[str]:
    from django.db import connection

    return connection.introspection.table_names()
