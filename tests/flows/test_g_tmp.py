from tests.flows.conftest import stores
from tests.flows.test_export_is_what_erasure_removes import *
from tests.flows.test_export_is_what_erasure_removes import warehouse
import pytest
@pytest.fixture(autouse=True)
def allofthem(settings):
    settings.DATA_HOLDERS = {"events": "capture.holders.log.EventLogHolder", "cloud_storage": "capture.holders.cloud_storage.CloudStorageHolder"} | settings.DATA_HOLDERS
