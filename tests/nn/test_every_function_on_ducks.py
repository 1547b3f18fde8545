"""Every public function on arrays that are not NumPy's: it works, or says why not and what to write instead.

The ops, the compositions and the layers have tables of their own, which run on these arrays too; here is all the rest,
and settings that are such arrays. Nothing computes lazy arrays by the way but what has to, and nothing is NumPy's
unasked.
"""

import copy
import operator
import pickle
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from ducks import Device
from module_cases import CASES as MODULES
from op_cases import CASES as OPS

import micrograd_tensor as mt
from micrograd_tensor import nn, optim, training
from micrograd_tensor.nn import init
from micrograd_tensor.optim import lr_scheduler

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

X = np.arange(1.0, 7).reshape(3, 2)
LABELS = np.array([0, 1, 0])


def device(array):
    return Device(np.asarray(array))


def lazy(array):
    array = np.asarray(array)
    return da.from_array(array, chunks=tuple(max(1, (n + 1) // 2) for n in array.shape))


KINDS = {Device: device, da.Array: lazy}

KEEPS, NUMPYS, COMPUTES = "the same kind", "NumPy's, as asked for", "the numbers have to be known"
BESIDE = r"beside .*, which do not mix; (give )?np\.asarray\(y, like=x\)"
KNOWN = r"{} is an array of \w+'s, and must be known here; give x\.(get|compute)\(\)"


@dataclass
class Row:
    """A call.

    Attributes:
        name: of the public function, and what is tried.
        call: with a function that makes an array of a kind.
        gives: what the results are, or the pattern of an error.
        lazily: the same for lazy arrays, where that differs.
        needs_values: whether lazy arrays are computed before there is an error, or a lazy result.
    """

    name: str
    call: Any
    gives: str = KEEPS
    lazily: str = ""
    needs_values: bool = False

    def expected(self, kind):
        return (self.lazily or self.gives) if kind is da.Array else self.gives


def leaf(put, array=X, **settings):
    return mt.tensor(put(array), **settings)


def asking(put):
    return mt.tensor(put(X), name="x", requires_grad=True)


def cubes(x):
    return mt.sum(mt.mul(mt.square(x), x))


def net(put):
    rng = np.random.default_rng(0)
    made = nn.Sequential(nn.Linear(2, 3, generator=rng, dtype=np.float64), nn.ReLU(), nn.Linear(3, 2, generator=rng))
    for value in (*made.parameters(), *made.buffers()):
        value.assign_(put(value.numpy()))
    return made


def learned(put, make=lambda p: optim.SGD(p, lr=0.1)):
    """A net with gradients, and its optimizer."""
    found = net(put)
    optimizer = make(list(found.parameters()))
    mt.cross_entropy(found(put(X)), LABELS).backward()
    return found, optimizer


def stepped(make):
    def call(put):
        found, optimizer = learned(put, make)
        optimizer.step()
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        optimizer.step()
        return list(found.parameters())

    return call


def with_learner(call):
    def run(put):
        found = net(put)
        optimizer = optim.SGD(found.parameters(), lr=0.1)
        return call(put, training.Learner(found, optimizer, lr_scheduler.StepLR(optimizer, 1)))

    return run


def of_gradients(call):
    def run(put):
        found, _ = learned(put)
        told = call(list(found.parameters()))
        return [told, *(p.grad for p in found.parameters())]

    return run


def in_a_run(put, learner):
    batches = mt.data.DataLoader((put(X), LABELS), batch_size=2)
    made = training.Run({"net": learner}, batches, (put(X), LABELS), 1, {})
    for _ in made.steps():
        pass
    return made.history[0]["net"]["held_out_loss"]


def saved_and_loaded(put, path="net.safetensors"):
    found = net(put)
    mt.save(found, path)
    loaded = mt.load(path, found)
    return [*found.parameters(), sorted(loaded)]


def kept(put, path="run.safetensors"):
    found, optimizer = learned(put, optim.Adam)
    optimizer.step()
    mt.save_checkpoint(path, model=found, optimizer=optimizer, x=leaf(put), y=[put(X)])
    rest = mt.load_checkpoint(path, model=found, optimizer=optimizer)
    return [*found.parameters(), sorted(rest)]


class Pairs(mt.data.Dataset):
    """A dataset whose samples are arrays of a kind."""

    def __init__(self, put):
        self.put = put

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return self.put(X[i]), self.put(LABELS[i])


def fitted(make_data, put=np.asarray):
    found = net(put)
    return training.fit(found, mt.cross_entropy, optim.SGD(found.parameters()), make_data, shards=1)


def read_by(put, path="x.npy"):
    np.save(path, X)
    return training.NpyFiles(path)[put(np.array([0, 1]))]


def rows_by(put, path="x.parquet"):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"a": X[:, 0], "b": X[:, 1]}), path)
    return training.ParquetFile(path, "b")[put(np.array([0, 1]))]


