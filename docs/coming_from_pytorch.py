"""Writes the tables of the page for PyTorch's users from the table of hints: ``python docs/coming_from_pytorch.py``."""

import re
from pathlib import Path

from micrograd_tensor.engine.interop.habits import DIFFERENCES, HABITS, NO_COUNTERPART, Habit

PAGE = Path(__file__).parent / "coming-from-pytorch.md"
PARTS = {"functions": ("torch",), "layers": ("nn", "F", "net"), "training": ("data", "optim")}
"""The parts of the page, and whose names they hold; all others are of tensors."""


def part(habit: Habit) -> str:
    """The part of the page that a habit stands in."""
    if habit.about.endswith("="):
        return "settings"
    owner = re.split(r"\W", habit.theirs)[0]
    return next((name for name, owners in PARTS.items() if owner in owners), "tensors")


def row(habit: Habit) -> str:
    """One line of a table."""
    ours = f"`{habit.ours}`" if habit.ours not in ("", NO_COUNTERPART) else ""
    return f"| `{habit.theirs}` | {'; '.join(filter(None, [ours, habit.why]))} |"


def with_tables(page: str) -> str:
    """The page, with each table below its mark."""
    rows = {"differences": [row(habit) for habit in DIFFERENCES]}
    for habit in HABITS:
        rows.setdefault(part(habit), []).append(row(habit))
    for name, lines in rows.items():
        table = "\n".join(["| PyTorch | here |", "| --- | --- |", *lines])
        page = re.sub(
            rf"(<!-- {name} -->\n\n).*?(?=\n\n|\Z)", lambda mark, table=table: mark[1] + table, page, flags=re.DOTALL
        )
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
