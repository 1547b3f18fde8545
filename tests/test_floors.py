"""The floors of the package: a lower one never imports a higher one, readers leave each other alone, and no modules
import each other in a circle. And what an op is stands in its row of the table: nobody else asks for its name.
"""

import ast
from collections import Counter
from pathlib import Path

import pytest

import micrograd_tensor as mt

ROOT = Path(mt.__file__).parent
NAME = mt.__name__

MAY_IMPORT = {
    "engine": set(),
    "graph": {"engine"},
    "algebra": {"engine", "graph"},
    "notation": {"engine", "graph"},
    "compile": {"engine", "graph", "algebra", "notation"},
    "check": {"engine", "graph", "notation"},
    "draw": {"engine", "graph", "notation"},
    "derive": {"engine", "graph", "algebra", "notation"},
    "functional": {"engine"},
    "nn": {"engine", "functional"},
    "optim": {"engine", "functional"},
    "data": {"engine"},
    "saving": {"engine", "functional", "nn", "optim"},
    "training": {"engine", "functional", "nn", "optim", "data", "saving"},
}
"""What each floor stands on, itself aside. The command and the package's first file stand on everything."""
ON_TOP = {"cli", "launched", "__main__", ""}


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
        ("micrograd_tensor.graph.nodes", "from ..notation import formula"),
        ("micrograd_tensor.notation.unicode", "from ..draw.layout import layout"),
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


# ------------------------------------------------------------------------------------------------------ no circles


def arrows(texts):
    """Which modules each module imports by itself, wherever in its text, TYPE_CHECKING and lazy imports included.

    ``from . import walk`` is an arrow to the module ``walk`` where there is one, else to the package.
    """
    known = {module for module, _, _ in texts}
    found = {}
    for module, text, is_package in texts:
        package = module.split(".") if is_package else module.split(".")[:-1]
        targets = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                targets |= {a.name for a in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*base, *(node.module.split(".") if node.module else [])])
                inner = {f"{base}.{a.name}" for a in node.names}
                targets |= inner & known or {base}
        found[module] = (targets & known) - {module}
    return found


def circles(found):
    """Every set of modules of which each leads to each other along the arrows."""
    reach = {}
    for start in found:
        seen, stack = set(), [start]
        while stack:
            for other in found.get(stack.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    stack.append(other)
        reach[start] = seen
    return {frozenset(b for b in reach[a] if a in reach[b]) for a in found if a in reach[a]}


UPWARDS = (f"{NAME}.engine.record", f"{NAME}.engine.tensor")
"""The one look upwards, for type checkers alone: an op, which a Tensor is built on, says that it returns a Tensor."""


def test_no_modules_import_each_other_in_a_circle():
    found = arrows([(m, text, is_package) for m, text, is_package in modules() if floor(m)])
    below, above = UPWARDS
    found[below].remove(above)
    assert circles(found) == set()


def test_the_one_look_upwards_is_for_type_checkers_alone():
    [(text, is_package)] = [(text, is_package) for m, text, is_package in modules() if m == UPWARDS[0]]
    tree = ast.parse(text)
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")
    ]
    assert UPWARDS[1] not in imports(UPWARDS[0], ast.unparse(tree), is_package)


@pytest.mark.parametrize(
    "back",
    [
        "from .a import x",
        "from . import a",
        "import micrograd_tensor.engine.a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import X",
        "def f():\n    from ..engine import a",
    ],
)
def test_planted_circles_are_noticed(back):
    name = f"{NAME}.engine"
    texts = [
        (f"{name}.a", "from . import b", False),
        (f"{name}.b", "from .c import y", False),
        (f"{name}.c", back, False),
    ]
    assert circles(arrows(texts)) == {frozenset(module for module, _, _ in texts)}
    assert circles(arrows(texts[:2])) == set()


# ------------------------------------------------------------------------------------- an op is known by its row


ROWS = (f"{NAME}.engine.table", f"{NAME}.engine.row", f"{NAME}.engine.primitive")
"""Where names of ops belong."""


