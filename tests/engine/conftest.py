"""The engine's tests run with NumPy's floating-point errors raised, unless a test is about infinities and NaN."""

import numpy as np
import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "infinities: is about infinities and NaN, so NumPy's errors are not raised")


@pytest.fixture(autouse=True)
def _floating_point_errors_raise(request):
    """A rule may not divide by zero, overflow, or make a NaN on the way to a right answer."""
    if request.node.get_closest_marker("infinities"):
        with np.errstate(all="ignore"):
            yield
    else:
        with np.errstate(all="raise", under="ignore"):
            yield
