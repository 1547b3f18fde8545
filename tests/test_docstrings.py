"""Everything public is documented, and every example in a docstring runs and says what it prints."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.record import Record

OPS = ("micrograd_tensor.engine.table.", "micrograd_tensor.functional.")


def modules():
    """Every module of the package, by name; those that act when imported are left out."""
    found = [mt.__name__]
    found += [m.name for m in pkgutil.walk_packages(mt.__path__, f"{mt.__name__}.") if not m.name.endswith("__main__")]
    return found


def documented():
    """Every docstring with examples: by its dotted name, the text and the names that its examples may use.

    `doctest`'s own finder skips decorated functions, whose globals belong to the decorator's module; so functions are
    taken from wherever they stand, by the module they say they come from.
    """
    found = {}
    for name in modules():
        module = importlib.import_module(name)
        found[name] = (module.__doc__, vars(module))
        for key, value in vars(module).items():
            if getattr(value, "__module__", None) != name:
                continue
            found[f"{name}.{key}"] = (getattr(value, "__doc__", None), vars(module))
            if inspect.isclass(value):
                for member, method in vars(value).items():
                    doc = getattr(method, "__doc__", None)
                    own = getattr(method, "__module__", name) == name  # not what another module lent to the class
                    if isinstance(doc, str) and own and not isinstance(method, type):
                        found[f"{name}.{key}.{member}"] = (doc, vars(module))
    return {k: v for k, v in found.items() if v[0] and ">>>" in v[0]}


DOCUMENTED = documented()


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text, names = DOCUMENTED[name]
    example = doctest.DocTestParser().get_doctest(text, dict(names), name, None, 0)
    report = []
    doctest.DocTestRunner().run(example, out=report.append)
    assert not report, "".join(report)


def test_a_wrong_example_would_be_noticed():
    example = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    report = []
    doctest.DocTestRunner().run(example, out=report.append)
    assert report


def public_ops():
    found = {name: getattr(mt, name) for name in mt.__all__}
    return {k: f for k, f in found.items() if inspect.isfunction(f) and f.__module__.startswith(OPS)}


@pytest.mark.parametrize("name", mt.__all__)
def test_everything_public_has_a_docstring(name):
    value = getattr(mt, name)
    assert inspect.getdoc(value)
    assert len(inspect.getdoc(value).splitlines()[0]) > 15


@pytest.mark.parametrize("name", [n for n in dir(mt.tensor(1.0)) if not n.startswith("_")])
def test_every_public_attribute_of_a_tensor_has_a_docstring(name):
    if name in Record.__slots__:
        assert f"\n    {name}: " in inspect.getdoc(Record)
    else:
        assert getattr(mt.Tensor, name).__doc__


@pytest.mark.parametrize("name", sorted(public_ops()))
def test_every_public_op_has_an_example(name):
    op = public_ops()[name]
    assert ">>> " in op.__doc__
    assert f"{op.__module__}.{op.__name__}" in DOCUMENTED
    assert f"{name}(" in op.__doc__ or f"{op.__name__}(" in op.__doc__ or "x[" in op.__doc__ or "> 0" in op.__doc__


@pytest.mark.parametrize("name", sorted(public_ops()))
def test_every_op_that_can_refuse_says_so(name):
    """An op of several operands, or with an axis, a shape or an index, names the error that wrong ones raise."""
    op = public_ops()[name]
    parameters = set(inspect.signature(op).parameters)
    if {"axis", "shape", "b", "index", "axis1"} & parameters:
        assert "ShapeError" in op.__doc__
    if {"axis", "keepdims"} <= parameters:
        assert "dtype" in op.__doc__


def test_no_docstring_names_a_place_of_this_machine():
    for path in Path(mt.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(home|root|tmp|usr)/", text), path
