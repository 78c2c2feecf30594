"""docs/commands.md: every command that LeafLoaf brings, as its own parser describes it."""

import argparse
from collections.abc import Iterator

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandParser

INTRODUCTION = """# Commands

Written by `make openapi` from the commands themselves; do not edit.

For operators and developers. All are `.venv/bin/python manage.py NAME …`, and say what they did; `NAME --help` says the
same as this page. While `make run` runs they reach its servers without any setting.
[operations.md](operations.md) tells which to use when.
"""
DJANGO_OWN = {
    tuple(action.option_strings) for action in BaseCommand().create_parser("manage.py", "any")._actions
}


def page() -> str:
    return "\n".join([INTRODUCTION, *(_section(app) for app in apps.get_app_configs() if _is_ours(app))])


def _is_ours(app: AppConfig) -> bool:
    is_installed = "site-packages" in app.path
    return not is_installed and app.path.startswith(str(settings.BASE_DIR)) and bool(_named(app))


def _named(app: AppConfig) -> list[str]:
    return sorted(name for name, of in get_commands().items() if of == app.name)


def _section(app: AppConfig) -> str:
    commands = "\n".join(_command(app.name, name) for name in _named(app))
    return f"## {app.verbose_name[:1].upper()}{app.verbose_name[1:]}\n\n{commands}"


def _command(app: str, name: str) -> str:
    command = load_command_class(app, name)
    parser = command.create_parser("manage.py", name)
    told = list(_arguments(parser))
    table = ["| | |", "| --- | --- |", *told, ""] if told else []
    return "\n".join([f"### {name}\n", f"`{_usage(name, parser)}`\n", f"{_sentence(command.help)}\n", *table])


def _usage(name: str, parser: CommandParser) -> str:
    return " ".join([name, *(_short(action) for action in _own(parser))])


def _own(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if tuple(action.option_strings) not in DJANGO_OWN]


def _short(action: argparse.Action) -> str:
    """As in the first line of `--help`."""
    short = _called(action)
    if action.option_strings:
        return short if action.required else f"[{short}]"
    return f"[{short}]" if action.nargs in {"?", "*"} else short


def _called(action: argparse.Action) -> str:
    values = "" if action.nargs == 0 else _value(action)
    return " ".join(part for part in (*action.option_strings[-1:], values) if part)


def _value(action: argparse.Action) -> str:
    named = action.metavar if isinstance(action.metavar, str) else None
    value = named or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    return f"{value} …" if action.nargs in {"*", "+"} else value


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in _own(parser):
        about = parser._get_formatter()._expand_help(action).replace("|", "\\|") if action.help else ""
        if about or action.choices:
            called = _called(action).replace("|", "\\|")
            yield f"| `{called}` | {about or 'which of them'} |"


def _sentence(text: str) -> str:
    return " ".join(text.split())
