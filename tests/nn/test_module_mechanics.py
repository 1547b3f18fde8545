"""Modules as containers: names, walks, modes, states, sharing."""

import gc
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.engine.recording import Call
from micrograd_tensor.engine.walk import ancestors


class Block(nn.Module):
    """A module within modules, with a parameter, two buffers and a child of its own."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter([2.0, 3.0])
        self.register_buffer("offset", [0.5, 0.5])
        self.register_buffer("scratch", [0.0], persistent=False)
        self.register_buffer("nothing", None)
        self.inner = nn.Linear(2, 2, dtype=np.float64)

    def forward(self, x):
        return self.inner(x * self.scale + self.offset)


class Net(nn.Module):
    """Blocks in a list, one by name, and one that another one's forward passes by."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.last = nn.Sequential({"a": Block(), "b": nn.Tanh()})
        self.bias = nn.Parameter([0.0, 0.0])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.last(x) + self.last.a.inner(x) + self.bias


def scopes(y):
    """Those of modules and of the user, in which compositions were called."""
    found = set()
    for gate in ancestors([y]):
        scope = gate.scope
        while isinstance(scope, Call):
            scope = scope.parent
        if gate.op:
            found.add(scope.path if scope else "")
    return found


# --------------------------------------------------------------------------------------------------------- names, walks


def test_names_are_dotted_in_the_order_of_definition():
    inner = ["inner.weight", "inner.bias"]
    assert [n for n, _ in Block().named_parameters()] == ["scale", *inner]
    assert list(Block().state_dict()) == ["scale", "offset", *inner]
    assert [n for n, _ in Block().named_buffers()] == ["offset", "scratch"]
    net = Net()
    assert [n for n, _ in net.named_parameters()] == [
        "bias",
        *(f"{b}.{p}" for b in ("blocks.0", "blocks.1", "last.a") for p in ("scale", *inner)),
    ]
    assert [n for n, _ in net.named_parameters(prefix="net", recurse=False)] == ["net.bias"]
    assert [n for n, _ in net.named_children()] == ["blocks", "last"]
    assert [n for n, _ in net.named_modules()][:4] == ["", "blocks", "blocks.0", "blocks.0.inner"]
    assert len(list(net.modules())) == 10
    assert len(list(net.parameters())) == 10
    assert len(list(net.buffers())) == 6


def test_tensors_are_named_as_in_the_state():
    net = Net()
    for name, value in (*net.named_parameters(), *net.named_buffers()):
        assert value.name == name
    outer = nn.Sequential(nn.Tanh(), net)
    for name, value in (*outer.named_parameters(), *outer.named_buffers()):
        assert value.name == name


def test_a_name_that_the_user_gave_stays():
    layer = nn.Linear(2, 2)
    layer.weight.named("W1")
    layer.bias = nn.Parameter([0.0, 0.0], name="b1")
    net = nn.Sequential(layer)
    assert [p.name for p in net.parameters()] == ["W1", "b1"]


def test_what_is_set_later_is_named_by_its_place_too():
    net = Net()
    net.last.a.extra = nn.Parameter([1.0])
    net.last.a.register_buffer("count", 0)
    net.last.append(nn.Linear(1, 1))
    assert net.last.a.extra.name == "last.a.extra"
    assert net.last.a.count.name == "last.a.count"
    assert net.last[2].weight.name == "last.2.weight"


def test_scopes_are_the_modules_paths():
    x = mt.tensor([[1.0, 2.0]])
    assert scopes(Net()(x)) == {
        "net",
        *(f"net/{b}{i}" for b in ("blocks/0", "blocks/1", "last/a") for i in ("", "/inner")),
        "net/last/b",
    }


def test_scopes_within_users_scopes_and_within_other_modules():
    x = mt.tensor([[1.0, 2.0]])
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU()).named("mlp")
    with mt.scope("trial"):
        assert scopes(net(x)) == {"trial/mlp/0", "trial/mlp/1"}
    assert scopes(net[0](x)) == {"mlp/0"}
    outer = nn.Sequential(net, net).named("twice")
    assert scopes(outer(x)) == {"twice/1/0", "twice/1/1"}

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(2, 2)

        def forward(self, x):
            with mt.scope("skip"):
                return x + self.body(x)

    assert scopes(Residual()(x)) == {"residual/skip", "residual/skip/body"}


