"""Tables that fit the terminal: columns give way in a fixed order, cells are cut, none wraps."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hived.ctl.console import Console
from hived.ctl.words import clean, columns, cut, pad

Row = Mapping[str, Any]

GAP = "  "


class Column(NamedTuple):
    """One column. align: < or >. least: it is not made narrower than that.

    drop: where narrowing is not enough, the column with the highest number leaves first; one
    with 0 stays.
    """

    title: str
    align: str = "<"
    least: int = 4
    drop: int = 0


def show(
    console: Console,
    heads: Sequence[Column],
    rows: Sequence[Row],
    cells: Callable[[Row], Sequence[object]],
    style: Callable[[Row], str] = lambda row: "",
) -> None:
    """Print rows as a table with its header; nothing where there are none."""
    if rows:
        header, *lines = lay_out(heads, [cells(row) for row in rows], console.width)
        console.line(header, "bold")
        for row, line in zip(rows, lines, strict=True):
            console.line(line, style(row))


def lay_out(
    heads: Sequence[Column], rows: Sequence[Sequence[object]], width: int | None
) -> list[str]:
    """The lines of a table, its header first, each at most `width` terminal columns wide."""
    cells = [[clean(cell) for cell in row] for row in rows]
    shown = [i for i, head in enumerate(heads) if _used(head, i, cells)]
    natural = {
        i: max([columns(heads[i].title), *(columns(row[i]) for row in cells)]) for i in shown
    }
    widths = _fit(heads, shown, natural, width)
    titles = [head.title for head in heads]
    return [_line(heads, widths, row, width) for row in [titles, *cells]]


def _used(head: Column, index: int, cells: Sequence[Sequence[str]]) -> bool:
    return not head.drop or any(row[index] for row in cells)


def _fit(
    heads: Sequence[Column], shown: list[int], natural: dict[int, int], width: int | None
) -> dict[int, int]:
    widths = dict(natural)
    while width is not None and _total(widths) > width:
        wide = [i for i in widths if widths[i] > max(heads[i].least, len(heads[i].title))]
        if wide:
            widest = max(wide, key=lambda i: widths[i])
            widths[widest] -= 1
            continue
        droppable = [i for i in widths if heads[i].drop]
        if not droppable:
            break  # a terminal this narrow: the line as a whole is cut
        gone = max(droppable, key=lambda i: heads[i].drop)
        shown = [i for i in widths if i != gone]
        widths = {i: natural[i] for i in shown}
    return widths


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + len(GAP) * (len(widths) - 1)


def _line(
    heads: Sequence[Column], widths: dict[int, int], row: Sequence[str], width: int | None
) -> str:
    cells = [pad(cut(row[i], widths[i]), widths[i], heads[i].align) for i in widths]
    return cut(GAP.join(cells).rstrip(), width)
