"""What an applied repository has marked: the commit that runs, and a tag for each step of an
approval, made once. Blocks on git."""

import re
from pathlib import Path

from attrs import frozen

from hived import limits
from hived.errors import HivedError
from hived.world import git

DEPLOYED = "refs/heads/deployed"  # the one branch: what runs
_KINDS = ("proposal", "deployed", "failed", "denied")
_FIELDS = (
    "%(refname:lstrip=2)",
    "%(*objectname)",
    "%(taggerdate:unix)",
    "%(contents)",
)


@frozen
class Mark:
    """A step of an approval. kind: proposal, deployed, failed or denied.

    note: the reason, where somebody gave one. at: unix seconds.
    """

    kind: str
    id: str
    commit: str
    note: str
    at: float


def mark(
    applied: Path, kind: str, commit: str, id: str, note: str, when: float | None = None
) -> None:
    """Tag a commit `KIND/ID`, by hived; a tag of it that is there stays as it is.

    note: may be empty, or anything. when: unix seconds; the machine's clock if it is None.
    """
    if marked(applied, kind, id) == commit:
        return
    text = note.replace("\0", "")[: limits.GIT_NOTE_CHARS_MAX].strip() or "no reason given"
    who = {"GIT_COMMITTER_NAME": "hived", "GIT_COMMITTER_EMAIL": "hived@hive"}
    date = {} if when is None else {"GIT_COMMITTER_DATE": f"@{int(when)} +0000"}
    git.run(
        applied,
        *("tag", "--annotate", "--cleanup=verbatim", "--file=-", f"{kind}/{id}", commit),
        stdin=text.encode("utf-8", "replace"),
        env={**who, **date},
    )


def marked(applied: Path, kind: str, id: str) -> str:
    """The commit that has this tag; empty for none.

    Raises:
      HivedError: invalid_name for an id that could not be the last part of a tag.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", id):
        raise HivedError(f"{ascii(id)[:80]} is not the id of an approval", code="invalid_name")
    return resolved(applied, f"refs/tags/{kind}/{id}")


def resolved(applied: Path, ref: str) -> str:
    """The commit that a whole reference's name stands for in the applied repository, or empty."""
    done = git.run(
        applied,
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{ref}^{{commit}}",
        ok=(0, 1),
    )
    return done.out.decode("ascii").strip()


def deployed(applied: Path) -> str:
    """The commit that runs; empty for none."""
    return resolved(applied, DEPLOYED)


def history(applied: Path) -> tuple[Mark, ...]:
    """The marks of an applied repository, the oldest first; the last GIT_HISTORY_MAX of them."""
    told = git.run(
        applied,
        "for-each-ref",
        f"--format={'%00'.join(_FIELDS)}%00",
        f"--count={limits.GIT_HISTORY_MAX}",
        "--sort=-taggerdate",
        "refs/tags",
    ).out.decode("utf-8", "replace")
    words = told.split("\0")
    columns = (words[n :: len(_FIELDS)] for n in range(len(_FIELDS)))
    marks = []
    for name, commit, at, note in zip(*columns, strict=False):
        kind, _, id = name.strip().partition("/")
        marks.append(Mark(kind, id, commit, note.rstrip("\n"), float(at)))
    return tuple(sorted(marks, key=lambda one: (one.at, _KINDS.index(one.kind))))
