"""The floors of the package: a lower one never imports a higher one, and readers leave each other alone."""

import ast
from pathlib import Path

import pytest

import micrograd_tensor as mt

ROOT = Path(mt.__file__).parent
NAME = mt.__name__

MAY_IMPORT = {
    "engine": set(),
    "graph": {"engine"},
    "functional": {"engine", "graph"},
    "nn": {"engine", "graph", "functional"},
    "optim": {"engine", "graph", "functional"},
    "notation": {"engine", "graph"},
    "check": {"engine", "graph", "notation"},
    "draw": {"engine", "graph", "notation"},
    "compile": {"engine", "graph"},
    "data": {"engine"},
    "saving": {"engine", "graph", "functional", "nn", "optim"},
    "training": {"engine", "graph", "functional", "nn", "optim", "data", "saving"},
}
"""What each floor stands on, itself aside. The command and the package's first file stand on everything."""
ON_TOP = {"cli", "__main__", ""}


def floor(module: str) -> str:
    """``micrograd_tensor.engine.walk`` is on the floor ``engine``; the package itself on ``""``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports(module: str, text: str, is_package: bool) -> set[str]:
    """The modules of this package that a module's text imports, anywhere in it, as absolute names."""
    found = set()
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.split(".")[0] == NAME}
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            base += node.module.split(".") if node.module else []
            if base[0] == NAME:  # from . import walk: the name may be a module
                found |= {".".join(base)} if len(base) > 1 else {".".join([*base, a.name]) for a in node.names}
    return found


def faults(module: str, text: str, is_package: bool = False) -> list[str]:
    """The imports of a module that its floor does not allow."""
    here = floor(module)
    if here in ON_TOP:
        return []
    allowed = MAY_IMPORT[here] | {here}
    return [
        f"{module} imports {other}"
        for other in sorted(imports(module, text, is_package))
        if floor(other) not in allowed
    ]


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = [NAME, *path.relative_to(ROOT).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        yield ".".join(parts[:-1] if is_package else parts), path.read_text(encoding="utf-8"), is_package


def test_every_module_is_on_a_known_floor():
    present = {floor(module) for module, _, _ in modules()}
    assert present - ON_TOP <= set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("module", "text", "is_package"),
    list(modules()),
    ids=lambda v: v if isinstance(v, str) and len(v) < 80 and "\n" not in v else "",
)
def test_no_module_imports_a_higher_floor(module, text, is_package):
    assert faults(module, text, is_package) == []


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("micrograd_tensor.engine.walk", "from ..graph import Graph"),
        ("micrograd_tensor.engine.walk", "from ..graph.nodes import Graph"),
        ("micrograd_tensor.engine.table.shapes", "from ...functional import var"),
        ("micrograd_tensor.engine.walk", "import micrograd_tensor.graph.nodes"),
        ("micrograd_tensor.engine.walk", "from micrograd_tensor import graph"),
        ("micrograd_tensor.engine.walk", "import micrograd_tensor as mt"),
        ("micrograd_tensor.engine.walk", "def f():\n    from .. import graph"),
        ("micrograd_tensor.graph.nodes", "from ..functional.softmax import softmax"),
        ("micrograd_tensor.functional.softmax", "from ..nn import Module"),
        ("micrograd_tensor.check.compare", "from ..draw import draw"),
        ("micrograd_tensor.check.compare", "from ..functional import var"),
        ("micrograd_tensor.notation.formula", "from ..draw.layout import place"),
        ("micrograd_tensor.draw.scene", "from ..check.compare import compare"),
        ("micrograd_tensor.nn.layers", "from ..cli import main"),
    ],
)
def test_planted_faults_are_noticed(module, text):
    assert len(faults(module, text)) == 1


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("micrograd_tensor.engine.walk", "from .tensor import Tensor\nfrom . import anomaly\nimport numpy as np"),
        ("micrograd_tensor.engine.table.shapes", "from ..errors import ShapeError\nfrom .elementwise import add"),
        ("micrograd_tensor.graph.capture", "from ..engine.walk import pull\nfrom .nodes import Graph"),
        ("micrograd_tensor.draw.labels", "from ..notation import formula"),
        ("micrograd_tensor.cli.main", "from ..draw import draw"),
        ("micrograd_tensor.functional.softmax", "from numpy.graph import x"),
    ],
)
def test_allowed_imports_are_allowed(module, text):
    assert faults(module, text) == []


def test_the_order_of_floors_has_no_circle():
    done = set()
    while len(done) < len(MAY_IMPORT):
        ready = {name for name, below in MAY_IMPORT.items() if below <= done} - done
        assert ready
        done |= ready
