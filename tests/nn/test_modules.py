"""What holds for every module: its derivatives, the scope of its ops, and what it says of itself."""

import inspect

import numpy as np
import pytest
from ducks import Duck
from module_cases import CASES, MODULES, called_with, outputs
from op_cases import each

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.engine.walk import ancestors

every = each(CASES)
FIRST = list({case.name.partition(",")[0]: case for case in reversed(CASES)}.values())
"""Of each module the first case."""


def test_every_module_has_a_case():
    assert {type(m).__name__ for case in CASES for m in case.make(nn).modules()} >= MODULES


def test_a_module_without_a_case_would_be_noticed():
    MODULES.add("Transformer")
    try:
        with pytest.raises(AssertionError):
            test_every_module_has_a_case()
    finally:
        MODULES.remove("Transformer")


def derivatives(case, order):
    """Of the inputs and of every parameter, beside differences."""
    ours, arrays = case.ours(), case.arrays()
    names = [name for name, _ in ours.named_parameters()]

    def function(*tensors):
        # A fresh module for each call, since running statistics move.
        given, values = tensors[: len(arrays)], dict(zip(names, tensors[len(arrays) :], strict=True))
        return outputs(called_with(case.ours(), values, *given, **case.settings))

    points = [*arrays, *(p.numpy() for p in ours.parameters())]
    if case.name == "Embedding, padding":
        with pytest.raises(mt.GradientError, match="input 2"):  # a row that is not learned, whatever it changes
            mt.gradcheck(function, *points, order=1)
    else:
        assert mt.gradcheck(function, *points, order=order)


@every
def test_gradients_are_right(case):
    derivatives(case, 1)


@each(FIRST)
def test_gradients_are_right_to_the_second_order(case):
    derivatives(case, 2)


@pytest.mark.slow
@each(case for case in CASES if case not in FIRST)
def test_gradients_are_right_to_the_second_order_at_every_setting(case):
    derivatives(case, 2)


@every
def test_every_op_stands_in_a_scope_below_the_modules_own(case):
    module = case.ours().named("root")
    inputs = [mt.tensor(x, requires_grad=x.dtype.kind == "f") for x in case.arrays()]
    ops = [t for t in ancestors(outputs(module(*inputs, **case.settings))) if t.op is not None]
    paths = {t.scope.path for t in ops}
    known = {"/".join(m._path) for m in module.modules()}
    assert all(path == "root" or path.startswith("root/") for path in paths)
    for path in paths:  # the module's path, and below it only what the compositions call themselves
        while path not in known:
            path, _, inner = path.rpartition("/")
            assert hasattr(mt, inner)
    assert ops or not any(x.requires_grad for x in inputs) or case.name.startswith(("Dropout", "Identity"))


@every
def test_float32_stays_float32(case):
    module = case.make(nn)
    inputs = [mt.tensor(x, requires_grad=x.dtype.kind == "f") for x in case.arrays(np.float32)]
    inputs = [x.astype(np.float32) if x.dtype == np.float64 else x for x in inputs]
    for y in outputs(module.train(case.train)(*inputs, **case.settings)):
        assert y.dtype == np.float32 or "weight" in case.name or "all" in case.name
    assert all(p.dtype == np.float32 for p in module.parameters())


@every
def test_arrays_are_inputs_too(case):
    module = case.ours()
    plain = outputs(module(*case.arrays(), **case.settings))
    boxed = outputs(case.ours()(*map(mt.tensor, case.arrays()), **case.settings))
    for a, b in zip(plain, boxed, strict=True):
        assert isinstance(a, mt.Tensor)
        assert a.numpy().tobytes() == b.numpy().tobytes()


@every
def test_nothing_is_recorded_without_gradients(case):
    for name in (None, "data"):
        with mt.no_grad():
            inputs = [mt.tensor(x, name=name) for x in case.arrays()]
            for y in outputs(case.ours()(*inputs, **case.settings)):
                assert not y.requires_grad
                assert y.is_leaf


