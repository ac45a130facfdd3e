"""What the tests of configurations read with: the real drivers and the real rules."""

from hived.config.agent import Known, Place
from hived.config.settings import parse_settings
from hived.drivers import DRIVERS
from hived.drivers.allow import check_rule
from hived.events.settings import Settings

KNOWN = Known(tuple(DRIVERS), check_rule)
PLACE = Place("/w", "/tree", frozenset({"agent.toml", "prompt.md", "other/p.md"}), "c" * 40)
BARE = Place("/w", "/tree", frozenset({"agent.toml"}))


def settings(text: str) -> Settings:
    return parse_settings(text.encode(), known=KNOWN)
