"""The web entry point: refuses wrong settings, then serves."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from leafloaf.observability import folder

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leafloaf.settings")
folder.use(settings.METRICS_FOLDER)
application = get_wsgi_application()

from leafloaf.checks import refuse_wrong_settings  # noqa: E402 (needs the loaded apps)

refuse_wrong_settings()

from leafloaf.catalog import semantic  # noqa: E402 (needs the loaded apps)

semantic.warm_up()
