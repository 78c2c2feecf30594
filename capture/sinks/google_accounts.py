"""As whom Google is asked: another account for each thing that is done, so that none may do what it never has to.

The process's own account (application-default credentials) writes. Who reads, erases or verifies is another where the
settings name one: the process asks for a token of that account, good for an hour, which Google allows and logs
(IAM documentation, "Create short-lived credentials for a service account"). docs/deployment.md says what each may do.
"""

import google.auth
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.oauth2.credentials import Credentials as Token

READER, ERASER, VERIFIER = "reader", "eraser", "verifier"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
SECONDS = 3600

Accounts = tuple[tuple[str, str], ...]
"""The account of each part; empty for one that has none of its own."""


def of(part: str, accounts: Accounts) -> str:
    """The account of a part; empty for the process's own."""
    return dict(accounts).get(part, "")


def credentials(account: str, endpoint: str = "", token_endpoint: str | None = None) -> Credentials | None:
    """What a client shows; None lets it find the process's own.

    Args:
        endpoint: of the store; an http:// one is a local server, which is told the account's name and no secret.
        token_endpoint: another address than Google's own to get the account's token from.
    """
    if endpoint.startswith("http://"):
        return Token(account) if account else AnonymousCredentials()
    if not account:
        return None
    own, _ = google.auth.default(scopes=[SCOPE])
    return impersonated_credentials.Credentials(
        own, account, [SCOPE], lifetime=SECONDS, iam_endpoint_override=token_endpoint
    )