def watched(put):
    with mt.detect_anomaly():
        return mt.grad(cubes(x := asking(put)), x)


def watched_and_bad(put):
    with mt.detect_anomaly():
        return mt.log(mt.sub(x := asking(put), 1.0) * x)


def scoped(put):
    with mt.scope("block"), mt.no_grad():
        first = cubes(asking(put))
    with mt.enable_grad():
        return [first, cubes(asking(put))]


def stepping_on(put):
    x = leaf(put)
    with mt.no_grad():
        x -= 1.0
        x.data *= 2.0
    return x


ROWS = [
    # derivatives
    Row("grad", lambda put: mt.grad(cubes(x := asking(put)), x)),
    Row("grad, an upstream of NumPy's", lambda put: mt.grad(mt.square(x := asking(put)), x, X)),
    Row("grad, an upstream in a list", lambda put: mt.grad(mt.square(x := asking(put)), x, X.tolist())),
    Row("grad, a number upstream", lambda put: mt.grad(cubes(x := asking(put)), x, 2)),
    Row("grad, zeros", lambda put: mt.grad(cubes(asking(put)), asking(put), materialize_grads=True)),
    Row("grad, of a graph of NumPy's", lambda put: mt.grad(mt.square(x := asking(np.asarray)), x, put(X)),
        r"the upstream gradient of .* is of ducks's arrays, beside NumPy's, which do not mix; give y\.get\(\)", KEEPS),
    Row("grad, a Tensor of NumPy's", lambda put: mt.grad(mt.square(x := asking(put)), x, mt.tensor(X)), BESIDE, KEEPS),
    Row("value_and_grad", lambda put: mt.value_and_grad(cubes, put(X))),
    Row("value_and_grad, recorded", lambda put: mt.value_and_grad(cubes, asking(put), create_graph=True)),
    Row("value_and_grad, unused", lambda put: mt.value_and_grad(lambda x, _y: cubes(x), (put(X), put(X)))),
    *(
        Row(f"{f.__name__}, {how}", lambda put, f=f, v=v: f(mt.square, put(X), v(put)))
        for f in (mt.vjp, mt.jvp)
        for how, v in {"alike": lambda put: put(X), "NumPy's": lambda _: X, "a list": lambda _: X.tolist()}.items()
    ),
    Row("vjp, of a number", lambda put: mt.vjp(cubes, put(X))),
    Row("jvp, of a constant", lambda put: mt.jvp(mt.ones_like, put(X), put(X))),
    Row("jvp, a Tensor of NumPy's", lambda put: mt.jvp(mt.square, put(X), mt.tensor(X)), BESIDE, KEEPS),
    Row("hvp", lambda put: mt.hvp(cubes, put(X), put(X))),
    Row("hvp, NumPy's", lambda put: mt.hvp(cubes, put(X), X)),
    Row("hvp, of what is linear", lambda put: mt.hvp(mt.sum, put(X), X)),
    Row("jacobian", lambda put: mt.jacobian(mt.square, put(X))),
    Row("jacobian, of a number", lambda put: mt.jacobian(cubes, put(X))),
    Row("jacobian, of nothing", lambda put: mt.jacobian(lambda x: x[:0], put(X))),
    Row("jacobian, recorded", lambda put: mt.jacobian(mt.square, asking(put), create_graph=True)),
    Row("jacobian, of two", lambda put: mt.jacobian(lambda a, b: a * b.sum(), (put(X), put(X)))),
    Row("hessian", lambda put: mt.hessian(cubes, put(X))),
    Row("hessian, of two", lambda put: mt.hessian(lambda a, b: (a * a * b).sum(), (put(X), put(X)))),
    # making Tensors
    Row("tensor", lambda put: [mt.tensor(put(X)), mt.tensor(put(X), dtype="float32"), nn.Parameter(put(X))]),
    Row("tensor, a list", lambda put: mt.tensor([put(X), put(X)])),
    Row("tensor, lists in a list", lambda put: mt.tensor([[put(X), put(X)], (put(X), put(X))])),
    Row("tensor, numbers in a list", lambda put: mt.tensor([1.0, put(2.0), 3])),
    Row("tensor, NumPy's in a list", lambda put: mt.tensor([put(X), X]), BESIDE, KEEPS),
    Row("tensor, Tensors in a list", lambda put: mt.tensor([leaf(put), leaf(put)]), r"put them together by mt\.stack"),
    Row("tensor, unequal ones in a list", lambda put: mt.tensor([put(X), put(X[:1])]), "is not an array"),
    Row("as_tensor", lambda put: [mt.as_tensor(put(X)), mt.as_tensor(put(X), "float32")]),
    Row("from_numpy", lambda put: mt.from_numpy(put(X)), r"from_numpy takes an array, not .*mt\.tensor"),
    *(Row(f.__name__, lambda put, f=f: f(put(X))) for f in (mt.zeros_like, mt.ones_like, mt.rand_like, mt.randn_like)),
    Row("full_like", lambda put: mt.full_like(put(X), 3)),
    Row("full_like, value", lambda put: mt.full_like(put(X), put(3.0)), KNOWN.format("full_like: fill_value")),
    Row("full", lambda put: mt.full((2,), put(3.0)), KNOWN.format("full: fill_value")),
    Row("arange", lambda put: mt.arange(put(3.0)), KNOWN.format("arange: stop")),
    Row("linspace", lambda put: mt.linspace(0.0, put(1.0)), KNOWN.format("linspace: stop")),
    Row("randint", lambda put: mt.randint(put(3), (2,)), KNOWN.format("randint: high")),
    *(Row(f.__name__, lambda put, f=f: f(put(3)), "give .* whole numbers?") for f in (mt.zeros, mt.ones, mt.eye)),
    *(Row(f.__name__, lambda put, f=f: f(put(3)), "give .* whole numbers?") for f in (mt.rand, mt.randn, mt.randperm)),
    # settings
    Row("repeat, times", lambda put: mt.repeat(put(X), put(2)), KNOWN.format("repeat: repeats")),
    Row("roll, shift", lambda put: mt.roll(put(X), put(1)), KNOWN.format("roll: shift")),
    Row("tile, times", lambda put: mt.tile(put(X), put(2)), "give a tuple of whole numbers"),
    Row("delete, places", lambda put: mt.delete(put(X), put([0])), KNOWN.format("delete: obj")),
    Row("split, places", lambda put: mt.split(put(X), put([1])), KNOWN.format("split: sections")),
    Row("array_split, places", lambda put: mt.array_split(put(X), put([1])), KNOWN.format("split: sections")),
    Row("quantile, q", lambda put: mt.quantile(put(X), put(0.5)), KNOWN.format("quantile: q")),
    Row("percentile, q", lambda put: mt.percentile(put(X), put(50.0)), KNOWN.format("percentile: q")),
    Row("dropout, p", lambda put: mt.dropout(put(X), put(0.5)), KNOWN.format("dropout: p")),
    Row("reshape, shape", lambda put: mt.reshape(put(X), put([2, 3])), KNOWN.format("reshape: shape")),
    Row("average, weights of NumPy's", lambda put: mt.average(put(X), 0, LABELS + 1.0), BESIDE, KEEPS),
    Row("matmul, NumPy's", lambda put: mt.matmul(put(X), X.T), BESIDE, KEEPS),
    # reading and writing
    Row("Tensor.item", lambda put: [float(s := cubes(leaf(put))), int(s), bool(s), f"{s:.2f}", complex(s)], COMPUTES),
    Row("Tensor.tolist", lambda put: leaf(put).tolist(), COMPUTES),
    Row("Tensor.__index__", lambda put: operator.index(leaf(put, np.int64(2))), COMPUTES),
    Row("Tensor.__array__", lambda put: np.asarray(leaf(put)),
        r"NumPy's unasked; write x\.numpy\(\)\.get\(\)", COMPUTES),
    Row("Tensor.__iter__", lambda put: [*leaf(put), *reversed(leaf(put))]),
    Row("Tensor, copied", lambda put: [copy.copy(leaf(put)), pickle.loads(pickle.dumps(leaf(put)))]),  # noqa: S301
    Row("Tensor, in place", stepping_on, KEEPS, COMPUTES),
    Row("Tensor.backward", lambda put: [mt.square(x := asking(put)).backward(X), x.grad][1:]),
    Row("holds", lambda put: mt.holds(leaf(put) > 0) in (False, True)),
    Row("save and load", saved_and_loaded, KEEPS, COMPUTES),
    Row("save_checkpoint and load_checkpoint", kept, KEEPS, COMPUTES),
    Row("scope, no_grad, enable_grad", scoped),
    # readers
    Row("detect_anomaly", watched, KEEPS, COMPUTES),
    Row("detect_anomaly, with something to tell", watched_and_bad,
        r"made an infinity at \[0, 0\], where .* is 0\.0", "", True),
    Row("graph", lambda put: [n.value for n in mt.graph(cubes(asking(put)), 1.0).nodes]),
    Row("graph, upstream of NumPy's", lambda put: [n.value for n in mt.graph(mt.square(asking(put)), X).backward]),
    Row("draw", lambda put: [mt.draw(cubes(asking(put)), u).svg[:5] for u in (None, 1.0)]),
    Row("draw, beside a constant", lambda put: mt.draw(mt.square(asking(put)) * put(X), put(X)).svg[:5]),
    Row("derive", lambda put: mt.derive(cubes(asking(put))), r"x \(3, 2\) is an array of .*x\.(get|compute)\(\)"),
    Row("derive, upstream", lambda put: mt.derive(mt.square(asking(np.asarray)), put(X)),
        "do not mix", r"is an array of dask's.*x\.compute\(\)"),
    Row("compare", lambda put: mt.compare(cubes(asking(put)), None, {}), r"x \(3, 2\) is an array of .*x\.(get|comp)"),
    Row("compare, by hand", lambda put: mt.compare(cubes(asking(np.asarray)), None, {"x": put(3 * X**2)}).ok, COMPUTES),
    Row("compare, upstream", lambda put: mt.compare(mt.square(asking(np.asarray)), put(X), {"x": X}),
        "do not mix", r"is an array of dask's.*x\.compute\(\)"),
    Row("gradcheck", lambda put: mt.gradcheck(mt.tanh, put(X)), COMPUTES),
    Row("gradcheck, a constant", lambda put: mt.gradcheck(lambda x: x * put(X), X),
        BESIDE, r"of dask's arrays, at inputs of NumPy's.*x\.compute\(\)"),
    Row("compile", lambda put: mt.compile(cubes)(put(X))),
    Row("compile, gradients", lambda put: mt.compile(lambda x: mt.grad(cubes(x), x))(asking(put))),
    Row("compile, a constant", lambda put: mt.compile(lambda x: x * put(X))(X), BESIDE, KEEPS),
    # nets
    *(
        Row(f"init.{f.__name__}", lambda put, f=f: f(leaf(put)), KEEPS, COMPUTES)
        for f in (init.normal_, init.ones_, init.uniform_, init.zeros_, init.xavier_normal_, init.xavier_uniform_)
    ),
    Row("init.kaiming_normal_", lambda put: init.kaiming_normal_(leaf(put)), KEEPS, COMPUTES),
    Row("init.kaiming_uniform_", lambda put: init.kaiming_uniform_(leaf(put)), KEEPS, COMPUTES),
    Row("init.constant_", lambda put: init.constant_(leaf(put), 7), KEEPS, COMPUTES),
    Row("init.constant_, value", lambda put: init.constant_(leaf(put), put(7.0)), KNOWN.format("constant_: val")),
    Row("init.normal_, mean", lambda put: init.normal_(leaf(put), put(7.0)), KNOWN.format("normal_: mean")),
    Row("init.uniform_, end", lambda put: init.uniform_(leaf(put), 0, put(7.0)), KNOWN.format("uniform_: b")),
    Row("Module.load_state_dict", lambda put: [
        (n := net(put)).load_state_dict(net(np.asarray).state_dict()) and None, n.load_state_dict(
            {k: np.asarray(v.numpy()) for k, v in net(np.asarray).state_dict().items()}), *n.parameters()][2:],
        KEEPS, COMPUTES),
    Row("BatchNorm1d, weights of NumPy's", lambda put: nn.BatchNorm1d(2)(put(X)), BESIDE, KEEPS, True),
    # optimizers
    *(Row(f.__name__, stepped(f), KEEPS, COMPUTES) for f in (optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop)),
    Row("Adam, lr", stepped(lambda p: optim.Adam(p, lr=np.float64(0.1))), KEEPS, COMPUTES),
    Row("clip_grad_norm_", of_gradients(lambda p: optim.clip_grad_norm_(p, 0.1, error_if_nonfinite=True)),
        KEEPS, COMPUTES),
    Row("clip_grad_value_", of_gradients(lambda p: optim.clip_grad_value_(p, 0.1)), KEEPS, COMPUTES),
    Row("clip_grad_value_, limit", of_gradients(lambda p: optim.clip_grad_value_(p, p[0].grad.numpy()[0, 0])),
        KNOWN.format("clip_grad_value_: clip_value"), "", True),
    Row("ReduceLROnPlateau", lambda put: [
        (s := lr_scheduler.ReduceLROnPlateau(learned(np.asarray)[1])).step(leaf(put, 1.0)), s.step(put(0.5)), s.best],
        COMPUTES),
    # data
    Row("DataLoader", lambda put: list(mt.data.DataLoader((put(X), put(LABELS)), batch_size=2, generator=0))),
    Row("DataLoader, a list", lambda put: list(mt.data.DataLoader([put(x) for x in X], batch_size=2))),
    Row("DataLoader, a dataset", lambda put: list(mt.data.DataLoader(Pairs(put), batch_size=2))),
    Row("DataLoader, mixed", lambda put: list(mt.data.DataLoader([put(X[0]), X[1]], batch_size=2)), BESIDE, KEEPS),
    Row("DataLoader, batch_size", lambda put: mt.data.DataLoader(X, batch_size=put(2)), "give a whole number"),
    Row("TensorDataset", lambda put: mt.data.TensorDataset(put(X), put(LABELS))[1]),
    Row("Subset", lambda put: mt.data.Subset(Pairs(put), [2, 0])[0]),
    Row("Subset, numbers", lambda put: mt.data.Subset(X, put([2, 0])), KNOWN.format("Subset: indices")),
    Row("split of data", lambda put: mt.data.split(put(X), [2, 1], generator=0)),
    Row("split of data, parts", lambda put: mt.data.split(X, put([2, 1])), KNOWN.format("split: parts")),
    # training
    Row("Learner.learn", with_learner(lambda put, learner: learner.learn(leaf(put), mt.tensor(LABELS))), COMPUTES),
    Row("Learner.judge", with_learner(lambda put, learner: learner.judge(leaf(put), mt.tensor(LABELS))), COMPUTES),
    Row("Run", with_learner(in_a_run), COMPUTES),
    Row("fit, samples", lambda put: fitted((put(X), LABELS)), KNOWN.format("fit: part 0 of the samples")),
    Row("fit, a net", lambda put: fitted((X, LABELS), put), r"fit: 0\.weight .*p\.assign_\(p\.numpy\(\)\.get",
        COMPUTES),
    Row("NpyFiles", read_by, KNOWN.format("NpyFiles: the numbers")),
    Row("ParquetFile", rows_by, KNOWN.format("ParquetFile: the numbers")),
    Row("in_passes", lambda put: [X] if put is np.asarray else training.in_passes(put(X)),
        "in_passes: .* is no array of Dask's", KEEPS),
]  # fmt: skip