@every
def test_a_name_for_the_data_records_all_and_changes_nothing(case):
    found = []
    for name in (None, "data"):
        module = case.ours()
        mt.manual_seed(0)
        ys = outputs(module(*(mt.tensor(x, name=name) for x in case.arrays()), **case.settings))
        moving = [y for y in ys if y.requires_grad]
        gradients = mt.grad(sum(y.sum() for y in moving), list(module.parameters())) if moving else []
        after = [*ys, *module.buffers(), *(g for g in gradients if g is not None)]
        found.append([x.numpy().tobytes() for x in after])
    assert found[0] == found[1]
    if moving:
        leaves = [t for t in ancestors(moving) if t.op is None]
        assert any(t.name == "data" for t in leaves)
        assert not any(node.unrecorded for node in mt.graph(moving).nodes if node.dtype.kind == "f")


def test_a_frozen_module_records_nothing_of_plain_data():
    net = nn.Linear(3, 2).requires_grad_(False)
    assert net(mt.tensor([[1.0, 2.0, 3.0]], name="x")).is_leaf


@every
def test_the_text_of_a_module_makes_it_again(case):
    """Its class, and within the parentheses its settings; nested ones indented."""
    module = case.ours()
    text = repr(module)
    assert text.startswith(f"{type(module).__name__}(")
    parents = sum(1 for m in module.modules() if list(m.children()))
    assert len(text.splitlines()) == len(list(module.modules())) + parents


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_forward_is_short(name):
    """A forward of more than a dozen lines is a sign that a composition is missing."""
    source, _ = inspect.getsourcelines(getattr(nn, name).forward)
    body = "".join(source).split('"""')[-1].strip().splitlines()
    assert len(body) <= 12


@pytest.mark.parametrize(
    "function",
    [
        mt.gelu,
        mt.silu,
        mt.softplus,
        mt.logsigmoid,
        lambda x: mt.conv2d(x, np.ones((2, 5, 2, 2), np.float32), padding=1),
        lambda x: mt.conv1d(x[0], np.ones((2, 6, 2), np.float32), dilation=2),
        lambda x: mt.max_pool2d(x, 2),
        lambda x: mt.avg_pool2d(x, 3, 1, 1, count_include_pad=False),
        lambda x: mt.layer_norm(x, (6, 3)),
        lambda x: mt.group_norm(x, 5),
        lambda x: mt.linear(x, np.ones((2, 3), np.float32)),
        nn.BatchNorm2d(5),
        nn.InstanceNorm2d(5, track_running_stats=True),
        lambda x: mt.cross_entropy(x, np.ones((2, 6, 3), int)),
        lambda x: mt.scaled_dot_product_attention(x, x, x, is_causal=True),
    ],
    ids=lambda f: getattr(f, "__name__", type(f).__name__),
)
def test_compositions_take_foreign_arrays(function):
    """An array that only speaks NumPy's protocols, as Dask's or CuPy's do, is kept as it is."""
    values = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype(np.float32)
    x, d = mt.tensor(values, requires_grad=True), mt.tensor(Duck(values), requires_grad=True)
    y, e = function(x), function(d)
    assert isinstance(e.numpy(), Duck)
    np.testing.assert_allclose(e.numpy().inside, y.numpy(), rtol=1e-5, atol=1e-6)
    y.sum().backward()
    e.sum().backward()
    np.testing.assert_allclose(d.grad.numpy().inside, x.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_what_recorded_ops_make_of_a_parameter_is_a_plain_tensor():
    p = nn.Parameter([1.0, 2.0])
    assert type(p) is nn.Parameter
    assert type(p * 2) is mt.Tensor
    assert type(p.detach()) is mt.Tensor
    assert not hasattr(p, "__dict__")


def test_a_parameter_of_integers_is_refused():
    with pytest.raises(mt.DTypeError, match="floating-point"):
        nn.Parameter([1, 2])
    assert not nn.Parameter([1, 2], requires_grad=False).requires_grad
