"""The public names: sorted, all there, each stated once, and known to type checkers."""

import ast
import inspect
from collections import Counter
from importlib import import_module
from pathlib import Path

import micrograd_tensor as mt


def test_all_is_sorted_and_without_repeats():
    assert mt.__all__ == sorted(set(mt.__all__))


def test_all_names_exist():
    for name in mt.__all__:
        assert hasattr(mt, name)


def test_every_module_names_only_its_own_in_all():
    """So a public name of a namespace is said once, where it is defined, and packages re-export it."""
    said = Counter()
    for path in sorted(Path(mt.__file__).parent.rglob("*.py")):
        if path.name == "__init__.py":
            continue
        parts = path.relative_to(Path(mt.__file__).parents[1]).with_suffix("").parts
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any("__all__" in ast.dump(node) for node in tree.body):
            module = import_module(".".join(parts))
            defined = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
            assigned = (n for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) for n in ast.walk(node))
            defined |= {n.id for n in assigned if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            assert set(module.__all__) <= defined, path
            room = parts[1] if parts[1] in ("data", "nn", "optim") else ""
            said.update((room, name) for name in module.__all__)
    assert [name for name, times in said.items() if times > 1] == []


def test_a_type_checker_sees_the_public_names_and_nothing_else(mypy):
    lines = ["import micrograd_tensor as mt", *(f"mt.{name}" for name in mt.__all__), "mt.np", "mt.TYPE_CHECKING"]
    printed = mypy("every_name", lines)
    wrong = [int(line.split(":")[1]) for line in printed.splitlines() if " error: " in line]
    assert wrong == [len(lines) - 1, len(lines)], printed


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
    other = {
        "permute": "transpose",
        "cat": "concatenate",
        "clamp": "clip",
        "unsqueeze": "expand_dims",
        "mm": "matmul",
        "bmm": "matmul",
    }
    for name in mt.__all__:
        value = getattr(mt, name)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert value.__name__ == other.get(name, name)