def test_the_scope_is_closed_again_on_errors():
    class Wrong(nn.Module):
        def forward(self, x):
            raise KeyError("x")

    with pytest.raises(KeyError):
        nn.Sequential(Wrong())(1.0)
    assert mt.tensor(1.0).scope is None


def test_two_calls_are_two_scopes():
    layer, x = nn.Linear(2, 2), mt.tensor([[1.0, 2.0]])
    assert layer(x).scope is not layer(x).scope


def test_one_module_serves_several_threads():
    layer, found = nn.Linear(2, 2).named("layer"), []

    def work():
        for _ in range(200):
            y = layer([[1.0, 2.0]])
            found.append(y.scope.path)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(found) == {"layer/linear"}
    assert len(found) == 800


# ----------------------------------------------------------------------------------------------------------- attributes


def test_parameters_before_init_are_refused():
    class Early(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter([1.0])
            super().__init__()

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Early()


def test_a_parameter_is_not_replaced_by_something_else():
    layer = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"weight is a parameter.*assign_"):
        layer.weight = np.zeros((2, 2))
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]
    del layer.weight
    assert not list(layer.parameters())


def test_a_module_without_a_forward_says_so():
    class Idle(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Idle has no forward"):
        Idle()(1)
    with pytest.raises(NotImplementedError, match="ModuleList"):
        nn.ModuleList()(1)


def test_sequences_of_modules():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    net.append(nn.Linear(3, 1)).extend([nn.Tanh()])
    assert len(net) == 4
    assert [type(m).__name__ for m in net] == ["Linear", "ReLU", "Linear", "Tanh"]
    assert net[-1] is net[3]
    assert isinstance(net[:2], nn.Sequential)
    assert [type(m).__name__ for m in net[1:3]] == ["ReLU", "Linear"]
    net[1] = nn.SiLU()
    assert type(net[1]) is nn.SiLU
    with pytest.raises(TypeError, match="not a Module but function"):
        nn.Sequential(lambda x: x)
    with pytest.raises(TypeError, match="not a Module"):
        nn.ModuleList([1])


def test_dictionaries_of_modules():
    heads = nn.ModuleDict({"a": nn.ReLU()})
    heads["b"] = nn.Linear(2, 3)
    heads.update([("c", nn.Tanh()), ("a", nn.SiLU())])
    assert (list(heads), len(heads), "b" in heads, "x" in heads) == (["a", "b", "c"], 3, True, False)
    assert [type(m).__name__ for m in heads.values()] == ["SiLU", "Linear", "Tanh"]
    assert dict(heads.items()) == {name: heads[name] for name in heads.keys()}  # noqa: SIM118
    del heads["b"]
    assert list(heads.state_dict()) == []
    with pytest.raises(KeyError, match="b"):
        del heads["b"]


# ------------------------------------------------------------------------------------------- dtypes, hooks, and PyTorch


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda net: net.double(), np.float64),
        (lambda net: net.half(), np.float16),
        (lambda net: net.double().float(), np.float32),
        (lambda net: net.to(np.float64), np.float64),
        (lambda net: net.to("cpu", dtype="float64"), np.float64),
        (lambda net: net.to(mt.tensor([1.0])), np.float64),
        (lambda net: net.type("float64"), np.float64),
        (lambda net: net.to("cpu"), np.float32),
    ],
)
def test_a_module_converts_its_numbers_in_place(convert, dtype):
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    net([[1.0, 2.0], [3.0, 4.0]]).sum().backward()
    before = {name: (p, p.numpy()) for name, p in net.named_parameters()}
    assert convert(net) is net
    for name, p in net.named_parameters():
        same, values = before[name]
        assert p is same
        assert p.dtype == p.grad.dtype == dtype
        np.testing.assert_allclose(p.numpy(), values, rtol=1e-3)
    assert net[1].running_mean.dtype == dtype
    assert net[1].num_batches_tracked.dtype == np.int64
    assert net(np.ones((2, 2), dtype)).dtype == dtype


