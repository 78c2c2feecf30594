"""Places and a waiting room, with real threads."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from leafloaf.lanes import Lane

LONG = 30.0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def full(places: int) -> Lane:
    lane = Lane(places)
    assert all(lane.enter(0, 0) for _ in range(places))
    return lane


def test_who_finds_a_place_enters_at_once() -> None:
    assert full(3).free == 0


def test_one_more_than_may_wait_is_refused_at_once() -> None:
    assert not full(2).enter(0, LONG)


def test_patience_ends_and_leaves_nothing_behind() -> None:
    lane = full(1)
    assert not lane.enter(5, 0.01)
    assert not lane.waiting
    lane.leave()
    assert lane.enter(0, 0)


def test_the_first_to_wait_is_the_first_to_enter() -> None:
    lane, order = full(1), list[int]()

    def visit(number: int) -> None:
        assert lane.enter(9, LONG)
        order.append(number)
        lane.leave()

    with ThreadPoolExecutor(4) as pool:
        visits: list[Future[None]] = []
        for number in range(4):
            visits.append(pool.submit(visit, number))
            until(lambda: len(lane.waiting) == len(visits))
        lane.leave()
    assert [visit.result() for visit in visits] == [None] * 4
    assert order == [0, 1, 2, 3]
    assert lane.free == 1


def test_nobody_passes_those_who_wait() -> None:
    lane = full(1)
    waiter = threading.Thread(target=lane.enter, args=(1, LONG))
    waiter.start()
    until(lambda: len(lane.waiting) == 1)
    lane.leave()
    assert not lane.enter(0, 0)
    waiter.join()


def test_never_more_at_work_than_there_are_places_and_none_is_lost() -> None:
    """Many threads whose patience ends while places come free."""
    lane, lock = Lane(3), threading.Lock()
    at_work, most, entered, refused = 0, 0, 0, 0

    def visit(seed: int) -> None:
        nonlocal at_work, most, entered, refused
        chance = random.Random(seed)  # noqa: S311
        for _ in range(60):
            if not lane.enter(8, chance.random() / 500):
                with lock:
                    refused += 1
                continue
            with lock:
                at_work, entered = at_work + 1, entered + 1
                most = max(most, at_work)
            time.sleep(chance.random() / 1000)
            with lock:
                at_work -= 1
            lane.leave()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(visit, range(16)))
    assert (lane.free, len(lane.waiting), at_work) == (3, 0, 0)
    assert most == 3
    assert entered + refused == 16 * 60
    assert entered
    assert refused
