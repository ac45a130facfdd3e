"""A commit's objects, taken from the copy of a proposed repository into the applied one. Blocks."""

import tempfile
from pathlib import Path

from hived import limits
from hived.world import git, git_objects, trees
from hived.world.git import GitFailed
from hived.world.marks import deployed
from hived.world.quarantine import Copied, invalid

_ID_CHARS = 40


def fetch(applied: Path, copy: Copied, commit: str) -> None:
    """Write what applied lacks of the commit's history into it, checked object by object.

    Raises:
      HivedError: invalid_commit for what is missing or broken, or more than GIT_NEW_OBJECTS_MAX or
        GIT_NEW_BYTES_MAX; git_failed.
    """
    runs = deployed(applied)
    try:
        listed = git.run(
            applied,
            "rev-list",
            "--objects",
            "--no-object-names",
            commit,
            *(["--not", runs] if runs else []),
            alternate=copy.objects,
            out_max=limits.GIT_NEW_OBJECTS_MAX * (_ID_CHARS + 1),
        ).out
    except GitFailed as error:
        if error.data.get("overflow"):
            raise invalid(
                f"the commit and its history hold more than {limits.GIT_NEW_OBJECTS_MAX} objects",
                "commit on top of what is deployed",
            ) from None
        if sizes := [size for id, size in copy.too_large.items() if id in error.message]:
            raise invalid(
                f"an earlier commit holds a file of {sizes[0]} bytes",
                "take it out of the history as well, not by one commit more",
            ) from None
        raise trees.unreadable(error) from None
    objects = listed.decode("ascii").split()
    total = sum(trees.sizes_of(applied, objects, copy.objects).values())
    if total > limits.GIT_NEW_BYTES_MAX:
        raise invalid(
            f"the commit and its history unpack to {total} bytes;"
            f" {limits.GIT_NEW_BYTES_MAX} is the most",
            "large files do not belong in a configuration",
        )
    if objects:
        _check_bases(applied, copy.objects, objects)
        _take_over(applied, copy.objects, listed)


def _check_bases(applied: Path, copy: Path, objects: list[str]) -> None:
    """Refuse what is stored as a difference to something huge, which git would have to unpack."""
    seen_already, wanted = {git_objects.NO_OBJECT, *objects}, objects
    for _ in range(limits.GIT_DELTA_DEPTH_MAX):
        asked = "".join(f"{object}\n" for object in wanted).encode()
        try:
            told = git.run(
                applied, "cat-file", "--batch-check=%(deltabase)", stdin=asked, alternate=copy
            ).out.decode("ascii")
        except GitFailed as error:
            raise trees.unreadable(error) from None
        bases = {line for line in told.splitlines() if " " not in line}  # not: ID missing
        wanted = sorted(bases - seen_already)
        if not wanted:
            return
        seen_already.update(wanted)
        # An object that is named and not there is no size, and is missed when it is packed.
        largest = max(trees.sizes_of(applied, wanted, copy).values(), default=0)
        if largest > limits.GIT_OUTPUT_BYTES_MAX:
            raise invalid(
                f"the commit is stored as a difference to an object of {largest} bytes",
                "run git gc in the repository",
            )
    raise invalid("the commit is stored as differences upon differences", "run git gc in it")


def _take_over(applied: Path, objects: Path, listed: bytes) -> None:
    with tempfile.TemporaryFile(dir=objects) as pack:
        try:
            git.run(
                applied,
                "pack-objects",
                "--stdout",
                "-q",
                stdin=listed,
                stdout=pack,
                alternate=objects,
            )
            pack.seek(0)
            # Without the copy beside it: what is missing or broken shows here, and nothing of it
            # gets into the applied repository.
            git.run(applied, "index-pack", "--stdin", "--strict", stdin=pack)
        except GitFailed as error:
            raise trees.unreadable(error) from None
