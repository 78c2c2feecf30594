"""Products from a CSV file into the shop."""

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from leafloaf.catalog import loading
from leafloaf.catalog.reading import NotACatalogue

LISTED = 20


class Command(BaseCommand):
    help = (
        "Load products from a CSV file. Only sku and name are required; category is a path with ' > ', "
        "dietary is '|'-separated, unknown columns are kept as attributes. A bad row never stops the rest."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "file", metavar="FILE.csv", help="a CSV file, also .csv.gz, or - for standard input"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = loading.load_file(options["file"], progress=self._count if sys.stderr.isatty() else None)
        except NotACatalogue as error:
            raise CommandError(str(error)) from error
        if sys.stderr.isatty():
            self.stderr.write("")
        self._tell(report)

    def _count(self, read: int) -> None:
        self.stderr.write(f"\r{read:,} rows", ending="")
        self.stderr.flush()

    def _tell(self, report: loading.Report) -> None:
        self.stdout.write(
            f"{report.read} rows read, {report.written} written, {report.unchanged} unchanged, "
            f"{len(report.rejected)} rejected"
        )
        for line, reason in report.rejected[:LISTED]:
            self.stdout.write(f"  line {line}: {reason}")
        if len(report.rejected) > LISTED:
            self.stdout.write(f"  and {len(report.rejected) - LISTED} more")
