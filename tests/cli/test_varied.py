"""The other points at which a fix has to be right, too: lengths that belong together stay together."""

import numpy as np
import pytest

from micrograd_tensor.cli.varied import variations, varied


def of_shapes(**shapes):
    return {name: np.random.default_rng(0).normal(size=shape) for name, shape in shapes.items()}


def shapes_of(arguments):
    return {name: value.shape for name, value in arguments.items()}


@pytest.mark.parametrize(
    ("given", "due"),
    [
        ({"x": (4, 3, 32, 32), "w": (3, 3, 3, 3)}, {"x": (4, 3, 4, 4), "w": (3, 3, 3, 3)}),
        ({"x": (200, 3072), "gamma": (3072,)}, {"x": (25, 384), "gamma": (384,)}),
        ({"x": (8, 20, 16), "Wx": (16, 64)}, {"x": (4, 10, 8), "Wx": (8, 32)}),
        ({"x": (50, 31)}, {"x": (50, 31)}),
    ],
)
def test_long_lengths_get_shorter_by_one_factor(given, due):
    assert shapes_of(varied(of_shapes(**given), 0, times=2, shorter=True)) == due
    assert shapes_of(varied(of_shapes(**given), 0)) == given


def test_the_first_of_short_inputs_is_twice_as_long_and_the_others_are_as_long():
    arguments = of_shapes(x=(4, 5), gamma=(5,), one=(1, 5))
    made = [ways[0](arguments) for ways in variations(0)]
    assert [m["x"].shape for m in made] == [(8, 10), (4, 5), (4, 5)]
    assert made[0]["one"].shape == (1, 10)
    assert not np.array_equal(made[1]["x"], made[2]["x"])


def test_what_does_not_run_at_shorter_lengths_may_run_at_its_own():
    arguments = of_shapes(x=(64, 64))
    for ways in variations(0):
        assert list(dict.fromkeys(way(arguments)["x"].shape for way in ways)) == [(4, 4), (64, 64)]


def test_at_one_of_the_other_points_images_are_not_square():
    arguments = of_shapes(x=(3, 2, 6, 6), w=(4, 2, 3, 3), b=(4,), z=(5, 5))
    first, second, third = (
        {n: a.shape for n, a in ways[0](arguments).items() if n in arguments} for ways in variations(0)
    )
    assert first["x"][2] == first["x"][3]
    assert second == {"x": (3, 2, 6, 12), "w": (4, 2, 3, 6), "b": (4,), "z": (5, 5)}
    assert third == {n: a.shape for n, a in arguments.items()}
    assert variations(0)[1][1](arguments)["x"].shape == (3, 2, 6, 6)  # where the layer needs them to be


def test_where_not_every_length_can_be_doubled_those_are_that_several_arrays_have():
    made = varied(of_shapes(x=(3, 4, 6, 8), gamma=(1, 4, 1, 1), beta=(4,)), 0, times=2)
    assert shapes_of(made) == {"x": (3, 8, 6, 8), "gamma": (1, 8, 1, 1), "beta": (8,)}


def test_at_the_last_of_the_other_points_there_is_one_group():
    arguments = {**of_shapes(x=(3, 7, 6)), "num_heads": 2, "stride": 2, "groups": "all"}
    made = [ways[0](arguments) for ways in variations(0)]
    assert [m["num_heads"] for m in made] == [2, 2, 1]
    assert all((m["stride"], m["groups"]) == (2, "all") for m in made)
    assert variations(0)[2][1](arguments)["num_heads"] == 2  # where the layer needs them to be


@pytest.mark.parametrize("axis", [0, 1])
def test_what_adds_up_to_1_along_an_axis_does_so_at_the_other_points(axis):
    labels = np.eye(5)[[0, 3, 3, 1, 2, 4, 0]]
    shares = np.random.default_rng(0).dirichlet(np.ones(5), size=7)
    arguments = {name: np.moveaxis(array, -1, axis) for name, array in {"t": labels, "q": shares}.items()}
    for ways in variations(0):
        made = ways[-1](arguments)
        assert set(made["t"].ravel()) == {0, 1}
        assert np.allclose(made["t"].sum(axis=axis), 1)
        assert np.allclose(made["q"].sum(axis=axis), 1)
        assert not np.array_equal(made["q"], arguments["q"])
