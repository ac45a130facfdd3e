"""The end of a turn: what it means for the turn's mail, the agent, and its credential."""

from hashlib import blake2b
from typing import Any

from attrs import evolve, frozen

from hived import limits
from hived.decisions import budgets
from hived.decisions.base import Context, Plan, need_agent, on_agent, on_hive, on_message
from hived.decisions.cancels import BLAMELESS, BY_LIMIT
from hived.decisions.compaction import Rewrite, after_turn, ended_with
from hived.decisions.mail import give_up
from hived.decisions.naps import nap_over
from hived.decisions.notices import managers_over, notice, tell, tell_manager
from hived.errors import CommandRefused
from hived.events import Cause
from hived.events import agents as a
from hived.events import messages as m
from hived.events import turn as e
from hived.names import agent_stream
from hived.projections import Hive
from hived.projections.agent import Agent, OpenTurn
from hived.projections.agent_naps import untold
from hived.projections.inboxes import Message

# Failures that no retry can mend: the agent parks as failed until a person starts it again.
HOPELESS = frozenset({"configuration", "model_not_found"})


@frozen
class EndTurn:
    """The class of a turn's end, by its driver, and what the host measured.

    end: the event, as far as it is known outside (no sent, received, retry_at).
    seen: the uuids of user lines that the CLI took up. until: end of a rate limit, 0 unknown.
    notes_bytes: the size of the agent's notes now; None where it was not measured. rewrite: what
    came of a turn that rewrites them.
    """

    agent: str
    turn: str
    end: e.TurnEnd
    seen: frozenset[str] = frozenset()
    until: float = 0.0
    notes_bytes: int | None = None
    rewrite: Rewrite | None = None


def end_turn(hive: Hive, command: EndTurn, context: Context) -> Plan:
    agent = need_agent(hive, command.agent)
    turn = agent.turn
    if turn is None or turn.id != command.turn:
        raise CommandRefused(f"turn {command.turn} of {agent.name} is over already")
    outcome, why = _class(command.end, turn, agent)
    retry_at = 0.0
    if outcome in ("failed", "lost") and why not in HOPELESS:
        retry_at = context.now + retry_wait(agent.failures, turn.id)
    end = evolve(
        command.end,
        outcome=outcome,
        why=why,
        sent=dict(turn.sent),
        received=turn.received,
        retry_at=retry_at,
        byte=max(command.end.byte, turn.byte),
    )
    rest = _mail(hive, agent, turn, end, command.seen, context)
    if not _left(hive, agent, turn, end, rest):
        end = evolve(end, retry_at=0.0)
    stream = agent_stream(agent.name)
    cause = Cause(stream, turn.cancel_version or turn.start_version)
    plan = _nap(hive, agent, rest, context)
    over = ended_with(agent, turn, end, command.rewrite)
    if over is not None:
        plan.append(on_agent(agent.name, over, cause))
    plan.append(on_agent(agent.name, end, cause))
    # The command's mark stands on the first event; the rest follow from the end itself.
    ended = Cause(stream, agent.version + len(plan))
    rest += _access(hive, agent, turn, end, command.until, context)
    if outcome == "failed" and why in HOPELESS:
        rest += _hopeless(agent, turn, end)
    rest += budgets.check(hive, agent, end, context)
    rest += after_turn(hive, agent, turn, end, over, command.notes_bytes, context)
    crashed = any(isinstance(p.event, a.AgentCrashed) for p in rest)
    rest += _told(hive, agent, end, crashed, context)
    return plan + [p if p.cause else evolve(p, cause=ended) for p in rest]


def _hopeless(agent: Agent, turn: OpenTurn, end: e.TurnEnd) -> Plan:
    """No retry can mend it: a model that is not to be had makes way for another, if there is one;
    else the agent parks as failed."""
    name, fallback = agent.name, agent.config.fallback
    if end.why == "model_not_found":
        if agent.model_queued is not None and agent.model_queued != turn.model:
            return []  # the next turn has another already
        if fallback and fallback != turn.model:
            queued = a.ModelQueued(name, fallback, turn.model)
            return [on_agent(name, queued, by="policy:fallback")]
    return [on_agent(name, a.AgentCrashed(name, turn.id, end.why, end.detail))]


def _left(hive: Hive, agent: Agent, turn: OpenTurn, end: e.TurnEnd, rest: Plan) -> bool:
    """Whether there is anything that a further turn would try again. Else no one waits."""
    if turn.kind != "work" and end.outcome == "lost":
        return True  # this compaction is deferred, not given up
    if turn.kind == "notes":
        return False  # no work of the agent's waits for another try at its notes
    if agent.nap_over is not None or untold(turn, end) is not None:
        return True
    returned = any(isinstance(p.event, m.MessageReturned) for p in rest)
    return returned or bool(hive.inboxes.box(agent.name).queued())


def _nap(hive: Hive, agent: Agent, rest: Plan, context: Context) -> Plan:
    """A nap asked for in the turn is over before it began: by its time, or by urgent mail."""
    if agent.nap is None:
        return []
    back = [p.event.message for p in rest if isinstance(p.event, m.MessageReturned)]
    box = hive.inboxes.box(agent.name)
    if any(box.open[message].urgent for message in back):
        return nap_over(hive, agent, "message", more=len(back))
    if agent.nap.until <= context.now:
        return nap_over(hive, agent, "elapsed", more=len(back))
    return []


