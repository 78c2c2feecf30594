"""The releases of `leafloaf.js`: what pages load, each for good under its own address.

A release never changes once a shop may have it in a page: its hash stands in that page.
"""

import base64
import hashlib
from functools import lru_cache
from pathlib import Path

SOURCE = Path(__file__).parent / "leafloaf.js"
FOLDER = Path(__file__).parent / "releases"
EXPORT = b"export default globalThis.leafloaf;\n"
"""What makes a module of the script; a script may not say it."""


class Unknown(LookupError):
    """There is no such release."""


def versions() -> list[str]:
    """The newest last."""
    return sorted((file.stem for file in FOLDER.glob("*.js")), key=in_order)


def in_order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@lru_cache
def content(version: str, is_module: bool) -> bytes:
    """What is served of a release.

    Raises:
        Unknown: there is none of this version.
    """
    if version not in versions():
        raise Unknown(version)
    script = (FOLDER / f"{version}.js").read_bytes()
    return script + EXPORT if is_module else script


def integrity(version: str, is_module: bool) -> str:
    """What a page says in `integrity`, so that it runs nothing else."""
    digest = hashlib.sha384(content(version, is_module)).digest()
    return f"sha384-{base64.b64encode(digest).decode()}"


def made(version: str) -> str:
    """The release that the source makes now, in fewer bytes."""
    import minify  # for who changes the client: it is not where a shop runs

    script: str = minify.string("text/javascript", SOURCE.read_text().replace("VERSION", version, 1))
    return f"{script}\n"
