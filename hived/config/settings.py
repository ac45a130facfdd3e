"""hive.toml to Settings: defaults of agents, budgets, rules, quiet hours."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from attrs import evolve

from hived import limits
from hived.config.agent import Known, read_keys
from hived.config.globs import check_glob
from hived.config.keys import BUDGETS, KEYS
from hived.config.nested import Entry, Listed, Named, Record
from hived.config.problems import Problems, quoted
from hived.config.shapes import BAD, Clock, Duration, Flag, Offset, Shape, Text
from hived.config.toml_text import tables
from hived.events.settings import Policy, QuietHours, Settings
from hived.names import APPROVAL_KINDS, MANAGER, OPERATOR, agent_name

FILE = "hive.toml"


def _requester(text: str) -> None:
    if text not in (MANAGER, OPERATOR):
        agent_name(text)


def _expiry(timeout: float, then: str = "expire") -> float:
    return timeout


def _quiet(
    begin: int, end: int, offset: int = 0, agents: tuple[str, ...] = (), name: str = "quiet hours"
) -> QuietHours:
    return QuietHours(name, begin, end, offset, agents)


_KIND = Text(60, choices=APPROVAL_KINDS)
_NAME = Text(60, "a word", pattern=r"[A-Za-z0-9][A-Za-z0-9_. -]*", empty=False)
_WHO = Listed(Text(limits.NAME_CHARS_MAX, "a name", _requester, empty=False), limits.AGENTS_MAX)
_GLOB = Text(limits.GLOB_CHARS_MAX, "a pattern of paths", check_glob, empty=False)

_POLICIES = Listed(
    Record(
        {
            "name": Entry(_NAME, "What the log names it by", required=True),
            "decision": Entry(Text(choices=("approve", "deny")), "approve or deny", required=True),
            "kinds": Entry(Listed(_KIND, len(APPROVAL_KINDS)), "Of what kinds; empty for all"),
            "requesters": Entry(_WHO, "Asked by whom: agents, or manager; empty for all"),
            "paths": Entry(
                Listed(_GLOB, limits.POLICY_GLOBS_MAX),
                "Globs: * within a folder, ** over folders. approve: all touched paths must match;"
                " deny: any. Empty for whatever is touched",
            ),
            "note": Entry(Text(limits.APPROVAL_NOTE_CHARS_MAX), "Told with the decision"),
        },
        Policy,
    ),
    limits.POLICIES_MAX,
)
_QUIET = Listed(
    Record(
        {
            "name": Entry(_NAME, "What people see of it"),
            "from": Entry(Clock(), 'The first minute, as "22:00"', True, "begin"),
            "to": Entry(Clock(), 'The first minute after, as "07:00"', True, "end"),
            "timezone": Entry(Offset(), 'A fixed offset, as "+02:00"; UTC else', name="offset"),
            "agents": Entry(
                Listed(Text(limits.NAME_CHARS_MAX, "a name", agent_name), limits.AGENTS_MAX),
                "Whose; empty for all",
            ),
        },
        _quiet,
    ),
    limits.QUIET_HOURS_MAX,
)
_APPROVALS = Named(
    _KIND,
    Record(
        {
            "timeout": Entry(Duration(), 'How long one waits, as "24h"', required=True),
            "then": Entry(Text(choices=("expire",)), "What happens to it then"),
        },
        _expiry,
    ),
    len(APPROVAL_KINDS),
)
_LIMITS = Record(
    {"resume": Entry(Flag(), "Agents go on by themselves when a rate limit's time has passed")},
    dict,
)
# The tables of hive.toml beside [defaults], and what each is for.
TABLES: Mapping[str, tuple[Shape, str]] = {
    "budgets": (BUDGETS, "What all agents together may spend; each holds by itself."),
    "approvals": (_APPROVALS, "How long pending approvals wait; kinds not named wait for good."),
    "policies": (_POLICIES, "Decide approvals without the operator; the first that matches does."),
    "quiet_hours": (_QUIET, "No turn begins in them but for the operator's urgent mail."),
    "rate_limits": (_LIMITS, "What happens after a rate limit."),
}


def parse_settings(data: bytes, *, known: Known) -> Settings:
    """The settings that a hive.toml means; an empty text means the built-in ones.

    Raises:
      ConfigInvalid: invalid_config, with all that is wrong (CONFIG_PROBLEMS_MAX of it).
    """
    problems = Problems(FILE)
    table = tables(data, problems)
    found: dict[str, Any] = {}
    for word, value in table.items():
        if word == "defaults":
            found[word] = _defaults(value, problems, known)
        elif word in TABLES:
            found[word] = TABLES[word][0].read(value, word, problems)
        else:
            problems.unknown("", word, ("defaults", *TABLES))
    _check_names(found, problems)
    problems.raise_any()
    settings = Settings(
        defaults=found.get("defaults", {}),
        budgets=found.get("budgets", ()),
        policies=found.get("policies", ()),
        expiry_s=found.get("approvals", {}),
        quiet_hours=found.get("quiet_hours", ()),
        resume_after_limits=found.get("rate_limits", {}).get("resume", True),
    )
    return evolve(settings, digest=hashlib.blake2b(data, digest_size=16).hexdigest())


def _defaults(table: object, problems: Problems, known: Known) -> dict[str, str]:
    """The values that are sound, as JSON text of what TOML held: they are read again for each."""
    if not isinstance(table, dict):
        problems.add("defaults", f"must be a table, not {quoted(table)}")
        return {}
    sound = read_keys(table, "defaults", problems, known, hive=True)
    return {path: orjson.dumps(raw_at(table, path)).decode() for path in KEYS if path in sound}


def raw_at(table: Mapping[str, Any], path: str) -> object:
    """The value under a dotted path of keys, as TOML held it."""
    group, dot, word = path.partition(".")
    return table[group][word] if dot else table[group]


def _check_names(found: Mapping[str, Any], problems: Problems) -> None:
    """A decision names its rule, so a name stands for one; a day of quiet would be no hours."""
    policies = found.get("policies", BAD)
    seen: set[str] = set()
    for number, policy in enumerate(() if policies is BAD else policies, 1):
        if policy.name in seen:
            problems.add(f"policies[{number}].name", f"{quoted(policy.name)} is taken already")
        seen.add(policy.name)
    quiet = found.get("quiet_hours", BAD)
    for number, hours in enumerate(() if quiet is BAD else quiet, 1):
        if hours.begin == hours.end:
            problems.add(f"quiet_hours[{number}]", "begins and ends at the same minute")
