"""The CLIs that hived can drive, by name. Adding one is one file and one row here."""

from collections.abc import Mapping

from hived.drivers.base import Driver
from hived.drivers.claude import ClaudeDriver
from hived.drivers.rehearsal import RehearsalDriver

DRIVERS: Mapping[str, Driver] = {
    driver.name: driver for driver in (ClaudeDriver(), RehearsalDriver())
}
