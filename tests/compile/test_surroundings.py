"""What a function finds outside its arguments: a change of it is seen, whatever it is and however code gets there."""

import cProfile
import functools
import gc
import itertools
import random
import sys
import types
import warnings
import weakref
from collections import OrderedDict, deque
from dataclasses import dataclass, field

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.compile.surroundings import Surroundings

RATE = 2.0


def set_rate(value):
    global RATE
    RATE = value


def by_rate(x):
    return x * RATE


@pytest.fixture(autouse=True)
def _rate():
    set_rate(2.0)


CASES = {}


def case(made):
    """A function that makes another one, of x, and what may change afterwards, so that it gives something else."""
    CASES[made.__name__] = made
    return made


@case
def elements_of_an_array():
    table = np.array([1.0, 2.0])
    return lambda x: x * table, lambda: table.__setitem__(0, 5.0)


@case
def elements_of_an_array_behind_a_view():
    table = np.arange(6.0)
    part = table[1:3]
    part.flags.writeable = False
    return lambda x: x * part, lambda: table.__setitem__(1, 5.0)


@case
def what_numpy_makes_of_an_array():
    table = np.array([1.0, 2.0])
    return lambda x: x * mt.tensor(np.log(table)), lambda: table.__setitem__(0, 5.0)


@case
def an_attribute():
    settings = types.SimpleNamespace(rate=2.0)
    return lambda x: x * settings.rate, lambda: setattr(settings, "rate", 3.0)


@case
def an_attribute_of_an_attribute():
    @dataclass
    class Deep:
        table: list = field(default_factory=lambda: [1.0])

    @dataclass
    class Settings:
        deep: Deep = field(default_factory=Deep)

    settings = Settings()
    return lambda x: x * settings.deep.table[0], lambda: settings.deep.table.__setitem__(0, 3.0)


@case
def an_attribute_of_an_argument():
    settings = types.SimpleNamespace(rate=2.0)
    return (lambda x, s: x * s.rate), lambda: setattr(settings, "rate", 3.0), settings


@case
def an_attribute_that_is_asked_for_by_name():
    settings = types.SimpleNamespace(rate=2.0)
    return lambda x: x * getattr(settings, "rate"), lambda: setattr(settings, "rate", 3.0)  # noqa: B009


@case
def a_global_that_another_function_names():
    return lambda x: by_rate(x) + 1, lambda: set_rate(3.0)


@case
def a_global_that_a_comprehension_names():
    return lambda x: sum([x * RATE for _ in range(2)]), lambda: set_rate(3.0)


@case
def a_global_behind_other_functions():
    @mt.no_grad()
    def decorated(x):
        return by_rate(x)

    table = {"f": [functools.partial(lambda k, x: decorated(x) * k, 2.0)]}
    return lambda x: table["f"][0](x), lambda: set_rate(3.0)


@case
def a_variable_that_another_function_closes_over():
    rate = 2.0

    def helper(x):
        return x * rate

    def change():
        nonlocal rate
        rate = 3.0

    return lambda x: helper(x) + 1, change


@case
def another_function():
    table = [lambda x: x * 2]
    return lambda x: table[0](x), lambda: table.__setitem__(0, lambda x: x * 3)


@case
def defaults():
    def helper(x, rate=2.0):
        return x * rate

    return lambda x: helper(x), lambda: setattr(helper, "__defaults__", (3.0,))


@case
def code():
    def helper(x):
        return x * 2

    return lambda x: helper(x), lambda: setattr(helper, "__code__", (lambda x: x * 3).__code__)


@case
def an_attribute_of_a_function():
    def helper(x):
        return x * helper.rate

    helper.rate = 2.0
    return lambda x: helper(x), lambda: setattr(helper, "rate", 3.0)


@case
def an_attribute_of_a_class():
    class Settings:
        rate = 2.0

    return lambda x: x * Settings.rate, lambda: setattr(Settings, "rate", 3.0)


@case
def an_attribute_that_hides_that_of_the_class():
    class Settings:
        rate = 2.0

    settings = Settings()
    return lambda x: x * settings.rate, lambda: setattr(settings, "rate", 3.0)


@case
def a_method_of_a_class():
    class Layer:
        def go(self, x):
            return x * 2

    layer = Layer()
    return lambda x: layer.go(x), lambda: setattr(Layer, "go", lambda self, x: x * 3)


