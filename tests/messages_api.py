"""A scripted Messages API on 127.0.0.1, for tests that drive the real CLI.

    with MessagesApi([Reply("hello"), Reply(tools=(Tool("Bash", {"command": "ls"}),))]) as api:
        ... start the CLI with api.env() ...
        api.wait_for(lambda: len(api.requests) == 2)

The replies are given in order to the requests of the main loop, those with tools; after the last
one comes `default`. Rules are looked at first, for every request. A request for a summary of
the conversation (a compaction) gets `summary`; requests without tools (titles, probes of a
model) get a word and are kept in `side`. Several agents on one API: give each a Rule that
`contains` what only it is told.

`gate` makes an answer wait for the test instead of a clock: `Reply("...", gate="g")`, then
`api.open("g")`.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, cast
from urllib.parse import urlsplit

from attrs import frozen

from tests.messages_api_replies import Reply, Rule, events, message

_COMPACTION = "create a detailed summary"
_GATE_SECONDS = 60.0  # nothing waits longer, whatever a test forgets


@frozen
class Request:
    """A request as it came: its JSON body, its headers with lower-case names."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def last(self) -> str:
        """The words and tool results of the last message of the user's side."""
        users = [m for m in self.body.get("messages", []) if m.get("role") == "user"]
        return _words(users[-1]["content"]) if users else ""

    @property
    def all(self) -> str:
        """The whole body as JSON, to look for words in."""
        return json.dumps(self.body, ensure_ascii=False)


def _words(content: object) -> str:
    if isinstance(content, str):
        return content
    blocks = cast(list[dict[str, Any]], content)
    return "\n".join(_words(b.get("text") or b.get("content") or "") for b in blocks)


class MessagesApi:
    """The server; a context manager. `requests` and `side` grow as they come."""

    def __init__(
        self,
        replies: Sequence[Reply] = (),
        *,
        rules: Sequence[Rule] = (),
        default: Reply | None = None,
        summary: Reply | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.side: list[Request] = []
        self._replies = list(replies)
        self._rules = list(rules)
        self._used: Counter[int] = Counter()
        self._default = default or Reply("nothing more is scripted")
        self._summary = summary or Reply("<analysis>a</analysis><summary>THE SUMMARY</summary>")
        self._changed = threading.Condition()
        self._gates: set[str] = set()
        self._closing = False
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def env(self, *, key: str = "test-key", oauth: str = "") -> dict[str, str]:
        """What the CLI's environment must hold to use this API and to stay on loopback."""
        sign_in = {"CLAUDE_CODE_OAUTH_TOKEN": oauth} if oauth else {"ANTHROPIC_API_KEY": key}
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "")
        return {
            "ANTHROPIC_BASE_URL": self.url,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "NO_PROXY": "127.0.0.1",
            **proxies,
            **sign_in,
        }

    def script(self, *replies: Reply) -> None:
        """Adds replies for the main loop."""
        with self._changed:
            self._replies.extend(replies)

    def open(self, gate: str) -> None:
        """Lets the answers at this gate go on, now and later."""
        with self._changed:
            self._gates.add(gate)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Waits until the condition holds; it is looked at whenever a request comes."""
        with self._changed:
            if not self._changed.wait_for(condition, seconds):
                last = [request.last[:80] for request in self.requests]
                raise AssertionError(f"not so within {seconds} s; requests: {last}")

    def __enter__(self) -> "MessagesApi":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # For the handler's threads.

    def choose(self, request: Request) -> Reply:
        with self._changed:
            is_side = not request.body.get("tools")
            (self.side if is_side else self.requests).append(request)
            self._changed.notify_all()
            for at, rule in enumerate(self._rules):
                if _fits(rule, request) and (rule.times is None or self._used[at] < rule.times):
                    self._used[at] += 1
                    return rule.reply
            if _COMPACTION in request.last:
                return self._summary
            if is_side:
                return Reply("fine")
            return self._replies.pop(0) if self._replies else self._default

    def pass_gate(self, gate: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or gate in self._gates, _GATE_SECONDS)


def _fits(rule: Rule, request: Request) -> bool:
    here = rule.model in request.model and rule.contains in request.last
    here = here and rule.key in ("", request.headers.get("x-api-key"))
    return here and (not rule.mentions or rule.mentions in request.all)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    api: MessagesApi

    def handle_error(self, request: object, client_address: object) -> None:
        """A CLI that is stopped in the middle of an answer is no error of the test's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the requests are kept."""

    @property
    def _api(self) -> MessagesApi:
        return cast(_Server, self.server).api

    def do_HEAD(self) -> None:
        self._json(404, {}, {})

    def do_GET(self) -> None:
        self._json(404, _error("not_found_error", f"no such page: {self.path[:80]}"), {})

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        body = json.loads(self.rfile.read(length) or b"{}")
        path = urlsplit(self.path).path
        if path == "/v1/messages/count_tokens":
            self._json(200, {"input_tokens": max(1, length // 4)}, {})
        elif path == "/v1/messages":
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(body, headers)
            self._answer(request, self._api.choose(request))
        else:
            self.do_GET()

    def _answer(self, request: Request, reply: Reply) -> None:
        if reply.hang:
            self._api.pass_gate("")
            return
        if reply.failed:
            failed = reply.failed
            self._json(failed.status, _error(failed.type, failed.message), reply.headers)
            return
        whole = message(reply, request.model, request.last)
        if request.body.get("stream"):
            self._stream(whole, reply)
        else:
            self._json(200, whole, reply.headers)

    def _stream(self, whole: Mapping[str, Any], reply: Reply) -> None:
        self.close_connection = True
        self._head(200, "text/event-stream", reply.headers)
        pieces = list(events(whole, reply.chunks))
        # The gate stands before the end of the last block, so the CLI has all but the end.
        gated = len(pieces) - 3
        sent = 0
        for at, piece in enumerate(pieces):
            if b"content_block_delta" in piece:
                if sent == reply.cut_after:
                    self.connection.close()
                    return
                if sent and reply.pause_s:
                    time.sleep(reply.pause_s)
                sent += 1
            if reply.gate and at == gated:
                self._api.pass_gate(reply.gate)
            self.wfile.write(piece)
            self.wfile.flush()

    def _json(self, status: int, value: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        data = json.dumps(value).encode()
        self._head(status, "application/json", {**headers, "content-length": str(len(data))})
        if self.command != "HEAD":
            self.wfile.write(data)

    def _head(self, status: int, kind: str, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, "request-id": "req_test", **headers}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()


def _error(kind: str, text: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": text}}
