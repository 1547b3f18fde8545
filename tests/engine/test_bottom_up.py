"""The engine reads from the ground up: each module stands on those before it, and each fact is said in one place."""

import ast
import inspect
from pathlib import Path

import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.primitive import OPS
from micrograd_tensor.engine.record import Record
from micrograd_tensor.engine.row import ANSWERS, TABLE

ENGINE = Path(mt.__file__).parent / "engine"
ORDER = [
    *("files", "row", "errors", "lengths", "arrays"),
    *("recording", "record", "axes", "anomaly", "randomness", "trace", "interop.settings", "interop.habits"),
    *("interop.instead", "primitive"),
    *("table.comparisons", "table.elementwise", "table.trigonometry", "table.logarithms", "table.rounding"),
    *("table.sums", "table.gathers", "table.shapes", "table.special", "table.windows"),
    *("table.reductions", "table.places", "table.truths"),
    *("table.matrix", "walk", "interop.protocols", "interop.pytorch", "updates", "tensor", "creation"),
]
UPWARDS = {("record", "tensor")}
"""For types alone: an op says that it returns a Tensor."""


def modules():
    found = (path.relative_to(ENGINE).with_suffix("") for path in ENGINE.rglob("*.py") if path.name != "__init__.py")
    return {".".join(path.parts) for path in found}


def imported(module):
    """The modules of the engine that a module imports, anywhere in it, for types too."""
    folder = module.split(".")[:-1]
    for node in ast.walk(ast.parse((ENGINE / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]
            names = [".".join(filter(None, base)), *(".".join(filter(None, [*base, a.name])) for a in node.names)]
            yield from (name for name in names if name in modules())


def test_the_order_names_every_module():
    assert sorted(ORDER) == sorted(modules())


@pytest.mark.parametrize("module", ORDER)
def test_each_module_stands_on_those_before_it(module):
    above = ORDER[ORDER.index(module) :]
    assert {(module, other) for other in imported(module) if other in above} <= UPWARDS


def slots_named(node):
    """The slots that a list, a tuple, a call or the body of a class names."""
    if isinstance(node, ast.ClassDef):
        return {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
    words = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
    return words | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}


def test_the_slots_are_listed_once():
    slots = set(Record.__slots__) - {"__weakref__"}
    assert len(Record.__slots__) == 15
    assert mt.Tensor.__slots__ == ()
    lists = [
        f"{path.name}:{node.lineno}"
        for path in ENGINE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.Tuple, ast.List))
        and len(slots & slots_named(node)) > len(slots) / 2
    ]
    assert len(lists) == 1, lists


def test_the_methods_of_a_tensor_are_those_that_the_rows_name():
    for name, row in TABLE.items():
        for method in row.method:
            own = inspect.getattr_static(mt.Tensor, method)
            wrapper = method in ("__eq__", "__ne__", "__pow__", "__getitem__", "reshape", "transpose", "permute", "T")
            assert own is OPS[name] or wrapper, (name, method)


def test_numpys_functions_are_answered_by_the_ops_that_name_them():
    for name, row in TABLE.items():
        for function in row.numpy:
            assert ANSWERS[function] is OPS[name]