@case
def what_a_property_reads():
    class Settings:
        def __init__(self):
            self._rate = 2.0

        @property
        def rate(self):
            return self._rate * RATE

    settings = Settings()
    return lambda x: x * settings.rate, lambda: setattr(settings, "_rate", 3.0)


@case
def a_slot():
    class Settings:
        __slots__ = ("rate",)

    settings = Settings()
    settings.rate = 2.0
    return lambda x: x * settings.rate, lambda: setattr(settings, "rate", 3.0)


@case
def what_an_object_that_is_called_reads():
    class Scaled:
        def __init__(self):
            self.rate = 2.0

        def __call__(self, x):
            return self.scaled(x)

        def scaled(self, x):
            return x * self.rate

    scaled = Scaled()
    return scaled, lambda: setattr(scaled, "rate", 3.0)


@case
def what_a_method_reads():
    settings = types.SimpleNamespace(rate=2.0)

    def method(self, x):
        return x * self.rate

    return types.MethodType(method, settings), lambda: setattr(settings, "rate", 3.0)


@case
def what_an_operator_reads():
    class Scale:
        rate = 2.0

        __array_ufunc__ = None

        def __pow__(self, x):
            return x * self.rate

    scale = Scale()
    return lambda x: scale**x, lambda: setattr(scale, "rate", 3.0)


@case
def an_attribute_of_a_module():
    module = types.ModuleType("settings_of_a_test")
    module.rate = 2.0
    return lambda x: x * module.rate, lambda: setattr(module, "rate", 3.0)


@case
def an_attribute_of_a_module_that_is_imported_within():
    module = types.ModuleType("settings_of_another_test")
    module.rate = 2.0
    sys.modules[module.__name__] = module

    def function(x):
        from settings_of_another_test import rate

        return x * rate

    return function, lambda: setattr(module, "rate", 3.0)


def an_item(kind):
    table = kind(rate=2.0)
    return lambda x: x * table["rate"], lambda: table.update(rate=3.0)


CASES |= {f"an_item_of_{kind.__name__}": functools.partial(an_item, kind) for kind in (dict, OrderedDict)}


@case
def a_tuple_that_is_replaced():
    settings = types.SimpleNamespace(pair=(np.array([1.0, 2.0]), mt.tensor([1.0, 2.0]), (0.9, 0.99)))

    def change():
        settings.pair = (np.array([1.0, 3.0]), mt.tensor([1.0, 2.0]), (0.9, 0.99))

    return lambda x: x * settings.pair[0] * settings.pair[1] * settings.pair[2][0], change


@case
def an_array_that_takes_another_shape():
    table = np.array([1.0, 2.0])
    return lambda x: (x * table).sum() * table.ndim, lambda: setattr(table, "shape", (2, 1))


@case
def an_element_of_a_default():
    def helper(x, table={"k": 2.0}):  # noqa: B006
        return x * table["k"]

    return helper, lambda: helper.__defaults__[0].update(k=3.0)


@case
def an_element_of_a_deque():
    table = deque([2.0])
    return lambda x: x * table[0], lambda: table.__setitem__(0, 3.0)


@case
def an_element_of_a_set():
    table = {2.0}
    return lambda x: x * sum(table), lambda: table.add(3.0)


@case
def a_byte():
    table = bytearray(b"ab")
    return lambda x: x * table[0], lambda: table.__setitem__(0, 3)


@case
def the_length_of_a_list():
    layers = [mt.tanh]

    def function(x):
        for layer in layers:
            x = layer(x)
        return x

    return function, lambda: layers.append(mt.exp)


class Scales(nn.Module):
    def __init__(self):
        super().__init__()
        self.scales, self.named = [2.0], {"k": 1.0}

    def forward(self, x):
        return x * self.scales[0] * self.named["k"]


@case
def a_list_of_a_module_in_another():
    net = nn.Sequential(nn.Identity(), Scales())
    return net, lambda: net[1].scales.__setitem__(0, 3.0)


@case
def a_dictionary_of_a_module_in_another():
    net = nn.Sequential(nn.Identity(), Scales())
    return lambda x: net(x), lambda: net[1].named.update(k=3.0)


@case
def what_a_hook_reads():
    net, table = nn.Sequential(nn.Identity()), {"k": 1.0}
    net.register_forward_hook(lambda module, inputs, result: result * table["k"])
    return net, lambda: table.update(k=3.0)