def test_forward_hooks_see_and_may_change_the_result():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    seen = []
    look = net[0].register_forward_hook(lambda module, inputs, result: seen.append((module, len(inputs), result.shape)))
    change = net.register_forward_hook(lambda module, inputs, result: result * 0 + 7)
    assert np.array_equal(net(np.ones((4, 2), np.float32)).numpy(), np.full((4, 3), 7))
    assert seen == [(net[0], 1, (4, 3))]
    again = net[0].register_forward_hook(lambda module, inputs, result: None)
    look.remove()
    again.remove()
    change.remove()
    assert not np.array_equal(net(np.ones((4, 2), np.float32)).numpy(), np.full((4, 3), 7))
    assert len(seen) == 1


def test_a_hook_closes_no_circle():
    gc.disable()
    try:
        net = nn.Linear(2, 3)
        net.register_forward_hook(lambda module, inputs, result: None)
        gone = weakref.ref(net)
        del net
        assert gone() is None
    finally:
        gc.enable()


def test_dropout_of_channels_drops_all_of_a_channel_or_nothing():
    mt.manual_seed(0)
    x = mt.tensor(np.ones((50, 4, 3, 2)), requires_grad=True)
    y = nn.Dropout2d(0.5)(x)
    values = y.numpy().reshape(200, 6)
    assert set(values.ravel()) == {0.0, 2.0}
    assert (values == values[:, :1]).all()
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), y.numpy())
    assert np.array_equal(nn.Dropout1d(0.5).eval()(np.ones((4, 3))).numpy(), np.ones((4, 3)))


def plain(value):
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(2, 2)
            self.rest = value(self)

    return Hidden()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (lambda net: [nn.Linear(2, 2)], r"Hidden.rest is a plain list, so nothing learns it; make it an nn.ModuleList"),
        (lambda net: (nn.Linear(2, 2), 3), "plain tuple.*nn.ModuleList"),
        (lambda net: {"a": nn.Linear(2, 2)}, "plain dict.*nn.ModuleDict"),
        (lambda net: [nn.Parameter([1.0])], "plain list.*nn.Parameter"),
        (lambda net: mt.tensor([1.0], requires_grad=True), "plain Tensor.*nn.Parameter"),
    ],
)
def test_what_looks_learned_and_is_not_is_named(value, says):
    net = nn.Sequential(plain(value))
    with pytest.warns(UserWarning, match=says):
        assert len(list(net.parameters())) == 2


@pytest.mark.parametrize(
    "value",
    [
        lambda net: [net.first],
        lambda net: [net.first.weight],
        lambda net: {"a": 3, "b": [1]},
        lambda net: mt.tensor([1.0]),
        lambda net: [mt.tensor([1.0])],
    ],
)
def test_what_is_learned_already_is_not_named(value):
    assert len(list(plain(value).parameters())) == 2


def test_only_what_is_public_is_listed():
    assert dir(nn) == sorted(nn.__all__)
    assert {"Linear", "functional", "init"} <= set(dir(nn))
    assert "np" not in dir(nn.functional)
    assert {"relu", "cross_entropy", "softmax"} <= set(dir(nn.functional))
    assert nn.functional.cross_entropy is mt.cross_entropy


def test_modules_are_freed_without_the_garbage_collector():
    import weakref

    gc.disable()
    try:
        net = Net()
        net(mt.tensor([[1.0, 2.0]])).sum().backward()
        watched = [weakref.ref(p) for p in net.parameters()]
        del net
        assert all(w() is None for w in watched)
    finally:
        gc.enable()


# ---------------------------------------------------------------------------------------------------------------- modes


def test_train_and_eval_reach_every_module():
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    net.last.eval()
    assert net.training
    assert not net.last.a.inner.training
    assert net.blocks.training


