"""Real data sets, from the folder that LEAFLOAF_DATA_DIR names; a test that needs one skips without it."""

from pathlib import Path

import pytest
from django.conf import settings


def folder(name: str) -> Path:
    """The data set's folder."""
    if not settings.LEAFLOAF_DATA_DIR:
        pytest.skip("LEAFLOAF_DATA_DIR names no folder of real data")
    path = Path(settings.LEAFLOAF_DATA_DIR) / name
    if not path.is_dir():
        pytest.skip(f"there is no {name} in LEAFLOAF_DATA_DIR")
    return path
