"""What a log may say of an error: what it is, not what it says.

What an error says for itself may quote a row, a name or an address, and so a person; Postgres and Google do.
"""

from collections.abc import Iterator
from itertools import islice

MOST_KINDS = 4


def kind_of(error: BaseException) -> str:
    """The name of its class, and a code where it has one: Postgres's SQLSTATE, a status of HTTP, the system's errno."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    code = code_of(error)
    return f"{name} ({code})" if code else name


def code_of(error: BaseException) -> str:
    if state := getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None):
        return str(state)
    numbers = (getattr(error, "code", None), getattr(error, "errno", None))
    return next((str(int(one)) for one in numbers if isinstance(one, int)), "")


def kinds_of(error: BaseException) -> str:
    """The error, what it was raised from, and so on, in a few words."""
    return ", by ".join(kind_of(one).rpartition(".")[2] for one in islice(chain_of(error), MOST_KINDS))


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following and id(following) not in seen:
        yield following
        seen.add(id(following))
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
