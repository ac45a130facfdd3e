"""Every verb of hivectl in one literal table. To add one: a function in its module, a row here.

`FUNCTION_arguments(parser)` in the module declares what the verb takes, `FUNCTION(run)` does it
and returns the exit code. Only the module of the verb that is asked for is imported.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Verb(NamedTuple):
    """module: below hived.ctl. example: a line that --help shows and a test parses."""

    module: str
    function: str
    group: str
    summary: str
    example: str


LOOK, MAIL, AGENTS, DAEMON, OTHER = "Look", "Mail", "Agents", "The daemon", "Other"

VERBS: Mapping[str, Verb] = {
    "ps": Verb("ps", "ps", LOOK, "all agents, by what you must do about them", "ps --at -10m"),
    "status": Verb("agent", "status", LOOK, "all that is known of an agent", "status ada"),
    "turns": Verb("agent", "turns", LOOK, "an agent's last turns", "turns ada -n 5"),
    "why": Verb("agent", "why", LOOK, "the events that led to an agent's state", "why ada"),
    "log": Verb("log", "log", LOOK, "what happened, event by event", "log -f --agent ada"),
    "transcript": Verb(
        "transcript", "transcript", LOOK, "what an agent's turn printed", "transcript ada 12 -f"
    ),
    "notes": Verb("notes", "notes", LOOK, "an agent's notes", "notes ada --history"),
    "costs": Verb("costs", "costs", LOOK, "what was spent, and the budgets", "costs --by day"),
    "state": Verb("hive", "state", LOOK, "the hive's whole state", "state --at 412 --json"),
    "send": Verb(
        "mail", "send", MAIL, "send a message to an agent, or to all", "send ada 'look at the log'"
    ),
    "inbox": Verb("mail", "inbox", MAIL, "your mail, or an agent's", "inbox --ack"),
    "ack": Verb("mail", "ack", MAIL, "mark mail to you as read", "ack m0123456789ab"),
    "ask": Verb(
        "questions", "ask", MAIL, "ask an agent", "ask ada 'Which one?' --option red --option blue"
    ),
    "questions": Verb(
        "questions", "questions", MAIL, "what waits for an answer", "questions --all"
    ),
    "answer": Verb("questions", "answer", MAIL, "answer a question", "answer q0123 --option 2"),
    "approvals": Verb(
        "approvals", "approvals", MAIL, "what waits for your word", "approvals show p0123"
    ),
    "approve": Verb("approvals", "approve", MAIL, "approve requests", "approve p0123 --note ok"),
    "deny": Verb("approvals", "deny", MAIL, "deny requests", "deny p0123 --note 'not now'"),
    "withdraw": Verb(
        "approvals", "withdraw", MAIL, "take back requests of your own", "withdraw p0123"
    ),
    "drafts": Verb(
        "drafts", "drafts", AGENTS, "agents to come: list, new, discard", "drafts new web"
    ),
    "spawn": Verb(
        "drafts",
        "spawn",
        AGENTS,
        "make a default agent, or one from a draft",
        "spawn web --from-commit 0123abc",
    ),
    "apply": Verb(
        "drafts", "apply", AGENTS, "ask for a commit of its configuration", "apply ada 0123abc"
    ),
    "remind": Verb(
        "waiting", "remind", MAIL, "set a reminder for an agent", "remind ada 'look again' --in 10m"
    ),
    "reminders": Verb("waiting", "reminders", MAIL, "reminders that are to come", "reminders ada"),
    "loose-ends": Verb(
        "waiting", "loose_ends", MAIL, "what agents have not ended, or owe", "loose-ends ada"
    ),
    "new": Verb(
        "create",
        "new",
        AGENTS,
        "make an agent and start it",
        "new ada --workdir ~/src/app --model haiku --allow 'Bash(git *)'",
    ),
    "cancel": Verb("life", "order", AGENTS, "end an agent's turn, or its nap", "cancel ada"),
    "compact": Verb(
        "notes",
        "compact",
        AGENTS,
        "compact an agent's conversation or notes",
        "compact ada --notes",
    ),
    "model": Verb("life", "model", AGENTS, "set the model of the next turn", "model ada sonnet"),
    "new-session": Verb(
        "life", "order", AGENTS, "begin a new conversation with the next turn", "new-session ada"
    ),
    "nap": Verb(
        "waiting", "nap", AGENTS, "no mail, no turn for a while", "nap ada 10m --reason 'CI runs'"
    ),
    "wake": Verb("life", "order", AGENTS, "end an agent's nap", "wake ada"),
    "pause": Verb("life", "order", AGENTS, "start no further turn", "pause ada"),
    "resume": Verb("life", "order", AGENTS, "take turns again after a pause", "resume ada"),
    "start": Verb("life", "order", AGENTS, "start a stopped or failed agent", "start ada"),
    "stop": Verb("life", "order", AGENTS, "stop an agent, its turn as well", "stop ada"),
    "restart": Verb("life", "order", AGENTS, "stop and start an agent", "restart ada"),
    "lift": Verb(
        "life", "order", AGENTS, "end a wait for a limit, budget or login now", "lift ada"
    ),
    "rm": Verb("life", "remove", AGENTS, "take an agent out of the hive", "rm ada --yes"),
    "config": Verb(
        "config", "config", AGENTS, "what an agent runs with, and texts checked", "config ada"
    ),
    "tombstones": Verb("kept", "tombstones", AGENTS, "agents that were taken out", "tombstones"),
    "revive": Verb("kept", "revive", AGENTS, "bring one of them back", "revive ada"),
    "purge": Verb("kept", "purge", AGENTS, "delete one of them for good", "purge ada"),
    "daemon": Verb("daemon", "daemon", DAEMON, "how hived does, or stop it", "daemon stop --turns"),
    "verify": Verb("hive", "verify", DAEMON, "read the whole log back and check it", "verify"),
    "doctor": Verb("hive", "doctor", DAEMON, "check what this machine offers", "doctor"),
    "completion": Verb(
        "completion", "completion", OTHER, "a shell's completion script", "completion bash"
    ),
    "version": Verb("help", "version", OTHER, "the versions of hivectl and hived", "version"),
    "help": Verb("help", "help", OTHER, "this list, a verb, or a topic", "help exit-codes"),
}

# For completion scripts. Not shown.
HIDDEN: Mapping[str, Verb] = {
    "__names": Verb("completion", "names", OTHER, "the agents' names, one a line", "__names"),
}

GROUPS = (LOOK, MAIL, AGENTS, DAEMON, OTHER)
