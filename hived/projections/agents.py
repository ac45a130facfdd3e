"""The view of every agent: the one fold that moves their states."""

from collections.abc import Mapping
from typing import Any, ClassVar

from hived.events import Cause, Recorded
from hived.names import MANAGER, OPERATOR
from hived.projections.agent import TRANSITIONS, Agent, LastTurn, OpenTurn
from hived.projections.base import Handler
from hived.projections.shapes import dump_as, load_as


class Agents:
    """Name -> Agent, in order of creation. A destroyed agent leaves; its name stays taken."""

    name: ClassVar[str] = "agents"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        self.live: dict[str, Agent] = {}
        self.gone: dict[str, int] = {}  # name -> version of its stream

    def handlers(self) -> Mapping[str, Handler]:
        by_kind: dict[str, Handler] = {
            "agent_created": self._created,
            "agent_destroyed": self._destroyed,
            "turn_start": self._turn_start,
            "turn_end": self._turn_end,
            "turn_cancel": self._turn_cancel,
            "tool_call": self._tool_call,
            "tool_result": self._tool_result,
            "permission_answer": self._progress,
            "compaction_queued": self._compaction_queued,
            "compaction_start": self._compaction_start,
            "compaction_end": self._compaction_end,
            "status_set": self._status_set,
            "session_reset": self._session_reset,
            "model_queued": self._model_queued,
            "model_switched": self._model_switched,
            "message_sent": self._message_sent,
            "message_delivered": self._message_delivered,
        }
        for kind in ("started", "stopped", "paused", "resumed", "crashed"):
            by_kind[f"agent_{kind}"] = self._process
        return by_kind

    def dump(self) -> dict[str, Any]:
        return {"live": dump_as(dict[str, Agent], self.live), "gone": dict(self.gone)}

    def load(self, data: Mapping[str, Any]) -> None:
        self.live = load_as(dict[str, Agent], data["live"])
        self.gone = dict(data["gone"])

    def version_of(self, name: str) -> int:
        """The last version of the agent's stream, 0 where there is none."""
        agent = self.live.get(name)
        return agent.version if agent is not None else self.gone.get(name, 0)

    def _touch(self, rec: Recorded) -> Agent | None:
        agent = self.live.get(rec.event.agent)
        if agent is not None:
            agent.version = rec.version
            agent.last_event_at = rec.recorded_at
        return agent

    def _created(self, rec: Recorded) -> None:
        e = rec.event
        self.gone.pop(e.agent, None)
        self.live[e.agent] = Agent(
            name=e.agent,
            config=e.config,
            session=e.session,
            node=e.node,
            credential=e.credential,
            created_at=rec.recorded_at,
            parent=e.parent,
            version=rec.version,
            process_at=rec.recorded_at,
            process_by=Cause(rec.stream, rec.version),
            since=rec.recorded_at,
            state_by=Cause(rec.stream, rec.version),
            model=e.config.model,
            last_event_at=rec.recorded_at,
        )

    def _destroyed(self, rec: Recorded) -> None:
        self.live.pop(rec.event.agent, None)
        self.gone[rec.event.agent] = rec.version

    def _process(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is None:
            return
        agent.process = {
            "agent_started": "running",
            "agent_resumed": "running",
            "agent_stopped": "stopped",
            "agent_paused": "paused",
            "agent_crashed": "failed",
        }[rec.kind]
        agent.process_at = rec.recorded_at
        agent.process_by = Cause(rec.stream, rec.version)
        agent.process_why = getattr(rec.event, "why", "")
        if rec.kind == "agent_started":
            agent.retry_at, agent.failures = 0.0, 0

    def _move(self, agent: Agent, rec: Recorded) -> None:
        state = TRANSITIONS.get((agent.state, rec.kind))
        if state is not None:
            agent.state = state
            agent.since = rec.recorded_at
            agent.state_by = Cause(rec.stream, rec.version)

    def _turn_start(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is None:
            return
        e = rec.event
        agent.turn = OpenTurn(
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
        agent.session_fresh = False
        agent.retry_at = 0.0
        if e.kind == "compact":
            agent.compaction_wanted = ""
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
        turn, agent.turn = agent.turn, None
        agent.last_turn = LastTurn(
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
        if agent.last_turn.kind == "work":
            agent.last_work = e.turn
        agent.usage = agent.usage + e.usage
        agent.cost_usd += e.cost_usd
        if e.context_used:
            agent.context_used = e.context_used
        if e.context_window:
            agent.context_window = e.context_window
        agent.retry_at = e.retry_at
        agent.retry_by = Cause(rec.stream, rec.version)
        agent.failures = agent.failures + 1 if e.outcome in ("failed", "lost") else 0
        self._recover(agent, turn, e.outcome)
        self._move(agent, rec)

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
            agent.compaction_wanted = rec.event.why

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
            if agent.turn.kind == "compact":
                self._compacted(agent, agent.turn, rec.event.outcome)
        if rec.event.outcome == "ok" and rec.event.after:
            agent.context_used = rec.event.after
        self._move(agent, rec)

    def _compacted(self, agent: Agent, turn: OpenTurn, outcome: str) -> None:
        """A drive that only compacts: deferred ones (rate limit, login, stop) come again."""
        if outcome == "deferred":
            if agent.recovery != "compact":
                agent.compaction_wanted = turn.why
        elif agent.recovery == "compact":
            agent.recovery = "compacted" if outcome == "ok" else "fresh"

    def _status_set(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None:
            agent.status = rec.event.text

    def _session_reset(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is None:
            return
        agent.session = rec.event.session
        agent.session_fresh = True
        agent.context_used = 0
        agent.compaction_wanted = ""  # it was meant for the conversation before
        agent.recovery = "handed_over" if agent.recovery == "fresh" else ""

    def _model_queued(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None:
            agent.model_queued = rec.event.model

    def _model_switched(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None:
            agent.model = rec.event.model
            agent.model_queued = None
            agent.model_switched_at = rec.recorded_at
            agent.model_switched_by = rec.by

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
