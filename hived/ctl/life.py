"""hivectl pause, resume, start, stop, ...: one order to one agent."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from hived.ctl.run import Run, takes_agent, takes_json
from hived.ctl.words import clean, count
from hived.errors import HivedError

Answer = Mapping[str, Any]


def order_arguments(parser: argparse.ArgumentParser) -> None:
    takes_agent(parser)
    takes_json(parser)


def order(run: Run) -> int:
    """Give an agent the order that the verb is named after; 0."""
    answer = run.client.call(run.verb.replace("-", "_"), agent=run.args.agent)
    run.say(answer, _DONE[run.verb](answer))
    return 0


def _cancelled(answer: Answer) -> str:
    return f", turn {answer['cancelled']} is cancelled" if answer.get("cancelled") else ""


def _lifted(answer: Answer) -> str:
    waits = [answer["credential"]] if answer["credential"] else []
    if answer["budgets"]:
        waits.append(count(answer["budgets"], "budget"))
    return f"{' and '.join(waits)}: the wait is over"


def _cancel_told(answer: Answer) -> str:
    turn = answer["turn"]
    return f"{answer['agent']}: " + (f"turn {turn} is being ended" if turn else "its nap is over")


_DONE: Mapping[str, Callable[[Answer], str]] = {
    "cancel": _cancel_told,
    "wake": lambda a: f"{a['agent']}: woken, {count(a['waiting'], 'message')} waited",
    "new-session": lambda a: f"{a['agent']}: a new conversation begins with its next turn",
    "pause": lambda a: f"{a['agent']}: paused; a running turn goes on to its end",
    "resume": lambda a: f"{a['agent']}: takes turns again",
    "start": lambda a: f"{a['agent']}: started",
    "stop": lambda a: f"{a['agent']}: stopped{_cancelled(a)}",
    "restart": lambda a: f"{a['agent']}: started anew{_cancelled(a)}",
    "lift": _lifted,
}


def model_arguments(parser: argparse.ArgumentParser) -> None:
    takes_agent(parser)
    parser.add_argument("model", metavar="NAME", help="as the CLI takes it")
    takes_json(parser)


def model(run: Run) -> int:
    """Set the model of an agent's next turn; 0."""
    answer = run.client.call("model", agent=run.args.agent, model=run.args.model)
    run.say(answer, _model_told(answer))
    return 0


def _model_told(answer: Answer) -> str:
    was = f"{answer['was']} → " if answer["was"] else ""
    return f"{answer['agent']}: {was}{answer['model']} with the next turn"


def remove_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="AGENT", help="its whole name: no prefix is taken here")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    takes_json(parser)


def remove(run: Run) -> int:
    """Say what goes and what stays, ask, and take an agent out; 0."""
    name = run.args.agent
    row = run.client.call("agent", agent=name)["agent"]
    if row["agent"] != name:
        raise HivedError(
            f"there is no agent {name}", code="not_found", hint=f"rm takes {row['agent']} in full"
        )
    if not run.args.yes:
        run.console.note(_what(row))
        question = f"Take {name} out of the hive?"
        run.confirm(question, otherwise=f"{name} stays", to="take it out")
    done = run.client.call("rm", agent=name)
    run.say(done, _removed(done))
    return 0


def _what(row: Answer) -> str:
    """What rm takes out, what it leaves, and how that comes back or goes."""
    mail = row["inbox"]["queued"] + row["inbox"]["in_turn"]
    name = row["agent"]
    lines = [
        f"goes: the agent {name} ({row['driver']}, {row['word']})",
        f"stays: {count(mail, 'message')} not done yet, its state, notes, configuration and"
        " transcripts, its name",
        f"back with: hivectl revive {name}; gone for good with: hivectl purge {name}",
    ]
    if row["turn"] is not None:
        turn = row["turn"]["turn"]
        lines.insert(0, f"its running turn {turn} must end first: hivectl stop {name}")
    return "\n".join(map(clean, lines))


def _removed(answer: Answer) -> str:
    name, waiting = answer["agent"], count(answer["kept_messages"], "message")
    return f"{name}: taken out, {waiting} kept; hivectl revive {name} brings it back"
