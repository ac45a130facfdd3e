"""Drafts: a name with a repository to edit and a state folder to fill, and no process yet."""

from attrs import frozen

from hived import limits
from hived.decisions.approvals import check_asker
from hived.decisions.base import Context, Plan, check_operator, on_agent
from hived.decisions.lifecycle import check_free
from hived.decisions.verdicts import check_note, withdraw_all
from hived.errors import CommandRefused
from hived.events import kept as e
from hived.projections import Hive
from hived.projections.approvals import PENDING


@frozen
class CreateDraft:
    """Take the name, and order a repository and a state folder for it."""

    agent: str
    description: str = ""


def create_draft(hive: Hive, command: CreateDraft, context: Context) -> Plan:
    check_new_draft(hive, command.agent, context)
    check_note("the description", command.description)
    return [
        on_agent(command.agent, e.DraftCreated(command.agent, context.sender, command.description))
    ]


def check_new_draft(hive: Hive, name: str, context: Context) -> None:
    """Whether who asks may have a draft of that name as things stand. Decides nothing.

    Raises:
      CommandRefused: not_allowed, exists, too_many.
    """
    check_asker(hive, context)
    check_free(hive, name)
    _check_spawning(hive, name)
    if len(hive.agents.drafts) >= limits.DRAFTS_MAX:
        raise CommandRefused(
            f"there are {limits.DRAFTS_MAX} drafts, the most there may be",
            code="too_many",
            hint="have some spawned or discarded: hivectl drafts",
        )


def _check_spawning(hive: Hive, name: str) -> None:
    """Make sure that no spawn of the name is waited for: its folders would be the draft's."""
    for one in hive.approvals.open.values():
        if one.agent == name and one.kind == "spawn":
            raise CommandRefused(
                f"approval {one.id} asks to spawn {name}",
                code="exists",
                hint="wait for its end, or withdraw it first",
            )


@frozen
class DiscardDraft:
    """Give a draft up, and all that is asked for it. Its folders are deleted."""

    agent: str
    why: str = ""


def discard_draft(hive: Hive, command: DiscardDraft, context: Context) -> Plan:
    name = command.agent
    check_operator(context, "discards drafts")
    if name not in hive.agents.drafts:
        raise CommandRefused(
            f"there is no draft {name[: limits.NAME_CHARS_MAX]!r}",
            code="not_found",
            hint="hivectl drafts lists them; a name is wanted whole",
        )
    for one in hive.approvals.open.values():
        if one.agent == name and one.state != PENDING:
            raise CommandRefused(
                f"approval {one.id} is being carried out: {name} becomes an agent",
                hint=f"wait a moment, then: hivectl rm {name}",
            )
    gone = on_agent(name, e.DraftDiscarded(name, command.why))
    return [gone, *withdraw_all(hive, name, "the draft was discarded", context)]
