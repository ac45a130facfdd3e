"""What every bench needs: tables, quantiles, and the settings of the machine."""

import os
import platform
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a title, numbers to the right, everything else to the left."""
    cells = [[cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    print(f"\n{title}")
    print("  ".join(name.ljust(width) for name, width in zip(head, widths, strict=True)).rstrip())
    for row, shown in zip(rows, cells, strict=True):
        line = [
            text.rjust(width) if isinstance(value, int | float) else text.ljust(width)
            for value, text, width in zip(row, shown, widths, strict=True)
        ]
        print("  ".join(line).rstrip(), flush=True)


def cell(value: object) -> str:
    """Show a value: whole numbers with thousands, small ones with three figures."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def quantile(values: Sequence[float], q: float) -> float:
    """Give the value at or below which the share q of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def machine() -> str:
    """Say in one line what the figures were measured on."""
    return (
        f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


class Figure(NamedTuple):
    """One measured value beside its baseline of the same run. aim: "< 10", "> 60,000" or none."""

    what: str
    value: float
    unit: str
    aim: str
    baseline: str
    floor: float | None

    @property
    def met(self) -> str:
        """yes, NO, or nothing where no aim was set."""
        if not self.aim:
            return ""
        sign, number = self.aim.split()
        limit = float(number.replace(",", ""))
        return "yes" if (self.value < limit if sign == "<" else self.value > limit) else "NO"


def show(title: str, figures: Sequence[Figure]) -> None:
    """Print figures as one table."""
    head = ["what", "value", "unit", "aim", "met", "baseline of the same run", "its value"]
    rows = [
        [f.what, f.value, f.unit, f.aim, f.met, f.baseline, "" if f.floor is None else f.floor]
        for f in figures
    ]
    table(title, head, rows)
