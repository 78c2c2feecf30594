"""Every shell command of the documentation does what it is there for: it is run, on a demo shop of its own.

All pages have the same shop, so one that erases somebody, or switches something off for them, has a user of its own.
"""

import shutil
from collections.abc import Iterator

import pytest

from tests.docs import pages, shop
from tests.docs.pages import Fence, Page

RUN = {"", "fails"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[shop.Shop]:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("There is no curl or no bash on this machine.")
    with shop.running(tmp_path_factory.mktemp("docs")) as running:
        yield running


def to_run(page: Page, kinds: set[str]) -> list[Fence]:
    return [fence for fence in page.fences() if fence.language == pages.SHELL and fence.kind in kinds]


def having(kinds: set[str]) -> list[Page]:
    return [page for page in pages.all_pages() if to_run(page, kinds)]


@pytest.mark.parametrize("page", having(RUN), ids=lambda page: page.name)
def test_the_commands_of_a_page_work(page: Page, demo: shop.Shop) -> None:
    code, said = demo.run(to_run(page, RUN))

    assert code == 0, f"{page.name}: {said[-3000:]}"


@pytest.mark.slow
@pytest.mark.parametrize("page", having({"slow"}), ids=lambda page: page.name)
def test_those_that_take_long_work_too(page: Page, demo: shop.Shop) -> None:
    code, said = demo.run(to_run(page, RUN | {"slow"}))

    assert code == 0, f"{page.name}: {said[-3000:]}"
