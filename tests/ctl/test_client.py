"""The client alone: connecting, refusals, ends of the connection."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import hived
from hived import limits
from hived.client import Client
from tests.ctl.canned import SECONDS, Connection, Hive, Refusal, connect, refused


def test_hello_comes_first_and_says_who(hive: Hive) -> None:
    with connect(hive) as client:
        assert client.hello["node"] == "n1"
    assert hive.calls == [("hello", {"protocol": 1, "client": "python"})]


def test_an_answer_and_parameters_left_out(hive: Hive) -> None:
    with connect(hive) as client:
        answer = client.call("agent", agent="ada", at=None)
    assert answer == hive.answers["agent"]
    assert hive.params("agent") == {"agent": "ada"}


def test_a_refusal_keeps_code_hint_and_data(hive: Hive) -> None:
    def ambiguous(params: object) -> None:
        raise Refusal("ambiguous_name", -32014, "which?", hint="say more", candidates=["a", "b"])

    hive.answers["agent"] = ambiguous
    with connect(hive) as client:
        error = refused(lambda: client.call("agent", agent="a"))
        assert (error.code, error.message, error.hint) == ("ambiguous_name", "which?", "say more")
        assert error.data == {"candidates": ["a", "b"]}
        assert client.call("agents") == hive.answers["agents"]  # the connection lives


def test_an_error_without_data_has_the_code_of_its_number(hive: Hive) -> None:
    hive.after["hello"] = lambda c: c.send(
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32003, "message": "too long"}}
    )
    with connect(hive) as client:
        assert refused(lambda: client.call("agents")).code == "too_large"


@pytest.mark.parametrize("name", ["none.sock", "none/hived.sock", "file/hived.sock"])
def test_no_socket(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    error = refused(lambda: Client.connect(str(tmp_path / name)))
    assert error.code == "no_daemon"
    assert error.hint.startswith("start it with: ")


def test_a_socket_file_left_by_a_dead_daemon(tmp_path: Path) -> None:
    path = str(tmp_path / "hived.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    error = refused(lambda: Client.connect(path))
    assert error.code == "no_daemon"
    assert "nothing listens" in error.message


def test_a_file_that_is_no_socket(tmp_path: Path) -> None:
    (tmp_path / "hived.sock").write_text("not a socket")
    assert refused(lambda: Client.connect(str(tmp_path / "hived.sock"))).code == "no_daemon"


@pytest.mark.skipif(os.getuid() != 0, reason="needs a second user to be")
def test_a_socket_for_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    script = (
        "import os, sys; from hived.client import Client; from hived.errors import HivedError\n"
        "os.setuid(65534)\n"
        "try: Client.connect(sys.argv[1])\n"
        "except HivedError as e: print(e.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "closed" / "hived.sock")],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={"PYTHONPATH": str(Path(hived.__file__).parents[1])},
    )
    assert done.stdout == "forbidden\n", done.stderr


@pytest.mark.parametrize("length", [100, 107, 108, 109, 250])
def test_paths_of_any_length(tmp_path: Path, length: int) -> None:
    missing = length - len(str(tmp_path)) - len("/hived.sock") - 1
    folder = tmp_path / ("d" * missing) if missing > 0 else tmp_path
    folder.mkdir(exist_ok=True)
    hive = Hive(str(folder / "hived.sock"))
    try:
        with connect(hive) as client:
            assert client.call("agents")["position"] == 412
    finally:
        hive.close()


def test_the_environment_names_the_socket(
    hive: Hive, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIVED_HOME", "home")
    monkeypatch.chdir(home.parent)
    with Client.connect() as client:
        assert client.hello["protocol"] == 1


def test_a_request_that_is_too_long_is_not_sent(hive: Hive) -> None:
    with connect(hive) as client:
        long = "x" * limits.REQUEST_BYTES_MAX
        assert refused(lambda: client.call("send", to="ada", body=long)).code == "too_large"
    assert [name for name, _ in hive.calls] == ["hello"]


def test_silence_has_an_end(hive: Hive) -> None:
    asleep = threading.Event()
    hive.answers["agents"] = lambda params: asleep.wait(SECONDS) and {}
    with Client.connect(hive.path, answer_seconds=0.1) as client:
        error = refused(lambda: client.call("agents"))
        assert error.code == "disconnected"
        assert "did not answer within 0.1 s" in error.message
    asleep.set()


def test_the_end_of_the_connection(hive: Hive) -> None:
    hive.after["hello"] = Connection.close
    with connect(hive) as client:
        assert refused(lambda: client.call("agents")).code == "disconnected"


def test_what_was_said_before_the_end_is_told(hive: Hive) -> None:
    def full(c: Connection) -> None:
        error = {"code": -32004, "message": "too many connections", "data": {"code": "too_many"}}
        c.send({"jsonrpc": "2.0", "id": None, "error": error})
        c.close()

    hive.after["hello"] = full
    with connect(hive) as client:
        assert refused(lambda: client.call("agents")).code == "too_many"


def test_bye(hive: Hive) -> None:
    hive.after["hello"] = lambda c: c.notify("bye", reason="stopped by ann")
    with connect(hive) as client:
        error = refused(lambda: client.call("agents"))
    assert (error.code, error.message) == ("shutting_down", "hived has stopped: stopped by ann")


@pytest.mark.parametrize(
    "line",
    [
        *(b"no json\n", b"[]\n", b"3\n", b'{"method":"events"}\n', b'{"id":2,"result":3}\n'),
        *(b'{"id":2,"error":7}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n"),
    ],
)
def test_a_daemon_that_talks_nonsense(hive: Hive, line: bytes) -> None:
    hive.after["hello"] = lambda c: c.sock.sendall(line)
    with connect(hive) as client:
        assert refused(lambda: client.call("agents")).code == "invalid_request"


def test_a_long_answer_in_many_pieces(hive: Hive) -> None:
    hive.answers["state"] = {"state": "é" * 2_000_000}
    with connect(hive) as client:
        assert client.call("state") == hive.answers["state"]


def test_progress_is_told_while_the_answer_is_awaited(hive: Hive) -> None:
    def slowly(params: object) -> object:
        connection.notify("progress", request=2, done=1, total=2)
        connection.notify("later_kind", of="notification")
        return {"ok": True}

    holder: list[Connection] = []
    hive.after["hello"] = holder.append
    hive.answers["verify"] = slowly
    seen: list[tuple[int, int]] = []
    with connect(hive) as client:
        client.call("agents")
        connection = holder[0]
        client.on_progress = lambda done, total: seen.append((done, total))
        assert client.call("verify") == {"ok": True}
    assert seen == [(1, 2)]


def test_nothing_but_the_standard_library_is_imported() -> None:
    script = (
        "import sys; import hived.client, hived.ctl.run, hived.ctl.verbs; from importlib import *\n"
        "for verb in hived.ctl.verbs.VERBS.values(): import_module('hived.ctl.' + verb.module)\n"
        "import json; print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={"PYTHONPATH": str(Path(hived.__file__).parents[1])},
        check=True,
    )
    modules = json.loads(done.stdout)
    ours = {name.split(".")[1] for name in modules if name.startswith("hived.")}
    assert ours == {"client", "ctl", "errors", "limits", "names", "paths", "rpc"}
    rpc = [name for name in modules if name.startswith("hived.rpc.")]
    assert [name for name in rpc if not name.startswith("hived.rpc.specs")] == []
    roots = {name.split(".")[0] for name in modules}
    # A start-up hook of the interpreter's own installation may be there before us.
    roots = {root for root in roots if not root.startswith("__editable__")}
    foreign = roots - sys.stdlib_module_names - {"hived", "__main__", "_distutils_hack"}
    assert foreign == set()
