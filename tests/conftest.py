"""Settings for all tests: the same examples on every run, and no deadline, since machines differ."""

from hypothesis import settings

settings.register_profile("reproducible", derandomize=True, deadline=None, max_examples=40, database=None)
settings.load_profile("reproducible")
