"""Configurations: what an agent runs with and where each value is from, texts checked, hive.toml
read anew."""

from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from hived import limits
from hived.config.agent import FILE, Place, parse_agent
from hived.config.explain import Row, explain
from hived.config.keys import KEYS
from hived.config.settings import FILE as HIVE_FILE
from hived.config.settings import parse_settings
from hived.config.values import plain, toml_value
from hived.decisions.kept import need_kept
from hived.decisions.settings import ConfigureHive
from hived.errors import HivedError
from hived.events.settings import Settings
from hived.events.values import AgentConfig
from hived.names import shown
from hived.paths import Home
from hived.projections.agent import Agent
from hived.projections.shapes import dump_as
from hived.rpc import rows
from hived.rpc.approval_rows import approval_row
from hived.rpc.params import invalid
from hived.rpc.session import Call
from hived.rpc.specs import JSON_VERSION
from hived.world import repos, trees
from hived.world.agent_config import as_files
from hived.world.config_checks import KNOWN, check_config
from hived.world.hive_file import read_settings

_EARLIER = "earlier hive.toml"
_PATHS = ("workdir", "prompt_file")  # told as they stand in the text, and held as whole paths


async def config(call: Call, *, agent: str) -> dict[str, Any]:
    hive = call.hive
    found = _named(call, agent)
    answer = rows.stamped(hive, {}, version=JSON_VERSION)
    waiting = [one for one in hive.approvals.pending() if one.agent == found.name and one.commit]
    home, settings = call.services.home, hive.settings.now
    read = await call.in_thread(_read, home, settings, found.name, found.config)
    return {
        **answer,
        "agent": found.name,
        "commit": found.config.commit or None,
        "config": dump_as(AgentConfig, found.config),
        "pending": [approval_row(one) for one in waiting],
        "proposed": home.proposed(found.name),
        **read,
    }


def _named(call: Call, name: str) -> Agent:
    """A live agent by name or prefix, or a tombstone by its whole name."""
    if name in call.hive.agents.kept:
        return need_kept(call.hive, name)
    return call.hive.agents.live[call.agent(name)]


def _read(home: Home, settings: Settings, name: str, config: AgentConfig) -> dict[str, Any]:
    """The text that it runs with, each key of it explained, and the marks of its repository."""
    applied = Path(home.applied_repo(name))
    try:
        if config.commit:
            files = frozenset(file.path for file in trees.files_of(applied, config.commit))
            data = repos.read_file(applied, config.commit, FILE, limits.CONFIG_BYTES_MAX)
            tree = home.applied_tree(name, config.commit)
        else:
            made = as_files(home, settings, name, config)
            data, files, tree = made[FILE], frozenset(made), home.agent(name)
        place = Place(f"{home.agent(name)}/work", tree, files, config.commit)
        keys = explain(data, settings=settings, place=place, known=KNOWN)
        means = parse_agent(data, settings=settings, place=place, known=KNOWN)
        marks = repos.history(applied) if applied.is_dir() else ()
    except OSError as error:
        raise HivedError(
            f"the repository cannot be read: {error}",
            code="git_failed",
            hint="hivectl doctor looks at the machine",
        ) from None
    return {
        "text": data.decode("utf-8", "replace"),
        "keys": [_key_row(row, means, config) for row in keys],
        "history": [
            {
                "mark": mark.kind,
                "id": mark.id,
                "commit": mark.commit,
                "note": mark.note or None,
                "at": rows.when(mark.at),
            }
            for mark in marks
        ],
    }


def _key_row(row: Row, means: AgentConfig, runs: AgentConfig) -> dict[str, str]:
    """means: what the text would mean now. hive.toml may be another than when it was applied."""
    value_of = attrgetter(KEYS[row.key].field)
    if row.key in _PATHS or value_of(means) == value_of(runs):
        return {"key": row.key, "value": row.value, "source": row.source}
    return {"key": row.key, "value": toml_value(plain(value_of(runs))), "source": _EARLIER}


async def config_check(
    call: Call, *, toml: str, file: str, beside: tuple[str, ...]
) -> dict[str, Any]:
    if file not in (FILE, HIVE_FILE):
        raise invalid(f"there is no configuration {shown(file)}", f"{FILE} or {HIVE_FILE}")
    answer = rows.stamped(call.hive, {}, version=JSON_VERSION)
    data, settings = toml.encode("utf-8", "surrogatepass"), call.hive.settings.now
    try:
        if file == HIVE_FILE:
            await call.in_thread(partial(parse_settings, data, known=KNOWN))
        else:
            await call.in_thread(_check, data, settings, frozenset(beside))
    except HivedError as error:
        told = error.data.get("problems") or [error.message]
        return {**answer, "ok": False, "file": file, "problems": told}
    return {**answer, "ok": True, "file": file, "problems": []}


def _check(data: bytes, settings: Settings, beside: frozenset[str]) -> None:
    # Where it will stand is not known yet; whatever it means is an absolute path.
    place = Place("/work", "/tree", beside)
    check_config(parse_agent(data, settings=settings, place=place, known=KNOWN))


async def daemon_reload(call: Call) -> dict[str, Any]:
    settings = await call.in_thread(read_settings, call.services.home.settings)
    written = await call.submit(ConfigureHive(settings))
    changed = any(rec.kind == "hive_configured" for rec in await written.events())
    return written.row(changed=changed, digest=settings.digest or None)


HANDLERS: Mapping[str, Callable[..., Any]] = {
    "config": config,
    "config_check": config_check,
    "daemon_reload": daemon_reload,
}