def test_zero_grad():
    net = Net()
    net(mt.tensor([[1.0, 2.0]])).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all(not p.grad.numpy().any() and p.grad.shape == p.shape for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(p.grad is None for p in net.parameters())


def test_requires_grad_of_all():
    net = Net().requires_grad_(False)
    assert not net([[1.0, 2.0]]).requires_grad
    assert net.requires_grad_()([[1.0, 2.0]]).requires_grad


def test_apply_visits_children_first():
    seen = []
    net = Net()
    assert net.apply(lambda m: seen.append(m)) is net
    assert seen[-1] is net
    assert seen.index(net.last.a.inner) < seen.index(net.last.a) < seen.index(net.last)


def test_dropout_keeps_the_mean_and_drops_the_share():
    x = np.full((200, 200), 3.0)
    drop = nn.Dropout(0.25, generator=np.random.default_rng(0))
    y = drop(x).numpy()
    assert set(np.unique(y)) == {0.0, 4.0}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert not (drop(x).numpy() == y).all()
    assert drop.eval()(mt.tensor(x)).numpy().tobytes() == x.tobytes()
    assert not nn.Dropout(1.0)(x).numpy().any()
    assert nn.Dropout(0.5)(x.astype(np.float32)).dtype == np.float32


def test_attention_drops_weights_while_training_only():
    attention = nn.MultiheadAttention(4, 2, dropout=0.5, generator=np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(5, 4))
    assert not np.array_equal(attention(x, x, x)[0].numpy(), attention(x, x, x)[0].numpy())
    np.testing.assert_allclose(attention(x, x, x)[1].numpy().sum(-1), 1)  # the weights that are shown are whole
    attention.eval()
    assert attention(x, x, x)[0].numpy().tobytes() == attention(x, x, x)[0].numpy().tobytes()


def test_the_gradient_of_dropout_passes_where_the_value_did():
    x = mt.tensor(np.ones(100), requires_grad=True)
    y = nn.Dropout(0.5)(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.numpy())


# --------------------------------------------------------------------------------------------------------------- states


def test_a_state_goes_round():
    one, two = Net(), Net()
    x = mt.tensor([[1.0, 2.0]])
    assert two.load_state_dict(one.state_dict()) == ([], [])
    assert one(x).numpy().tobytes() == two(x).numpy().tobytes()


def test_a_state_is_a_snapshot():
    net = Net()
    before = net.state_dict()
    values = {k: v.numpy().copy() for k, v in before.items()}
    for p in net.parameters():
        p.assign_(p + 1.0)
    for k, v in before.items():
        np.testing.assert_array_equal(v.numpy(), values[k])
        assert not v.requires_grad


def test_loading_keeps_tensors_dtypes_and_old_graphs():
    net = nn.Linear(2, 1)
    weight, x = net.weight, mt.tensor([[1.0, 2.0]], dtype=np.float32, requires_grad=True)
    y, old = net(x), net.weight.numpy()
    net.load_state_dict({"weight": np.array([[5.0, 6.0]]), "bias": [7]})
    assert net.weight is weight
    assert weight.dtype == np.float32
    assert not weight.numpy().flags.writeable
    assert net(x).item() == 24
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), old)