@case
def a_hook_that_is_added():
    net = nn.Sequential(nn.Identity())
    return net, lambda: net.register_forward_hook(lambda module, inputs, result: result * 2)


@case
def what_a_compiled_function_within_reads():
    settings = types.SimpleNamespace(rate=2.0)
    inner = mt.compile(lambda x: x * settings.rate)
    return lambda x: inner(x) + 1, lambda: setattr(settings, "rate", 3.0)


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_seen(name):
    function, change, *rest = CASES[name]()
    fast, x = mt.compile(function, exact=True), mt.tensor([1.0, 2.0])
    first = function(x, *rest).tolist()
    assert [fast(x, *rest).tolist() for _ in range(3)] == [first] * 3
    assert fast._traces == 1
    change()
    want = function(x, *rest).tolist()
    assert want != first, "the change matters"
    assert [fast(x, *rest).tolist() for _ in range(3)] == [want] * 3
    assert fast._traces == 2
    assert not fast._eager


@pytest.mark.parametrize("name", CASES)
def test_a_fault_of_what_is_compared_is_found(name, monkeypatch):
    """Planted: nothing counts as changed; then no change above is seen, so that the test above can fail."""
    monkeypatch.setattr(Surroundings, "unchanged", lambda self: True)
    function, change, *rest = CASES[name]()
    fast, x = mt.compile(function, exact=True), mt.tensor([1.0, 2.0])
    first = fast(x, *rest).tolist()
    change()
    stale = fast(x, *rest).tolist() == first
    assert stale or name == "a_hook_that_is_added"  # which the module itself says


def using_up():
    """Functions that change what they go by, or use it up: each call of them is another one."""
    counted, rng, old = types.SimpleNamespace(n=0), np.random.default_rng(0), random.Random(0)  # noqa: S311
    turned, numbers, made = types.SimpleNamespace(on=True), itertools.count(1), []

    def counting(x):
        counted.n += 1
        return x * counted.n

    def counting_a_global(x):
        set_rate(RATE + 1)
        return x * RATE

    def collecting(x):
        made.append(x)
        return x * len(made)

    def turning(x):
        turned.on = not turned.on
        return x * 2 if turned.on else x * 3

    def keeping(x):
        turned.last = x * 2
        return turned.last

    yield counting
    yield counting_a_global
    yield collecting
    yield turning
    yield keeping
    yield lambda x: x * next(numbers)
    yield lambda x: x * mt.tensor(rng.normal(size=2))
    yield lambda x: x * old.random()
    yield lambda x: x * np.random.rand()  # noqa: NPY002
    yield lambda x: x * random.random()  # noqa: S311
    yield lambda x: mt.dropout(x, 0.5, generator=np.random.default_rng(0))


@pytest.mark.parametrize("number", range(len([*using_up()])))
def test_what_changes_by_running_runs_in_every_call(number):
    results = []
    for wrap in (lambda f: f, lambda f: mt.compile(f, exact=True)):
        np.random.seed(0), random.seed(0), set_rate(1.0)  # noqa: NPY002
        called = wrap([*using_up()][number])
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            results.append([called(mt.tensor([1.0, 2.0])).tolist() for _ in range(5)])
    assert results[0] == results[1]
    assert [str(one.message)[-90:] for one in told] == [str(told[0].message)[-90:]]
    assert "is traced in every call, since what it goes by changes while it runs: " in str(told[0].message)
    assert sum(called._eager.values()) == 5


def test_random_numbers_of_the_system_differ_from_call_to_call():
    asked = random.SystemRandom()
    fast, x = mt.compile(lambda x: x * asked.random()), mt.tensor([1.0])
    with pytest.warns(UserWarning, match="traced in every call, since .*: asked"):
        assert len({fast(x).item() for _ in range(4)}) == 4


def test_an_object_that_answers_to_nothing_is_no_hindrance():
    class Away:
        @property
        def __dict__(self):
            raise RuntimeError("there is nothing here yet")

    away = Away()
    fast = mt.compile(lambda x: x * (2.0 if away is not None else 3.0))
    assert [fast(mt.tensor([v])).tolist() for v in (1.0, 2.0)] == [[2.0], [4.0]]


def test_seeding_within_is_refused():
    before = mt.manual_seed(3).bit_generator.state
    with pytest.raises(mt.TraceError, match=r"manual_seed within a trace .*test_surroundings.*; seed before it"):
        mt.compile(lambda x: x * mt.manual_seed(0).random())(mt.tensor([1.0]))
    assert mt.manual_seed(3).bit_generator.state == before


