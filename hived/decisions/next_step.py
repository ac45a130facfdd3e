"""What an agent does next, and why: the one rule that its turn loop and `hivectl why` follow."""

from attrs import frozen

from hived.decisions.compaction import compaction
from hived.projections import Hive
from hived.projections.agent import Agent

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
    if agent.process != "running":
        return Step(PARK, f"the agent is {agent.process}")
    credential = hive.credentials.of(agent.credential)
    if credential.needs_login:
        return Step(PARK, f"its credential {agent.credential} was refused; a person must sign in")
    if credential.until:
        return Step(PARK, f"its credential {agent.credential} is rate limited", credential.until)
    if agent.nap is not None:
        reason = f" ({agent.nap.reason})" if agent.nap.reason else ""
        return Step(PARK, f"it naps{reason}", agent.nap.until)
    wanted = work(agent, hive)
    if not wanted:
        return Step(PARK, "nothing waits for it: no mail, no nap that ended, no compaction")
    if agent.retry_at > now:
        return Step(WAIT, f"the last turn failed; {wanted} waits for the retry", agent.retry_at)
    return Step(RUN, wanted)


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
