"""The Terraform files of docs/deployment/terraform, read by a parser: there is no Terraform, or no provider, here."""

from functools import cache
from typing import Any

import hcl2

from leafloaf.stack.services import REPOSITORY

FOLDER = REPOSITORY / "docs" / "deployment" / "terraform"


@cache
def files() -> dict[str, dict[str, Any]]:
    return {path.name: plain(hcl2.loads(path.read_text())) for path in sorted(FOLDER.glob("*.tf"))}


def plain(value: Any) -> Any:
    """Without the parser's quotation marks and notes."""
    if isinstance(value, dict):
        return {
            unquoted(key): plain(inside)
            for key, inside in value.items()
            if key not in ("__comments__", "__inline_comments__", "__is_block__")
        }
    if isinstance(value, list):
        return [plain(inside) for inside in value]
    return unquoted(value) if isinstance(value, str) else value


def unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def blocks(kind: str) -> list[dict[str, Any]]:
    """All blocks of a kind, such as `resource`, of all files."""
    return [block for file in files().values() for block in file.get(kind, [])]


def resources() -> dict[str, dict[str, Any]]:
    """Every resource by `type.name`."""
    return {
        f"{kind}.{name}": body
        for block in blocks("resource")
        for kind, named in block.items()
        for name, body in named.items()
    }


def local_values() -> dict[str, Any]:
    return {name: value for block in blocks("locals") for name, value in block.items()}


def permissions() -> dict[str, set[str]]:
    """What each service account may do."""
    parts: dict[str, dict[str, list[str]]] = local_values()["permissions"]
    return {account: {one for level in levels.values() for one in level} for account, levels in parts.items()}
