from django.apps import AppConfig

from capture import arrays


class CaptureConfig(AppConfig):
    name = "capture"
    verbose_name = "Capture"

    def ready(self) -> None:
        from capture import checks  # noqa: F401 (registers the check of SINKS)

        arrays.register()  # before the first connection, which copies what is registered
