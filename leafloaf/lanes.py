"""Lanes: so many at work at once, so many waiting for their turn, and nobody else. Knows nothing of HTTP."""

import threading
from collections import deque
from dataclasses import dataclass, field


@dataclass
class Lane:
    """Places for those at work; who waits gets the next one that is left, first come, first served."""

    places: int
    waiting: deque[threading.Lock] = field(default_factory=deque, init=False)
    changing: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self.free = self.places

    def enter(self, most_waiting: int, seconds: float) -> bool:
        """Whether a place was had: at once, or after waiting, unless so many wait already or it takes so long.

        Whoever gets one must `leave` it.
        """
        with self.changing:
            if self.free:  # then nobody waits: a place that is left goes to who does
                self.free -= 1
                return True
            if len(self.waiting) >= most_waiting:
                return False
            turn = threading.Lock()
            turn.acquire()
            self.waiting.append(turn)
        return turn.acquire(timeout=seconds) or not self._gave_up(turn)

    def _gave_up(self, turn: threading.Lock) -> bool:
        """False when the place came in the moment that patience ended."""
        with self.changing:
            if turn not in self.waiting:
                return False
            self.waiting.remove(turn)
            return True

    def leave(self) -> None:
        with self.changing:
            if self.waiting:
                self.waiting.popleft().release()
            else:
                self.free += 1
