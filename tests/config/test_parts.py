"""The suite in parts: every test is run once, by one of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
    options = ["-q", "-c", "/dev/null", "-p", "no:django", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(
        [sys.executable, "-c", command, *options],
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


def test_what_fails_in_one_of_them_and_alone_fails(tmp_path: Path) -> None:
    code, said = in_parts(
        tmp_path,
        **{
            "test_b.py": "import pytest\n@pytest.mark.parametrize('x', 'ab')\ndef test_1(x): assert x == 'a'\n"
        },
    )
    assert code == 1
    assert "1 failed beside the others; once more, alone:\n" in said
    told, why = said.splitlines()[-2:]
    assert told == "1 failed beside the others, and alone:"
    assert why.endswith("test_b.py::test_1[b]: AssertionError: assert 'b' == 'a' - a + b")
    assert "[1] 1 failed, 6 deselected in" in said


def test_a_run_within_a_run_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    monkeypatch.setenv(parts.FOLDER, str(outer))
    monkeypatch.setenv(parts.AGAIN, '["another"]')
    code, said = in_parts(tmp_path, **once(tmp_path))
    assert (code, list(outer.iterdir())) == (0, []), said


def once(folder: Path, fixture: str = "") -> dict[str, str]:
    """A test that fails the first time it is run."""
    marker = folder / "was-run"
    fixtures = "import pathlib, pytest\n@pytest.fixture\ndef chance(): pass\n"
    test = f"def test_1({fixture}):\n    marker = pathlib.Path({str(marker)!r})\n"
    test += "    was_run = marker.exists()\n    marker.touch()\n    assert was_run\n"
    return {"test_b.py": fixtures + test}


def test_what_passes_alone_is_told_and_fails_nothing(tmp_path: Path) -> None:
    code, said = in_parts(tmp_path, **once(tmp_path))
    assert code == 0, said
    told, why = said.splitlines()[-2:]
    assert told == "1 failed beside the others; alone all passed. Look into it:"
    assert "test_b.py::test_1: assert False" in why


def test_who_throws_dice_has_one_chance(tmp_path: Path) -> None:
    code, said = in_parts(tmp_path, **once(tmp_path, "chance"))
    assert code == 1
    assert said.splitlines()[-2] == "1 failed:"


def test_an_example_of_hypothesis_has_none_either(tmp_path: Path) -> None:
    text = (
        "from hypothesis import given, strategies as st\n@given(st.integers())\ndef test_1(n): assert n < 9\n"
    )
    code, said = in_parts(tmp_path, **{"test_b.py": text})
    assert code == 1
    assert said.splitlines()[-2] == "1 failed:"


def test_many_have_one_chance(tmp_path: Path) -> None:
    several = "import pytest\n@pytest.mark.parametrize('x', range(5))\ndef test_3(x): assert x > 5\n"
    code, said = in_parts(tmp_path, **once(tmp_path), **{"test_c.py": several})
    assert code == 1
    assert said.splitlines()[-7] == "6 failed:"


def test_what_cannot_be_collected_fails_at_once(tmp_path: Path) -> None:
    code, said = in_parts(tmp_path, **{"test_b.py": "import nothing_like_it\n"})
    assert code == 2
    assert "once more" not in said


def test_a_marker_is_made_once(tmp_path: Path) -> None:
    assert [parts.taken(tmp_path / "group-1") for _ in range(3)] == [True, False, False]
