"""`manage.py load_demo`: the demo shop: its catalogue, its keys, its staff login. DEBUG only; safe to run again."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from leafloaf.access import keys, token_keys
from leafloaf.access.models import ApiClient, ApiKey
from leafloaf.catalog.models import Product

CATALOGUE = settings.BASE_DIR / "leafloaf" / "catalog" / "demo" / "catalogue.csv"
STAFF_NAME = "staff"
STAFF_PASSWORD = "leafloaf-demo"  # noqa: S105 (public on purpose; DEBUG only)


class Command(BaseCommand):
    help = "Loads the demo shop."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo shop has public keys and a public password; it needs DEBUG=true.")
        if not Product.objects.exists():
            call_command("load_catalogue", str(CATALOGUE), stdout=self.stdout, stderr=self.stderr)
        for kind, key in keys.DEMO_KEYS.items():
            self._add_key(f"Demo {kind} key", kind, key)
        if token_keys.add_demo():
            self.stdout.write(f"token key {token_keys.DEMO_KID} made")
        if not User.objects.filter(username=STAFF_NAME).exists():
            User.objects.create_superuser(STAFF_NAME, password=STAFF_PASSWORD)
            self.stdout.write(f"staff login {STAFF_NAME} / {STAFF_PASSWORD} made")

    def _add_key(self, name: str, kind: str, key: str) -> None:
        if not ApiKey.objects.filter(key_hash=keys.digest(key)).exists():
            origins = [keys.ANY_ORIGIN] if kind == ApiClient.Kind.PUBLISHABLE else []
            keys.create(name, kind, key=key, origins=origins, by="load_demo")
            self.stdout.write(f"{key} made")
        elif kind == ApiClient.Kind.SECRET:  # of an older demo, from before there was this or that scope
            clients = ApiClient.objects.filter(keys__key_hash=keys.digest(key))
            clients.exclude(scopes=sorted(keys.SCOPES)).update(scopes=sorted(keys.SCOPES))
