"""The suite in parts: every test is run once, by one of them."""

import os
import subprocess
import sys
from pathlib import Path

from tests import parts

SUITE = {
    "test_a.py": "def test_1(): pass\ndef test_2(): pass\n",
    "test_b.py": "def test_1(): pass\n",
    "test_c.py": "def test_1(): pass\ndef test_2(): pass\n",
    "test_d.py": "import time\ndef test_1(): time.sleep(0.2)\n",
}


def in_parts(folder: Path, **files: str) -> tuple[int, str]:
    """The exit code and what was said, of two processes without a stack."""
    for name, text in (SUITE | files).items():
        (folder / name).write_text(text)
    command = "import sys; from tests import parts; sys.exit(parts.run(sys.argv[1:], 2))"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            command,
            "-q",
            "-c",
            "/dev/null",
            "-p",
            "no:django",
            "-p",
            "no:cacheprovider",
            folder,
        ],
        env=os.environ | {"PYTHONPATH": str(Path(parts.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_each_file_is_some_parts_and_no_other_ones(tmp_path: Path) -> None:
    code, said = in_parts(tmp_path)
    assert code == 0, said
    assert sum(int(line.split()[1]) for line in said.splitlines() if " passed" in line) == 6


def test_what_fails_in_one_of_them_fails(tmp_path: Path) -> None:
    code, said = in_parts(tmp_path, **{"test_b.py": "def test_1(): assert False\n"})
    assert code == 1
    assert "1 failed" in said


def test_a_marker_is_made_once(tmp_path: Path) -> None:
    assert [parts.taken(tmp_path / "group-1") for _ in range(3)] == [True, False, False]
