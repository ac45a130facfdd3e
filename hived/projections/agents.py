"""The view of every agent: the one fold that moves their states."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import evolve

from hived.events import Cause, Recorded
from hived.projections import agent_compactions
from hived.projections.agent import IDLE, Agent, Draft
from hived.projections.agent_turns import AgentTurns
from hived.projections.base import Handler
from hived.projections.shapes import dump_as, load_as


def _revived(was: Agent, rec: Recorded) -> Agent:
    """A tombstone that is an agent again: what it did and cost counts on."""
    e = rec.event
    by = Cause(rec.stream, rec.version)
    return evolve(
        was,
        config=e.config,
        session=e.session,
        session_fresh=was.session_fresh or e.session != was.session,
        node=e.node,
        credential=e.credential,
        parent=e.parent,
        version=rec.version,
        process_at=rec.recorded_at,
        process_by=by,
        process_why="",
        state=IDLE,
        since=rec.recorded_at,
        state_by=by,
        retry_at=0.0,
        failures=0,
        nap_over=None,
        last_event_at=rec.recorded_at,
        destroyed_at=0.0,
        destroyed_by="",
    )


class Agents(AgentTurns):
    """Every name of an agent: live, draft, kept (a tombstone), or gone (to be taken anew).

    live: name -> Agent, in order of creation. kept: agents that were taken out, as they were then.
    gone: the last version of the streams of names that were purged or discarded. purging: names
    whose purge is ordered and not done, with the unix time of the order.
    """

    name: ClassVar[str] = "agents"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.drafts: dict[str, Draft] = {}
        self.kept: dict[str, Agent] = {}
        self.gone: dict[str, int] = {}
        self.purging: dict[str, float] = {}

    def handlers(self) -> Mapping[str, Handler]:
        by_kind: dict[str, Handler] = {
            **self.turn_handlers(),
            "agent_created": self._created,
            "agent_destroyed": self._destroyed,
            "agent_revived": self._named,
            "agent_purged": self._purged,
            "purge_done": self._purge_done,
            "draft_created": self._draft_created,
            "draft_discarded": self._draft_discarded,
            "status_set": self._status_set,
            "session_reset": self._session_reset,
            "model_queued": self._model_queued,
            "model_switched": self._model_switched,
            "config_applied": self._config_applied,
            "notes_measured": self._notes_measured,
        }
        for kind in ("started", "stopped", "paused", "resumed", "crashed"):
            by_kind[f"agent_{kind}"] = self._process
        for kind in ("reminder_set", "reminder_fired", "reminder_cancelled"):
            by_kind[kind] = self._named
        for kind in ("config_proposed", "config_failed"):
            by_kind[kind] = self._named
        return by_kind

    def dump(self) -> dict[str, Any]:
        return {
            "live": dump_as(dict[str, Agent], self.live),
            "drafts": dump_as(dict[str, Draft], self.drafts),
            "kept": dump_as(dict[str, Agent], self.kept),
            "gone": dict(self.gone),
            "purging": dict(self.purging),
        }

    def load(self, data: Mapping[str, Any]) -> None:
        self.live = load_as(dict[str, Agent], data["live"])
        self.drafts = load_as(dict[str, Draft], data["drafts"])
        self.kept = load_as(dict[str, Agent], data["kept"])
        self.gone = dict(data["gone"])
        self.purging = dict(data["purging"])

    def version_of(self, name: str) -> int:
        """The last version of the name's stream, 0 where there is none."""
        owner = self.live.get(name) or self.drafts.get(name) or self.kept.get(name)
        return owner.version if owner is not None else self.gone.get(name, 0)

    def known(self, name: str) -> bool:
        """Whether the name was ever an agent's or a draft's."""
        return self.taken(name) or name in self.gone

    def taken(self, name: str) -> bool:
        """Whether the name is an agent's now, a draft's or a tombstone's."""
        held = (self.live, self.drafts, self.kept, self.purging)
        return any(name in names for names in held)

    def _named(self, rec: Recorded) -> None:
        """Only the version counts, of whatever has the name."""
        name = rec.event.agent
        if self._touch(rec) is not None:
            return
        owner = self.drafts.get(name) or self.kept.get(name)
        if owner is not None:
            owner.version = rec.version
        else:
            self.gone[name] = rec.version

    def _draft_created(self, rec: Recorded) -> None:
        e = rec.event
        self.gone.pop(e.agent, None)
        self.drafts[e.agent] = Draft(
            e.agent, e.creator, rec.recorded_at, rec.version, e.description
        )

    def _draft_discarded(self, rec: Recorded) -> None:
        self.drafts.pop(rec.event.agent, None)
        self.gone[rec.event.agent] = rec.version
        self.purging[rec.event.agent] = rec.recorded_at

    def _purged(self, rec: Recorded) -> None:
        self.kept.pop(rec.event.agent, None)
        self.gone[rec.event.agent] = rec.version
        self.purging[rec.event.agent] = rec.recorded_at

    def _purge_done(self, rec: Recorded) -> None:
        self.purging.pop(rec.event.agent, None)
        self._named(rec)

    def _config_applied(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is None:
            self._named(rec)
            return
        was, agent.config = agent.config, rec.event.config
        if agent.turn is not None and agent.turn_config is None:
            agent.turn_config = was
        agent.credential = rec.event.credential
        if was.model != agent.config.model:
            agent.model_queued, agent.model_queued_by = agent.config.model, rec.by

    def _notes_measured(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None:
            agent.notes_bytes = rec.event.bytes

    def _created(self, rec: Recorded) -> None:
        e = rec.event
        self.gone.pop(e.agent, None)
        self.drafts.pop(e.agent, None)
        was = self.kept.pop(e.agent, None)
        if was is not None:
            self.live[e.agent] = _revived(was, rec)
            return
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
        agent = self._touch(rec)
        if agent is None:
            self.gone[rec.event.agent] = rec.version
            return
        agent.destroyed_at, agent.destroyed_by = rec.recorded_at, rec.by
        agent.nap, agent.process, agent.process_by = None, "stopped", Cause(rec.stream, rec.version)
        self.kept[agent.name] = self.live.pop(agent.name)

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
        agent_compactions.reset(agent)
        agent.recovery = "handed_over" if agent.recovery == "fresh" else ""

    def _model_queued(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None:
            agent.model_queued, agent.model_queued_by = rec.event.model, rec.by

    def _model_switched(self, rec: Recorded) -> None:
        agent = self._touch(rec)
        if agent is not None:
            agent.model = rec.event.model
            agent.model_queued = None
            agent.model_switched_at = rec.recorded_at
            # Who asked for it, not the rule by which a turn has begun.
            agent.model_switched_by = agent.model_queued_by or rec.by
