"""`manage.py rotate_certificate_key`: a new key for certificates; the former ones sign nothing any more."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from privacy.erasure import certificate_keys


class Command(BaseCommand):
    help = "Retires the keys that sign certificates and makes a new one; what was signed before stays valid."

    def handle(self, *args: Any, **options: Any) -> None:
        kid = certificate_keys.rotate(timezone.now(), by="rotate_certificate_key")
        self.stdout.write(f"kid {kid}")
