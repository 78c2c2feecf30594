"""As whom Google is asked: another account for each thing that is done, so that none may do what it never has to.

The process's own account (application-default credentials) writes. Who reads, erases or verifies is another where the
settings name one: the process asks for a token of that account, good for an hour, which Google allows and logs
(IAM documentation, "Create short-lived credentials for a service account"). docs/deployment.md says what each may do.
"""

from typing import Self

import google.auth
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.oauth2.credentials import Credentials as Token

READER, ERASER, VERIFIER = "reader", "eraser", "verifier"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
SECONDS = 3600

Accounts = tuple[tuple[str, str], ...]
"""The account of each part; empty for one that has none of its own."""


class Acting:
    """A sink that can be had as another account."""

    accounts: Accounts
    account: str

    def __init__(self, accounts: Accounts, account: str) -> None:
        self.accounts, self.account = accounts, account
        self._parts: dict[str, Self] = {}

    def acting(self, part: str) -> Self:
        """The same as the account of that part: READER, ERASER or VERIFIER; the process's own where it has none."""
        account = dict(self.accounts).get(part, "")
        if account == self.account:
            return self
        if account not in self._parts:
            self._parts[account] = self.as_account(account)
        return self._parts[account]

    def as_account(self, account: str) -> Self:
        """Another one with a connection of its own."""
        raise NotImplementedError


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
