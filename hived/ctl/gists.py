"""Naps, questions, approvals, limits: what their events say beyond their kind. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from hived.ctl.when import local_unix
from hived.ctl.words import amount, count, money

Data = Mapping[str, Any]


def some(*parts: str) -> str:
    """Those that say anything, with commas."""
    return ", ".join(part for part in parts if part)


def why(e: Data) -> str:
    return f"({e['why']})" if e.get("why") else ""


def first(body: str) -> str:
    """The first line of a text, shortened: a log line is no place for a letter."""
    line = body.strip().partition("\n")[0]
    more = len(line) < len(body.strip())
    return line[:200] + (" …" if more or len(line) > 200 else "")


def _asked(e: Data) -> str:
    options = f" [{' | '.join(e['options'])}]" if e["options"] else ""
    until = f", until {local_unix(e['deadline'])}" if e["deadline"] else ""
    return f"{e['question']} from {e['asker']}: {first(e['text'])}{options}{until}"


def _request(e: Data) -> str:
    commit = e["commit"][:12]
    paths = count(len(e["paths"]), "path") if e["paths"] else ""
    parts = some(f"by {e['requester']}", commit, paths, first(e["description"]))
    return f"{e['approval']} {e['kind']} {parts}"


def _decision(e: Data) -> str:
    rule = f" by the policy {e['rule']}" if e["rule"] else ""
    return f"{e['approval']} {e['decision']}{rule}" + (f": {first(e['note'])}" if e["note"] else "")


def _failed(e: Data) -> str:
    return f"{e['approval']} {e['commit'][:12]}: {first(e['why'])}"


def _outcome(e: Data) -> str:
    return f"{e['approval']} {e['outcome']}" + (f": {first(e['why'])}" if e["why"] else "")


def _budget(e: Data) -> str:
    whose = "the hive" if e["scope"] == "*" else e["scope"]
    return f"{whose} in {e['unit']} per {e['per']}"


def _spent(e: Data, number: float) -> str:
    return money(number) if e["unit"] == "usd" else amount(number)


def _reached(e: Data) -> str:
    used = f"{_spent(e, e['used'])} of {_spent(e, e['amount'])}"
    return f"{_budget(e)}: {used}, until {local_unix(e['until'])}"


def _configured(e: Data) -> str:
    found = {
        "policies": "policy rules",
        "budgets": "budgets",
        "quiet_hours": "quiet hours",
    }
    settings = e["settings"]
    return some(*(f"{len(settings[key])} {words}" for key, words in found.items() if settings[key]))


def _quiet(e: Data) -> str:
    whose = f" for {', '.join(e['agents'])}" if e["agents"] else ""
    return f"{e['name']} until {local_unix(e['until'])}{whose}"


GISTS: Mapping[str, Callable[[Data], str]] = {
    "nap_start": lambda e: some(f"until {local_unix(e['until'])}", first(e["reason"])),
    "nap_end": lambda e: some(why(e), f"{count(e['waiting'], 'message')} waiting"),
    "question_asked": _asked,
    "question_answered": lambda e: f"{e['question']}: {first(e['answer'])}",
    "question_cancelled": lambda e: f"{e['question']} {why(e)}",
    "question_expired": lambda e: str(e["question"]),
    "approval_request": _request,
    "approval_decision": _decision,
    "approval_outcome": _outcome,
    "reminder_set": lambda e: f"{e['reminder']} at {local_unix(e['at'])}: {first(e['text'])}",
    "reminder_fired": lambda e: f"{e['reminder']} as {e['message']}",
    "reminder_cancelled": lambda e: f"{e['reminder']} {why(e)}",
    "draft_created": lambda e: some(f"for {e['creator']}", first(e["description"])),
    "draft_discarded": why,
    "agent_revived": lambda e: str(e["approval"]),
    "agent_purged": lambda e: f"{count(len(e['paths']), 'path')}, {amount(e['bytes'])} bytes",
    "purge_done": lambda e: f"{amount(e['bytes'])} bytes",
    "config_proposed": lambda e: f"{e['approval']} {e['commit'][:12]}",
    "config_applied": lambda e: some(e["approval"], e["config"]["commit"][:12]),
    "config_failed": _failed,
    "budget_reached": _reached,
    "budget_over": lambda e: f"{_budget(e)} {why(e)}",
    "notes_measured": lambda e: f"{amount(e['bytes'])} bytes",
    "hive_configured": _configured,
    "quiet_start": _quiet,
    "quiet_end": lambda e: f"{e['name']} {why(e)}",
}
