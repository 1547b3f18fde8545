"""Every composition opens a scope of its own name; a primitive is a single gate in none."""

import inspect
import threading
import warnings
from contextvars import copy_context

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.recording import composition, record_all, recording
from micrograd_tensor.engine.walk import ancestors

ONE_GATE = {
    "atleast_1d": "reshape",
    "atleast_3d": "reshape",
    "concatenate": "concatenate; of everything in a row, reshape before it",
    "clip": "clip; with Tensors for bounds, maximum and minimum",
    "degrees": "mul",
    "dot": "matmul",
    "einsum": "einsum",
    "embedding": "getitem",
    "exp2": "pow",
    "fabs": "abs",
    "flatten": "reshape",
    "fliplr": "flip",
    "flipud": "flip",
    "getitem": "getitem",
    "isnan": "not_equal",
    "logical_not": "equal",
    "matrix_transpose": "swapaxes",
    "moveaxis": "transpose",
    "pad": "pad; by other elements than a constant, getitem before it",
    "radians": "mul",
    "ravel": "reshape",
    "swapaxes": "transpose",
    "copy": "copy",
    "astype": "to_float",
}
"""Public functions that stand for one op, however it is spelled: the gate says all."""

FUNCTIONS_OF_FUNCTIONS = {"hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"}


def V(*shape, seed=0):  # noqa: N802 -- values
    return mt.tensor(np.random.default_rng(seed).uniform(0.2, 0.8, shape), requires_grad=True)


