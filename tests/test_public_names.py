"""The public names: sorted, all there, and each said once."""

import ast
import inspect
from pathlib import Path

import micrograd_tensor as mt

SOURCE = ast.parse(Path(mt.__file__).read_text(encoding="utf-8"))


def imported():
    """The names that the package's first file imports from its own modules."""
    found = [n for n in ast.walk(SOURCE) if isinstance(n, ast.ImportFrom) and n.level == 1]
    return [alias.asname or alias.name for node in found for alias in node.names]


def assigned():
    targets = [t for node in SOURCE.body if isinstance(node, ast.Assign) for t in node.targets]
    return [t.id for t in targets if isinstance(t, ast.Name) and not t.id.startswith("_")]


def test_all_is_sorted_and_without_repeats():
    assert mt.__all__ == sorted(set(mt.__all__))


def test_all_names_exist():
    for name in mt.__all__:
        assert hasattr(mt, name)


def test_all_is_what_is_imported_or_assigned():
    names = [*imported(), *assigned()]
    assert sorted(set(names)) == sorted(names)
    assert {name for name in names if not name.startswith("_")} == set(mt.__all__)


def test_every_public_name_is_reexported_by_the_first_file_alone():
    """A star import gives the public names and nothing else."""
    namespace = {}
    exec("from micrograd_tensor import *", namespace)  # noqa: S102
    assert set(namespace) - {"__builtins__"} == set(mt.__all__)


def test_errors_are_the_engines():
    for name in ("ShapeError", "GradientError", "DTypeError"):
        assert issubclass(getattr(mt, name), Exception)
        assert getattr(mt, name).__name__ == name


def test_public_functions_say_their_public_name():
    other = {"permute": "transpose"}
    for name in mt.__all__:
        value = getattr(mt, name)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert value.__name__ == other.get(name, name)