def computed_by_the_way(*_args, **_settings):
    raise AssertionError("something was computed before it was asked for")


def flat(found):
    if isinstance(found, (list, tuple)):
        return [x for part in found for x in flat(part)]
    if isinstance(found, dict):
        return flat(list(found.values()))
    return [found.numpy() if isinstance(found, mt.Tensor) else found]


def fetch(array):
    return array.get() if isinstance(array, Device) else np.asarray(array)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", KINDS, ids=["device", "lazy"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_function_works_or_names_a_way_out(row, kind):
    expected, put = row.expected(kind), KINDS[kind]
    lenient = row.needs_values or expected is COMPUTES
    strict = {"scheduler": computed_by_the_way} if kind is da.Array and not lenient else {}
    with warnings.catch_warnings(), dask.config.set(strict):
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", RuntimeWarning)  # of numbers, by the threads that compute lazy arrays
        if expected not in (KEEPS, COMPUTES):
            with pytest.raises((mt.DTypeError, mt.ShapeError, mt.GradientError), match=expected) as told:
                row.call(put)
            assert "\n" not in str(told.value)
            return
        mt.manual_seed(0)
        found = flat(row.call(put))
    if expected is KEEPS:
        assert all(isinstance(x, kind) for x in found if hasattr(x, "shape")), [type(x) for x in found]
    mt.manual_seed(0)
    for ours, numpys in zip(found, flat(row.call(np.asarray)), strict=True):
        if hasattr(ours, "shape") or isinstance(ours, float):
            np.testing.assert_allclose(fetch(ours), numpys, rtol=1e-10, atol=1e-12)
        else:
            assert ours == numpys