M, N = V(3, 4), V(3, 4, seed=1)
CALLS = {
    "adaptive_avg_pool2d": lambda: mt.adaptive_avg_pool2d(V(1, 2, 6, 6), (2, 3)),
    "all": lambda: mt.all(M, axis=0),
    "any": lambda: mt.any(M, axis=0),
    "append": lambda: mt.append(M, N),
    "array_split": lambda: mt.array_split(M, 2),
    "atleast_2d": lambda: mt.atleast_2d(V(3), V(2)),
    "average": lambda: mt.average(M, axis=0, weights=V(3)),
    "avg_pool2d": lambda: mt.avg_pool2d(V(1, 2, 6, 6), 2),
    "batch_norm": lambda: mt.batch_norm(M, V(4), V(4)),
    "binary_cross_entropy": lambda: mt.binary_cross_entropy(M, N),
    "binary_cross_entropy_with_logits": lambda: mt.binary_cross_entropy_with_logits(M, N),
    "broadcast_arrays": lambda: mt.broadcast_arrays(V(3, 1), V(4)),
    "column_stack": lambda: mt.column_stack([V(3), M]),
    "conv1d": lambda: mt.conv1d(V(1, 2, 6), V(3, 2, 3)),
    "conv2d": lambda: mt.conv2d(V(1, 2, 6, 6), V(3, 2, 3, 3), V(3), padding=1),
    "count_nonzero": lambda: mt.count_nonzero(M, axis=0),
    "cross": lambda: mt.cross(V(2, 3), V(2, 3)),
    "cross_entropy": lambda: mt.cross_entropy(M, np.array([0, 1, 2])),
    "cumprod": lambda: mt.cumprod(M),
    "delete": lambda: mt.delete(M, 1),
    "diag": lambda: mt.diag(M),
    "diagflat": lambda: mt.diagflat(M),
    "diagonal": lambda: mt.diagonal(V(2, 3, 3), axis1=0, axis2=1),
    "diff": lambda: mt.diff(M, n=2),
    "divmod": lambda: mt.divmod(M, N),
    "dropout": lambda: mt.dropout(M),
    "dsplit": lambda: mt.dsplit(V(2, 3, 4), 2),
    "dstack": lambda: mt.dstack([M, N]),
    "elu": lambda: mt.elu(M),
    "gelu": lambda: mt.gelu(M),
    "group_norm": lambda: mt.group_norm(V(2, 4, 3), 2, V(4), V(4)),
    "hsplit": lambda: mt.hsplit(M, 2),
    "hstack": lambda: mt.hstack([V(), V(2)]),
    "huber_loss": lambda: mt.huber_loss(M, N),
    "inner": lambda: mt.inner(V(2, 3), V(4, 3)),
    "instance_norm": lambda: mt.instance_norm(V(2, 3, 4), V(3), V(3)),
    "isinf": lambda: mt.isinf(M),
    "kron": lambda: mt.kron(V(2, 2), V(3, 2)),
    "l1_loss": lambda: mt.l1_loss(M, N),
    "l2_norm": lambda: mt.l2_norm(M, axis=1),
    "layer_norm": lambda: mt.layer_norm(M, 4, V(4), V(4)),
    "leaky_relu": lambda: mt.leaky_relu(M),
    "linear": lambda: mt.linear(M, V(2, 4), V(2)),
    "log_softmax": lambda: mt.log_softmax(M),
    "logical_and": lambda: mt.logical_and(M, N),
    "logical_or": lambda: mt.logical_or(M, N),
    "logical_xor": lambda: mt.logical_xor(M, N),
    "logsigmoid": lambda: mt.logsigmoid(M),
    "logsumexp": lambda: mt.logsumexp(M, axis=1),
    "max_pool2d": lambda: mt.max_pool2d(V(1, 2, 6, 6), 2),
    "median": lambda: mt.median(M, axis=0),
    "meshgrid": lambda: mt.meshgrid(V(3), V(2)),
    "mse_loss": lambda: mt.mse_loss(M, N),
    "multi_dot": lambda: mt.multi_dot([V(2, 3), V(3, 4), V(4, 2)]),
    "nan_to_num": lambda: mt.nan_to_num(M),
    "nll_loss": lambda: mt.nll_loss(M, np.array([0, 1, 2])),
    "norm": lambda: mt.norm(M, 3, axis=1),
    "outer": lambda: mt.outer(V(3), V(4)),
    "percentile": lambda: mt.percentile(M, 30),
    "prelu": lambda: mt.prelu(M, V(1)),
    "ptp": lambda: mt.ptp(M, axis=0),
    "quantile": lambda: mt.quantile(M, 0.3),
    "repeat": lambda: mt.repeat(M, 2),
    "rms_norm": lambda: mt.rms_norm(M, 4, V(4)),
    "roll": lambda: mt.roll(M, 1),
    "rot90": lambda: mt.rot90(M),
    "round": lambda: mt.round(M, 2),
    "scaled_dot_product_attention": lambda: mt.scaled_dot_product_attention(M, N, V(3, 2), is_causal=True),
    "selu": lambda: mt.selu(M),
    "silu": lambda: mt.silu(M),
    "sliding_window_view": lambda: mt.sliding_window_view(M, (2, 2)),
    "smooth_l1_loss": lambda: mt.smooth_l1_loss(M, N),
    "softmax": lambda: mt.softmax(M),
    "softplus": lambda: mt.softplus(M, beta=2.0),
    "sort": lambda: mt.sort(M),
    "split": lambda: mt.split(M, 2, axis=1),
    "stack": lambda: mt.stack([M, N]),
    "std": lambda: mt.std(M, axis=0),
    "take": lambda: mt.take(M, np.array([0, 5])),
    "tensordot": lambda: mt.tensordot(V(2, 3, 4), V(4, 3, 2), ([1, 2], [1, 0])),
    "tile": lambda: mt.tile(M, 2),
    "trace": lambda: mt.trace(V(3, 3)),
    "var": lambda: mt.var(M, axis=0),
    "vdot": lambda: mt.vdot(M, N),
    "vecdot": lambda: mt.vecdot(M, N),
    "vsplit": lambda: mt.vsplit(V(4, 3), 2),
    "vstack": lambda: mt.vstack([V(3), V(3)]),
}
"""Of every composition a call in which it records two gates at least."""


