"""Events as one readable line each. Pure, standard library only; the time shown is local.

18:04:11    412  ada         turn_end ok 12.3s, 3 tools, $0.0012
"""

from collections.abc import Callable, Mapping
from typing import Any

from hived.ctl.gists import GISTS as LIFE
from hived.ctl.gists import Data, first, some, why
from hived.ctl.when import clock, local_unix
from hived.ctl.words import amount, clean, count, money, pad, took


def event_line(row: Mapping[str, Any]) -> str:
    """An event row (EventRow of the protocol) as a line, of any length, safe to print."""
    data: Data = row["data"]
    who = pad(clean(subject(row)), 10)
    by = str(row.get("by") or "")
    asked = f"  by {by.partition(':')[2] or by}" if by.startswith("operator:") else ""
    gist = clean(gist_of(row["kind"], data) + asked)
    return (
        f"{clock(row.get('at'))} {row['position']:>6}  {who}  {clean(row['kind'])} {gist}".rstrip()
    )


def subject(row: Mapping[str, Any]) -> str:
    """Whom an event is about: an agent, the recipient of a message, a credential, the hive."""
    data: Data = row["data"]
    who = data.get("agent") or data.get("to") or data.get("asker")
    return str(who or row["stream"].partition(":")[2] or "hive")


def gist_of(kind: str, data: Data) -> str:
    """What an event says beyond its kind. An event of an unknown kind shows its fields."""
    gist = _GISTS.get(kind)
    if gist is None:
        return _fields(data)
    try:
        return gist(data)
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError):
        return _fields(data)  # a later schema of a known kind


def _fields(data: Data) -> str:
    return " ".join(f"{key}={value}" for key, value in data.items() if value not in ("", None))


def _turn_start(e: Data) -> str:
    again = f"attempt {e['attempt']} ({e['why']})" if e["attempt"] > 1 else ""
    mail = count(len(e["messages"]), "message") if e["messages"] else ""
    new = "new session" if e["fresh"] else ""
    return f"#{e['number']} " + some(e["reason"], mail, again, e["model"], new)


def _turn_end(e: Data) -> str:
    outcome = f"{e['outcome']} ({e['why']})" if e["why"] else e["outcome"]
    calls = sum(e["tools"].values())
    tools = count(calls, "tool") if calls else ""
    cost = money(e["cost_usd"]) if e["cost_usd"] else ""
    left = f"{count(e['leftovers'], 'process')} ended after it" if e["leftovers"] else ""
    retry = f"next not before {local_unix(e['retry_at'])}" if e["retry_at"] else ""
    detail = f": {e['detail']}" if e["detail"] else ""
    return f"{outcome} {some(took(e['duration_ms']), tools, cost, left, retry)}{detail}"


def _permission(e: Data) -> str:
    if e["allowed"]:
        return f"{e['tool']} allowed" + (f" by {e['rule']}" if e["rule"] else "")
    return f"{e['tool']} refused: {e['reason']}"


def _compaction_end(e: Data) -> str:
    size = f" {amount(e['before'])} → {amount(e['after'])}" if e["before"] else ""
    return f"{e['of']} {e['outcome']}{size}" + (f": {e['detail']}" if e["detail"] else "")


def _message_sent(e: Data) -> str:
    urgent = "urgent " if e["urgent"] else ""
    return f"{urgent}from {e['sender']}: {first(e['body'])}"


def _returned(e: Data) -> str:
    attempt = f", attempt {e['attempt']}" if e["counted"] else ", not counted"
    wait = f", next not before {local_unix(e['not_before'])}" if e["not_before"] else ""
    return f"{e['message']} {e['why']}{attempt}{wait}"


def _created(e: Data) -> str:
    config = e["config"]
    return some(config["driver"], config["model"], config["role"], f"in {config['workdir']}")


def _limit(e: Data) -> str:
    named = "" if e["named"] else " (a guess)"
    return f"{e['credential']} until {local_unix(e['until'])}{named}"


def _detail(e: Data) -> str:
    return some(e.get("why", ""), e.get("detail", ""))


def _models(e: Data) -> str:
    return f"{e['was'] or 'the default'} → {e['model'] or 'the default'}"


_GISTS: Mapping[str, Callable[[Data], str]] = {
    **LIFE,
    "turn_start": _turn_start,
    "turn_cancel": why,
    "turn_end": _turn_end,
    "tool_call": lambda e: f"{e['tool']} {first(e['summary'])}",
    "tool_result": lambda e: f"{e['tool']} {e['outcome']}",
    "permission_answer": _permission,
    "compaction_queued": why,
    "compaction_start": lambda e: f"{e['of']} {why(e)}",
    "compaction_end": _compaction_end,
    "message_sent": _message_sent,
    "message_delivered": lambda e: f"{e['message']} in {e['turn']}, attempt {e['attempt']}",
    "message_acked": lambda e: f"{e['message']}" + (f" in {e['turn']}" if e["turn"] else ""),
    "message_returned": _returned,
    "message_dead": lambda e: f"{e['message']} after {e['attempts']} attempts: {e['why']}",
    "agent_created": _created,
    "agent_started": why,
    "agent_stopped": why,
    "agent_paused": lambda e: "",
    "agent_resumed": lambda e: "",
    "agent_crashed": _detail,
    "agent_destroyed": lambda e: "",
    "status_set": lambda e: str(e["text"]),
    "session_reset": lambda e: f"{e['session']} ({e['why']})",
    "model_queued": _models,
    "model_switched": _models,
    "login_needed": lambda e: some(e["credential"], e["detail"]),
    "login_done": lambda e: f"{e['credential']} {why(e)}",
    "rate_limit_hit": _limit,
    "rate_limit_over": lambda e: f"{e['credential']} {why(e)}",
    "hive_started": lambda e: f"hived {e['version']} on {e['node']}",
    "hive_stopped": lambda e: f"turns {e['turns']}",
}
