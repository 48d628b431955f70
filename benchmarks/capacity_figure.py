"""Draw the table of simulated runs of docs/capacity.md: wall time against workers.

`python benchmarks/capacity_figure.py docs/capacity.md docs/images/capacity.svg`
"""

import math
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from markupsafe import Markup

from monolayer.drawing.svg import join, tag, text

__all__ = ["figure", "walls"]

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 660.0, 340.0, 60.0, 160.0, 24.0, 44.0
COLOURS = ("#0b6e99", "#b3452c", "#3f8f3f")
TICKS_H = ((0.1, "6 min"), (1, "1 h"), (10, "10 h"), (100, "100 h"))
ROW = re.compile(r"^\| ([a-z][a-z ]+) \| ([\d,]+) \| ([\d.]+) (h|min) \|")


def walls(lines: Iterable[str]) -> dict[str, list[tuple[int, float]]]:
    """Workers and hours of each kind of run, from the table's rows."""
    found: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        if row := ROW.match(line):
            hours = float(row[3]) / (60 if row[4] == "min" else 1)
            found.setdefault(row[1], []).append((int(row[2].replace(",", "")), hours))
    return found


def figure(lines: Iterable[str]) -> str:
    """Give the picture as SVG text."""
    runs = walls(lines)
    most = max(workers for points in runs.values() for workers, _ in points)
    first = max(hours for points in runs.values() for workers, hours in points if workers == 1)
    parts = [_axes(most)]
    ideal = [(n, first / n) for n in (1, round(first / TICKS_H[0][0]))]
    parts.append(_line(ideal, most, "#999", dash="4 4"))
    parts.append(text(WIDTH - RIGHT + 8, TOP + 12, "- - workers alone", fill="#666"))
    for i, (name, points) in enumerate(runs.items()):
        parts.append(_line(points, most, COLOURS[i], dash="8 8" if i == 2 else ""))
        parts.append(text(WIDTH - RIGHT + 8, TOP + 34 + 20 * i, name, fill=COLOURS[i]))
    box = f"0 0 {WIDTH:.0f} {HEIGHT:.0f}"
    described = "Simulated wall time of a million fields against the number of workers"
    return str(
        tag(
            "svg", tag("rect", width=WIDTH, height=HEIGHT, fill="#fff"), *parts, viewBox=box,
            xmlns="http://www.w3.org/2000/svg", role="img", aria_label=described,
            font_family="sans-serif", font_size="12",
        )
    ) + "\n"  # fmt: skip


def _axes(most: int) -> Markup:
    parts = [text(LEFT, 14.0, "wall time of 1,000,000 fields, SIMULATED", fill="#333")]
    for hours, words in TICKS_H:
        y = _y(hours)
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, stroke="#ddd"))
        parts.append(text(LEFT - 6, y + 4, words, text_anchor="end", fill="#333"))
    for power in range(round(math.log10(most)) + 1):
        x = _x(10**power, most)
        parts.append(
            text(x, HEIGHT - BOTTOM + 18, f"{10**power:,}", text_anchor="middle", fill="#333")
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    return join([*parts, text(middle, HEIGHT - 8, "workers", text_anchor="middle", fill="#333")])


def _line(points: list[tuple[int, float]], most: int, colour: str, dash: str = "") -> Markup:
    path = " ".join(f"{_x(n, most):.1f},{_y(hours):.1f}" for n, hours in points)
    return tag(
        "polyline", points=path, fill="none", stroke=colour, stroke_width="2",
        stroke_dasharray=dash or None,
    )  # fmt: skip


def _x(workers: float, most: int) -> float:
    return LEFT + math.log10(workers) / math.log10(most) * (WIDTH - RIGHT - LEFT)


def _y(hours: float) -> float:
    low, high = math.log10(TICKS_H[0][0]), math.log10(500)
    share = (math.log10(hours) - low) / (high - low)
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


if __name__ == "__main__":
    page, picture = map(Path, sys.argv[1:])
    picture.write_text(figure(page.read_text(encoding="utf-8").splitlines()), encoding="utf-8")
