"""Which credentials wait for a limit to pass, and which need a person to sign in again."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import define

from hived.events import Cause, Recorded
from hived.projections.base import Handler
from hived.projections.shapes import dump_as, load_as


@define
class Credential:
    """One credential.

    until: unix seconds, 0 where it does not wait. hits, misses: limits and refusals in a row
    without an ok turn. probe_at: when a refused one is tried again by itself.
    """

    until: float = 0.0
    named: bool = False
    hits: int = 0
    needs_login: bool = False
    misses: int = 0
    probe_at: float = 0.0
    detail: str = ""
    since: float = 0.0
    by: Cause | None = None


class Credentials:
    """Credential name -> Credential, only for those that were ever refused or limited."""

    name: ClassVar[str] = "credentials"
    decides: ClassVar[bool] = True

    def __init__(self) -> None:
        self.known: dict[str, Credential] = {}
        self._of_agent: dict[str, str] = {}
        self.version = 0  # of the hive's own stream, on which these events stand

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "agent_created": self._agent,
            "config_applied": self._agent,
            "agent_destroyed": self._destroyed,
            "rate_limit_hit": self._hit,
            "rate_limit_over": self._over,
            "login_needed": self._needed,
            "login_done": self._login_done,
            "hive_started": self._hive,
            "hive_stopped": self._hive,
            "hive_configured": self._hive,
            "budget_reached": self._hive,
            "budget_over": self._hive,
            "quiet_start": self._hive,
            "quiet_end": self._hive,
            "turn_end": self._turn_end,
        }

    def dump(self) -> dict[str, Any]:
        return {
            "known": dump_as(dict[str, Credential], self.known),
            "of_agent": dict(self._of_agent),
            "version": self.version,
        }

    def load(self, data: Mapping[str, Any]) -> None:
        self.known = load_as(dict[str, Credential], data["known"])
        self._of_agent = dict(data["of_agent"])
        self.version = data["version"]

    def of(self, credential: str) -> Credential:
        return self.known.get(credential) or Credential()

    def _agent(self, rec: Recorded) -> None:
        self._of_agent[rec.event.agent] = rec.event.credential

    def _destroyed(self, rec: Recorded) -> None:
        self._of_agent.pop(rec.event.agent, None)

    def _hive(self, rec: Recorded) -> None:
        self.version = rec.version

    def _change(self, rec: Recorded) -> Credential:
        self.version = rec.version
        entry = self.known.setdefault(rec.event.credential, Credential())
        entry.since, entry.by = rec.recorded_at, Cause(rec.stream, rec.version)
        return entry

    def _hit(self, rec: Recorded) -> None:
        entry = self._change(rec)
        entry.until, entry.named = rec.event.until, rec.event.named
        entry.hits += 1

    def _over(self, rec: Recorded) -> None:
        self._change(rec).until = 0.0

    def _needed(self, rec: Recorded) -> None:
        entry = self._change(rec)
        entry.needs_login, entry.detail = True, rec.event.detail
        entry.misses += 1
        entry.probe_at = rec.event.probe_at

    def _login_done(self, rec: Recorded) -> None:
        self._change(rec).needs_login = False

    def _turn_end(self, rec: Recorded) -> None:
        if rec.event.outcome == "ok":
            entry = self.known.get(self._of_agent.get(rec.event.agent, ""))
            if entry is not None:
                entry.hits = entry.misses = 0
