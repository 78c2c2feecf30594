"""A Dockerfile, read and carried out without Docker: in a folder that stands for the root of the image.

What it cannot show is the base image itself. Everything else is taken from the file: which steps, in which order, as
whom, from which files.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

OWN = "/srv/leafloaf"
"""Where in the image everything of ours is; in the text of a step it is replaced by the same place under the folder."""
HARMLESS = {"LABEL", "EXPOSE"}


@dataclass(frozen=True)
class Step:
    word: str
    text: str

    @property
    def listed(self) -> list[str]:
        """The words of the exec form, `["a", "b"]`."""
        words: list[str] = json.loads(self.text[self.text.index("[") :])
        return words


def steps(file: Path) -> list[Step]:
    """The instructions, without comments, each on one line."""
    text = "\n".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [Step(*line.strip().split(maxsplit=1)) for line in lines if line.strip()]


@dataclass(frozen=True)
class Context:
    """The files that `docker build` would send: all of a folder but what `.dockerignore` leaves out."""

    folder: Path

    @property
    def patterns(self) -> list[tuple[bool, re.Pattern[str]]]:
        """Whether each lets in, and what; the last that fits decides."""
        lines = (self.folder / ".dockerignore").read_text().splitlines()
        wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        return [(line.startswith("!"), expression(line.removeprefix("!").strip("/"))) for line in wanted]

    def files(self) -> Iterator[str]:
        patterns = self.patterns
        for folder, folders, files in os.walk(self.folder):
            folders[:] = [one for one in folders if not one.startswith(".")]
            for name in files:
                path = str(Path(folder, name).relative_to(self.folder))
                if is_let_in(path, patterns):
                    yield path


def expression(pattern: str) -> re.Pattern[str]:
    parts = [
        ".*" if part == "**" else re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
        for part in pattern.split("/")
    ]
    return re.compile("/".join(parts).replace(".*/", "(?:.*/)?"))


def is_let_in(path: str, patterns: Sequence[tuple[bool, re.Pattern[str]]]) -> bool:
    above = ["/".join(path.split("/")[:count]) for count in range(1, path.count("/") + 2)]
    fitting = [lets_in for lets_in, pattern in patterns if any(pattern.fullmatch(part) for part in above)]
    return fitting[-1] if fitting else True


@dataclass
class Stage:
    environment: dict[str, str]
    folder: str = "/"
    user: tuple[int, int] = (0, 0)
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    stop_signal: str = "SIGTERM"


class Image:
    """Carries a Dockerfile out under `root`; the last stage is what remains there.

    Args:
        base: an interpreter that stands for the base image's.
        arguments: what `--build-arg` would say.
    """

    def __init__(self, context: Path, root: Path, base: str, arguments: Mapping[str, str]) -> None:
        self.context = Context(context)
        self.root = root / "root"
        self.kept = root / "stages"
        self.programs = root / "programs"
        self.base = base
        self.arguments = arguments
        self.names: list[str] = []
        self.stage = Stage({})

    def build(self) -> "Image":
        self._bring_the_base()
        for step in steps(self.context.folder / "Dockerfile"):
            if step.word not in HARMLESS:
                getattr(self, f"_{step.word.lower()}")(step)
        return self

    def _bring_the_base(self) -> None:
        self.programs.mkdir(parents=True)
        (self.programs / "python").symlink_to(self.base)
        (self.programs / "pip").write_text(f'#!/bin/sh\nexec {sys.executable} -m pip "$@"\n')
        (self.programs / "pip").chmod(0o755)

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def told(self, text: str) -> str:
        return text.replace(OWN, str(self.at(OWN)))

    def _from(self, step: Step) -> None:
        if self.names:
            self.kept.mkdir(exist_ok=True)
            self.root.rename(self.kept / self.names[-1])
        self.names.append(step.text.split(" AS ")[1] if " AS " in step.text else "last")
        self.at("tmp").mkdir(parents=True, mode=0o777)
        self.at("tmp").chmod(0o777)
        self.stage = Stage({"PATH": f"{self.programs}:/usr/bin:/bin"})

    def _arg(self, step: Step) -> None:
        name, _, default = step.text.partition("=")
        if self.names:
            self.stage.environment[name] = self.arguments.get(name, default)

    def _env(self, step: Step) -> None:
        for word in shlex.split(step.text):
            name, _, value = word.partition("=")
            told = self.told(value.replace("/tmp", str(self.at("tmp"))))  # noqa: S108 (a path of the image)
            self.stage.environment[name] = told.replace("$PATH", self.stage.environment["PATH"])

    def _workdir(self, step: Step) -> None:
        self.stage.folder = step.text
        self.at(step.text).mkdir(parents=True, exist_ok=True)

    def _run(self, step: Step) -> None:
        assert self.stage.user == (0, 0), "a step after USER"
        command = ["/bin/sh", "-c", self.told(step.text)]
        inherited = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
        done = subprocess.run(
            command,
            cwd=self.at(self.stage.folder),
            env=inherited | self.stage.environment,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, f"RUN {step.text}\n{done.stdout}{done.stderr}"

    def _copy(self, step: Step) -> None:
        words = step.text.split()
        options = dict(word[2:].split("=") for word in words if word.startswith("--"))
        *sources, target = [word for word in words if not word.startswith("--")]
        if "from" in options:
            (source,) = sources
            self._copy_tree(self.kept / options["from"] / source.lstrip("/"), self.at(target))
        else:
            for path in self.context.files():
                if "." in sources or path in sources:
                    self._copy_file(path, target)
        if "chown" in options and os.geteuid() == 0:
            owner, group = map(int, options["chown"].split(":"))
            os.chown(self.at(target), owner, group)

    def _copy_tree(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, symlinks=True)

    def _copy_file(self, path: str, target: str) -> None:
        to = self.at(str(Path(self.stage.folder, target))) / path
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.context.folder / path, to)

    def _user(self, step: Step) -> None:
        user, group = map(int, step.text.split(":"))
        self.stage.user = user, group

    def _stopsignal(self, step: Step) -> None:
        self.stage.stop_signal = step.text

    def _healthcheck(self, step: Step) -> None:
        self.stage.health = step.listed

    def _entrypoint(self, step: Step) -> None:
        self.stage.entry = step.listed

    def _cmd(self, step: Step) -> None:
        self.stage.command = step.listed

    def begin(
        self, *command: str, variables: Mapping[str, str], log: Path | None = None
    ) -> subprocess.Popen[str]:
        """What `docker run` would, as the image's user and with nothing of this process's environment."""
        asked = [*self.stage.entry, *(command or self.stage.command)]
        program = shutil.which(asked[0], path=self.stage.environment["PATH"])
        assert program, f"{asked[0]} is not in the image"
        user, group = self.stage.user
        as_them = {"user": user, "group": group, "extra_groups": []} if os.geteuid() == 0 else {}
        with (log or Path(os.devnull)).open("a") as file:
            process: subprocess.Popen[str] = subprocess.Popen(
                [program, *asked[1:]],
                cwd=self.at(self.stage.folder),
                env={**self.stage.environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=file if log else subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
                **as_them,  # type: ignore[call-overload]
            )
        return process

    def run(self, *command: str, variables: Mapping[str, str]) -> str:
        """What a command says that ends well."""
        process = self.begin(*command, variables=variables)
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, f"{command}: {process.returncode}\n{said}"
        return said
