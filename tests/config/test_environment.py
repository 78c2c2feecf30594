"""What the environment says is read strictly."""

from pathlib import Path

import pytest

from leafloaf.environment import Environment

VARIABLE = "LEAFLOAF_TEST_VARIABLE"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> "Said":
    monkeypatch.delenv(VARIABLE, raising=False)
    return Said(monkeypatch)


class Said:
    """An environment in which the variable has the value given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def __call__(self, value: str | None) -> Environment:
        if value is not None:
            self.monkeypatch.setenv(VARIABLE, value)
        return Environment()


def complaint(env: Environment) -> str:
    (problem,) = env.problems
    assert problem.variable == VARIABLE
    assert problem.sentence.startswith(f"{VARIABLE} ")
    assert problem.hint
    return problem.sentence


@pytest.mark.parametrize("value", ["true", "TRUE", "1", "yes", "On", " true "])
def test_a_switch_is_on(said: Said, value: str) -> None:
    env = said(value)
    assert env.boolean(VARIABLE, False) is True
    assert env.problems == []


@pytest.mark.parametrize("value", ["false", "False", "0", "no", "off"])
def test_a_switch_is_off(said: Said, value: str) -> None:
    assert said(value).boolean(VARIABLE, True) is False


@pytest.mark.parametrize("value", ["maybe", "2", "truе", "tru"])
def test_a_switch_that_says_neither_is_a_problem(said: Said, value: str) -> None:
    env = said(value)
    assert env.boolean(VARIABLE, False) is False
    assert f"must be true or false, not '{value}'" in complaint(env)


def test_an_empty_value_says_nothing(said: Said) -> None:
    env = said("")
    assert env.boolean(VARIABLE, True) is True
    assert env.text(VARIABLE, "default") == "default"
    assert env.url(VARIABLE, ("redis",), "redis://here") == "redis://here"
    assert env.problems == []


@pytest.mark.parametrize(("value", "number"), [("0.5", 0.5), ("2", 2), (None, 0.25), ("", 0.25), ("0", 0)])
def test_a_number_is_read(said: Said, value: str | None, number: float) -> None:
    assert float(said(value).number(VARIABLE, "0.25")) == number


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", "1,5"])
def test_what_is_no_number_is_a_problem_and_the_default_is_used(said: Said, value: str) -> None:
    env = said(value)
    assert float(env.number(VARIABLE, "0.25")) == 0.25
    assert "must be a number of at least 0" in complaint(env)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_is_required_and_missing_is_a_problem(said: Said, value: str | None) -> None:
    env = said(value)
    assert env.text(VARIABLE) == ""
    assert complaint(env) == f"{VARIABLE} is not set."


@pytest.mark.parametrize("value", ["$ecret", "$$", "a$b", r"\$x", "a'b\"c", "é"])
def test_a_text_is_taken_as_it_stands(said: Said, value: str) -> None:
    env = said(value)
    assert env.text(VARIABLE, "default") == value
    assert env.problems == []


@pytest.mark.parametrize("value", ["mysql://root:hunter2@db/shop", "hunter2", "//u:hunter2@db", "postgres"])
def test_an_address_of_another_kind_is_a_problem_that_repeats_no_password(said: Said, value: str) -> None:
    env = said(value)
    assert env.database(VARIABLE) == {"ENGINE": "django.db.backends.dummy"}
    assert "postgres://… or postgresql://…" in complaint(env)
    assert "hunter2" not in repr(env.problems)


@pytest.mark.parametrize(
    "value",
    [
        "postgres://u:hunter2/x@db/shop",
        "postgres://u:p@db:hunter2/shop",
        "postgres://u:p@db:99999/shop",
        "postgres://u:[hunter2@db/shop",
        "postgres://[hunter2/shop",
    ],
)
def test_an_address_that_cannot_be_read_is_a_problem_that_repeats_no_password(said: Said, value: str) -> None:
    env = said(value)
    assert env.database(VARIABLE) == {"ENGINE": "django.db.backends.dummy"}
    assert "is not an address" in complaint(env)
    assert "hunter2" not in repr(env.problems)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_an_address_of_postgres_is_read(said: Said, scheme: str) -> None:
    read = said(f"{scheme}://shop:p%40ss%2Fw%23rd@db.example:5433/leaf").database(VARIABLE)
    assert read["ENGINE"] == "django.db.backends.postgresql"
    assert (read["USER"], read["PASSWORD"], read["NAME"]) == ("shop", "p@ss/w#rd", "leaf")
    assert (read["HOST"], read["PORT"]) == ("db.example", 5433)


def test_several_hosts_of_postgres_are_read(said: Said) -> None:
    env = said("postgres://shop:x@one:5432,two:5433/leaf")
    assert env.database(VARIABLE)["HOST"] == "one,two"
    assert env.problems == []


def test_a_word_that_is_no_choice_is_a_problem(said: Said) -> None:
    assert said("debug").choice(VARIABLE, ("DEBUG", "INFO"), "INFO") == "DEBUG"
    env = said("loud")
    assert env.choice(VARIABLE, ("DEBUG", "INFO"), "INFO") == "INFO"
    assert "must be one of DEBUG, INFO, not 'LOUD'" in complaint(env)


def test_the_process_wins_over_the_first_file_and_that_over_the_second(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = [f"LEAFLOAF_TEST_{letter}" for letter in "ABC"]
    for name in names:
        # Set, then deleted: what reading the files adds is taken out again at the end.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("LEAFLOAF_TEST_A=first\nLEAFLOAF_TEST_B='first'\n")
    second.write_text("LEAFLOAF_TEST_A=second\nLEAFLOAF_TEST_B=second\nLEAFLOAF_TEST_C=second\n")
    monkeypatch.setenv("LEAFLOAF_TEST_A", "process")
    env = Environment()
    for file in (first, second, tmp_path / "missing"):
        env.read(file)
    assert [env.text(name) for name in names] == ["process", "first", "second"]