def gates(results):
    """The gates behind some results, nested as they may be."""
    found, waiting = [], [results]
    while waiting:
        this = waiting.pop()
        if isinstance(this, (tuple, list)):
            waiting.extend(this)
        elif isinstance(this, mt.Tensor):
            found.append(this)
    return [x for x in ancestors(found) if x.op is not None]


def compositions():
    """Every public function of ops that is no row of the table itself."""
    homes = ("micrograd_tensor.engine.table.", "micrograd_tensor.functional.")
    for name in mt.__all__:
        value = getattr(mt, name)
        if inspect.isfunction(value) and value.__module__.startswith(homes) and not hasattr(value, "op"):
            yield value.__name__


@pytest.mark.parametrize("name", sorted(set(compositions()) - FUNCTIONS_OF_FUNCTIONS - set(ONE_GATE)))
def test_what_a_composition_records_is_in_a_scope_of_its_name(name):
    assert name in CALLS, f"{name} is a new composition: give it @composition and a call here, or say that it is one op"
    with warnings.catch_warnings(), record_all():
        warnings.simplefilter("ignore")
        made = gates(CALLS[name]())
    assert len(made) > 1
    for gate in made:
        assert gate.scope is not None, gate.op.name
        assert gate.scope.path.split("/")[0] == name
    outermost = {id(scope) for gate in made for scope in around(gate) if scope.parent is None}
    assert len(outermost) == 1


def around(gate):
    scope = gate.scope
    while scope is not None:
        yield scope
        scope = scope.parent


def test_the_lists_name_nothing_else():
    assert set(CALLS) | set(ONE_GATE) | FUNCTIONS_OF_FUNCTIONS == set(compositions())


@pytest.mark.parametrize(
    ("call", "op"),
    [
        (lambda: mt.exp(M), "exp"),
        (lambda: M @ N.T, "matmul"),
        (lambda: mt.mean(M, axis=0), "mean"),
        (lambda: mt.exp2(M), "pow"),
        (lambda: mt.clip(M, 0.3, 0.5), "clip"),
        (lambda: M[1], "getitem"),
    ],
)
def test_a_single_op_is_in_no_scope(call, op):
    *_, last = gates(call())
    assert (last.op.name, last.scope) == (op, None)


def test_scopes_of_compositions_nest_within_each_other_and_within_users():
    with mt.scope("block"):
        loss = mt.cross_entropy(M, np.array([0, 1, 2]))
    paths = {gate.scope.path for gate in gates(loss)}
    assert paths == {"block/cross_entropy", "block/cross_entropy/log_softmax"}


def test_each_call_is_a_scope_of_its_own():
    first, second = mt.silu(M), mt.silu(M)
    assert first.scope.path == second.scope.path == "silu"
    assert first.scope is not second.scope


def test_after_a_call_that_fails_the_scope_is_the_one_before():
    with mt.scope("block"):
        before = recording.get()
        with pytest.raises(mt.ShapeError):
            mt.mse_loss(M, V(2))
        assert recording.get() is before
        assert before.scope.path == "block"


def test_a_composition_of_ones_own_is_one_too():
    @composition
    def half(x):
        return x / 2 + 0

    assert {gate.scope.path for gate in gates(half(M))} == {"half"}


@pytest.mark.parametrize("shared", [False, True], ids=["contexts of their own", "copies of one context"])
def test_threads_have_scopes_of_their_own(shared):
    """Also where all of them start from one state, and are switched in the middle of each call."""
    inside, found = threading.Barrier(4), {}

    @composition
    def waiting(x):
        inside.wait(timeout=30)
        y = mt.silu(x) + 1
        inside.wait(timeout=30)
        return y

    def work(k):
        for _ in range(20):
            made = gates(waiting(M))
            found.setdefault(k, set()).update(gate.scope.path for gate in made)
            found[k].add((M + 1).scope)

    contexts = [copy_context() for _ in range(4)]
    threads = [
        threading.Thread(target=contexts[k].run if shared else work, args=(work, k)[not shared :]) for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: {"waiting", "waiting/silu", None} for k in range(4)}
    assert (M + 1).scope is None
