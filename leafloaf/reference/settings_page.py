"""docs/settings.md: what `.env.example` says of each variable, and how `leafloaf/settings.py` reads it.

Raises:
    ValueError: one of the two knows a variable that the other does not, or nobody says what it means.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

INTRODUCTION = """# Settings

Written by `make openapi` from `.env.example` and `leafloaf/settings.py`; do not edit.

Every variable of the environment that LeafLoaf reads, for whoever installs it. A variable of the process wins over the
file `.env` in the repository's root, and that over what a running `make run` wrote down for other terminals. An empty
value counts as none. A wrong or missing one stops web, worker and scheduler with a sentence that names it. Those that
only the start script `leafloaf` reads are in [deployment.md](deployment.md).

A default *with* another variable holds while that one is true. `make run` sets what nobody said: `DEBUG`, and switches
and addresses of the servers that it starts. What is not here is no setting of an installation but part of the code.
"""
OF_OTHERS = {"PORT": "number, 1 to 65535", "LEAFLOAF_TEST_DATABASE_URL": "address, `postgres://`"}
"""What those take that `settings.py` does not read: of `make run`, of the tests."""
SECTION = re.compile(r"^# --- (?P<title>.+?) -+$")
VARIABLE = re.compile(r"^#(?P<name>[A-Z][A-Z_0-9]*)=(?P<example>.*)$")


@dataclass
class Said:
    """A variable in `.env.example`."""

    name: str
    example: str
    meaning: str


@dataclass
class Section:
    title: str
    about: str = ""
    variables: list[Said] = field(default_factory=list)


@dataclass
class Reading:
    """A variable in `settings.py`: what it takes, and the default as Markdown."""

    takes: str
    default: str


def page() -> str:
    sections = list(said(settings.BASE_DIR / ".env.example"))
    readings = read(settings.BASE_DIR / "leafloaf" / "settings.py")
    _refuse_drift({said.name for section in sections for said in section.variables}, set(readings))
    return "\n".join([INTRODUCTION, *(_written(section, readings) for section in sections)])


def said(path: Path) -> Iterator[Section]:
    section, comment = Section("General"), list[str]()
    for line in path.read_text(encoding="utf-8").splitlines():
        if heading := SECTION.match(line):
            if section.variables:
                yield section
            section, comment = Section(heading["title"]), []
        elif variable := VARIABLE.match(line):
            section.variables.append(Said(variable["name"], variable["example"], " ".join(comment)))
            comment = []
        elif line.startswith("#"):
            comment.append(line.removeprefix("#").strip())
        else:
            comment = []
    yield section


def read(path: Path) -> dict[str, Reading]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_of_env(node.func)]
    return {str(ast.literal_eval(call.args[0])): _reading(call) for call in calls}


def _is_of_env(function: ast.expr) -> bool:
    """`env.text`, `env.number` …; `env.read` takes a file."""
    of_env = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "env"
    return of_env and ast.unparse(function) != "env.read"


def _reading(call: ast.Call) -> Reading:
    kind = ast.unparse(call.func).removeprefix("env.")
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    # Of an address and a choice the second argument is what is allowed.
    place = 2 if kind in {"url", "choice"} else 1
    default = call.args[place] if len(call.args) > place else given.get("default")
    return Reading(_takes(kind, call, given), _default(default, kind))


def _takes(kind: str, call: ast.Call, given: dict[str | None, ast.expr]) -> str:
    if kind == "number":
        least = ast.literal_eval(given["minimum"]) if "minimum" in given else "0"
        most = f" to {ast.literal_eval(given['maximum'])}" if "maximum" in given else " or more"
        return f"number, {least}{most}"
    if kind == "url":
        return "address, " + " or ".join(f"`{scheme}://`" for scheme in ast.literal_eval(call.args[1]))
    if kind == "choice":
        return "one of " + ", ".join(f"`{word}`" for word in _choices(call.args[1]))
    kinds = {"boolean": "true or false", "words": "words, with commas", "database": "address, `postgres://`"}
    return kinds.get(kind, "text")


def _choices(value: ast.expr) -> tuple[str, ...]:
    """Written there, or the name of another setting."""
    words = getattr(settings, value.id) if isinstance(value, ast.Name) else ast.literal_eval(value)
    return tuple(words)


def _default(value: ast.expr | None, kind: str) -> str:
    match value:
        case None:
            return "none" if kind == "words" else "**required**"
        case ast.Constant(value=None):
            return "**required**"
        case ast.Constant(value=bool(on)):
            return f"`{str(on).lower()}`"
        case ast.Constant(value=str(words)):
            return f"`{words}`" if words else "none"
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)):
            return f"`true`; with `{name}` `false`"
        case ast.IfExp(test=ast.Name(id=name), body=first, orelse=other):
            return f"{_default(other, kind)}; with `{_variable(name)}` {_default(first, kind)}"
        case ast.BoolOp(op=ast.Or(), values=values):
            return ", else ".join(_default(one, kind) for one in values)
        case ast.Name(id=name):
            return f"that of `{_variable(name)}`"
        case ast.Call(
            func=ast.Name(id="str"),
            args=[ast.BinOp(left=ast.Name(id=parent), right=ast.Constant(value=str(folder)))],
        ):
            return f"`{folder}` in `LEAFLOAF_VAR`" if parent == "VAR_DIR" else f"`{folder}`"
        case _:
            raise ValueError(f"How is a reader told of the default {ast.unparse(value)}?")


def _variable(setting: str) -> str:
    """The variable behind a setting that is called otherwise."""
    return {"IS_BEHIND_PROXY": "BEHIND_TLS_PROXY"}.get(setting, setting)


def _refuse_drift(said: set[str], read: set[str]) -> None:
    if missing := read - said:
        raise ValueError(f".env.example does not say what these are: {', '.join(sorted(missing))}")
    if unread := {name for name in said - read if not _is_read_elsewhere(name)}:
        raise ValueError(f"Nobody reads these variables of .env.example: {', '.join(sorted(unread))}")


def _is_read_elsewhere(name: str) -> bool:
    files = [path for folder in ("leafloaf", "tests") for path in (settings.BASE_DIR / folder).rglob("*.py")]
    return any(f'"{name}"' in path.read_text(encoding="utf-8") for path in files)


def _written(section: Section, readings: dict[str, Reading]) -> str:
    rows = [_row(said, readings) for said in section.variables]
    return "\n".join(
        [
            f"## {section.title}\n",
            "| variable | means | takes | default |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _row(said: Said, readings: dict[str, Reading]) -> str:
    if not said.meaning:
        raise ValueError(f".env.example does not say what {said.name} means.")
    reading = readings.get(said.name) or Reading(OF_OTHERS.get(said.name, "text"), f"`{said.example}`")
    default = reading.default if reading.default not in {"``", "none"} else "none"
    if default in {"none", "**required**"} and said.example:
        default += f"; e.g. `{said.example}`"
    meaning = said.meaning.replace("|", "\\|")
    takes = reading.takes
    if said.name.endswith("_SECONDS") or meaning.startswith("Seconds"):
        takes = takes.replace("number,", "seconds,")
    return f"| `{said.name}` | {_linked(meaning)} | {takes} | {default} |"


def _linked(meaning: str) -> str:
    """`.env.example` is read without links, this page with them."""
    return re.sub(r"docs/([a-z-]+\.md)", r"[\1](\1)", meaning)
