"""What an agent does next, and why: the one rule that its turn loop and `hivectl why` follow."""

from attrs import frozen

from hived.decisions import budgets
from hived.decisions.compaction import compaction
from hived.projections import Hive
from hived.projections.agent import Agent
from hived.projections.budgets import HIVE
from hived.projections.inboxes import QUEUED

RUN, WAIT, PARK, TURN = "run", "wait", "park", "turn"


@frozen
class Step:
    """kind: run a turn now, wait until a time, park until something happens, or a turn runs.

    until: unix seconds, of a wait. because: for people.
    """

    kind: str
    because: str
    until: float = 0.0


def next_step(agent: Agent, hive: Hive, now: float) -> Step:
    """Decide from the state alone; the first reason that holds is given."""
    if agent.turn is not None:
        return Step(TURN, f"turn {agent.turn.id} runs")
    if agent.process == "failed" and agent.process_why == "model_not_found":
        name = agent.name
        told = f"its model is not to be had: hivectl model {name} MODEL, then hivectl start {name}"
        return Step(PARK, told)
    if agent.process != "running":
        return Step(PARK, f"the agent is {agent.process}")
    credential = hive.credentials.of(agent.credential)
    if credential.needs_login:
        return Step(PARK, f"its credential {agent.credential} was refused; a person must sign in")
    if credential.until:
        told = f"its credential {agent.credential} is rate limited"
        if not hive.settings.now.resume_after_limits:
            told += f", and hive.toml lets nobody go on by itself: hivectl lift {agent.name}"
        return Step(PARK, told, credential.until)
    if reached := hive.budgets.covering(agent.name):
        last = max(reached, key=lambda one: one.until)
        whose = "the hive's" if last.scope == HIVE else "its"
        told = (
            f"{whose} budget of {budgets.shown(last.amount, last.unit)} per {last.per} is used up"
        )
        return Step(PARK, told, last.until)
    if agent.nap is not None:
        reason = f" ({agent.nap.reason})" if agent.nap.reason else ""
        return Step(PARK, f"it naps{reason}", agent.nap.until)
    quiet = hive.settings.quiet_for(agent.name)
    if quiet is not None and not urgent(agent, hive):
        told = f"quiet hours ({quiet.name}); only the operator's urgent mail wakes it"
        return Step(PARK, told, quiet.until)
    wanted = work(agent, hive)
    if not wanted:
        return Step(PARK, "nothing waits for it: no mail, no nap that ended, no compaction")
    if agent.retry_at > now:
        return Step(WAIT, f"the last turn failed; {wanted} waits for the retry", agent.retry_at)
    return Step(RUN, wanted)


def urgent(agent: Agent, hive: Hive) -> bool:
    """Whether mail of the operator waits that may not."""
    return any(m.urgent and m.state == QUEUED for m in hive.inboxes.box(agent.name).open.values())


def work(agent: Agent, hive: Hive) -> str:
    """What there is to do for the agent, in words; empty where there is nothing."""
    why = compaction(agent)
    if why:
        return f"a compaction ({why})"
    if agent.notes_wanted:
        return f"a compaction of its notes ({agent.notes_wanted})"
    waiting = sum(m.state == "queued" for m in hive.inboxes.box(agent.name).open.values())
    reasons = ["the end of its nap"] if agent.nap_over is not None else []
    if waiting:
        reasons.append(f"{waiting} message{'s' if waiting > 1 else ''}")
    return " and ".join(reasons)