def test_what_was_loaded_is_a_copy():
    net, array = nn.Linear(2, 1), np.array([[5.0, 6.0]], np.float32)
    net.load_state_dict({"weight": array}, strict=False)
    array[:] = 0
    np.testing.assert_array_equal(net.weight.numpy(), [[5, 6]])


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda s: s.pop("bias"), ValueError, ["missing: bias", "strict=False"]),
        (lambda s: s.update(extra=np.zeros(2)), ValueError, ["unexpected: extra"]),
        (lambda s: s.update(bias=np.zeros(3)), mt.ShapeError, ["misshapen: bias has shape (3,), not (2,)"]),
        (lambda s: s.update({"bias": [1j, 2j]}), mt.DTypeError, ["bias holds complex"]),
        (lambda s: s.update({"bias": ["a", "b"]}), mt.DTypeError, ["'a'"]),
        (
            lambda s: (s.pop("bias"), s.pop("last.a.offset"), s.update({"extra": 1.0, "blocks.0.scale": 1.0})),
            mt.ShapeError,
            ["missing: bias, last.a.offset", "unexpected: extra", "blocks.0.scale has shape (), not (2,)"],
        ),
    ],
)
def test_a_failed_load_names_every_key_and_changes_nothing(change, error, said):
    net = Net()
    before = {k: v.numpy() for k, v in net.state_dict().items()}
    state = {k: v + 1 for k, v in before.items()}
    change(state)
    with pytest.raises(error) as caught:
        net.load_state_dict(state)
    for text in said:
        assert text in str(caught.value)
    for key, value in net.state_dict().items():
        assert value.numpy() is before[key]


def test_a_lenient_load_takes_what_fits():
    net = Net()
    keys = net.load_state_dict({"bias": [1.0, 2.0], "extra": 0.0}, strict=False)
    assert keys.unexpected_keys == ["extra"]
    assert "blocks.0.scale" in keys.missing_keys
    assert "bias" not in keys.missing_keys
    np.testing.assert_array_equal(net.bias.numpy(), [1, 2])
    with pytest.raises(mt.ShapeError, match="misshapen: bias"):
        net.load_state_dict({"bias": [1.0]}, strict=False)


# -------------------------------------------------------------------------------------------------------------- sharing


def test_a_shared_parameter_is_counted_once_and_gets_both_gradients():
    net = SimpleNamespace(one=nn.Linear(2, 2), two=nn.Linear(2, 2))
    both = nn.Sequential(net.one, net.two)
    net.two.weight = net.one.weight
    assert [n for n, _ in both.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert list(both.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    x = mt.tensor([[1.0, 2.0]])
    middle = net.one(x)
    both(x).sum().backward()
    ones = np.ones((1, 2))
    expected = ones.T @ middle.numpy() + (ones @ net.one.weight.numpy()).T @ x.numpy()
    np.testing.assert_allclose(net.one.weight.grad.numpy(), expected, rtol=1e-5)


def test_a_shared_module_is_walked_once_and_saved_under_both_names():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.Tanh(), layer)
    assert len(list(net.modules())) == 3
    assert len(list(net.parameters())) == 2
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    net.load_state_dict(net.state_dict())


# --------------------------------------------------------------------------------------------------- running statistics


def test_running_statistics_are_frozen_and_move_by_the_momentum():
    norm = nn.BatchNorm1d(2, momentum=0.25, dtype=np.float64)
    x = np.array([[1.0, 10.0], [3.0, 30.0]])
    y = norm(mt.tensor(x, requires_grad=True))
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.25 * x.mean(0))
    np.testing.assert_allclose(norm.running_var.numpy(), 0.75 + 0.25 * x.var(0, ddof=1))
    assert norm.num_batches_tracked.item() == 1
    assert norm.running_mean.is_leaf
    assert not norm.running_mean.numpy().flags.writeable
    y.sum().backward()
    assert norm.running_mean.grad is None


def test_running_statistics_stay_in_evaluation_and_after_a_refused_batch():
    norm = nn.BatchNorm1d(2)
    norm([[1.0, 2.0], [3.0, 5.0]])
    before = {k: v.numpy() for k, v in norm.state_dict().items()}
    norm.eval()([[7.0, 7.0]])
    norm.train()
    with pytest.raises(mt.ShapeError):
        norm([[7.0, 7.0]])
    with pytest.raises(mt.ShapeError):
        norm([[7.0, 7.0, 7.0]] * 2)
    assert all(v.numpy() is before[k] for k, v in norm.state_dict().items())


def test_gradcheck_of_a_net_with_batch_norm():
    """A complex step goes through the net, and leaves real running statistics behind."""
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh())
    assert mt.gradcheck(net, np.random.default_rng(0).normal(size=(5, 3)))
    assert net[1].running_mean.dtype == np.float32
