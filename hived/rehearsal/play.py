"""Plays the steps of a turn, and says how it ended."""

import os
import time
from collections import deque
from typing import NamedTuple

from hived import limits
from hived.rehearsal import acts, compaction, shapes, words
from hived.rehearsal.agenda import Agenda
from hived.rehearsal.desk import Interrupted
from hived.rehearsal.failures import FAILURES, Failure, retry_delays
from hived.rehearsal.scenario import Step, resolve
from hived.rehearsal.turn import GivenUp, Turn, TurnsOver
from hived.rehearsal.wire import Line

_FALLS_BACK = ("529", "404")
_MODEL_NAMES = {"overloaded": "due to high demand", "model_not_found": "as it was not found"}


class End(NamedTuple):
    """How the steps ended: with an answer (kind ok), a failure of the API, or given up."""

    kind: str = "ok"
    failure: Failure | None = None
    text: str = ""
    tools: bool = False


class _Failed(Exception):
    def __init__(self, failure: Failure, text: str) -> None:
        self.end = End("failed", failure, text)


def play(turn: Turn, agenda: Agenda, text: str) -> End:
    """Play the steps of a turn that answers this user text, and what is folded into it.

    Raises:
      acts.Leave: A step exits.
      Whatever `Desk.wait` raises, but for Interrupted.
    """
    player = _Player(turn, agenda, text)
    try:
        while player.waiting:
            letter = player.waiting.popleft()
            for step in agenda.steps(letter, turn.model.name):
                player.step(step)
        if not turn.opened:
            turn.open()  # no answer without a call of the model
        turn.close("end_turn")
    except _Failed as failed:
        return failed.end
    except TurnsOver:
        failure = FAILURES["max_turns"]
        limit = turn.desk.options.get("--max-turns")
        return End("failed", failure, failure.text.format(limit=limit))
    except GivenUp as given_up:
        return End("given_up", tools=given_up.tools)
    except Interrupted:
        return End("given_up")
    return End()


