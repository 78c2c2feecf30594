"""Reading orders from a CSV."""

import gzip
from pathlib import Path

import pytest

from personalization.prediction import histories

HEAD = "user,order_id,day,product\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "in.csv"
    path.write_text(text)
    return path


def test_orders_go_by_day_and_those_of_one_day_by_appearance(tmp_path: Path) -> None:
    text = HEAD + "u,late,2024-03-01,c\nu,b,2024-01-02,b\nu,a,2024-01-02,a\n"
    found, rejected = histories.read(written(tmp_path, text))
    assert [found.products[code] for code in found.product] == ["b", "a", "c"]
    assert found.order.tolist() == [0, 1, 2]
    assert found.day[2] - found.day[0] == 59
    assert not rejected


@pytest.mark.parametrize("text", ["user,order_id,product\nu,1,a\nu,2,b\n", HEAD + "u,1,,a\nu,2,,b\n"])
def test_without_days_orders_go_by_appearance(tmp_path: Path, text: str) -> None:
    found, rejected = histories.read(written(tmp_path, text))
    assert found.order.tolist() == [0, 1]
    assert not found.is_dated
    assert not rejected


def test_bad_rows_are_told_by_line_and_the_rest_is_read(tmp_path: Path) -> None:
    text = HEAD + "u,1,5,a\n,1,5,a\nu,2,soon,b\nu,2\nu,2,2024-01-01,c\nu,3,6,d\n"
    found, rejected = histories.read(written(tmp_path, text))
    assert found.products == ["a", "d"]
    assert [line for line, _ in rejected] == [3, 4, 5, 6]


def test_a_product_twice_in_an_order_counts_once(tmp_path: Path) -> None:
    found, _ = histories.read(written(tmp_path, HEAD + "u,1,5,a\nu,1,5,a\n"))
    assert found.product.tolist() == [0]


def test_an_order_without_a_day_is_of_the_day_before_it(tmp_path: Path) -> None:
    found, _ = histories.read(written(tmp_path, HEAD + "u,1,5,a\nu,2,,b\nu,3,9,c\n"))
    assert found.day.tolist() == [5, 5, 9]


def test_a_packed_file_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "in.csv.gz"
    path.write_bytes(gzip.compress((HEAD + "u,1,5,a\n").encode()))
    assert histories.read(path)[0].shoppers == ["u"]


def test_a_file_without_the_columns_is_no_history(tmp_path: Path) -> None:
    with pytest.raises(histories.NotAHistory, match="product"):
        histories.read(written(tmp_path, "user,order_id,item\nu,1,a\n"))
