"""Pin a commit of a proposed repository: what the operator is shown is what will be applied.

The commit and all it reaches are copied into the applied repository, where only hived writes, and
tagged. However the proposed one is rewritten after, the tag and the diff stand. Blocks.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from hived import limits
from hived.config.shapes import HIDDEN
from hived.errors import HivedError
from hived.world import git, git_objects, trees
from hived.world.fetching import fetch
from hived.world.marks import deployed, mark, marked
from hived.world.quarantine import copied
from hived.world.trees import TreeFile

_REF = re.compile(r"[0-9a-f]{7,40}\Z")
# What decides most stands first in the diff, so that no other file can push it out of sight.
ORDER_FILE = "hived-order"
ORDER = b"agent.toml\nprompt.md\nnotes.md\n"


@frozen
class Pinned:
    """A commit in the applied repository.

    Fields:
      commit: Its whole id. base: the commit or tree that the diff is from.
      diff: Unified, APPROVAL_DIFF_BYTES_MAX of it; truncated says that there is more. Characters
        that would not be seen as what they are stand as pictures of them.
      paths: All that differ between the two. files: all of the commit.
    """

    commit: str
    base: str
    diff: str
    truncated: bool
    paths: tuple[str, ...]
    files: tuple[TreeFile, ...]


def pin(
    applied: Path,
    proposed: Path,
    ref: str,
    id: str,
    *,
    base_files: Mapping[str, bytes] | None = None,
) -> Pinned:
    """Take the commit that `ref` names over into `applied` and tag it `proposal/ID`.

    ref: 7 to 40 digits of a commit's id; no branch, no tag. The diff is from what is deployed; if
    nothing is, from `base_files`, or from nothing. Done again for the same id and commit it gives
    the same, even when the proposed repository is gone.

    Raises:
      HivedError: invalid_params for what is no id of a commit; not_found; ambiguous_name, with
        `candidates`; exists if the tag is another's; invalid_commit, as `files_of` and `copied`
        say, or more than GIT_NEW_OBJECTS_MAX or GIT_NEW_BYTES_MAX that applied lacks; git_failed.
    """
    check_ref(ref)
    commit = marked(applied, "proposal", id)
    if not commit:
        with copied(proposed, applied / f"quarantine-{id}") as copy:
            commit = _found(applied, copy.objects, ref)
            trees.files_of(applied, commit, alternate=copy.objects, too_large=copy.too_large)
            fetch(applied, copy, commit)
        mark(applied, "proposal", commit, id, f"requested as {ref}")
    elif not commit.startswith(ref):
        raise HivedError(
            f"proposal/{id} is the commit {commit[:12]} already",
            code="exists",
            hint="take a new id",
        )
    return compared(applied, commit, base_files=base_files)


def compared(
    applied: Path, commit: str, *, base_files: Mapping[str, bytes] | None = None
) -> Pinned:
    """A commit of the applied repository beside what is deployed, or `base_files` before that."""
    files = trees.files_of(applied, commit)
    base = deployed(applied) or _base(applied, base_files)
    diff = git.run(
        applied,
        "diff-tree",
        "-p",
        "-r",
        "--text",
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
        "--no-color",
        f"-O{applied / ORDER_FILE}",
        base,
        commit,
        out_max=limits.APPROVAL_DIFF_BYTES_MAX,
        cut=True,
    ).out
    names = git.run(applied, "diff-tree", "-r", "-z", "--name-only", "--no-renames", base, commit)
    truncated = len(diff) > limits.APPROVAL_DIFF_BYTES_MAX
    return Pinned(
        commit,
        base,
        seen(diff[: limits.APPROVAL_DIFF_BYTES_MAX].decode("utf-8", "replace")),
        truncated,
        tuple(names.out.decode("utf-8", "replace").split("\0")[:-1]),
        files,
    )


def check_ref(ref: str) -> None:
    """Refuses what is not 7 to 40 digits of a commit's id."""
    if not isinstance(ref, str) or not _REF.match(ref):
        raise HivedError(
            f"{ascii(ref)[:80]} is not the id of a commit",
            code="invalid_params",
            hint="7 to 40 digits 0-9a-f, as git rev-parse HEAD tells; no branch and no tag",
        )


def seen(text: str) -> str:
    """The text with pictures for characters that would not be seen as what they are."""
    return HIDDEN.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if found[0] in "\n\t":
        return found[0]
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def _found(applied: Path, objects: Path, ref: str) -> str:
    """The one commit whose id begins so, in the copy or in what is applied already."""
    listed = git.run(applied, "rev-parse", f"--disambiguate={ref}", alternate=objects).out
    told = git.run(
        applied,
        "cat-file",
        "--batch-check=%(objectname) %(objecttype)",
        stdin=listed,
        alternate=objects,
    ).out.decode("ascii")
    kinds = dict(line.split(" ", 1) for line in told.splitlines())
    commits = sorted(object for object, kind in kinds.items() if kind == "commit")
    if len(commits) == 1:
        return commits[0]
    if commits:
        raise HivedError(
            f"{ref} is the beginning of {len(commits)} commits",
            code="ambiguous_name",
            hint="give more digits",
            candidates=commits[:10],
        )
    other = next((kind for kind in kinds.values() if kind in ("tree", "blob", "tag")), "")
    raise HivedError(
        f"{ref} is a {other}, not a commit" if other else f"there is no commit {ref}",
        code="not_found",
        hint="commit in the proposed repository, and give what git rev-parse HEAD tells",
    )


def _base(applied: Path, files: Mapping[str, bytes] | None) -> str:
    if not files:
        return git_objects.EMPTY_TREE
    made = git_objects.tree(files)
    git_objects.store(made, applied / "objects")
    return made.id
