from django.apps import AppConfig


class LeafLoafConfig(AppConfig):
    name = "leafloaf"
    label = "leafloaf"

    def ready(self) -> None:
        from django.conf import settings

        from leafloaf import celery, checks  # noqa: F401 (the app that tasks belong to; the check of the settings)
        from leafloaf.observability import checks as metrics_checks  # noqa: F401 (registers itself)

        if settings.CELERY_BROKER_URL.startswith("filesystem"):
            # The transport expects its folders to exist.
            for folder in ("messages", "control"):
                (settings.CELERY_BROKER_FOLDER / folder).mkdir(parents=True, exist_ok=True)
