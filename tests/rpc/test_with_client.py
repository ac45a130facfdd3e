"""The shipped client against the real server: what each expects of the other."""

from itertools import islice
from typing import Any

import pytest
import trio

from hived.client import Client
from hived.errors import HivedError


def _use(path: str) -> None:
    with Client.connect(path) as hive:
        assert hive.hello["you"]["access"] == "operator"
        hive.call("new", agent="ada", driver="rehearsal", start=False)
        events = hive.subscribe(since=0)
        hive.call("send", to="ada", body="hello")
        kinds = [row["kind"] for row in islice(events, 2)]
        assert kinds == ["agent_created", "message_sent"]
        with pytest.raises(HivedError) as refused:
            hive.call("agent", agent="nobody")
        assert refused.value.code == "not_found"
        assert refused.value.hint
        with pytest.raises(HivedError) as refused:
            hive.call("send", to="ada", body="x" * 900_000)
        assert refused.value.code == "too_large"


async def test_the_client_and_the_server_agree(world: Any) -> None:
    await trio.to_thread.run_sync(_use, world.home.socket)
