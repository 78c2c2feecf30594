"""What reads and runs the documentation for the tests would notice what is wrong with it."""

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from leafloaf.stack.services import REPOSITORY
from tests.docs import pages, shop
from tests.docs.pages import Fence, Page

PAGE = """# Title

See [there](other.md#a-heading) and `manage.py sink pause`.

<!-- fails: it is not there -->
```sh
curl -s http://127.0.0.1:8000/missing
```

* In a list:

  ```json
  {"a": "[no](link.md)"}
  ```

## What's *here*, then?
"""


class Door(http.server.BaseHTTPRequestHandler):
    """Has one page."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/there" else 404)
        self.end_headers()
        self.wfile.write(b"something")

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[shop.Shop]:
    tmp = tmp_path_factory.mktemp("door")
    with http.server.HTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield shop.Shop(f"127.0.0.1:{server.server_port}", tmp, {**os.environ, **shop.tools(tmp)})
        server.shutdown()


@pytest.fixture
def page(tmp_path: Path) -> Page:
    (tmp_path / "page.md").write_text(PAGE)
    return Page(tmp_path / "page.md")


def fence(text: str, kind: str = "") -> Fence:
    return Fence(1, "sh", text, kind)


def test_a_page_is_read(page: Page) -> None:
    shell, json = page.fences()

    assert (shell.line, shell.kind, shell.why) == (6, "fails", "it is not there")
    assert (json.language, json.text) == ("json", '{"a": "[no](link.md)"}')
    assert page.links() == ["other.md#a-heading"]
    assert page.code() == ["manage.py sink pause", "curl -s http://127.0.0.1:8000/missing"]
    assert page.anchors() == {"title", "whats-here-then"}


def test_a_fence_without_an_end_is_said(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Title\n\n```sh\nls\n")

    with pytest.raises(ValueError, match="line 3 has no end"):
        Page(tmp_path / "page.md").fences()


@pytest.mark.parametrize(
    ("mark", "is_kept"),
    [
        ("", False),
        ("<!-- not run: the shop is yours -->", True),
        ("<!-- not run: -->", False),
        ("<!-- run: tests/docs/test_harness.py -->", True),
        ("<!-- run: tests/docs/test_commands.py -->", False),
        ("<!-- run: tests/docs/nowhere.py -->", False),
        ("<!-- run: tests/docs -->", False),
        ("<!-- run: docs/examples/shop.py -->", False),
        ("<!-- slow: it is -->", False),
    ],
)
def test_python_that_nobody_runs_is_noticed(tmp_path: Path, mark: str, is_kept: bool) -> None:
    """test_commands.py names no pages-of-python.md, and this file does."""
    (tmp_path / "pages-of-python.md").write_text(f"# Title\n\n{mark}\n```python\nprint(1)\n```\n")

    assert (pages.unkept(Page(tmp_path / "pages-of-python.md")) == []) is is_kept


def test_a_test_finds_the_fences_that_are_its_own() -> None:
    assert pages.run_by(str(REPOSITORY / "tests/quickstarts/test_back_end.py"), "docs/back-end.md")
    assert pages.run_by(__file__, "docs/back-end.md") == []


@pytest.mark.parametrize(
    "text",
    [
        "curl -s http://127.0.0.1:8000/missing",
        "curl -s http://127.0.0.1:8000/missing | cat",
        "curl -sf http://127.0.0.1:8000/missing || true",
        "answer=$(curl -s http://127.0.0.1:8000/missing) && echo $answer",
        "false",
        "echo $nobody_set_this",
        "no_such_command --at-all",
    ],
)
def test_what_does_not_work_is_noticed(door: shop.Shop, text: str) -> None:
    assert door.run([fence("true"), fence(text)])[0] != 0
    assert door.run([fence(text, "fails")])[0] == 0


def test_what_works_goes_on_in_one_shell(door: shop.Shop) -> None:
    code, said = door.run(
        [fence("answer=$(curl -s http://127.0.0.1:8000/there)"), fence('echo "got $answer"')]
    )

    assert code == 0, said
    assert "got something" in said


def test_what_should_fail_and_works_is_noticed(door: shop.Shop) -> None:
    assert door.run([fence("curl -s http://127.0.0.1:8000/there", "fails")])[0] != 0


@pytest.mark.parametrize(
    "line", ["curl http://x", "make run", "$ ls", ".venv/bin/python manage.py check", "  cd docs"]
)
def test_shell_that_does_not_say_so_is_recognised(line: str) -> None:
    assert pages.COMMAND.match(line)


@pytest.mark.parametrize(
    "line", ["fast     POST /search ──> catalogue", "GET /api/v1/products", "rate = (count - 1)"]
)
def test_a_drawing_is_no_shell(line: str) -> None:
    assert not pages.COMMAND.match(line)
