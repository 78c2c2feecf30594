"""Who runs Postgres, which refuses to run as root."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leafloaf.stack.process import LAUNCHER

ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True)
class Identity:
    """`name` is what launch.py understands; `user` and `group` own the files."""

    name: str
    user: int
    group: int

    def run(self, *command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), "9", self.name]
        return subprocess.run(
            [*launcher, *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the supervisor alone
        )

    def take_over(self, path: Path) -> None:
        """Make a folder and all in it belong to this identity, as only root can."""
        if os.geteuid() != 0 or path.lstat().st_uid == self.user:
            return
        for inside in path.rglob("*"):
            os.chown(inside, self.user, self.group, follow_symlinks=False)
        os.chown(path, self.user, self.group)

    def can_run(self, program: Path, near: Path) -> bool:
        """Tried, not deduced: the program runs, and a folder made in `near` can be written."""
        folder = Path(tempfile.mkdtemp(prefix=".identity-", dir=near))
        try:
            self.take_over(folder)
            script = 'cd "$1" && : > written && exec "$2" --version'
            return self.run("/bin/sh", "-c", script, "sh", str(folder), str(program)).returncode == 0
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def candidates() -> Iterator[Identity]:
    if os.geteuid() != 0:
        yield Identity("same", os.geteuid(), os.getegid())
        return
    if sys.platform == "linux":
        yield Identity("namespace", 0, 0)
    for account in accounts():
        yield Identity(f"{account.pw_uid}:{account.pw_gid}", account.pw_uid, account.pw_gid)


def accounts() -> Iterator[pwd.struct_passwd]:
    known = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    wanted = [os.environ.get("SUDO_USER", ""), *ACCOUNTS]
    return (known[name] for name in wanted if name in known)


def able_to_run(program: Path, near: Path) -> Identity | None:
    return next((one for one in candidates() if one.can_run(program, near)), None)
