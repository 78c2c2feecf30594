"""What the environment says, read strictly: a wrong value is remembered, not guessed.

Django would start with `REDIS_ENABLED=maybe` read as false. Here every wrong or missing variable becomes a
`Problem` that `leafloaf.checks` reports as one sentence, and web, worker and beat refuse to start.
"""

import os
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


@dataclass(frozen=True)
class Problem:
    """A variable that cannot be used: what is wrong with it, and what to write instead."""

    variable: str
    sentence: str
    hint: str


@dataclass
class Environment:
    """Reads variables of the process, then of the dotenv files given, the first one winning."""

    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._env = environ.Env()  # type: ignore[no-untyped-call]

    def read(self, file: Path) -> None:
        """Adds the variables of a dotenv file, where there is one, to those already known."""
        if file.is_file():
            environ.Env.read_env(file)

    def text(self, variable: str, default: str | None = None) -> str:
        """The variable's text, an empty one being none; without a default it is required."""
        # Not through django-environ, which takes a value that begins with `$` for the name of another variable.
        value = os.environ.get(variable, "").strip() or default or ""
        if not value and default is None:
            self.wrong(variable, "is not set", f"Set {variable}; .env.example says what it means.")
        return value

    def boolean(self, variable: str, default: bool) -> bool:
        value = self.text(variable, str(default)).lower()
        if value not in TRUE | FALSE:
            self.wrong(variable, f"must be true or false, not {value!r}", "Write true or false.")
            return default
        return value in TRUE

    def number(
        self, variable: str, default: str, *, minimum: str = "0", maximum: str = "Infinity"
    ) -> Decimal:
        value = self.text(variable, default)
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or not Decimal(minimum) <= number <= Decimal(maximum):
            allowed = f"of at least {minimum}" if maximum == "Infinity" else f"from {minimum} to {maximum}"
            self.wrong(variable, f"must be a number {allowed}, not {value!r}", "Write a number.")
            return Decimal(default)
        return number

    def url(self, variable: str, schemes: tuple[str, ...], default: str | None = None) -> str:
        """An address with one of the schemes; the empty default means that it may be left out."""
        value = self.text(variable, default)
        wanted = " or ".join(f"{known}://…" for known in schemes)
        # The value may hold a password: only its scheme is repeated, and no error of a parser.
        try:
            parts = urlsplit(value)
            if "," not in parts.netloc:  # several hosts have several ports
                _ = parts.port
        except ValueError:
            self.wrong(
                variable, "is not an address", f"Write {wanted}, with /, # and ? in a password as %XX."
            )
            return ""
        if value and parts.scheme not in schemes:
            said = parts.scheme or "no scheme"
            self.wrong(variable, f"must start with {wanted}, not with {said!r}", f"Write {wanted}")
            return ""
        return value

    def database(self, variable: str, default: str | None = None) -> dict[str, Any]:
        """Django's DATABASES entry for a Postgres address."""
        url = self.url(variable, ("postgres", "postgresql"), default)
        if not url:
            return {"ENGINE": "django.db.backends.dummy"}
        return dict(self._env.db_url_config(url))  # type: ignore[no-untyped-call]

    def choice(self, variable: str, choices: tuple[str, ...], default: str) -> str:
        """One of some words, in whatever case."""
        value = self.text(variable, default).upper()
        if value not in choices:
            self.wrong(variable, f"must be one of {', '.join(choices)}, not {value!r}", "Write one of them.")
            return default
        return value

    def words(self, variable: str, default: str = "") -> list[str]:
        return [word.strip() for word in self.text(variable, default).split(",") if word.strip()]

    def wrong(self, variable: str, complaint: str, hint: str) -> None:
        self.problems.append(Problem(variable, f"{variable} {complaint}.", hint))
