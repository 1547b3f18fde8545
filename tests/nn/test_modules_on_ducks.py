"""Layers, nets and steps of training on arrays that are not NumPy's: Dask's lazy ones, and those on a device."""

import dataclasses
import warnings

import numpy as np
import pytest
from ducks import Device
from module_cases import CASES

import micrograd_tensor as mt
from micrograd_tensor import nn, optim

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

TAKING_FLOATS = [case for case in CASES if any(not isinstance(shape, np.ndarray) for shape in case.inputs)]


def computed_by_the_way(*_args, **_settings):
    raise AssertionError("something was computed before it was asked for")


def lazy(array):
    return da.from_array(array, chunks=tuple(max(1, (n + 1) // 2) for n in array.shape))


def moved(module, put):
    """A module whose floating-point state is on the device."""
    for _, value in (*module.named_parameters(), *module.named_buffers()):
        if value.dtype.kind == "f":
            value.assign_(put(value.numpy()))
    return module


def passed(case, put, module, put_indices=np.asarray):
    """The results of a module and the gradients of its inputs and parameters."""
    given = [
        mt.tensor((put if a.dtype.kind == "f" else put_indices)(a), requires_grad=a.dtype.kind == "f")
        for a in case.arrays()
    ]
    out = module(*given, **case.settings)
    outs = [o for o in _flat(out) if o is not None]
    total = sum((o * o).sum() for o in outs if o.requires_grad)
    leaves = [t for t in (*given, *module.parameters()) if t.requires_grad]
    return [*outs, *(mt.grad(total, leaves) if isinstance(total, mt.Tensor) else ())]


def placed(case, put):
    """A case whose settings are on the device too."""
    settings = {k: put(v) if isinstance(v, np.ndarray) else v for k, v in case.settings.items()}
    return dataclasses.replace(case, settings=settings)


def _flat(out):
    return [x for part in out for x in _flat(part)] if isinstance(out, (tuple, list)) else [out]


def close(found, expected, fetch):
    assert len(found) == len(expected)
    for f, e in zip(found, expected, strict=True):
        assert (f is None) == (e is None)
        if e is not None:
            np.testing.assert_allclose(fetch(f.numpy()), e.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_modules_on_a_device(case):
    mt.manual_seed(0)
    expected = passed(case, np.asarray, case.ours())
    mt.manual_seed(0)
    found = passed(placed(case, Device), Device, moved(case.ours(), Device), Device)
    assert all(isinstance(f.numpy(), Device) for f in found if f is not None)
    close(found, expected, lambda a: a.get())


@pytest.mark.slow
@pytest.mark.parametrize("case", TAKING_FLOATS, ids=lambda case: case.name)
def test_modules_on_lazy_arrays(case):
    mt.manual_seed(0)
    expected = passed(case, np.asarray, case.ours())
    mt.manual_seed(0)
    module = case.ours()
    tracks = module.training and any(True for _ in module.buffers())
    with warnings.catch_warnings(), dask.config.set({} if tracks else {"scheduler": computed_by_the_way}):
        warnings.simplefilter("error")
        found = [None if f is None else f.numpy() for f in passed(case, lazy, module)]
    assert all(isinstance(f, da.Array) for f in found[:1] if f is not None and f.dtype.kind == "f")
    close([*map(mt.tensor, dask.compute(*found))], expected, np.asarray)


def net():
    rng = np.random.default_rng(0)
    layers = nn.Linear(4, 8, generator=rng, dtype=np.float64), nn.BatchNorm1d(8, dtype=np.float64), nn.GELU()
    return nn.Sequential(*layers, nn.Dropout(0.25, generator=rng), nn.Linear(8, 3, generator=rng, dtype=np.float64))


OPTIMIZERS = [
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    lambda p: optim.AdamW(p, lr=0.01),
    lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5),
]


def trained(put, make, move, clip=True):
    """The state of a net after three steps, and their losses."""
    rng, model, losses = np.random.default_rng(1), move(net()), []
    optimizer = make(model.parameters())
    for step in range(3):
        if step == 2:
            optimizer.load_state_dict(optimizer.state_dict())
        x, labels = rng.normal(size=(12, 4)), rng.integers(0, 3, 12)
        loss = mt.cross_entropy(model(put(x)), labels)
        optimizer.zero_grad()
        loss.backward()
        if clip:
            optim.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(loss.item())
    return [*model.parameters(), *model.buffers()], losses


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_a_training_step_on_a_device(make):
    expected, losses = trained(np.asarray, make, lambda model: model)
    found, its = trained(Device, make, lambda model: moved(model, Device))
    np.testing.assert_allclose(its, losses, rtol=1e-10)
    assert all(isinstance(f.numpy(), Device) for f in found if f.dtype.kind == "f")
    close(found, expected, lambda a: a.get() if isinstance(a, Device) else a)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_a_training_step_on_lazy_batches(make):
    """Parameters, statistics and what optimizers remember stay NumPy's."""
    expected, losses = trained(np.asarray, make, lambda model: model)
    found, its = trained(lazy, make, lambda model: model)
    np.testing.assert_allclose(its, losses, rtol=1e-10)
    assert all(isinstance(f.numpy(), np.ndarray) for f in found)
    close(found, expected, np.asarray)


@pytest.mark.parametrize("clip", [False, True])
def test_a_step_computes_all_lazy_gradients_at_once(clip):
    runs = []

    def counting(graph, keys, **settings):
        runs.append(len(keys))
        return dask.get(graph, keys, **settings)

    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = optim.Adam(model.parameters())
    mt.cross_entropy(model(lazy(np.ones((6, 4), np.float32))), np.zeros(6, int)).backward()
    with dask.config.set(scheduler=counting):
        if clip:
            optim.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
    assert len(runs) == 1


def test_running_statistics_are_computed_at_once():
    runs = []

    def counting(graph, keys, **settings):
        runs.append(len(keys))
        return dask.get(graph, keys, **settings)

    norm = nn.BatchNorm1d(4)
    with dask.config.set(scheduler=counting):
        norm(lazy(np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)))
    assert len(runs) == 1
