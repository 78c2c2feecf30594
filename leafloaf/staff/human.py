"""Numbers as people read them."""

MINUTE, HOUR, DAY = 60, 3600, 86_400
PARTS = ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s"))


def duration(seconds: float) -> str:
    """`0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`: two units, the smaller one left out when it is 0."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    for size, unit, smaller, smaller_unit in PARTS:
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{whole} s"


def age(seconds: float) -> str:
    """The same for how long ago something was, where seconds matter in the first minute only."""
    return duration(round(seconds) if seconds < MINUTE else seconds // MINUTE * MINUTE)


def round_duration(seconds: float, step: float) -> str:
    """A multiple of a round step in the one unit that fits the step: `90 min`, never `1 h 30 min`."""
    size, unit = next(((size, unit) for size, unit, *_ in PARTS if step >= size), (1, "s"))
    return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"


def number(value: float) -> str:
    """`1,204`; one decimal for small numbers that are not whole."""
    return f"{value:,.1f}".removesuffix(".0") if abs(value) < 10 else f"{value:,.0f}"


def compact(value: float) -> str:
    """`1.2k`, `35M`: for where there is no room."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.1f}".removesuffix(".0") + suffix
    return number(value)