ELSEWHERE = {
    **dict.fromkeys(("Tensor", "Graph", "Node", "Circuit", "Derivation", "Report", "Stage"), "what functions return"),
    **dict.fromkeys(
        ("DTypeError", "DrawError", "GradientError", "GradientWarning", "ShapeError", "TraceError"), "errors"
    ),
    **dict.fromkeys(("float16", "float32", "float64", "int32", "int64", "uint8"), "dtypes"),
    **dict.fromkeys(("check", "data", "nn", "optim", "training", "functional", "init", "lr_scheduler"), "modules"),
    **dict.fromkeys(("Module", "ModuleDict", "ModuleList", "Optimizer", "LRScheduler", "Dataset"), "of no arrays"),
    **dict.fromkeys(("CosineAnnealingLR", "LambdaLR", "MultiStepLR", "StepLR", "calculate_gain"), "of numbers alone"),
    **dict.fromkeys(("manual_seed",), "of numbers alone"),
    "random_split": "another name of split",
    "Parameter": "beside tensor",
    "load": "beside save",
    "load_checkpoint": "beside save_checkpoint",
    "no_grad": "beside scope",
    "enable_grad": "beside scope",
}


def test_every_public_function_has_a_row():
    rows = {row.name.partition(",")[0].partition(" ")[0].removeprefix("init.").partition(".")[0] for row in ROWS}
    tables = {case.op.__name__ for case in OPS if case.op} | {type(case.ours()).__name__ for case in MODULES}
    for module in (mt, nn, init, optim, lr_scheduler, mt.data, training):
        for name in module.__all__:
            called = getattr(getattr(module, name), "__name__", name)
            assert {name, called} & (rows | tables | ELSEWHERE.keys()), f"{module.__name__}.{name}"


def test_the_check_notices_what_becomes_numpys_or_is_computed():
    silent = Row("silent", lambda put: mt.tensor(fetch(put(X))))
    with pytest.raises(AssertionError, match="ndarray"):
        test_a_function_works_or_names_a_way_out(silent, Device)
    with pytest.raises(AssertionError, match="before it was asked for"):
        test_a_function_works_or_names_a_way_out(silent, da.Array)
    wrong = Row("wrong", lambda put: mt.tensor(put(X)) + (put is device))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_a_function_works_or_names_a_way_out(wrong, Device)
    with pytest.raises(TypeError, match="Implicit conversion"):
        test_a_function_works_or_names_a_way_out(Row("raw", lambda put: np.asarray(put(X)), "anything"), Device)
