"""Calls over the socket: hello, reads, writes, errors, batches, notifications."""

import json
import os
import sys
from typing import Any

import orjson
import pytest
import trio

from hived import limits
from hived.errors import CODES
from hived.world.containment import ContainmentReport


def _request(number: Any, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


async def test_hello_comes_first(world: Any) -> None:
    raw = await world.connect()
    error = await raw.refused("agents")
    assert error["code"] == CODES["hello_first"]
    assert error["data"]["code"] == "hello_first"
    assert "hello" in error["data"]["hint"]
    answer = await raw.call("hello", protocol=1)
    assert answer["you"]["access"] == "operator"
    assert answer["position"] == world.engine.durable.position
    assert (await raw.call("agents"))["agents"] == []


async def test_hello_refuses_another_protocol(world: Any) -> None:
    raw = await world.connect()
    assert (await raw.refused("hello", protocol=2))["data"]["code"] == "invalid_params"
    assert (await raw.refused("agents"))["data"]["code"] == "hello_first"


async def test_new_send_and_read(world: Any, raw: Any) -> None:
    made = await raw.call("new", agent="ada", driver="rehearsal", start=False)
    assert made["agent"] == "ada"
    assert made["streams"] == ["agent:ada"]
    assert made["version"] == 1
    sent = await raw.call("send", to="ada", body="hello there")
    box = await raw.call("inbox", agent="ada")
    assert [m["message"] for m in box["messages"]] == sent["messages"]
    assert box["messages"][0]["body"] == "hello there"
    assert box["position"] == sent["position"]
    row = (await raw.call("agent", agent="ada"))["agent"]
    assert row["inbox"]["queued"] == 1
    assert row["config"]["driver"] == "rehearsal"
    assert row["config"]["workdir"].endswith("/agents/ada/work")
    state = (await raw.call("state"))["state"]
    assert state["agents"]["live"]["ada"]["process"] == "stopped"


async def test_a_prefix_names_an_agent_but_not_for_rm(world: Any, raw: Any) -> None:
    for name in ("ada", "adam", "bob"):
        await world.agent(name, start=False)
    assert (await raw.call("send", to="b", body="x"))["messages"]
    assert (await raw.call("agent", agent="ada"))["agent"]["agent"] == "ada"
    error = await raw.refused("agent", agent="ad")
    assert error["data"]["code"] == "ambiguous_name"
    assert error["data"]["candidates"] == ["ada", "adam"]
    assert (await raw.refused("agent", agent="x"))["data"]["code"] == "not_found"
    assert (await raw.refused("agent", agent=""))["data"]["code"] == "not_found"
    assert (await raw.refused("rm", agent="bo"))["data"]["code"] == "not_found"
    answer = await raw.call("rm", agent="bob")
    assert answer["kept_messages"] == 1
    assert (await raw.refused("new", agent="bob", driver="rehearsal"))["data"]["code"] == "exists"


@pytest.mark.parametrize(
    "name", ["..", "a/b", "", "A", "a" * 41, "a" * 10_000, "a\x00b", "operator", "é", "a b", "-a"]
)
async def test_names_that_are_none(raw: Any, world: Any, name: str) -> None:
    position = world.engine.durable.position
    error = await raw.refused("new", agent=name, driver="rehearsal")
    assert error["data"]["code"] in ("invalid_name", "invalid_params")
    assert len(error["message"]) < 300
    assert world.engine.durable.position == position


async def test_a_repeat_is_answered_as_at_first_and_appends_nothing(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    first = await raw.call("send", to="ada", body="once", command_id="c-1")
    position = world.engine.durable.position
    other = await world.client()
    assert await other.call("send", to="ada", body="once", command_id="c-1") == first
    assert world.engine.durable.position == position
    error = await raw.refused("send", to="ada", body="else", command_id="c-1")
    assert error["data"]["code"] == "command_reused"
    assert world.engine.durable.position == position
    assert await raw.call("send", to="ada", body="else", command_id="c-2") != first


async def test_each_write_answers_a_repeat_as_at_first(world: Any, raw: Any) -> None:
    async def twice(method: str, **params: Any) -> None:
        first = await raw.call(method, command_id=f"x:{method}", **params)
        again = await raw.call(method, command_id=f"x:{method}", **params)
        assert again == first, method

    await twice("new", agent="ada", driver="rehearsal", start=False)
    await twice("start", agent="ada")
    await twice("pause", agent="ada")
    await twice("resume", agent="ada")
    await twice("restart", agent="ada")
    await twice("model", agent="ada", model="haiku")
    await twice("send", to="ada", body="x")
    await twice("stop", agent="ada")
    await twice("rm", agent="ada")


async def test_a_repeat_is_known_however_long_ago(world: Any, raw: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(limits, "COMMAND_MEMORY", 3)
    await world.agent("ada", start=False)
    first = await raw.call("send", to="ada", body="once", command_id="c")
    for number in range(10):
        await raw.call("send", to="ada", body=str(number))
    assert len(world.engine.durable.commands.done) == 3
    assert await raw.call("send", to="ada", body="once", command_id="c") == first
    error = await raw.refused("send", to="ada", body="else", command_id="c")
    assert error["data"]["code"] == "command_reused"


async def test_a_repeat_is_answered_though_its_agent_has_gone(world: Any, raw: Any) -> None:
    await world.agent("ada")
    first = await raw.call("stop", agent="ada", command_id="c")
    await raw.call("rm", agent="ada")
    assert await raw.call("stop", agent="ada", command_id="c") == first
    assert (await raw.refused("stop", agent="ada"))["data"]["code"] == "not_found"
    error = await raw.refused("start", agent="ada", command_id="d")
    assert error["data"]["code"] == "not_found"


async def test_without_a_command_id_the_same_words_are_another_message(
    world: Any, raw: Any
) -> None:
    await world.agent("ada", start=False)
    first = await raw.call("send", to="ada", body="x")
    second = await raw.call("send", to="ada", body="x")
    assert first["messages"] != second["messages"]


async def test_expected_version_refuses_what_moved_on(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    error = await raw.refused("start", agent="ada", expected_version=7)
    assert error["data"]["code"] == "version_conflict"
    assert error["data"]["version"] == 1
    assert (await raw.call("start", agent="ada", expected_version=1))["version"] == 2


async def test_at_reads_the_past(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    before = await raw.call("agents")
    await raw.call("start", agent="ada")
    now = await raw.call("agents")
    assert now["agents"][0]["process"] == "running"
    assert await raw.call("agents", at=before["position"]) == before
    assert (await raw.call("agents", at=0))["agents"] == []
    assert (await raw.call("agents", at="2001-01-01T00:00:00Z"))["agents"] == []
    moment = (await raw.call("log", limit=1))["events"][0]["at"]
    late = await raw.call("agents", at=world.engine.durable.recorded_at + 0.0005)
    assert late == now
    assert moment == now["at"]


@pytest.mark.parametrize("at", [-1, 10_000, 2**70, "2999-01-01T00:00:00Z", 1e12])
async def test_at_where_nothing_is(raw: Any, at: Any) -> None:
    request = f'{{"jsonrpc":"2.0","id":1,"method":"agents","params":{{"at":{_json(at)}}}}}'
    await raw.send(request.encode())
    error = (await raw.response())["error"]
    assert error["data"]["code"] in ("at_unknown", "invalid_params")


def _json(value: Any) -> str:
    return str(value) if isinstance(value, int) else orjson.dumps(value).decode()


@pytest.mark.parametrize("at", [True, "yesterday", [], "2001-01-01T00:00:00", {}])
async def test_at_that_is_none(raw: Any, at: Any) -> None:
    assert (await raw.refused("agents", at=at))["data"]["code"] == "invalid_params"


@pytest.mark.parametrize(
    ("method", "params", "word"),
    [
        ("send", {"to": "ada"}, "body"),
        ("send", {"to": 1, "body": "x"}, "to"),
        ("send", {"to": "ada", "body": "x", "urgent": 1}, "urgent"),
        ("send", {"to": "ada", "body": "x\x1b[2J"}, "body"),
        ("send", {"to": "ada", "body": "x", "in_replyto": "m"}, "in_reply_to"),
        ("log", {"limit": 0}, "limit"),
        ("log", {"limit": True}, "limit"),
        ("log", {"limit": 1.0}, "limit"),
        ("log", {"limit": 10**30}, "limit"),
        ("log", {"kinds": ["turn_strat"]}, "turn_start"),
        ("log", {"kinds": "turn_start"}, "kinds"),
        ("new", {"agent": "ada", "options": {"a": 1}}, "options"),
        ("new", {"agent": "ada", "idle_limit_s": -1}, "idle_limit_s"),
        ("new", {"agent": "ada", "workdir": "work"}, "workdir"),
        ("new", {"agent": "ada", "workdir": "/nowhere/at/all"}, "workdir"),
        ("new", {"agent": "ada", "config_dir": "/tmp/../tmp"}, "config_dir"),
        ("new", {"agent": "ada", "env_file": "/nowhere"}, "env_file"),
        ("new", {"agent": "ada", "env_file": "/dev/null"}, "env_file"),
        ("new", {"agent": "ada", "driver": "other"}, "driver"),
        ("new", {"agent": "ada", "role": "king"}, "king"),
    ],
)
async def test_wrong_parameters_are_named(
    world: Any, raw: Any, method: str, params: dict[str, Any], word: str
) -> None:
    position = world.engine.durable.position
    body = _request(1, method, **params) if 10**30 not in params.values() else None
    if body is None:
        await raw.send(
            b'{"jsonrpc":"2.0","id":1,"method":"log","params":{"limit":' + b"9" * 31 + b"}}"
        )
    else:
        await raw.send(body)
    error = (await raw.response())["error"]
    assert error["data"]["code"] == "invalid_params"
    assert word in error["message"] + error["data"]["hint"]
    assert world.engine.durable.position == position


async def test_a_bad_allow_rule_is_refused(raw: Any) -> None:
    error = await raw.refused("new", agent="ada", driver="rehearsal", allow=["Bash("])
    assert error["data"]["code"] in ("invalid_name", "invalid_params")


async def test_parameters_by_place_are_refused(raw: Any) -> None:
    await raw.send({"jsonrpc": "2.0", "id": 1, "method": "agent", "params": ["ada"]})
    assert (await raw.response())["error"]["data"]["code"] == "invalid_params"
    await raw.send({"jsonrpc": "2.0", "id": 2, "method": "agents", "params": []})
    assert (await raw.response())["result"]["agents"] == []


async def test_an_unknown_method_gets_a_suggestion(raw: Any) -> None:
    error = await raw.refused("agent_list")
    assert error["code"] == -32601
    assert error["data"]["hint"]
    assert "agents" in (await raw.refused("agentss"))["data"]["hint"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "parse_error"),
        (b"\xff\xfe", "parse_error"),
        (b'{"jsonrpc":"2.0","id":1,"method":"agents","params":{"at":NaN}}', "parse_error"),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"agents"}', "parse_error"),
        (b'{"jsonrpc":"2.0","id":1,"method":"send","params":{"to":"a","to":"b"}}', "parse_error"),
        (b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', "parse_error"),
        (b"[" * 100_000, "parse_error"),
        (b"[" * 50 + b"]" * 50, "parse_error"),
        (b'{"a":' * 50 + b"1" + b"}" * 50, "parse_error"),
        (b"1", "invalid_request"),
        (b"null", "invalid_request"),
        (b"[]", "invalid_request"),
        (b"{}", "invalid_request"),
        (b'{"jsonrpc":"1.0","id":1,"method":"agents"}', "invalid_request"),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"agents"}', "invalid_request"),
        (b'{"jsonrpc":"2.0","id":true,"method":"agents"}', "invalid_request"),
        (b'{"jsonrpc":"2.0","id":' + b"9" * 40 + b',"method":"agents"}', "invalid_request"),
        (b'{"jsonrpc":"2.0","id":1,"method":"agents","more":1}', "invalid_request"),
        (b'{"jsonrpc":"2.0","id":1,"method":1}', "invalid_request"),
        (b'{"jsonrpc":"2.0","id":1,"method":"agents","params":1}', "invalid_request"),
        (b"[" + b",".join([b"{}"] * 101) + b"]", "too_large"),
    ],
)
async def test_what_is_no_request(raw: Any, line: bytes, code: str) -> None:
    await raw.send(line)
    answer = await raw.response()
    assert answer["error"]["code"] == CODES[code], answer
    assert answer["error"]["data"]["code"] == code
    assert answer["error"]["message"]
    assert (await raw.call("agents"))["agents"] == []  # the connection goes on


async def test_colons_in_strings_are_no_repeated_keys(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    body = 'a: b "c": d \\ : ' * 20
    await raw.call("send", to="ada", body=body)
    assert (await raw.call("inbox", agent="ada"))["messages"][0]["body"] == body


async def test_a_batch_answers_each_element(raw: Any) -> None:
    await raw.send(
        [
            _request(1, "agents"),
            7,
            {"jsonrpc": "2.0", "method": "agents"},
            _request(None, "agents"),
            _request("x", "nothing"),
            {"jsonrpc": "2.0", "id": 5, "method": 5},
            _request(6, "new", agent="ada", driver="rehearsal"),
        ]
    )
    answers = await raw.response()
    by_id = {str(a["id"]) + ("r" if "result" in a else "e"): a for a in answers}
    assert set(by_id) == {"1r", "Nonee", "Noner", "xe", "5e", "6r"}
    assert by_id["Nonee"]["error"]["data"]["code"] == "invalid_request"
    assert by_id["xe"]["error"]["data"]["code"] == "unknown_method"


async def test_a_batch_may_begin_with_hello(world: Any) -> None:
    raw = await world.connect()
    await raw.send([_request(1, "hello", protocol=1), _request(2, "doctor")])
    answers = await raw.response()
    assert [("result" in a) for a in answers] == [True, True]


async def test_notifications_are_done_and_not_answered(world: Any, raw: Any, until: Any) -> None:
    await raw.send(
        {"jsonrpc": "2.0", "method": "nothing"},
        {"jsonrpc": "2.0", "method": "new", "params": {"agent": "ada", "driver": "rehearsal"}},
        {"jsonrpc": "2.0", "method": "agent", "params": {"agent": "nobody"}},
        [{"jsonrpc": "2.0", "method": "agents"}],
    )
    await until(lambda: "ada" in world.engine.durable.agents.live)
    await raw.send(_request("end", "daemon_status"))
    assert (await raw.response())["id"] == "end"


async def test_pages_of_the_log(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    await world.agent("bob", start=False)
    for number in range(6):
        await raw.call("send", to="ada" if number % 2 else "bob", body=str(number))
    head = world.engine.durable.position
    everything: list[Any] = []
    after: Any = 0
    while after is not None:
        page = await raw.call("log", since=after, limit=3)
        everything += page["events"]
        after = page["next"]
    assert [row["position"] for row in everything] == list(range(1, head + 1))
    last = await raw.call("log", limit=4)
    assert last["events"] == everything[-4:]
    assert last["next"] is None
    about = await raw.call("log", agent="ada", since=0)
    assert [row["kind"] for row in about["events"]] == ["agent_created"] + ["message_sent"] * 3
    assert (await raw.call("log", agent="ada"))["events"] == about["events"]
    some = await raw.call("log", kinds=["message_sent"], limit=2)
    assert [row["data"]["body"] for row in some["events"]] == ["4", "5"]
    until = await raw.call("log", until=2)
    assert [row["position"] for row in until["events"]] == [1, 2]
    past = await raw.call("log", at=2)
    assert past["events"] == until["events"]
    assert past["position"] == 2
    assert (await raw.call("log", since=everything[0]["at"], limit=1))["events"]
    assert (await raw.refused("log", since=head + 1))["data"]["code"] == "at_unknown"


async def test_why_walks_the_causes(world: Any, raw: Any) -> None:
    await world.agent("ada")
    answer = await raw.call("why", agent="ada")
    assert [row["kind"] for row in answer["chain"]] == ["agent_created"]
    assert answer["next_step"] == "park"
    assert "mail" in answer["because"]
    await raw.call("send", to="ada", body="x")
    assert (await raw.call("why", agent="ada"))["next_step"] == "run"


async def test_ack_takes_the_operators_mail(world: Any, raw: Any) -> None:
    from hived.decisions.mail import SendMessage

    await world.agent("ada", start=False)
    await world.engine.submit(SendMessage("operator", "done"), by="agent:ada")
    box = await raw.call("inbox")
    ids = [m["message"] for m in box["messages"]]
    assert box["inbox"] == "operator"
    assert (await raw.call("ack", messages=ids))["messages"] == ids
    assert (await raw.call("inbox"))["messages"] == []
    assert [m["state"] for m in (await raw.call("inbox", all=True))["messages"]] == ["acked"]
    assert (await raw.refused("ack", messages=ids))["data"]["code"] == "not_found"


async def test_verify_and_doctor_and_status(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    report = await raw.call("verify")
    assert report["ok"] is True
    assert report["events"] == world.engine.durable.position
    found = await raw.call("doctor")
    names = [check["name"] for check in found["checks"]]
    assert {"containment", "store", "disk", "socket", "clock", "claude"} <= set(names)
    assert {check["state"] for check in found["checks"]} <= {"ok", "warn", "fail"}
    assert next(c for c in found["checks"] if c["name"] == "socket")["state"] == "ok"
    status = await raw.call("daemon_status")
    assert status["clients"] >= 1
    assert status["rss_bytes"] > 1_000_000
    assert status["socket"] == world.home.socket


async def test_daemon_stop_answers_before_the_end(world: Any, raw: Any) -> None:
    answer = await raw.call("daemon_stop", turns=True)
    assert answer == {"stopping": True, "turns": "ended", "running": []}
    assert world.stops == [True]


async def test_an_exception_tells_nothing_but_a_reference(world: Any, raw: Any) -> None:
    def broken() -> float:
        raise ValueError("secret words")

    world.services.clock = broken
    answer = await raw.ask("costs")
    assert answer["error"]["code"] == CODES["internal_error"]
    assert "secret" not in orjson.dumps(answer).decode()
    assert answer["error"]["data"]["reference"] in answer["error"]["message"]
    assert (await raw.call("agents"))["agents"] == []


async def test_an_answer_that_json_cannot_carry_is_an_error(world: Any, raw: Any) -> None:
    world.services.containment = ContainmentReport(object(), "")  # type: ignore[arg-type]
    assert (await raw.refused("daemon_status"))["data"]["code"] == "internal_error"


_STRANGER = """
import json, os, socket
os.setgid(65534)
os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.connect("hived.sock")
f = s.makefile("rw")
for number, (method, params) in enumerate(CALLS):
    print(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}), file=f)
    f.flush()
    print(f.readline(), end="")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_others_than_operators_only_read(world: Any) -> None:
    await world.agent("ada", start=False)
    await trio.Path(world.home.state).chmod(0o755)
    await trio.Path(world.home.socket).chmod(0o666)
    calls = [
        ("hello", {"protocol": 1}),
        ("agents", {}),
        ("send", {"to": "ada", "body": "x"}),
        ("stop", {"agent": "ada"}),
        ("daemon_stop", {}),
    ]
    done = await trio.run_process(
        [sys.executable, "-I", "-S", "-c", f"CALLS = {calls!r}" + _STRANGER],
        capture_stdout=True,
        cwd=world.home.state,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[0]["result"]["you"]["uid"] == 65534
    assert answers[0]["result"]["you"]["access"] == "anyone"
    assert answers[1]["result"]["agents"]
    for answer in answers[2:]:
        assert answer["error"]["data"]["code"] == "forbidden"
    assert world.stops == []


async def test_a_whole_inbox_is_bounded_by_the_limit(world: Any, raw: Any) -> None:
    await world.agent("ada", start=False)
    for number in range(5):
        await raw.call("send", to="ada", body=str(number))
    box = await raw.call("inbox", agent="ada", limit=2)
    assert [m["body"] for m in box["messages"]] == ["3", "4"]
    assert box["left_out"] == 3
    assert limits.LOG_PAGE_EVENTS_MAX >= 1000