def test_another_list_is_watched_in_the_place_of_the_first():
    settings = types.SimpleNamespace(table=[2.0])
    fast, x = mt.compile(lambda x: x * settings.table[0]), mt.tensor([1.0])
    fast(x)
    settings.table = [2.0]
    assert fast(x).tolist() == [2.0]
    settings.table[0] = 3.0
    assert fast(x).tolist() == [3.0]


def test_equal_numbers_are_no_change():
    settings = types.SimpleNamespace(rate=1.5, pair=(0.9, (0.99, 1e-8)), name="mean", table=[1.5])
    fast, x = mt.compile(lambda x: x * settings.rate * settings.pair[1][0] * settings.table[0]), mt.tensor([1.0])
    fast(x)
    settings.rate, settings.pair, settings.table[0] = 3.0 / 2, (0.9 * 1, (0.99 * 1, 1e-8)), 3.0 / 2
    fast(x)
    assert fast._traces == 1


def test_what_is_made_in_the_first_call_and_kept_is_no_matter():
    class Lazy:
        def __call__(self, x):
            if not hasattr(self, "table"):
                self.table = mt.tensor([3.0, 1.0])
            return x * self.table

    fast, x = mt.compile(Lazy()), mt.tensor([1.0, 2.0])
    assert [fast(x).tolist() for _ in range(4)] == [[3.0, 2.0]] * 4
    assert fast._traces == 2


def test_arrays_of_other_libraries_outside_are_read_in_every_call():
    torch = pytest.importorskip("torch")
    given = torch.ones(2, dtype=torch.float64)
    fast, x = mt.compile(lambda x: x * mt.tensor(given)), mt.tensor([1.0, 2.0])
    assert fast(x).tolist() == [1.0, 2.0]
    given += 1
    with pytest.warns(UserWarning, match=r"traced in every call, since .*: given \(Tensor\)"):
        assert fast(x).tolist() == [2.0, 4.0]


def test_an_argument_found_elsewhere_too_and_a_count_are_told():
    w, counted = mt.tensor([1.0]), types.SimpleNamespace(n=0)

    def function(x):
        counted.n += 1
        return x * w

    assert mt.compile(function)(mt.tensor([2.0])).tolist() == [2.0]
    with pytest.raises(mt.TraceError, match=r"found elsewhere.*it changes counted.n; return what changes"):
        mt.compile(function)(w)


def test_arrays_that_nobody_can_write_to_are_not_compared():
    table = np.array([1.0, 2.0])
    table.flags.writeable = False
    fast = mt.compile(lambda x: x * table)
    fast(mt.tensor([1.0, 2.0]))
    assert not fast._latest.traced.surroundings._wholes


def test_what_no_code_names_may_change():
    class Trainer:
        def __init__(self):
            self.rate, self.steps, self.losses = 2.0, 0, []
            self.step = mt.compile(self._step)

        def _step(self, x):
            return x * self.rate

        def run(self, x):
            self.steps += 1
            self.losses.append(self.step(x).tolist())

    trainer = Trainer()
    for _ in range(4):
        trainer.run(mt.tensor([1.0]))
    assert trainer.losses == [[2.0]] * 4
    assert trainer.step._traces == 1


def test_what_code_found_is_let_go_with_the_function():
    class Watched:
        rate = 2.0

    watched = Watched()
    gone = weakref.ref(watched)
    fast = mt.compile(functools.partial(lambda w, x: x * w.rate, watched))
    fast(mt.tensor([1.0]))
    del watched, fast
    gc.collect()
    assert gone() is None


def test_profilers_go_on():
    heard = []

    def hear(frame, event, _):
        heard.append(frame.f_code.co_name)

    profiler = cProfile.Profile()
    profiler.enable()
    mt.compile(lambda x: x * 3)(mt.tensor([1.0]))
    by_rate(mt.tensor([1.0]))
    profiler.disable()
    assert any("by_rate" in str(one.code) for one in profiler.getstats())
    sys.setprofile(hear)
    try:
        mt.compile(lambda x: x * 3)(mt.tensor([1.0]))
        by_rate(mt.tensor([1.0]))
    finally:
        sys.setprofile(None)
    assert "by_rate" in heard