class _Player:
    def __init__(self, turn: Turn, agenda: Agenda, text: str) -> None:
        self.turn = turn
        self.desk = turn.desk
        self.last = text
        self.agenda = agenda
        self.waiting = deque(agenda.letters(text))

    def values(self, repetition: int = 1) -> dict[str, str]:
        session = self.desk.session
        mail = session.mail
        return {
            "last": self.last,
            "from": mail.sender,
            "body": mail.body if mail.id or mail.body else self.last,
            "mail": mail.id,
            "n": str(session.turns),
            "i": str(repetition),
            "agent": agent_name(self.desk.scenario.agent),
            "model": self.turn.model.name,
            "session": session.id,
            "result": self.turn.answer,
            "notes": words.notes_of(self.last),
        }

    def step(self, step: Step) -> None:
        values = self.values()
        if acts.act(self.desk, step, values):
            return
        verb, options = step.verb, step.options
        if verb == "say":
            for number in range(1, min(options["times"], limits.REHEARSAL_REPEATS_MAX) + 1):
                self.desk.wait(options["delay"])
                self.turn.say(words.fill(step.value, self.values(number)))
        elif verb == "think":
            thought = words.fill(step.value, values)
            block = {"type": "thinking", "thinking": thought, "signature": "cmVoZWFyc2Fs"}
            self.turn.block(block, words.tokens(thought))
        elif verb == "stream":
            self.stream(words.fill(step.value, values), options["chunks"], options["delay"])
        elif verb == "bash":
            given: Line = {"command": words.fill(step.value, values, quoted=True)}
            if options["description"]:
                given["description"] = words.fill(options["description"], values)
            if options["timeout"] != 120.0:
                given["timeout"] = int(options["timeout"] * 1000)
            self.call("Bash", given)
        elif verb == "tool":
            self.call(step.value, words.fill_all(options["input"], values))
        elif verb == "hive":
            name = f"mcp__{options['server']}__{step.value}"
            self.call(name, words.fill_all(options["args"], values))
        elif verb == "compact":
            compaction.inside(self.desk, self.turn.model, step.value, options["message"])
        elif verb == "rate_limit":
            resets = int(time.time() + options["resets_in"])
            self.rate_limit(step.value, resets, options["utilization"])
        elif verb == "error":
            self.error(step, values)
        else:
            raise AssertionError(f"no way to play {verb}")

    def call(self, name: str, given: Line) -> None:
        self.turn.call(name, given)
        for message in self.turn.fold():
            self.last = message.text
            letters = self.agenda.letters(message.text)
            if self.desk.scenario.each_sender:
                self.waiting.extend(letters)
            else:
                self.agenda.remember(letters[-1])

    def stream(self, text: str, chunks: int, delay: float) -> None:
        """Text in pieces. Without partial messages nothing is told until it is whole or cut."""
        self.turn.open()
        size = max(1, -(-len(text) // max(1, chunks)))
        told = ""
        partial = "--include-partial-messages" in self.desk.options.flags
        self.event(partial, {"type": "content_block_start", "index": 0})
        try:
            for start in range(0, len(text), size):
                self.desk.wait(delay)
                piece = text[start : start + size]
                told += piece
                delta = {"type": "text_delta", "text": piece}
                self.event(partial, {"type": "content_block_delta", "index": 0, "delta": delta})
        except Interrupted:
            if told:
                self.turn.say(told, aborted=True)
            raise
        self.turn.say(text)
        self.event(partial, {"type": "content_block_stop", "index": 0})

    def event(self, wanted: bool, event: Line) -> None:
        if wanted:
            line = {"type": "stream_event", "event": event, "parent_tool_use_id": None}
            self.desk.send({**line, "api_message_id": self.turn.message})

    def rate_limit(self, status: str, resets: int, utilization: float) -> None:
        window = {"utilization": utilization, "resetsAt": resets, "status": status}
        info = {
            "status": status,
            "resetsAt": resets,
            "rateLimitType": "five_hour",
            "utilization": utilization,
            "isUsingOverage": False,
            "unifiedWindows": {"five_hour": window},
        }
        self.desk.send({"type": "rate_limit_event", "rate_limit_info": info})

    def error(self, step: Step, values: dict[str, str]) -> None:
        """The API fails: retries are told, a fallback or a compaction may save the turn."""
        name, options = step.value, step.options
        failure = FAILURES[name]
        turn, desk = self.turn, self.desk
        if name == "usage_limit":
            resets = options["resets_at"] or time.time() + options["resets_in"]
            self.rate_limit("rejected", int(resets), 1.0)
        self.retry(failure, options["retries"], options["retry_delay"])
        fallback = desk.options.get("--fallback-model").split(",")[0]
        if name in _FALLS_BACK and fallback and turn.model == desk.model:
            self.fall_back(failure, fallback)
            return
        text = failure.text
        if name == "prompt_too_long":
            if desk.session.exchanges and "DISABLE_AUTO_COMPACT" not in os.environ:
                if compaction.inside(desk, turn.model, "ok" if options["compactable"] else "fail"):
                    return
                text = "Prompt is too long"
        elif name == "refusal":
            self.refuse()
        message = words.fill(options["message"], values) or failure.message
        window, context = turn.model.window, desk.session.context
        filled = text.format(
            message=message,
            model=turn.model.name,
            limit=turn.opened,
            asked=window + 1000,
            window=window,
            context=context,
        )
        raise _Failed(failure, filled)

    def retry(self, failure: Failure, asked: int | None, first: float) -> None:
        capped = os.environ.get("CLAUDE_CODE_MAX_RETRIES", "")
        cap = int(capped) if capped.isdecimal() else None
        for number, seconds in enumerate(retry_delays(failure, asked, cap, first), 1):
            self.desk.send(
                {
                    "type": "system",
                    "subtype": "api_retry",
                    "attempt": number,
                    "max_retries": 10 if cap is None else cap,
                    "retry_delay_ms": int(seconds * 1000),
                    "error_status": failure.status,
                    "error": failure.told,
                }
            )
            self.desk.wait(seconds)

    def fall_back(self, failure: Failure, name: str) -> None:
        turn = self.turn
        trigger = "overloaded" if failure.status == 529 else "model_not_found"
        was, turn.model = turn.model, resolve(self.desk.scenario, name)
        line = {"type": "system", "subtype": "model_fallback", "trigger": trigger}
        said = f"Switched to {turn.model.name} {_MODEL_NAMES[trigger]}"
        models = {"original_model": was.name, "fallback_model": turn.model.name}
        self.desk.send({**line, **models, "content": said})

    def refuse(self) -> None:
        turn = self.turn
        said = "The model's safeguards stopped the response above"
        info = {"type": "system", "subtype": "informational", "content": said, "level": "notice"}
        self.desk.send(info)
        turn.open()
        nudge = [
            {"type": "text", "text": "Your response above was stopped by a safety classifier."}
        ]
        self.desk.send(shapes.user(nudge, isSynthetic=True, refused_message_id=turn.message))
        turn.close("refusal")
        gone = {"type": "system", "subtype": "model_refusal_no_fallback", "content": ""}
        self.desk.send({**gone, "original_model": turn.model.name})


def agent_name(given: str) -> str:
    """The agent's name: the scenario's, else $HIVED_AGENT, else the folder's."""
    return given or os.environ.get("HIVED_AGENT") or os.getcwd().rpartition("/")[2]  # noqa: PTH109
