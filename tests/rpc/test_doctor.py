"""Doctor's checks, on real folders, sockets and programs that are in order and that are not."""

import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from hived import limits
from hived.paths import Home
from hived.rpc import doctor
from hived.world.containment import ContainmentReport


def _facts(folder: Path, **changes: Any) -> doctor.Facts:
    facts = doctor.Facts(
        home=Home.at(str(folder)),
        probe=lambda: ContainmentReport("cgroup", ""),
        programs=(),
        now=1_000.0,
        last_event_at=1_000.0,
    )
    return facts._replace(**changes)


def _states(facts: doctor.Facts) -> dict[str, str]:
    return {check.name: check.state for check in doctor.run(facts)}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "hived.sock"))
    (tmp_path / "hived.sock").chmod(0o600)
    return tmp_path


def test_all_in_order(home: Path) -> None:
    states = _states(_facts(home))
    for name in ("containment", "store", "socket", "python", "sqlite", "clock"):
        assert states[name] == "ok"


def test_containment_that_is_weak_or_cannot_be_found_out(home: Path) -> None:
    def broken() -> ContainmentReport:
        raise OSError("no")

    weak = _facts(home, probe=lambda: ContainmentReport("subreaper", "words"))
    assert _states(weak)["containment"] == "warn"
    none = _facts(home, probe=lambda: ContainmentReport("none", ""))
    assert _states(none)["containment"] == "fail"
    assert _states(_facts(home, probe=broken))["containment"] == "fail"


def test_folders_and_sockets_open_to_others(home: Path) -> None:
    home.chmod(0o777)
    states = _states(_facts(home))
    assert states["store"] == "warn"
    assert states["socket"] == "warn"
    home.chmod(0o700)
    (home / "hived.sock").chmod(0o666)
    assert _states(_facts(home))["socket"] == "warn"
    (home / "hived.sock").unlink()
    assert _states(_facts(home))["socket"] == "fail"


def test_a_clock_behind_the_log(home: Path) -> None:
    assert _states(_facts(home, last_event_at=1_010.0))["clock"] == "warn"


def test_turns_that_wait_for_space(home: Path) -> None:
    waits = _facts(home, disk_waits=["ada", "bob"])
    [disk] = [check for check in doctor.run(waits) if check.name == "disk"]
    assert disk.state == "fail" and disk.found.endswith("ada, bob")


def test_little_room_and_few_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DOCTOR_DISK_BYTES_MIN", 2**62)
    monkeypatch.setattr(limits, "DOCTOR_FILES_MIN", 2**40)
    states = _states(_facts(home))
    assert states["disk"] == "warn"
    assert states["files"] == "warn"


def _program(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_programs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DOCTOR_PROGRAM_SECONDS", 2.0)
    good = _program(home, "good", "echo 2.1.0 of it; echo more")
    bad = _program(home, "bad", "exit 3")
    hangs = _program(home, "hangs", "exec sleep 60")
    programs = (good, bad, hangs, str(home / "absent"))
    found = [
        check for check in doctor.run(_facts(home, programs=programs)) if check.name == "claude"
    ]
    assert [check.state for check in found] == ["ok", "warn", "warn", "warn"]
    assert found[0].found == f"{good}: 2.1.0 of it"
    assert all(check.hint for check in found[1:] if "does not run" not in check.found)
    assert os.access(good, os.X_OK)
