"""hive.toml to Settings."""

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hived import limits
from hived.config.problems import ConfigInvalid
from hived.config.settings import parse_settings
from hived.events import shape
from hived.events.settings import Policy, QuietHours, Settings
from hived.events.values import Budget
from hived.projections.shapes import dump_as
from tests.config.texts import KNOWN, settings

WHOLE = """
[defaults]
driver = "rehearsal"
model = "opus"
allow = ["Read"]
mcp_servers.files = { command = "files" }

[defaults.resources]
memory = "2GiB"

[[budgets]]
amount = 50

[approvals.spawn]
timeout = "24h"
then = "expire"

[approvals.apply_commit]
timeout = 90

[[policies]]
name = "docs by the manager"
decision = "approve"
kinds = ["apply_commit"]
requesters = ["manager", "ada"]
paths = ["docs/**", "*.md"]
note = "only words"

[[policies]]
name = "none"
decision = "deny"

[[quiet_hours]]
name = "night"
from = "22:00"
to = "07:30"
timezone = "+02:00"
agents = ["ada"]

[[quiet_hours]]
from = "12:00"
to = "13:00"

[rate_limits]
resume = false
"""


def test_every_key_is_read() -> None:
    given_ = settings(WHOLE)
    assert given_ == Settings(
        defaults={
            "driver": '"rehearsal"',
            "model": '"opus"',
            "allow": '["Read"]',
            "resources.memory": '"2GiB"',
            "mcp_servers": '{"files":{"command":"files"}}',
        },
        budgets=(Budget(50.0),),
        policies=(
            Policy(
                "docs by the manager",
                "approve",
                ("apply_commit",),
                ("manager", "ada"),
                ("docs/**", "*.md"),
                "only words",
            ),
            Policy("none", "deny"),
        ),
        expiry_s={"spawn": 86_400.0, "apply_commit": 90.0},
        quiet_hours=(
            QuietHours("night", 22 * 60, 7 * 60 + 30, 120, ("ada",)),
            QuietHours("quiet hours", 12 * 60, 13 * 60),
        ),
        resume_after_limits=False,
        digest=given_.digest,
    )
    assert given_.digest != settings(WHOLE + "#").digest


def test_they_can_stand_in_an_event() -> None:
    given_ = settings(WHOLE)
    assert shape.converter().structure(dump_as(Settings, given_), Settings) == given_


def test_an_empty_text_means_the_built_in_ones() -> None:
    given_ = settings("")
    assert given_ == Settings(digest=given_.digest)


WRONG = {
    "[policy]": "policy: unknown key; did you mean policies?",
    "defaults = 1": "defaults: must be a table, not 1",
    '[defaults]\nrole = "manager"': "defaults.role: unknown key",
    '[defaults]\nworkdir = "/x"': "defaults.workdir: unknown key",
    '[defaults]\nmodell = "x"': "defaults.modell: unknown key; did you mean model?",
    '[defaults]\nallow = ["bash"]': "defaults.allow[1]: the allow rule 'bash'",
    '[defaults]\ndriver = "x"': "defaults.driver: there is no driver 'x'",
    "[defaults.resources]\npids = -1": "defaults.resources.pids: must be",
    '[approvals.apply]\ntimeout = "1h"': "approvals.apply: 'apply' is not known; one of spawn",
    "[approvals.spawn]": "approvals.spawn.timeout: is missing",
    '[approvals.spawn]\ntimeout = "soon"': "approvals.spawn.timeout: must be a time span",
    '[approvals.spawn]\ntimeout = "1h"\nthen = "approve"': "approvals.spawn.then: 'approve' is not",
    '[[policies]]\ndecision = "deny"': "policies[1].name: is missing",
    '[[policies]]\nname = "a"\ndecision = "allow"': "policies[1].decision: 'allow' is not known",
    '[[policies]]\nname = "a"\ndecision = "deny"\nkinds = ["x"]': "policies[1].kinds[1]: 'x'",
    '[[policies]]\nname = "a"\ndecision = "deny"\npaths = ["/x"]': "policies[1].paths[1]: '/x'",
    '[[policies]]\nname = "a"\ndecision = "deny"\npaths = ["a**"]': "** stands alone",
    '[[policies]]\nname = "a"\ndecision = "deny"\nrequesters = ["A"]': "policies[1].requesters[1]",
    "[[policies]]\nname = 'a'\ndecision = 'deny'\n" * 2: "policies[2].name: 'a' is taken already",
    'quiet_hours = { from = "22:00", to = "07:00" }': "quiet_hours: must be a list, not a table",
    '[[quiet_hours]]\nfrom = "22:00"': "quiet_hours[1].to: is missing",
    '[[quiet_hours]]\nfrom = "24:00"\nto = "01:00"': "quiet_hours[1].from: must be a time",
    '[[quiet_hours]]\nfrom = 22:00:00\nto = "01:00"': 'not a date or time; as "22:00", in quotes',
    '[[quiet_hours]]\nfrom = "01:00"\nto = "01:00"': "begins and ends at the same minute",
    '[[quiet_hours]]\nfrom = "01:00"\nto = "02:00"\ntimezone = "Europe/Berlin"': "a fixed offset",
    '[[quiet_hours]]\nfrom = "01:00"\nto = "02:00"\ntimezone = "+14:30"': "a fixed offset",
    '[rate_limits]\nresume = "yes"': "rate_limits.resume: must be true or false, not 'yes'",
    "[[budgets]]\namount = -1": "budgets[1].amount: must be a number",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_with_its_place(text: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        settings(text)
    told = caught.value.data["problems"]
    assert isinstance(told, list)
    assert len(told) == 1
    assert WRONG[text] in told[0]
    assert caught.value.message.startswith("hive.toml does not validate: ")


def test_a_text_that_is_too_long_is_not_parsed() -> None:
    with pytest.raises(ConfigInvalid, match="is the most"):
        settings("#" * (limits.CONFIG_BYTES_MAX + 1))


PIECES = st.sampled_from([*WHOLE.splitlines(), *WHOLE.split(), "[", "]", "nan", "[[defaults]]"])


@given(st.lists(PIECES, max_size=20).map("\n".join) | st.text(max_size=80))
@examples(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_settings(text.encode("utf-8", "surrogatepass"), known=KNOWN)
    except ConfigInvalid as error:
        assert error.data["problems"]
