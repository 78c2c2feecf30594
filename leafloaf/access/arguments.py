"""What the commands about keys are told on the command line."""

import argparse
import re
from datetime import UTC, datetime, timedelta

from django.utils import timezone

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
LONGEST = timedelta(days=3650)


def length_of_time(text: str) -> timedelta:
    """`now`, or a number of minutes, hours or days: `90m`, `12h`, `7d`."""
    if text == "now":
        return timedelta(0)
    found = re.fullmatch(r"(\d{1,6})([mhd])", text)
    length = int(found[1]) * UNITS[found[2]] if found else None
    if length is None or length > LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is none of now, 90m, 12h, 7d")
    return length


def later_day(text: str) -> datetime:
    """The beginning of a UTC day that has not begun yet."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day, such as 2027-01-31") from error
    if day <= timezone.now():
        raise argparse.ArgumentTypeError(f"{text} has begun already")
    return day
