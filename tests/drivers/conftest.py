"""Properties are bounded by their number of examples; a busy machine must not fail them."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "drivers", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("drivers")
