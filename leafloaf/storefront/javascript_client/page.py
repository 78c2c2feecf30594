"""What docs/javascript-client.md says of the releases, written from them."""

import re

from django.conf import settings

from leafloaf.storefront.javascript_client import releases, served

FILE = settings.BASE_DIR / "docs" / "javascript-client.md"
TABLE = re.compile(r"(?<=<!-- begin releases -->\n).*?(?=<!-- end releases -->)", re.DOTALL)


def size(version: str, is_module: bool = False) -> int:
    """Bytes that a browser loads."""
    return len(served.zipped(releases.content(version, is_module)))


def table() -> str:
    """Of the releases, the newest first."""
    rows = [
        f"| `/leafloaf-{version}.{suffix}` | {size(version, is_module):,} | "
        f"`{releases.integrity(version, is_module)}` |"
        for version in reversed(releases.versions())
        for suffix, is_module in (("js", False), ("mjs", True))
    ]
    return "\n".join(["", "| address | bytes, gzip | integrity |", "| --- | --- | --- |", *rows, "", ""])


def written(text: str) -> str:
    """The page with the table, and the newest release in its examples."""
    newest = releases.versions()[-1]
    text = TABLE.sub(lambda match: table(), text)
    text = re.sub(r"leafloaf-\d+\.\d+\.\d+\.js\"", f'leafloaf-{newest}.js"', text)
    return re.sub(r'integrity="[^"]*"', f'integrity="{releases.integrity(newest, False)}"', text)


def write() -> None:
    FILE.write_text(written(FILE.read_text()))
