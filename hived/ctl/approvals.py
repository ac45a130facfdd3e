"""hivectl approvals, approve, deny and withdraw: what waits for your word, and giving it."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from hived.ctl.run import Run, UsageError, positive, reads, takes_json
from hived.ctl.table import Column, show
from hived.ctl.when import local, short
from hived.ctl.words import clean, count, fold
from hived.errors import HivedError
from hived.limits import LOG_PAGE_EVENTS_MAX
from hived.names import APPROVAL_KINDS

Row = Mapping[str, Any]

_STYLES = {"pending": "bold", "approved": "yellow", "done": "green", "failed": "red"}
_COLUMNS = (
    Column("APPROVAL", least=17),
    Column("KIND", least=12),
    Column("AGENT", least=8),
    Column("FROM", least=8),
    Column("ASKED", least=11, drop=1),
    Column("STATE", least=8),
    Column("NOTE", least=10, drop=2),
)


def approvals_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", metavar="show ID", nargs="*", help="with none: list; show ID: one, with its diff"
    )
    parser.add_argument("--all", action="store_true", help="also those that are decided")
    parser.add_argument("-n", type=positive, metavar="COUNT", default=100, help="at most so many")
    reads(parser)


def approvals(run: Run) -> int:
    """Print approvals, oldest first, or one with its diff; 0."""
    args = run.args
    if args.words:
        if args.words[0] in ("approve", "deny", "withdraw"):
            raise UsageError(f"{args.words[0]} is a verb of its own", f"hivectl {args.words[0]} ID")
        if args.words[0] != "show" or len(args.words) != 2:
            raise UsageError("approvals takes nothing, or show ID", "hivectl approvals show p0123")
        return _show(run, args.words[1])
    answer = run.read("approvals", all=args.all or None, limit=args.n)
    if run.json:
        run.console.document(answer)
        return 0
    show(run.console, _COLUMNS, answer["approvals"], _cells, _colour)
    if not answer["approvals"]:
        run.console.line("no approvals yet" if args.all else "nothing waits for your word")
    if answer["left_out"]:
        run.console.line(f"{answer['left_out']} older ones left out (-n)", "dim")
    return 0


def _colour(row: Row) -> str:
    return _STYLES.get(row["state"], "dim")


def _cells(row: Row) -> list[str]:
    return [
        row["approval"],
        row["kind"],
        row["agent"],
        row["requester"],
        short(row["asked_at"]),
        row["state"],
        row["why"] or row["note"] or row["description"] or "",
    ]


def _show(run: Run, approval: str) -> int:
    answer = run.read("approval", approval=approval)
    if run.json:
        run.console.document(answer)
        return 0
    row, console = answer["approval"], run.console
    head = f"{row['approval']}: {row['kind']} {row['agent']}, {row['state']}"
    console.line(clean(head), _STYLES.get(row["state"], "bold"))
    width = None if console.width is None else max(20, console.width - 14)
    for name, text in _facts(row):
        for index, line in enumerate(fold(text, width) if text else ()):
            console.line(f"  {'' if index else name:<12}{line}".rstrip())
    _lines(run, "lies in its state folder", row["staged_now"] or row["staged"])
    if row["staged_now"] != row["staged"] and row["kind"] == "spawn_commit":
        _lines(run, "lay there when it was asked for", row["staged"] or ["nothing"])
    _diff(run, row)
    return 0


def _facts(row: Row) -> list[tuple[str, str]]:
    asked = f"{local(row['asked_at'])} by {row['requester']}"
    decided = f"{local(row['decided_at'])} by {row['decided_by']}" if row["decided_at"] else ""
    if decided:
        decided += f", position {row['decided_position']}"
    config = row["config"] or {}
    return [
        ("asked", asked),
        ("for", row["description"] or ""),
        ("expires", local(row["expires_at"]) if row["expires_at"] else ""),
        ("decided", decided),
        ("note", row["note"] or ""),
        ("failed", row["why"] or ""),
        ("commit", row["commit"] or ""),
        ("driver", str(config.get("driver", ""))),
        ("model", str(config.get("model", ""))),
        ("role", str(config.get("role", ""))),
        ("allow", ", ".join(map(str, config.get("allow", ())))),
    ]


def _lines(run: Run, what: str, lines: Sequence[str]) -> None:
    if lines:
        run.console.line(f"  {what}:")
        for line in lines:
            run.console.line(clean(f"    {line}"))


def _diff(run: Run, row: Row) -> None:
    """The diff as it is, whole lines: a cut one could hide what it ends with."""
    if row["diff"] is None:
        return
    run.console.line()
    for line in row["diff"].removesuffix("\n").split("\n"):
        style = _style(line)
        for part in fold(line, run.console.width):
            run.console.line(part, style)
    if row["truncated"]:
        run.console.line("... the diff is longer; touched are:", "yellow")
        for path in row["paths"]:
            run.console.line(clean(f"    {path}"))


def _style(line: str) -> str:
    if line.startswith(("diff ", "+++ ", "--- ", "index ")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")


def approve_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("approvals", metavar="ID", nargs="*", help="or beginnings that only they have")
    add("--note", metavar="TEXT", help="for who asked")
    add("--all", action="store_true", help="all that wait; lists them and asks first")
    add("--kind", choices=APPROVAL_KINDS, help="with --all: of this kind alone")
    add("--from", metavar="NAME", dest="requester", help="with --all: asked by NAME alone")
    add("--yes", action="store_true", help="with --all: do not ask")
    takes_json(parser)


def approve(run: Run) -> int:
    """Approve requests; 0, or 1 where one of them came to no good."""
    args = run.args
    if bool(args.approvals) == bool(args.all):
        raise UsageError("which ones?", "hivectl approve ID..., or hivectl approve --all")
    if not args.all and (args.kind or args.requester or args.yes):
        raise UsageError("--kind, --from and --yes go with --all")
    ids = _chosen(run) if args.all else list(args.approvals)
    return _decide(run, "approve", ids, args.note)


def _chosen(run: Run) -> list[str]:
    """The ids of what was listed, and none that came after."""
    args = run.args
    rows = run.client.call("approvals", limit=LOG_PAGE_EVENTS_MAX)["approvals"]
    rows = [row for row in rows if args.kind in (None, row["kind"])]
    rows = [row for row in rows if args.requester in (None, row["requester"])]
    if not run.json:
        show(run.console, _COLUMNS, rows, _cells, _colour)
    if rows and not args.yes:
        which = "it" if len(rows) == 1 else f"all {len(rows)}"
        run.confirm(f"Approve {which}?", otherwise="nothing is approved", to="approve")
    return [str(row["approval"]) for row in rows]


def deny_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("approvals", metavar="ID", nargs="+", help="what to deny")
    parser.add_argument("--note", metavar="TEXT", required=True, help="why, for who asked")
    takes_json(parser)


def deny(run: Run) -> int:
    """Deny requests; 0."""
    return _decide(run, "deny", run.args.approvals, run.args.note)


def withdraw_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("approvals", metavar="ID", nargs="+", help="requests of your own")
    takes_json(parser)


def withdraw(run: Run) -> int:
    """Take requests of one's own back; 0."""
    return _decide(run, "withdraw", run.args.approvals, None)


