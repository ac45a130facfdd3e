"""The methods: the table of specs joined to the handlers, once, when the daemon starts.

A handler is a function of the call and the method's parameters by name. One that is no coroutine
waits for nothing, so it is run on the spot. `at`, `command_id` and `expected_version` are taken
care of here: a read finds the state it asked for in `call.hive`, a write calls `call.submit`.
"""

from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction, signature
from typing import Any

from attrs import field, frozen

from hived.errors import HivedError
from hived.projections import Hive
from hived.rpc import (
    methods_agents,
    methods_approvals,
    methods_config,
    methods_costs,
    methods_daemon,
    methods_drafts,
    methods_kept,
    methods_log,
    methods_mail,
    methods_new,
    methods_notes,
    methods_questions,
    methods_reads,
    methods_streams,
    methods_transcript,
    methods_waiting,
    specs,
)
from hived.rpc.params import Checker, checker, keyword
from hived.rpc.services import Services
from hived.rpc.session import Call, Session

Handler = Callable[..., Any]

_COMMON = frozenset({"at", "command_id", "expected_version"})

FAMILIES: tuple[Mapping[str, Handler], ...] = (
    methods_agents.HANDLERS,
    methods_approvals.HANDLERS,
    methods_config.HANDLERS,
    methods_costs.HANDLERS,
    methods_daemon.HANDLERS,
    methods_drafts.HANDLERS,
    methods_kept.HANDLERS,
    methods_log.HANDLERS,
    methods_mail.HANDLERS,
    methods_new.HANDLERS,
    methods_notes.HANDLERS,
    methods_questions.HANDLERS,
    methods_reads.HANDLERS,
    methods_streams.HANDLERS,
    methods_transcript.HANDLERS,
    methods_waiting.HANDLERS,
)


@frozen
class Bound:
    """A method with its handler."""

    name: str
    spec: specs.Method
    handler: Handler
    check: Checker = field(init=False)
    waits: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "check", checker(self.name, self.spec))
        object.__setattr__(self, "waits", iscoroutinefunction(self.handler))

    def immediate(self, params: Any) -> bool:
        """Whether this call waits for nothing: its handler does not, nor asks it for the past."""
        return not self.waits and not (isinstance(params, dict) and params.get("at") is not None)

    async def call(self, session: Session, request: Any, params: Any) -> dict[str, Any]:
        """Check a call and do it.

        Raises:
          HivedError: hello_first, forbidden, invalid_params, or what the handler refuses.
        """
        if not session.greeted and self.name != "hello":
            raise HivedError(
                "the first call of a connection is hello",
                code="hello_first",
                hint=f'call hello with {{"protocol": {specs.PROTOCOL}}}',
            )
        if self.spec.access == specs.OPERATOR and session.peer.access != specs.OPERATOR:
            raise HivedError(
                f"{self.name} is for the operators of this hive",
                code="forbidden",
                hint="an agent has the hive's tools: hived-mcp"
                if session.peer.in_turn
                else "run as root or as the user that hived runs as",
            )
        kwargs = self.check(params)
        at = kwargs.pop("at", None)
        services = session.services
        hive = services.engine.durable if at is None else await hive_at(services, at)
        call = Call(
            session,
            request,
            hive,
            kwargs.pop("command_id", None),
            kwargs.pop("expected_version", None),
        )
        result = self.handler(call, **kwargs)
        return await result if self.waits else result  # type: ignore[no-any-return]


async def hive_at(services: Services, at: int | float) -> Hive:
    """The state at a position (an int) or a time (a float, unix seconds).

    Raises:
      CommandRefused: at_unknown, for what the log does not reach yet.
    """
    engine = services.engine
    if isinstance(at, float):
        at = await methods_log.position_at(services, at)
    return await engine.hive_at(at)


def join(
    table: Mapping[str, specs.Method] = specs.METHODS,
    families: tuple[Mapping[str, Handler], ...] = FAMILIES,
) -> Mapping[str, Bound]:
    """Every method with its handler.

    Raises:
      RuntimeError: A method has no handler or two, a handler no method, or they do not agree on
        the parameters.
    """
    handlers: dict[str, Handler] = {}
    for family in families:
        if twice := handlers.keys() & family.keys():
            raise RuntimeError(f"two handlers for {', '.join(sorted(twice))}")
        handlers.update(family)
    if odd := handlers.keys() ^ table.keys():
        raise RuntimeError(f"method without handler, or handler without method: {sorted(odd)}")
    for name, spec in table.items():
        takes = set(list(signature(handlers[name]).parameters)[1:])
        given = {keyword(param) for param in spec.params if param not in _COMMON}
        if takes != given:
            raise RuntimeError(f"the handler of {name} disagrees on {sorted(takes ^ given)}")
    return {name: Bound(name, spec, handlers[name]) for name, spec in table.items()}


METHODS: Mapping[str, Bound] = join()
