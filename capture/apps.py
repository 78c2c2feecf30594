from django.apps import AppConfig


class CaptureConfig(AppConfig):
    name = "capture"
    verbose_name = "Capture"

    def ready(self) -> None:
        from capture import checks  # noqa: F401 (registers the check of SINKS)
