"""Which nodes of two graphs are the same part of the same computation."""

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.graph import Node
from micrograd_tensor.graph.match import match


def values(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(name, *shape, seed=0):
    return mt.tensor(values(*shape, seed=seed), name=name, requires_grad=True)


def batch_norm(eps=1e-5, seed=0):
    out = mt.batch_norm(leaf("x", 7, 4, seed=seed), leaf("gamma", 4, seed=1), leaf("beta", 4, seed=2), eps=eps)
    return mt.graph(out)


def random_graph(seed, names=False):
    random = np.random.default_rng(seed)
    made = [leaf(f"leaf{i}" if names else None, 3, seed=i) for i in range(3)]
    for k in range(20):
        a, b = (made[-1 - int(random.integers(min(len(made), 5)))] for _ in range(2))
        made.append(mt.tanh(a) if random.random() < 0.4 else a * b if random.random() < 0.5 else a - b)
        if names and k % 3 == 0:
            made[-1].named(f"value{k}")
    return mt.graph(made[-1])


@pytest.mark.parametrize("make", [batch_norm, *(lambda s=s: random_graph(s, True) for s in range(5))])
def test_a_graph_matches_its_like_node_by_node(make):
    here, there = make(), make()
    assert [(a.rank, b.rank) for a, b in match(here, there).items()] == [(n.rank, n.rank) for n in here.nodes]


def test_values_and_numbers_do_not_matter():
    assert len(match(batch_norm(), batch_norm(eps=0.5, seed=7))) == len(batch_norm().nodes)


@pytest.mark.parametrize("seeds", [(0, 1), (2, 3), (4, 4), (5, 6), (7, 8), (9, 10), (11, 12)])
@pytest.mark.parametrize("names", [True, False])
def test_pairs_are_alike_and_their_order_agrees(seeds, names):
    here, there = (random_graph(seed, names) for seed in seeds)
    pairs = match(here, there)
    assert len(set(pairs.values())) == len(pairs)
    for a, b in pairs.items():
        assert (a.op and a.op.name) == (b.op and b.op.name)
        assert a.name == b.name or None in (a.name, b.name)
    assert is_free_of_circles(here, there, pairs)


def is_free_of_circles(here, there, pairs):
    """Whether both graphs, made one where they match, can still be computed."""
    before = {b: a for a, b in pairs.items()}
    needs = {a: {x for x in a.operands if isinstance(x, Node)} for a in here.nodes}
    for b in there.nodes:
        needs.setdefault(before.get(b, b), set()).update(before.get(x, x) for x in b.operands if isinstance(x, Node))
    done = set()
    while len(done) < len(needs):
        ready = {node for node, wanted in needs.items() if node not in done and wanted <= done}
        if not ready:
            return False
        done |= ready
    return True


def test_the_check_for_circles_finds_one():
    x = leaf("x", 2)
    here = mt.graph(mt.exp(mt.tanh(x).named("a")).named("b"))
    there = mt.graph(mt.tanh(mt.exp(x).named("b")).named("a"))
    crossed = {here[name]: there[name] for name in ("x", "a", "b")}
    assert not is_free_of_circles(here, there, crossed)
    assert is_free_of_circles(here, there, match(here, there))


def test_training_and_evaluation_of_a_normalization_meet_after_the_statistics():
    layer, x = mt.nn.BatchNorm1d(4), leaf("x", 7, 4)
    here = mt.graph(layer(x))
    layer.eval()
    there = mt.graph(layer(x))
    matched = {node.name for node in match(here, there)}
    assert matched == {"x", "weight", "bias", "dev_from_mean", "x_norm", "scaled_x", "out"}


def test_scopes_tell_values_of_one_name_apart():
    def net(order):
        h = leaf("x", 3)
        for name in order:
            with mt.scope(name):
                h = mt.tanh(h).named("h")
        return mt.graph(h)

    here, there = net(["one", "two"]), net(["zero", "one"])
    pairs = match(here, there)
    assert [(a.scope.path, b.scope.path) for a, b in pairs.items() if a.op] == [("one", "one")]


def test_another_op_of_the_same_name_is_no_counterpart():
    x = leaf("x", 3)
    assert [a.name for a in match(mt.graph(mt.sin(x).named("y")), mt.graph(mt.cos(x).named("y")))] == ["x"]
