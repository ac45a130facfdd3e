"""For all tests: properties bounded by their number of examples, and in CI no test skipped."""

import os

import pytest
from hypothesis import HealthCheck, settings

# A busy machine must not fail a property for being slow.
settings.register_profile(
    "hived", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("hived")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A test skipped for a missing part is a failure in CI: the part has to be installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    if skipped and os.environ.get("CI") and not hasattr(session.config, "workerinput"):
        print(f"\nin CI no test may be skipped; {len(skipped)} were")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
