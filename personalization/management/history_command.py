"""What the commands that predict from a file have in common."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from personalization.prediction import histories
from personalization.prediction.histories import Histories

LISTED = 20


class HistoryCommand(BaseCommand):
    """Reads a history, tells what in it was no part of one, writes JSON lines; needs no database."""

    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "history", metavar="IN.csv", type=Path, help="user,order_id,day,product; also .gz"
        )

    def history(self, path: Path) -> Histories:
        """The histories of the file.

        Raises:
            CommandError: it cannot be read, or is none.
        """
        try:
            found, rejected = histories.read(path)
        except (OSError, EOFError, histories.NotAHistory) as error:
            raise CommandError(f"{path}: {error}") from error
        self.tell(path, rejected)
        return found

    def tell(self, path: Path, rejected: list[tuple[int, str]]) -> None:
        """The rows that were left out."""
        if rejected:
            self.stderr.write(f"{path}: {len(rejected)} rows left out")
        for line, reason in rejected[:LISTED]:
            self.stderr.write(f"  line {line}: {reason}")
        if len(rejected) > LISTED:
            self.stderr.write(f"  and {len(rejected) - LISTED} more")

    def save(self, path: Path, lines: Iterable[dict[str, Any]]) -> None:
        """One JSON object a line.

        Raises:
            CommandError: the file cannot be written.
        """
        written = 0
        try:
            with path.open("wb") as file:
                for line in lines:
                    file.write(msgspec.json.encode(line) + b"\n")
                    written += 1
        except OSError as error:
            raise CommandError(f"{path}: {error}") from error
        self.stdout.write(f"{written} lines in {path}")
