"""The sample hive: its files are valid, and it neither falls silent nor spins.

The agents are played against one another by a small post office: the real rehearsal program,
its turns run one after another, sleeps shortened in the scenario text.
"""

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

from hived import names, sample
from hived.drivers import allow
from hived.rehearsal.parse import parse
from hived.rehearsal.scenario import Scenario
from tests.rehearsal.program import Line, Rehearsal

ROUNDS = 56
# eve's turns all crash: nothing comes of them.
GOING = [agent for agent in sample.SAMPLE_AGENTS if agent.name != "eve"]
TOOLS = ("send", "who", "set_status", "ask", "nap", "request_spawn_draft", "request_spawn_commit")
CONFIG = json.dumps({"mcpServers": {"hive": {"type": "sdk", "name": "hive"}}})


def text_of(agent: sample.SampleAgent) -> str:
    return Path(sample.scenario_path(agent.scenario)).read_text()


def all_steps(scenario: Scenario) -> list[tuple[str, ...]]:
    return [tuple(s.verb for s in rule.steps) for rule in scenario.rules] + [
        tuple(s.verb for s in scenario.default)
    ]


@pytest.mark.parametrize("agent", sample.SAMPLE_AGENTS, ids=lambda agent: agent.name)
def test_each_agent_is_valid_and_each_of_its_turns_takes_a_while(
    agent: sample.SampleAgent,
) -> None:
    names.agent_name(agent.name)
    scenario = parse(text_of(agent))
    assert scenario.agent == agent.name
    for rule in agent.allow:
        allow.decide((rule,), "Bash", {"command": "true"}, "/")
    # Turns about the agent's own notes, and those that hived's own mail begins, come seldom.
    answering = [r.steps for r in scenario.rules if not r.when.command and r.when.sender != "hive"]
    for steps in [*answering, scenario.default] if agent in GOING else []:
        seconds = sum(step.value for step in steps if step.verb == "sleep")
        streams = [step.options for step in steps if step.verb == "stream"]
        seconds += sum(options["chunks"] * options["delay"] for options in streams)
        assert seconds >= 1
        assert seconds <= 15
        # Each turn that goes well writes to somebody, or the hive would fall silent.
        verbs = [step.verb for step in steps]
        sends = [step for step in steps if (step.verb, step.value) == ("hive", "send")]
        assert sends or "error" in verbs


def test_the_first_mail_goes_to_the_manager() -> None:
    to, body = sample.FIRST_MAIL
    (manager,) = [agent for agent in sample.SAMPLE_AGENTS if agent.role == names.MANAGER]
    assert to == manager.name
    assert body
    with pytest.raises(KeyError):
        sample.scenario_path("../secrets.toml")


class PostOffice:
    """Inboxes of those that are well, and one turn at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox: dict[str, list[Line]] = defaultdict(list)
        self.turns: dict[str, int] = defaultdict(int)
        self.results: list[tuple[str, Line]] = []
        self.refused = 0
        self.compacted = 0
        self._sent = 0

    def send(self, sender: str, to: str, body: str) -> None:
        self._sent += 1
        self.inbox[to].append({"id": f"m{self._sent:012x}", "from": sender, "body": body})

    def turn(self, agent: sample.SampleAgent) -> None:
        mail = self.inbox[agent.name]
        self.inbox[agent.name] = []
        text = "\n\n".join(
            f'<mail id="{m["id"]}" from="{m["from"]}" attempt="1" sent="x">\n{m["body"]}\n</mail>'
            for m in mail
        )
        home = self.folder / agent.name
        home.mkdir(exist_ok=True)
        quick = re.sub(r"(sleep|delay|compact_seconds) = [\d.]+", r"\1 = 0", text_of(agent))
        number = sample.SAMPLE_AGENTS.index(agent) + 1
        session = f"{number:08d}-2222-4222-8222-222222222222"
        flag = "--resume" if self.turns[agent.name] else "--session-id"
        flags = [f"{flag}={session}", "--mcp-config", CONFIG, f"--model={agent.model}"]
        flags += ["--permission-prompt-tool=stdio", "--allowedTools", *agent.allow]
        self.turns[agent.name] += 1
        with Rehearsal(home, quick, *flags) as run:
            run.answers = lambda request: self._asked(agent.name, request)
            run.greet(*TOOLS, "request_apply_commit")
            run.say(text or "Go on with what you were doing.", composed=True)
            result = run.result()
            run.finish()
            self.compacted += len(run.of("system", "compact_boundary"))
        self.results.append((agent.name, result))
        if result["is_error"]:
            self.inbox[agent.name] = mail + self.inbox[agent.name]

    def _asked(self, name: str, request: Line) -> Line | None:
        if request["subtype"] == "can_use_tool":
            self.refused += 1
            return {"behavior": "deny", "message": "not on the allow list"}
        message = request["message"]
        if message["method"] == "tools/call" and message["params"]["name"] == "send":
            given = message["params"]["arguments"]
            self.send(name, given["to"], given["body"])
        return None


def test_the_hive_keeps_itself_busy(tmp_path: Path) -> None:
    office = PostOffice(tmp_path)
    office.send("operator", *sample.FIRST_MAIL)
    most = 0
    for _ in range(ROUNDS):
        busy = [agent for agent in GOING if office.inbox[agent.name]]
        assert busy, "nobody has mail: the hive has fallen silent"
        for agent in busy:
            office.turn(agent)
        most = max(most, *(len(office.inbox[agent.name]) for agent in GOING))
    assert all(office.turns[agent.name] > ROUNDS // 3 for agent in GOING)
    assert most <= 4, "mail piles up"
    assert office.refused >= 1
    assert office.compacted >= 1
    failed = [name for name, result in office.results if result["is_error"]]
    assert failed
    assert set(failed) == {"ada"}
    assert all(r["api_error_status"] == 529 for _, r in office.results if r["is_error"])