def _decide(run: Run, method: str, ids: Sequence[str], note: str | None) -> int:
    """Each by itself: what one is refused with does not keep the others from being decided."""
    more = {} if method == "withdraw" else {"note": note}
    answers, refused = [], None
    for approval in ids:
        try:
            answers.append(run.client.call(method, approval=approval, **more))
        except HivedError as error:
            if len(ids) == 1:
                raise
            refused = refused or error
            hint = f" ({error.hint})" if error.hint else ""
            run.console.note(clean(f"{approval}: {error.message}{hint}"))
    if run.json:
        alone = answers[0] if len(ids) == 1 else {}
        run.console.document({**alone, "approvals": [answer["approval"] for answer in answers]})
    else:
        for answer in answers:
            tell(run, answer["approval"])
        if not ids:
            run.console.line("nothing waits for your word")
    if refused is not None:
        raise HivedError(
            f"{count(len(ids) - len(answers), 'request')} not decided", code=refused.code
        )
    return int(any(answer["approval"]["state"] == "failed" for answer in answers))


def tell(run: Run, row: Row) -> None:
    """Print what became of a request, whole: of a failure the reason is at its end."""
    run.console.block(_told(row), indent="")


def _told(row: Row) -> str:
    """What became of a request."""
    what = f"{row['approval']}: {row['kind']} {row['agent']}"
    if row["state"] == "failed":
        return f"{what} was approved and failed: {row['why']}"
    if row["state"] == "approved":
        return f"{what} is approved and being carried out"
    if row["state"] == "pending":
        return f"{what} waits: hivectl approvals show {row['approval']}"
    rule = f" by the policy {row['rule']}" if row["rule"] else ""
    return f"{what}: {row['state']}{rule}"
