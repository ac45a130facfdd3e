"""A manager starts, stops, restarts and looks at the agents that answer to it, by its tools."""

from tests.daemon.harness import Hive, wait

DONE = '[default]\nsteps = [{ say = "done" }]'
SLOW = '[default]\nsteps = [{ say = "at work" }, { sleep = 600 }]'


def manager(*calls: str) -> str:
    """A scenario: for each mail that names a tool, that call and what it was told."""
    rules = [
        f'[[rule]]\nwhen = {{ contains = "do {n}" }}\n'
        f'steps = [{{ {call} }}, {{ say = "told: {{result}}" }}]'
        for n, call in enumerate(calls)
    ]
    return "\n".join([*rules, DONE])


def ask(hive: Hive, number: int, turn: int) -> str:
    """What the manager boss was told when it made this call, in its so manyth turn."""
    hive.send("boss", f"do {number}")
    assert hive.end("boss", turn)["outcome"] == "ok", hive.story()
    [said] = hive.said("boss")
    return said


def test_a_manager_steers_its_agents_and_no_others(hive: Hive) -> None:
    calls = [
        'hive = "stop", args = { agent = "ada" }',
        'hive = "logs", args = { agent = "ada", lines = 30 }',
        'hive = "start", args = { agent = "ada" }',
        'hive = "restart", args = { agent = "ada" }',
        'hive = "stop", args = { agent = "boss" }',
        'hive = "stop", args = { agent = "bob" }',
        'hive = "logs", args = { agent = "bob" }',
        'hive = "logs", args = { agent = "ada", lines = 1000 }',
        'hive = "stop", args = { agent = "zoe" }',
    ]
    hive.new("boss", manager(*calls), role="manager")
    hive.new("chief", DONE, role="manager")
    hive.new("ada", SLOW, parent="boss")
    hive.new("bob", DONE, parent="chief")
    hive.send("ada")
    wait(lambda: "at work" in hive.said("ada"), hive.story)
    turn = hive.agent("ada")["turn"]["turn"]
    assert (
        ask(hive, 0, 1) == f"told: ada is stopped, its turn {turn} is cancelled; its mail is kept"
    )
    assert hive.end("ada")["outcome"] == "cancelled"
    assert [e["by"] for e in hive.events("agent_stopped")] == ["agent:boss"]
    seen = ask(hive, 1, 2)
    assert "told: ada is stopped since 20" in seen
    assert "turn 1 ended 20" in seen and "cancelled (stop)" in seen
    assert "agent_stopped by agent:boss" in seen and "turn_cancel" in seen
    assert str(hive.home) not in seen, "nothing of its configuration"
    assert ask(hive, 2, 3) == "told: ada is started"
    hive.wait_for("turn_start", 2, agent="ada")
    assert ask(hive, 3, 4).startswith("told: ada is started anew, its turn ")
    assert "boss cannot do that to itself" in ask(hive, 4, 5)
    for number in (5, 6):
        assert "not_allowed: bob does not answer to boss" in ask(hive, number, number + 1)
    assert "lines is from 1 to 100" in ask(hive, 7, 8)
    assert "not_found: there is no agent zoe" in ask(hive, 8, 9)
    assert hive.agent("bob")["process"] == "running"
    hive.stop(turns=True)


def test_a_worker_has_none_of_these_tools(hive: Hive) -> None:
    hive.new("bob", DONE)
    hive.new(
        "ada",
        '[default]\nsteps = [{ hive = "stop", args = { agent = "bob" } }, { say = "{result}" }]',
    )
    hive.send("ada")
    hive.end("ada")
    assert hive.agent("bob")["process"] == "running"
    assert hive.events("agent_stopped") == []