def _class(end: e.TurnEnd, turn: OpenTurn, agent: Agent) -> tuple[str, str]:
    """The outcome, put right by what hived knows and the CLI does not: who ended the turn."""
    # A compaction that is interrupted is told of by the CLI as one that failed.
    interrupted = end.outcome == "failed" and end.why == "compaction" and turn.cancel
    if end.outcome == "cancelled" or interrupted:
        if turn.cancel in BY_LIMIT:
            return "failed", turn.cancel
        return ("cancelled", turn.cancel) if turn.cancel else ("failed", "interrupted")
    if turn.kind == "notes" and (end.why in HOPELESS or end.outcome == "prompt_too_long"):
        return "failed", "notes"  # the agent's own work may go well all the same
    if end.outcome == "prompt_too_long" and agent.recovery in ("handed_over", "give_up"):
        return "failed", "prompt_too_long"
    return end.outcome, end.why


def _mail(
    hive: Hive,
    agent: Agent,
    turn: OpenTurn,
    end: e.TurnEnd,
    seen: frozenset[str],
    context: Context,
) -> Plan:
    plan: Plan = []
    dead: list[tuple[Message, int]] = []
    for letter in hive.inboxes.box(agent.name).in_turn(turn.id):
        received = letter.line == 0  # as the answer to the agent's own call
        taken = letter.uuid in seen or received or (letter.line == 1 and end.outcome == "ok")
        if taken and (end.outcome == "ok" or _wished(end)):
            plan.append(on_message(letter.id, m.MessageAcked(letter.id, agent.name, turn.id)))
            continue
        if _wished(end) and letter.line == 1:
            # The agent never saw it. Put back it would start the very turn that was cancelled.
            dead.append((letter, letter.attempts + 1))
            continue
        counted = end.outcome in ("failed", "lost") and (taken or letter.line == 1)
        counted = counted and end.why not in HOPELESS and end.why != "session_in_use"
        if counted and letter.attempts + 1 >= limits.ATTEMPTS_MAX:
            dead.append((letter, letter.attempts + 1))
            continue
        plan.append(on_message(letter.id, _returned(letter, agent, end, taken, counted)))
    why = "cancelled" if _wished(end) else end.why or end.outcome
    return plan + give_up(hive, dead, agent, why, context)


def _wished(end: e.TurnEnd) -> bool:
    """The operator cancelled this turn: what its session holds is not put to it again."""
    return end.outcome == "cancelled" and end.why not in BLAMELESS


def _returned(
    letter: Message, agent: Agent, end: e.TurnEnd, taken: bool, counted: bool
) -> m.MessageReturned:
    # Whether the answer to a recv came to be in the session is not known: its words come again.
    held = ((taken and letter.line > 0) or letter.held) and end.outcome != "prompt_too_long"
    why = (end.why or end.outcome) if taken or letter.line == 1 else "not taken up"
    return m.MessageReturned(
        letter.id,
        agent.name,
        end.turn,
        why,
        letter.attempts + 1,
        counted,
        held,
        end.retry_at,
    )


def _access(
    hive: Hive, agent: Agent, turn: OpenTurn, end: e.TurnEnd, until: float, context: Context
) -> Plan:
    credential = hive.credentials.of(agent.credential)
    event: Any
    if end.outcome == "rate_limited":
        named = until > context.now
        if not named:
            if credential.until > context.now:
                return []  # its other agents' turns met the same limit: they all wait already
            wait = limits.RATE_LIMIT_WAIT_SECONDS * 2.0 ** min(credential.hits, 20)
            wait = min(wait, limits.RATE_LIMIT_WAIT_SECONDS_MAX)
            until = context.now + wait * jitter(turn.id)
        event = a.RateLimitHit(agent.name, agent.credential, turn.id, until, named)
    elif end.outcome == "auth_failed" and not credential.needs_login:
        probe = limits.LOGIN_PROBE_SECONDS * 2.0 ** min(credential.misses, 20)
        probe = min(probe, limits.LOGIN_PROBE_SECONDS_MAX) * jitter(turn.id)
        event = a.LoginNeeded(
            agent.name, agent.credential, turn.id, end.detail, context.now + probe
        )
    else:
        return []
    return [on_hive(event)]


def _told(hive: Hive, agent: Agent, end: e.TurnEnd, crashed: bool, context: Context) -> Plan:
    """What managers are told: of a crash the agent's own, of a credential those of all its agents.

    Of a credential only when it is refused the first time, and when it is taken again: not of
    each time that hived tries it in between.
    """
    name, credential = agent.name, agent.credential
    data = {"turn": end.turn, "detail": end.detail}
    if crashed:
        words = f"{name} crashed ({end.why}) and takes no turn until it is started again."
        return tell_manager(hive, name, "agent_crashed", words, context, why=end.why, **data)
    misses = hive.credentials.of(credential).misses
    if end.outcome == "auth_failed" and not misses:
        event, words = "login_needed", f"{name} needs a login: its credential was refused."
    elif end.outcome == "ok" and misses:
        event, words = "login_done", f"{name} works again: its credential was taken."
    else:
        return []
    body = notice(name, event, words, credential=credential, **data)
    sharing = (one.name for one in hive.agents.live.values() if one.credential == credential)
    return [p for to in managers_over(hive, sharing) for p in tell(hive, to, body, context)]


def retry_wait(failures: int, turn: str) -> float:
    """Seconds to wait after a failed turn, with `failures` failed ones before it in a row."""
    wait = limits.RETRY_WAIT_SECONDS * 2.0 ** min(failures, 20)
    return float(min(wait, limits.RETRY_WAIT_SECONDS_MAX) * jitter(turn))


def jitter(seed: str) -> float:
    """A factor from 0.8 to 1.2, the same for the same seed: chance that a replay repeats."""
    digest = blake2b(seed.encode(), digest_size=4).digest()
    return 0.8 + 0.4 * int.from_bytes(digest) / 0xFFFFFFFF
