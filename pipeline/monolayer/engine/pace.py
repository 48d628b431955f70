"""How fast a run goes, and how long it will still take; no clock of its own."""

from collections import deque

__all__ = ["Pace", "duration_text"]

WINDOW_SECONDS = 120.0


class Pace:
    """Rate over the last two minutes of work.

    The first mark is the start; workers that start up are no slow fields.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int, float]] = deque()

    def mark(self, seconds: float, done: int, megapixels: float) -> None:
        """Note how much was done, in all, at a time in seconds."""
        self._marks.append((seconds, done, megapixels))
        while len(self._marks) > 2 and self._marks[1][0] < seconds - WINDOW_SECONDS:
            self._marks.popleft()

    @property
    def fields_per_s(self) -> float | None:
        """Fields a second; None before anything was done."""
        return self._rate(1)

    @property
    def megapixels_per_s(self) -> float | None:
        """Megapixels of field area a second; None before anything was done."""
        return self._rate(2)

    def left_s(self, n_open: int) -> float | None:
        """Seconds that so many fields will take; None before anything was done."""
        rate = self.fields_per_s
        return n_open / rate if rate else None

    def _rate(self, place: int) -> float | None:
        if len(self._marks) < 2:
            return None
        first, last = self._marks[0], self._marks[-1]
        if last[0] <= first[0] or last[1] <= first[1]:
            return None
        return (last[place] - first[place]) / (last[0] - first[0])


def duration_text(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 5 min``, ``2 d 4 h``."""
    minutes, hours, days = round(seconds / 60), int(seconds // 3600), int(seconds // 86400)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {int(seconds % 3600 // 60)} min"
    return f"{days} d {int(seconds % 86400 // 3600)} h"