def asked_names(text):
    """The lines that compare an op's name with something, look one up in a constant, or take a row by its name."""
    constants = {
        target.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    held = set()  # local names that stand for an op's name
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign):
            pairs = zip(node.targets, [node.value] * len(node.targets), strict=True)
            for target, value in pairs:
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    held |= {
                        t.id
                        for t, v in zip(target.elts, value.elts, strict=False)
                        if isinstance(t, ast.Name) and _is_op_name(v)
                    }
                elif isinstance(target, ast.Name) and _is_op_name(value):
                    held.add(target.id)

    def is_name(x):
        return _is_op_name(x) or (isinstance(x, ast.Name) and x.id in held)

    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            fixed = [x for x in sides if _is_fixed(x) or (isinstance(x, ast.Name) and x.id.isupper())]
            if any(map(is_name, sides)) and fixed:
                found.append(node.lineno)
        elif isinstance(node, ast.Subscript):
            table = node.value.id if isinstance(node.value, ast.Name) else ""
            if (table == "TABLE" and isinstance(node.slice, ast.Constant)) or (
                table in constants and is_name(node.slice)
            ):
                found.append(node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            if node.args and is_name(node.args[0]):
                found.append(node.lineno)
        elif isinstance(node, ast.Match) and is_name(node.subject):
            found.append(node.lineno)
    return found


def _is_op_name(x):
    """``….op.name``, ``row.name``, or such with an alternative: ``node.op.name if node.op else ""``."""
    if isinstance(x, ast.IfExp):
        return _is_op_name(x.body) or _is_op_name(x.orelse)
    if isinstance(x, ast.BoolOp):
        return any(map(_is_op_name, x.values))
    if not (isinstance(x, ast.Attribute) and x.attr == "name"):
        return False
    owner = x.value
    return (isinstance(owner, ast.Attribute) and owner.attr == "op") or (
        isinstance(owner, ast.Name) and owner.id in ("op", "row", "primitive")
    )


def _is_fixed(x):
    """A text, or a display of texts."""
    if isinstance(x, ast.Constant):
        return isinstance(x.value, str) and bool(x.value)
    return isinstance(x, (ast.Tuple, ast.List, ast.Set)) and any(map(_is_fixed, x.elts))


@pytest.mark.parametrize(
    ("module", "text"),
    [(m, text) for m, text, _ in modules() if not m.startswith(ROWS)],
    ids=lambda v: v if len(v) < 80 and "\n" not in v else "",
)
def test_no_op_is_known_by_its_name(module, text):
    assert asked_names(text) == []


@pytest.mark.parametrize(
    "text",
    [
        'if node.op.name == "sum": pass',
        'if node.op is not None and node.op.name in ("sum", "mean"): pass',
        'if step.op.name not in {"mul", "div"}: pass',
        "if node.op.name in SUMS: pass",
        'name, params = node.op.name, node.params\nif name == "sum": pass',
        'name = node.op.name if node.op else ""\nif name in MOVES: pass',
        'add = TABLE["add"]',
        'POWERS = {"sqrt": 0.5}\nk = POWERS[x.op.name]',
        "k = POWERS.get(row.name, 0.5)",
        'match node.op.name:\n    case "sum": pass',
    ],
)
def test_planted_questions_for_a_name_are_noticed(text):
    assert asked_names(text)


@pytest.mark.parametrize(
    "text",
    [
        'text = f"gate {node.op.name}"',
        "alike = a.op.name == b.op.name",
        'made = node.op.name if node.op else "leaf"',
        'if node.name == "x": pass',
        "row = TABLE[name]",
    ],
)
def test_names_may_be_shown_and_compared_with_each_other(text):
    assert asked_names(text) == []


def test_files_of_tests_have_names_of_their_own():
    """Two of one name in different folders cannot be collected in one run."""
    names = Counter(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name, times in names.items() if times > 1] == []
