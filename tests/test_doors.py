"""Compositions, layers and optimizers compute on Tensors: nothing reads an array out of one except through the doors.

A value that is read, and the leaf that is made of it, are frozen into every graph that is recorded of the code. What a
trace has no use for is listed here by function, with the reason.
"""

import ast
from pathlib import Path

import pytest

import micrograd_tensor

PACKAGE = Path(micrograd_tensor.__file__).parent
FILES = sorted(path for folder in ("functional", "nn", "optim") for path in (PACKAGE / folder).rglob("*.py"))

ATTRIBUTES = {"data", "_data", "numpy", "item", "tolist"}
CALLS = {"leaf", "unwrap", "float", "int", "bool"}
OF_SHAPES = {"np.shape", "np.ndim", "np.size"}

ALLOWED = {
    "functional/elementary.py:nan_to_num": "the largest number that a dtype has",
    "functional/joining.py:array_split": "the number of parts that was asked for",
    "functional/normalization.py:by_root_mean_square": "whether a setting is 0; whether the array is NumPy's",
    "functional/normalization.py:normalize": "whether a setting is 0",
    "functional/rearranging.py:delete": "the number of elements",
    "functional/rearranging.py:roll": "the places that were asked for",
    "functional/derivatives.py:_zeros": "zeros: the shape and the dtype only",
    "functional/derivatives.py:jacobian": "zeros: the shape and the dtype only",
    "functional/losses.py:binary_cross_entropy": "whether the array is NumPy's",
    "functional/linear.py:embedding": "the text of an error",
    "functional/losses.py:_checked_classes": "the text of an error",
    "functional/normalization.py:rms_norm": "a number that the dtype has",
    "functional/pooling.py:avg_pool2d": "ones: the shape and the dtype only",
    "functional/pooling.py:_in_memory": "the strides only",
    "nn/dtypes.py:hint": "the shape and the dtype only",
    "nn/linear.py:Embedding.__init__": "a layer is made before it is traced",
    "nn/recurrent.py:_Recurrent._initial": "zeros: the shape and the dtype only",
    "nn/state.py:_array": "what is loaded from a file",
    "optim/bucket.py:Bucket.__init__": "whether the array is NumPy's",
    "optim/bucket.py:Bucket.update": "the eager step; `record` is its twin within a trace",
    "optim/bucket.py:Bucket.step": "a step that has been taken; `record` reads `taken` by a source",
    "optim/bucket.py:Bucket._values": "the eager step; within a trace a source, which is read anew in each run",
    "optim/bucket.py:compute_gradients": "lazy gradients before the eager step",
    "optim/bucket.py:_gradient": "the shape only",
    "optim/bucket.py:_zeros": "the state before the first step",
    "optim/clip.py:clip_grad_norm_": "the text of an error; outside a trace, the number that is returned",
    "optim/lr_scheduler.py:ReduceLROnPlateau.step": "a schedule's step, which comes between those that are traced",
    "optim/optimizer.py:Optimizer._buckets": "whether the array is NumPy's",
    "optim/optimizer.py:_memory": "what is loaded from a file",
}


def readings(source: str) -> set[str]:
    """The functions in which an array or a number is read out of something, by their qualified names."""
    found: set[str] = set()

    def visit(node: ast.AST, name: str) -> None:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            name = f"{name}.{node.name}" if name else node.name
        if isinstance(node, ast.Call) and ast.unparse(node.func) in OF_SHAPES:
            return
        attribute = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in ATTRIBUTES
        call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS
        if attribute or call:
            found.add(name)
        for child in ast.iter_child_nodes(node):
            visit(child, name)

    visit(ast.parse(source), "")
    return found


def found_in_the_package() -> set[str]:
    return {
        f"{path.relative_to(PACKAGE).as_posix()}:{name}" for path in FILES for name in readings(path.read_text("utf-8"))
    }


def test_nothing_is_read_out_of_a_tensor_but_what_is_listed():
    assert found_in_the_package() - ALLOWED.keys() == set()


def test_the_list_names_nothing_that_is_gone():
    assert ALLOWED.keys() - found_in_the_package() == set()


@pytest.mark.parametrize(
    "line",
    [
        "mask = leaf(np.asarray(kept), 'mask')",
        "running.assign_(running.data + found)",
        "n = counted.sum().item()",
        "return unwrap(x).max()",
        "if float(total) > 1: pass",
        "values = x.numpy()",
        "values = x._data",
        "return [x.tolist() for x in xs]",
    ],
)
def test_a_planted_reading_is_found(line):
    assert readings(f"class Layer:\n    def forward(self, x):\n        {line}\n") == {"Layer.forward"}


@pytest.mark.parametrize(
    "line", ["x.data = value", "x = mt.exp(x)", "data = x.shape", "holds(x > 0)", "n = np.shape(unwrap(x))"]
)
def test_what_is_no_reading_is_not_found(line):
    assert readings(f"def f(x, value):\n    {line}\n") == set()
