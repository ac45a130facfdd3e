"""One agent's state: its shape, and the one table by which its turn's state moves.

The turn's state is a machine with one table, TRANSITIONS. Orthogonal to it stand the process
(stopped, running, paused, failed) and the access to the model (view `credentials`). `status` in
status.py puts them together for people.
"""

from collections.abc import Mapping

from attrs import define, field

from hived.events import Cause
from hived.events.values import AgentConfig
from hived.projections.spent import Spent

IDLE, THINKING, COMPACTING, NAPPING = "idle", "thinking", "compacting", "napping"

# A turn's end where a nap was asked for in the turn, and its time lies still ahead.
NAP_AHEAD = "turn_end, a nap ahead"

# (state, event kind) -> state. What is not here leaves the state as it is.
TRANSITIONS: Mapping[tuple[str, str], str] = {
    (IDLE, "turn_start"): THINKING,
    (THINKING, "compaction_start"): COMPACTING,
    (COMPACTING, "compaction_end"): THINKING,
    (THINKING, "turn_end"): IDLE,
    (COMPACTING, "turn_end"): IDLE,
    (THINKING, NAP_AHEAD): NAPPING,
    (COMPACTING, NAP_AHEAD): NAPPING,
    (IDLE, "nap_start"): NAPPING,
    (NAPPING, "nap_end"): IDLE,
}


@define
class Nap:
    """No mail is put to the agent before `until` (unix seconds). by: the nap_start."""

    until: float
    asked_at: float
    by: Cause
    reason: str = ""


@define
class NapOver:
    """A nap that ended, for as long as its agent is to be woken for it.

    why, waiting: as nap_end says. ended_at: unix seconds; by: the nap_end. tries: turns that were
    to tell the agent of it, and failed.
    """

    why: str
    nap: Nap
    ended_at: float
    by: Cause
    waiting: int = 0
    tries: int = 0


@define
class OpenTurn:
    """The turn that runs now. byte: output taken into the log. lines: user lines ordered."""

    id: str
    number: int
    kind: str
    started_at: float
    reason: str
    model: str
    session: str
    fresh: bool
    attempt: int
    why: str = ""
    retry_of: str = ""
    byte: int = 0
    lines: int = 1
    cancel: str = ""
    cancel_version: int = 0
    sent: dict[str, int] = field(factory=dict)
    received: int = 0
    tool_calls: int = 0
    open_tools: dict[str, str] = field(factory=dict)
    start_version: int = 0
    nap_over: NapOver | None = None  # the nap whose end it tells the agent of


@define
class LastTurn:
    """How the last turn ended."""

    id: str
    number: int
    kind: str
    outcome: str
    why: str
    detail: str
    duration_ms: int | None
    ended_at: float
    cost_usd: float


@define
class Draft:
    """A name with a config repo and a state folder, and no process. creator: who edits it."""

    name: str
    creator: str
    created_at: float
    version: int
    description: str = ""


@define
class Agent:
    """One agent. `*_by` is the (stream, version) of the event that set the part before it."""

    name: str
    config: AgentConfig
    session: str
    node: str
    credential: str
    created_at: float
    parent: str = ""
    version: int = 0
    process: str = "stopped"
    process_at: float = 0.0
    process_by: Cause | None = None
    process_why: str = ""
    state: str = IDLE
    since: float = 0.0
    state_by: Cause | None = None
    turn: OpenTurn | None = None
    last_turn: LastTurn | None = None
    last_work: str = ""  # the last turn that was no mere compaction
    turns: int = 0
    session_fresh: bool = True
    model: str = ""
    model_queued: str | None = None
    model_queued_by: str = ""
    model_switched_at: float = 0.0
    model_switched_by: str = ""
    compaction_wanted: str = ""
    recovery: str = ""
    failures: int = 0
    retry_at: float = 0.0
    retry_by: Cause | None = None
    context_used: int = 0
    context_window: int = 0
    spent: Spent = field(factory=Spent)
    status: str = ""
    last_event_at: float = 0.0
    nap: Nap | None = None
    nap_over: NapOver | None = None  # a nap that ended, until a turn of work has told of it
    notes_bytes: int = 0
    notes_wanted: str = ""  # why the notes are to be compacted
    notes_tried_bytes: int = 0  # their size after they were last compacted, or were to be
    notes_compacted: str = ""  # the outcome of that
    notes_compacted_at: float = 0.0
    checkpointed: bool = False  # the notes were saved for the compaction that waits
    lean: int = 0  # compactions by watermark in a row that freed little
    destroyed_at: float = 0.0
    destroyed_by: str = ""
    turn_config: AgentConfig | None = None  # of the open turn, where another was applied since

    @property
    def running_config(self) -> AgentConfig:
        """What the open turn was begun with; of an agent without one, what the next begins with."""
        return self.turn_config or self.config
