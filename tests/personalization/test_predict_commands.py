"""The three commands that predict from a file."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.personalization import shops


def saved(folder: Path, rows: shops.Rows) -> Path:
    path = folder / "in.csv"
    lines = [f"{user},{order},{day},{product}" for user, order, product, day in rows]
    path.write_text("\n".join(["user,order_id,day,product", *lines]) + "\n")
    return path


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_user_gets_a_basket(tmp_path: Path) -> None:
    call_command("predict_baskets", saved(tmp_path, shops.habits()), tmp_path / "out.jsonl", verbosity=0)
    answers = told(tmp_path / "out.jsonl")
    assert len(answers) == 120
    assert all(set(answer) == {"user", "items"} and len(answer["items"]) == 20 for answer in answers)


def test_queries_are_completed_without_their_own_items(tmp_path: Path) -> None:
    (tmp_path / "queries.csv").write_text("query,product\nq1,bread\nq2,jam\nq2,p1\nq3,unheard of\n,bread\n")
    history = saved(tmp_path, shops.habits())
    call_command("predict_complements", history, tmp_path / "queries.csv", tmp_path / "out.jsonl")
    answers = {answer["query"]: answer["items"] for answer in told(tmp_path / "out.jsonl")}
    assert answers["q1"][0] == "jam"
    assert not {"jam", "p1"} & set(answers["q2"])
    assert len(answers["q3"]) == 20


@pytest.mark.parametrize(("as_of", "after"), [("60", 60), ("0", 0)])
def test_reorders_are_told_of_pairs_bought_twice(tmp_path: Path, as_of: str, after: int) -> None:
    history = saved(tmp_path, shops.habits())
    call_command("predict_reorders", history, tmp_path / "out.jsonl", as_of=as_of)
    answers = told(tmp_path / "out.jsonl")
    assert bool(answers) == (after > 0)
    assert all(answer["next_day"] >= after and 0 <= answer["p7"] <= answer["p30"] <= 1 for answer in answers)


def test_dates_come_back_as_dates(tmp_path: Path) -> None:
    rows = "u,1,2024-01-01,a\nu,2,2024-01-08,a\n"
    (tmp_path / "in.csv").write_text("user,order_id,day,product\n" + rows)
    call_command("predict_reorders", tmp_path / "in.csv", tmp_path / "out.jsonl", as_of="2024-01-09")
    (answer,) = told(tmp_path / "out.jsonl")
    assert (answer["user"], answer["product"], answer["next_day"]) == ("u", "a", "2024-01-15")
    with pytest.raises(CommandError, match="written as the days"):
        call_command("predict_reorders", tmp_path / "in.csv", tmp_path / "out.jsonl", as_of="9")


@pytest.mark.parametrize("command", ["predict_baskets", "predict_complements", "predict_reorders"])
def test_an_empty_history_has_an_empty_answer(tmp_path: Path, command: str) -> None:
    history = saved(tmp_path, [])
    (tmp_path / "queries.csv").write_text("query,product\n")
    queries = [tmp_path / "queries.csv"] if command == "predict_complements" else []
    options = {"as_of": "5"} if command == "predict_reorders" else {}
    call_command(command, history, *queries, tmp_path / "out.jsonl", **options)
    assert told(tmp_path / "out.jsonl") == []


def test_a_missing_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.csv"):
        call_command("predict_baskets", tmp_path / "nowhere.csv", tmp_path / "out.jsonl")
