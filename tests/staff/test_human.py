import pytest

from leafloaf.staff import human


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.42, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
        (-3, "0 s"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert human.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(12.4, "12 s"), (119, "1 min"), (7515, "2 h 5 min")])
def test_an_age_drops_its_seconds_after_the_first_minute(seconds: float, text: str) -> None:
    assert human.age(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "step", "text"),
    [(90, 30, "90 s"), (5400, 1800, "90 min"), (0.5, 0.5, "0.5 s"), (0, 60, "0 min")],
)
def test_a_tick_is_written_in_the_one_unit_of_its_step(seconds: float, step: float, text: str) -> None:
    assert human.round_duration(seconds, step) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1204, "1,204"), (3.14, "3.1"), (3.0, "3"), (159_302, "159,302")]
)
def test_a_number_has_thousands_separators(value: float, text: str) -> None:
    assert human.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(950, "950"), (1200, "1.2k"), (35e6, "35M"), (2e9, "2G")])
def test_a_compact_number_fits_an_axis(value: float, text: str) -> None:
    assert human.compact(value) == text
