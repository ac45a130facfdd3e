"""How turns move the states of agents: the fold of turns, tools, compactions and naps."""

from collections.abc import Mapping

from hived.events import Recorded
from hived.names import MANAGER, OPERATOR
from hived.projections import agent_compactions as compactions
from hived.projections import agent_naps as naps
from hived.projections.agent import NAP_AHEAD, TRANSITIONS, Agent, LastTurn, OpenTurn
from hived.projections.base import Handler
from hived.projections.shapes import blank, cause_of


class AgentTurns:
    """The part of the view of agents that turns are folded into."""

    def __init__(self) -> None:
        self.live: dict[str, Agent] = {}

    def turn_handlers(self) -> Mapping[str, Handler]:
        return {
            "turn_start": self._turn_start,
            "turn_end": self._turn_end,
            "turn_cancel": self._turn_cancel,
            "tool_call": self._tool_call,
            "tool_result": self._tool_result,
            "permission_answer": self._progress,
            "compaction_queued": self._compaction_queued,
            "compaction_start": self._compaction_start,
            "compaction_end": self._compaction_end,
            "message_sent": self._message_sent,
            "message_delivered": self._message_delivered,
            "nap_start": self._nap_start,
            "nap_end": self._nap_end,
        }

    def _touch(self, rec: Recorded) -> Agent | None:
        agent = self.live.get(rec.event.agent)
        if agent is not None:
            agent.version = rec.version
            agent.last_event_at = rec.recorded_at
        return agent

    def _move(self, agent: Agent, rec: Recorded, kind: str = "") -> None:
        state = TRANSITIONS.get((agent.state, kind or rec.kind))
        if state is not None:
            agent.state = state
            agent.since = rec.recorded_at
            agent.state_by = cause_of(rec)

    def _turn_start(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is None:
            return
        e = rec.event
        agent.turn = turn = blank(OpenTurn)
        OpenTurn.__init__(
            turn,
            id=e.turn,
            number=e.number,
            kind=e.kind,
            started_at=rec.recorded_at,
            reason=e.reason,
            model=e.model,
            session=e.session,
            fresh=e.fresh,
            attempt=e.attempt,
            why=e.why,
            retry_of=e.retry_of,
            start_version=rec.version,
        )
        agent.turns = e.number
        if e.kind != "notes":
            agent.session_fresh = False  # a rewrite of the notes has a session of its own
        agent.retry_at = 0.0
        compactions.begun(agent, e)
        naps.turn_began(agent, agent.turn)
        self._move(agent, rec)

    def _turn_cancel(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None and agent.turn is not None and agent.turn.id == rec.event.turn:
            agent.turn.cancel = rec.event.why
            agent.turn.cancel_version = rec.version

    def _turn_end(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is None:
            return
        e = rec.event
        turn, agent.turn, agent.turn_config = agent.turn, None, None
        agent.last_turn = last = blank(LastTurn)
        LastTurn.__init__(
            last,
            id=e.turn,
            number=turn.number if turn is not None else agent.turns,
            kind=turn.kind if turn is not None else "work",
            outcome=e.outcome,
            why=e.why,
            detail=e.detail,
            duration_ms=e.duration_ms,
            ended_at=rec.recorded_at,
            cost_usd=e.cost_usd,
        )
        if last.kind == "work" and (turn is None or turn.reason != "checkpoint"):
            agent.last_work = e.turn
        agent.spent.add(e.usage, e.cost_usd)
        if last.kind != "notes":
            agent.context_used = e.context_used or agent.context_used
            agent.context_window = e.context_window or agent.context_window
        agent.retry_at = e.retry_at
        agent.retry_by = cause_of(rec)
        agent.failures = agent.failures + 1 if e.outcome in ("failed", "lost") else 0
        self._recover(agent, turn, e.outcome)
        naps.turn_over(agent, turn, e)
        nap = agent.nap
        self._move(agent, rec, NAP_AHEAD if nap and nap.until > rec.recorded_at else "")

    def _recover(self, agent: Agent, turn: OpenTurn | None, outcome: str) -> None:
        """prompt_too_long: compact once, retry, then a fresh session that is handed the notes."""
        if turn is None or turn.kind != "work":
            return
        if outcome == "prompt_too_long":
            agent.recovery = {"": "compact", "compacted": "fresh"}.get(agent.recovery, "give_up")
        elif outcome == "ok":
            agent.recovery = ""

    def _tool_call(self, rec: Recorded) -> None:
        # Two of three events are of tools: here and below, _touch is written out for speed.
        e = rec.event
        agent = self.live.get(e.agent)
        if agent is None:
            return
        agent.version = rec.version
        agent.last_event_at = rec.recorded_at
        turn = agent.turn
        if turn is not None:
            turn.byte = e.byte
            turn.tool_calls += 1
            turn.open_tools[e.call] = e.tool

    def _tool_result(self, rec: Recorded) -> None:
        e = rec.event
        agent = self.live.get(e.agent)
        if agent is None:
            return
        agent.version = rec.version
        agent.last_event_at = rec.recorded_at
        turn = agent.turn
        if turn is not None:
            turn.byte = e.byte
            turn.open_tools.pop(e.call, None)

    def _progress(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None and agent.turn is not None:
            agent.turn.byte = max(agent.turn.byte, rec.event.byte)

    def _compaction_queued(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None:
            compactions.queued(agent, rec.event)

    def _compaction_start(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None:
            if agent.turn is not None:
                agent.turn.byte = max(agent.turn.byte, rec.event.byte)
            self._move(agent, rec)

    def _compaction_end(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is None:
            return
        if agent.turn is not None:
            agent.turn.byte = max(agent.turn.byte, rec.event.byte)
        compactions.ended(agent, agent.turn, rec.event, rec.recorded_at)
        self._move(agent, rec)

    def _message_sent(self, rec: Recorded) -> None:
        agent = self.live.get(rec.event.sender)
        if agent is not None and agent.turn is not None:
            to = rec.event.to
            peer = self.live.get(to)
            manager = peer is not None and peer.config.role == MANAGER
            kind = OPERATOR if to == OPERATOR else MANAGER if manager else "peer"
            agent.turn.sent[kind] = agent.turn.sent.get(kind, 0) + 1

    def _message_delivered(self, rec: Recorded) -> None:
        agent = self.live.get(rec.event.agent)
        if agent is not None and agent.turn is not None:
            agent.turn.received += 1
            agent.turn.lines = max(agent.turn.lines, rec.event.line)

    def _nap_start(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None:
            naps.nap_started(agent, rec)
            if agent.turn is None:
                self._move(agent, rec)

    def _nap_end(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None:
            naps.nap_ended(agent, rec)
            self._move(agent, rec)
