"""Numbers in few characters, and truthfully."""

import numpy as np
import pytest

from micrograd_tensor.notation import quantity, summary


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([1.0, -2.5]), "−2.50…1.00"),
        (np.array(3.14159), "3.14"),
        (np.ones((2, 2)), "1.00"),
        (np.zeros(3), "0"),
        (np.array([1e-17, -1e-16]), "−1e−16…1e−17"),
        (np.array([2e-5, 3.0]), "2e−5…3.00"),
        (np.array([-1e-12, 1e6]), "−1e−12…1.0e6"),
        (np.zeros((0, 4)), "empty"),
        (np.array([np.nan, np.nan]), "all NaN"),
        (np.array(np.nan), "NaN"),
        (np.array([np.nan, 1.0, 2.0]), "1.00…2.00, 1 NaN"),
        (np.array([np.inf, -np.inf]), "−∞…∞"),
        (np.array([1, 5]), "1…5"),
        (np.array([True, False]), "False…True"),
        (np.array([True, True]), "True"),
        (np.array([3 + 4j]), "|·| 5.00"),
        (np.array([1.5], np.float32), "1.50"),
        (np.array([1.5, np.inf], np.float16), "1.50…∞"),
        (np.array(["1e4000", "-1e-4000"], np.longdouble), "−1e−4000…1.0e4000"),
        (np.array([np.inf, 0.001], np.longdouble), "1e−3…∞"),
        (None, ""),
        (object(), ""),
    ],
)
def test_summary(value, text):
    assert summary(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0049, "4.9e−3"), (0.005, "0.01"), (99999.0, "99999.00"), (1e5, "1.0e5")]
)
def test_number(value, text):
    assert quantity(value) == text
