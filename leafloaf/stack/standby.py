"""A streaming replica of an embedded Postgres: made of a copy, and kept up to date by what the primary writes."""

import shutil
from pathlib import Path

from leafloaf.stack.postgres import USER, Postgres
from leafloaf.stack.process import StartError


class Standby(Postgres):
    """In a folder of its own; lost with it, and made anew by each `prepare`, while the primary runs."""

    def __init__(self, primary: Postgres, folder: Path, port: int, log: Path) -> None:
        super().__init__(folder, port, log, durable=False)
        self.primary = primary
        self.password_file = primary.password_file
        self.login_file = folder / "pgpass"

    def prepare(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        self.login_file.unlink(missing_ok=True)
        self.login_file.touch(mode=0o600)
        self.login_file.write_text(f"127.0.0.1:{self.primary.port}:*:{USER}:{self.password}\n")
        for path in (self.data, self.login_file):
            self.identity.take_over(path)
        copy = str(self.binaries.folder / "pg_basebackup")
        at = f"host=127.0.0.1 port={self.primary.port} user={USER} passfile={self.login_file}"
        done = self.identity.run(
            copy, "-D", str(self.data), "-d", at, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"
        )
        if done.returncode != 0:
            raise StartError(f"pg_basebackup failed:\n{done.stdout}{done.stderr}")

    def finish(self) -> None:
        """Everything in it is the primary's."""
