"""Statements: the assignments of a function, read from its source, and which of them a mistake may be in."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from types import FunctionType
from typing import Any, NamedTuple, TypeGuard
from weakref import WeakKeyDictionary

from .found import Lines
from .syntax import Source, called, source_of


class Statement(NamedTuple):
    """An assignment.

    Attributes:
        names: what it assigns, in whole, in part or in place.
        first: the line of the file that it begins on.
        last: the line that it ends on.
        text: on one line.
        reads: the names that it reads.
        kept: what the attributes and entries are called that it assigns.
        computes: whether it does more than unpack, or take the shape of something.
        begins: whether it only makes an array to be filled.
        fetched: what the attributes and entries are called that it reads.
    """

    names: tuple[str, ...]
    first: int
    last: int
    text: str
    reads: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    computes: bool = True
    begins: bool = False
    fetched: tuple[str, ...] = ()

    def is_alias_of(self, names: Container[str]) -> bool:
        """Whether it is only another name for one of some variables, of which a factor may be forgotten."""
        return not self.computes and any(name in names for name in self.reads)

    def was_run(self, taken: Container[int] | None) -> bool:
        """Whether one of its lines is among those that were run, if these are known."""
        return taken is None or any(line in taken for line in range(self.first, self.last + 1))


def gradient_lines(
    function: Callable[..., Any],
    keys: Mapping[str, str],
    whole: Container[str] = (),
    taken: Container[int] | None = None,
) -> dict[str, Lines]:
    """The statements of a backward pass that assign the gradient of each stage, by the stage's name.

    Args:
        function: the backward pass.
        keys: for each stage what its gradient is called there.
        whole: the stages whose gradients have the right shape and dtype, so that what they begin with is right.
        taken: the lines that were run; None: perhaps all.
    """
    by_name = _by_name(assignments(function, taken))
    found = {name: by_name[key] for name, key in keys.items() if key in by_name}
    return {
        name: tuple((made.first, made.text) for made in (without_starts(several) if name in whole else several))
        for name, several in found.items()
    }


def lines_before(
    function: Callable[..., Any],
    key: str,
    judged: Collection[str],
    right: Container[str] = (),
    suspect: Container[str] = (),
    taken: Container[int] | None = None,
) -> Lines:
    """The statements on the way to a gradient that assign what was not judged: the mistake may be in these.

    Of forward values these are the ones that are computed anew; what is unpacked is right unless it is suspect.

    Args:
        function: the backward pass.
        key: what the gradient is called.
        judged: the names of gradients that were judged, or are known to be right.
        right: the names of forward values that are known to be right.
        suspect: those that are known not to be what was recorded under these names.
        taken: the lines that were run; None: perhaps all.
    """
    statements = assignments(function, taken)
    own = _by_name(statements).get(key, [])  # an attribute or an entry, perhaps
    makers = _by_name(x._replace(kept=()) for x in statements) | {key: own}
    # what depends on a gradient, not on forward values alone
    carrying = {next(iter(_parameters(inspect.unwrap(function))), ""), *judged}
    before = 0
    while before < len(carrying):
        before = len(carrying)
        carrying |= {name for made in statements if not carrying.isdisjoint(made.reads) for name in made.names}
    computed = computed_names(function, taken)
    found: dict[Statement, None] = {}
    # Other entries of the dictionary that it is put into have nothing to do with it.
    stack, seen = [key], {key, *(name for made in own for name in made.names)}
    while stack:
        for made in makers.get(stack.pop(), ()):
            for name in made.reads:
                if name in seen or name in judged or name in right or name not in makers:
                    continue
                seen.add(name)
                known = name not in carrying and name not in suspect
                doubtful = [x for x in makers[name] if x.computes or x.begins or not known or x.is_alias_of(computed)]
                found |= dict.fromkeys(without_starts(doubtful))
                stack.append(name)
    return tuple((made.first, made.text) for made in sorted(found, key=lambda made: made.first) if made not in own)


def computed_names(function: Callable[..., Any], taken: Container[int] | None = None) -> set[str]:
    """The names that a function assigns something that it computes, and no other name or entry alone."""
    return {name for made in assignments(function, taken) if made.computes for name in made.names}


def heads(function: Callable[..., Any], lines: Collection[int], right: Collection[int]) -> Lines:
    """The loops and branches that some lines of a function stand in, and none of those at which all is right."""
    source = source_of(function)
    if source is None:
        return ()
    found = []
    for node in source.nodes:
        if isinstance(node, ast.For | ast.While | ast.If):
            first, last = source.lines(node)
            if any(first <= line <= last for line in lines) and not any(first <= line <= last for line in right):
                found.append((first, source.head(node)))
    return tuple(found)


def lines_to(function: Callable[..., Any], keys: Iterable[str], taken: Container[int] | None = None) -> set[int]:
    """The lines of the statements that some names are computed from, those that assign them among these."""
    return _ways_to(function, keys, taken)[0]


def names_to(function: Callable[..., Any], keys: Iterable[str]) -> set[str]:
    """The names that some names are computed from, with these."""
    return _ways_to(function, keys)[1]


def _ways_to(
    function: Callable[..., Any], keys: Iterable[str], taken: Container[int] | None = None
) -> tuple[set[int], set[str]]:
    makers = _by_name(assignments(function, taken))
    found: set[int] = set()
    stack, seen = list(keys), set(keys)
    while stack:
        for made in makers.get(stack.pop(), ()):
            found.add(made.first)
            stack += (new := {*made.reads, *made.fetched} - seen)
            seen |= new
    return found, seen


def lines_of_loss(function: Callable[..., Any]) -> set[int]:
    """The lines on which a function that returns a loss and its gradients computes the loss: these make no mistake.

    What is changed in place later, as the probabilities that become the gradient of the scores, is none of it.
    """
    source = source_of(function)
    every = [x.value.elts for x in _returns(source) if isinstance(x.value, ast.Tuple)] if source is not None else []
    losses = [several[place_of_loss(several)] for several in every]
    names = {name for loss in losses for name in names_read(loss)}
    making = [made.first for made in assignments(function) if names.intersection(made.names) and made.reads]
    if source is None or not making:
        return set()
    plain = [x for x in source.nodes if isinstance(x, ast.Assign) and all(map(_is_plain, x.targets))]
    whole = {source.lines(x)[0] for x in plain}
    return {
        line
        for line in lines_to(function, names)
        if line < min(making) or line in making or (line in whole and line < max(making))
    }


def place_of_loss(returned: Sequence[ast.expr]) -> int:
    """Which of several results is a loss: the first, unless another one alone is called so.

    >>> place_of_loss(ast.parse("grads, cost", mode="eval").body.elts)
    1
    """
    named = [k for k, x in enumerate(returned) if isinstance(x, ast.Name) and is_loss(x.id)]
    return named[0] if len(named) == 1 else 0


def is_loss(name: str) -> bool:
    """Whether a variable is called as a loss is.

    >>> is_loss("J"), is_loss("total_loss"), is_loss("dloss")
    (True, True, False)
    """
    return re.fullmatch(r"[LJE]|(?i:(\w*_)?(loss|cost)(_\w+)?|nll|objective|(cross_?)?entropy)", name) is not None


def _is_plain(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) or (isinstance(target, ast.Tuple) and all(map(_is_plain, target.elts)))


def returned_names(
    function: Callable[..., Any], inputs: Sequence[str], taken: Container[int] | None = None
) -> dict[str, str]:
    """For each gradient that a function returns by its place, and calls otherwise, the name that it has there."""
    named = {name for made in assignments(function) for name in (*made.names, *made.kept)}  # after a loss, say
    returned = returned_gradients(function, inputs, taken)
    return {key: x.id for key, x in returned.items() if isinstance(x, ast.Name) and key not in named}


def written_names(
    backward: Callable[..., Any], inputs: Sequence[str], taken: Container[int] | None = None
) -> dict[str, str]:
    """For each gradient that a function calls otherwise the name that it has there.

    Of those that it returns by their places; and of attributes, where whoever calls it tells by ``called``, unless it
    has a variable for what it keeps in a list.
    """
    named = {name for made in assignments(backward) for name in (*made.names, *made.kept)}
    called = {key: x for key, x in getattr(backward, "called", {}).items() if x in named or key not in named}
    return returned_names(backward, inputs, taken) | called


def returned_lines(
    function: Callable[..., Any], inputs: Sequence[str], taken: Container[int] | None = None
) -> dict[str, Statement]:
    """For each gradient that a function returns, and assigns to no variable, the statement that returns it."""
    source = source_of(function)
    named = {name for made in assignments(function) for name in made.names}
    every = returned_gradients(function, inputs, taken).items()
    returned = {key: x for key, x in every if not (isinstance(x, ast.Name) and x.id in named)}
    if source is None or not returned:
        return {}
    [node] = _returns(source, taken)
    where = *source.lines(node), source.written(node)
    return {key: Statement((key,), *where, names_read(x)) for key, x in returned.items()}


def returned_gradients(
    function: Callable[..., Any], inputs: Sequence[str], taken: Container[int] | None = None
) -> dict[str, ast.expr]:
    """For each gradient that a function returns, by its place or under its name, what stands there.

    They may be in a tuple within the one that is returned, and come after a loss. Of several branches it is the one on
    the lines that were taken.
    """
    source = source_of(function)
    returned: list[Any] = [node.value for node in _returns(source, taken)] if source is not None else []
    returned = [_without_later_loss(x) for x in returned]
    match returned:
        case [ast.Tuple() | ast.List() as every] if len(several := [*_flat(every)]) - len(inputs) in (0, 1):
            return {f"d{name}": x for name, x in zip(inputs, several[len(several) - len(inputs) :], strict=True)}
        case [ast.Dict(keys, several)]:
            names = [str(getattr(key, "value", "")).removeprefix("d") for key in keys]
            return {f"d{name}": x for name, x in zip(names, several, strict=True)}
        case [one] if left := _unassigned(function, inputs):
            several = [*_flat(one)] if len(left) > 1 else [one]
            return {f"d{name}": x for name, x in zip(left, several, strict=True)} if len(left) == len(several) else {}
    return {}


def _without_later_loss(returned: ast.expr) -> ast.expr:
    """What is returned without a loss that comes after gradients."""
    if not isinstance(returned, ast.Tuple) or not (place := place_of_loss(returned.elts)):
        return returned
    rest = [*returned.elts[:place], *returned.elts[place + 1 :]]
    return ast.copy_location(ast.Tuple(rest, returned.ctx) if len(rest) > 1 else rest[0], returned)


def _unassigned(function: Callable[..., Any], inputs: Sequence[str]) -> list[str]:
    """The inputs whose gradients it does not assign, as a method does to attributes; the only one in any case.

    Where it assigns all of them, those of which it does so to variables alone.
    """
    if len(inputs) == 1:
        return [*inputs]
    every = assignments(function)
    kept = {name for made in every for name in made.kept}
    called = getattr(function, "called", {})
    left = [name for name in inputs if kept.isdisjoint((f"d{name}", called.get(f"d{name}")))]
    named = {name for made in every for name in made.names}
    return [name for name in left if f"d{name}" not in named] or left


def _flat(written: ast.expr) -> Iterator[ast.expr]:
    """What stands in a tuple or a list, and in those in it."""
    if not isinstance(written, ast.Tuple | ast.List):
        yield written
        return
    for inner in written.elts:
        yield from _flat(inner)


def _returns(source: Source, taken: Container[int] | None = None) -> list[ast.Return]:
    """The statements that return something, on lines that were taken."""
    every = [node for node in source.nodes if returns_something(node)]
    return [node for node in every if taken is None or source.lines(node)[0] in taken]


def returns_something(node: ast.AST) -> TypeGuard[ast.Return]:
    """Whether a node is a statement that returns something but ``None``, a truth value, or the object itself.

    >>> [returns_something(x) for x in ast.parse("return dx; return; return None; return True; return self").body]
    [True, False, False, False, False]
    """
    match node:
        case ast.Return(None | ast.Constant(None | bool()) | ast.Name("self")):
            return False
    return isinstance(node, ast.Return)


def lines_of_returns(function: Callable[..., Any]) -> list[range]:
    """The lines of each statement that returns something that is computed."""
    source = source_of(function)
    every = [x for x in _returns(source) if not isinstance(x.value, ast.Constant)] if source is not None else []
    return [range(first, last + 1) for first, last in map(source.lines, every)] if source is not None else []


def without_starts(statements: Iterable[Statement]) -> list[Statement]:
    """The statements that assign a name without those that only begin it, as by zeros, if others go on."""
    every = list(statements)
    return [made for made in every if not made.begins] or every


def begun_at(function: Callable[..., Any], line: int) -> int:
    """The first line of the outermost loop that a line of a function is in; the line itself where it is in none."""
    source = source_of(function)
    if source is None:
        return line
    loops = [source.lines(node) for node in source.nodes if isinstance(node, (ast.For, ast.While))]
    return min([first for first, last in loops if first <= line <= last], default=line)


def settled(function: Callable[..., Any]) -> set[str]:
    """The names that a function assigns once and not in a loop, so that they stand for one value throughout."""
    source = source_of(function)
    nodes = source.nodes if source is not None else ()
    loops = [node for node in nodes if isinstance(node, (ast.For, ast.While))]
    again = {id(inner) for loop in loops for inner in ast.walk(loop)}
    again |= {id(node.target) for node in nodes if isinstance(node, ast.AugAssign)}
    stored = [x for x in nodes if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)]
    count = Counter(x.id for x in stored)
    return {x.id for x in stored if count[x.id] == 1 and id(x) not in again}


def _parameters(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def assignments(function: Callable[..., Any], taken: Container[int] | None = None) -> list[Statement]:
    """The assignments of a function, in the order of their lines; none where the source is not available.

    Args:
        function: whichever.
        taken: the lines that were run, to which they belong in part at least; None: perhaps all.
    """
    own = inspect.unwrap(function)
    own = getattr(own, "__func__", own)
    if not isinstance(own, FunctionType):
        found = _read_from(source_of(own))
    elif own in _READ:
        found = _READ[own]
    else:
        found = _READ[own] = _read_from(source_of(own))
    return [x for x in found if x.was_run(taken)]


_READ: WeakKeyDictionary[FunctionType, list[Statement]] = WeakKeyDictionary()
"""The assignments of functions that were asked for before: a check asks a hundred times for those of two."""


def _read_from(source: Source | None) -> list[Statement]:
    if source is None:
        return []
    kinds = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr)
    nodes = [node for node in source.nodes if isinstance(node, kinds) or written_into(node) is not None]
    steps = {name for node in source.nodes if isinstance(node, ast.For) for name in assigned(node)}
    parts = _parts(nodes)
    found = [_statement(source, node, steps, parts) for node in nodes]
    return sorted(found, key=lambda statement: statement.first)


_WHOLE = re.compile(r"'.*'|\(?((:|\.\.\.|None|np\.newaxis)(, )?)*\)?")
"""An index that is a name of an entry, or leaves an array whole."""


def _parts(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """The names of parts of arrays, each with the name of the array: what is written into one is written there.

    >>> _parts(ast.walk(ast.parse("d = dx[i]; top = d[0][1:]; mean = d.mean(); w = params['w']; whole = dx[:, None]")))
    {'d': 'dx', 'top': 'd'}
    """
    found: dict[str, str] = {}
    for node in nodes:
        match node:
            case ast.Assign([ast.Name(part)], ast.Subscript(whole, index)) if not _WHOLE.fullmatch(ast.unparse(index)):
                while isinstance(whole, ast.Subscript):
                    whole = whole.value
                if isinstance(whole, ast.Name) and whole.id != part:
                    found[part] = whole.id
    return found


def _by_name(statements: Iterable[Statement]) -> dict[str, list[Statement]]:
    """The statements that assign each name, attributes and entries among these."""
    found: dict[str, list[Statement]] = {}
    for statement in statements:
        for name in (*statement.names, *statement.kept):
            found.setdefault(name, []).append(statement)
    return found


def _statement(source: Source, node: Any, steps: Container[str], parts: Mapping[str, str]) -> Statement:
    names = dict.fromkeys(assigned(node))
    for name in list(names) if _writes(node) else ():
        while name in parts and parts[name] not in names:
            names[name := parts[name]] = None
    value, adds, read = node.value or ast.Constant(None), isinstance(node, ast.AugAssign), names_read(node)
    stepped = any(name in steps for name in read)  # one may be taken for the next, or for what it is multiplied with
    return Statement(
        tuple(names),
        *source.lines(node),
        source.written(node),
        read,
        tuple(kept(node)),
        computes=adds or stepped or not _unpacks(value),
        begins=not adds and begins(value) and not any(_picks(x, steps) for x in getattr(node, "targets", ())),
        fetched=tuple(dict.fromkeys(_fetched(node))),
    )


def names_read(node: ast.AST) -> tuple[str, ...]:
    """The names that are read there."""
    names = (x.id for x in ast.walk(node) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Load))
    return tuple(dict.fromkeys(names))


def _picks(target: ast.expr, steps: Container[str]) -> bool:
    """Whether a target is the elements of an array that a comparison or a mask picks, as a gradient is masked.

    >>> texts = "dh[h <= 0]", "dh[mask]", "self.dW[self.ignored]", "dx[i]", "dx[:, 1:]"
    >>> [_picks(ast.parse(text, mode="eval").body, ["i"]) for text in texts]
    [True, True, True, False, False]
    """
    index = target.slice if isinstance(target, ast.Subscript) else ast.Constant(0)
    is_mask = isinstance(index, ast.Attribute) or (isinstance(index, ast.Name) and index.id not in steps)
    return is_mask or any(isinstance(x, ast.Compare | ast.Invert) for x in ast.walk(index))


def _unpacks(value: ast.expr) -> bool:
    """Whether an expression only names something that is there, or all lengths of an array, or makes plain numbers."""
    inner = [x for x in ast.walk(value) if isinstance(x, ast.expr)]
    if any(isinstance(x, ast.Subscript) and ast.unparse(x.value).endswith(".shape") for x in inner):
        return False  # one length may be taken for another
    named = ast.Name | ast.Attribute | ast.Subscript | ast.Constant | ast.Tuple | ast.List
    return all(isinstance(x, named) or (isinstance(x, ast.Call) and called(x) in _PLAIN) for x in inner)


_PLAIN = ("ones", "ones_like", "zeros", "zeros_like", "empty", "empty_like", "arange", "copy")


def begins(value: ast.expr) -> bool:
    """Whether an expression makes an array of zeros, or an empty one, or is 0; or several of these."""
    if isinstance(value, ast.Tuple | ast.List):
        return bool(value.elts) and all(map(begins, value.elts))
    if isinstance(value, ast.Constant):
        return value.value == 0
    return called(value) in ("zeros", "zeros_like", "empty", "empty_like")


def assigned(node: ast.AST) -> Iterator[str]:
    """The names that a statement assigns, in whole, in part or in place; of a target the names in it.

    >>> list(assigned(ast.parse("a, b[0] = c").body[0])), list(assigned(ast.parse("np.add.at(a, i, b)").body[0]))
    (['a', 'b'], ['a'])
    """
    return (target.id for target in roots(node) if isinstance(target, ast.Name))


def roots(node: ast.AST) -> Iterator[ast.expr]:
    """The names and attributes that a statement assigns, in whole, in part or in place; of a target those in it."""
    whole = [getattr(node, "target", written_into(node) or node)]
    targets = list(node.targets) if isinstance(node, ast.Assign) else whole
    while targets:
        target = targets.pop(0)
        if isinstance(target, (ast.Tuple, ast.List)):
            targets += target.elts
        elif isinstance(target, (ast.Subscript, ast.Starred)):
            targets.append(target.value)
        elif isinstance(target, ast.expr):
            yield target


_WRITERS = re.compile(r"(np|numpy)\.(\w+\.at|put_along_axis|put|putmask|place|copyto|fill_diagonal)")
"""Functions of NumPy that write into their first argument."""


def written_into(node: ast.AST) -> ast.expr | None:
    """What a statement writes into that only calls a function, as ``np.add.at(dx, i, dout)`` does."""
    match node:
        case ast.Expr(ast.Call(function, [target, _, *_])) if _WRITERS.fullmatch(ast.unparse(function)):
            return target
    return None


def _writes(node: ast.AST) -> bool:
    """Whether a statement writes into an array that is there."""
    targets = getattr(node, "targets", ())
    return isinstance(node, ast.AugAssign | ast.Expr) or any(isinstance(target, ast.Subscript) for target in targets)


def _fetched(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        match inner:
            case ast.Attribute(ast.Name(), name, ast.Load()) | ast.Subscript(
                _, ast.Constant(str() as name), ast.Load()
            ):
                yield name


def kept(node: ast.AST) -> Iterator[str]:
    """What a statement assigns to attributes and to entries of dictionaries, by name; of ``grads["W"]`` also as ``dW``.

    >>> list(kept(ast.parse("self.dw, grads['b'] = c").body[0]))
    ['dw', 'b', 'db']
    """
    for target in getattr(node, "targets", None) or [getattr(node, "target", node)]:
        for inner in ast.walk(target):
            match inner:
                case ast.Attribute(_, name):
                    yield name
                case ast.Subscript(_, ast.Constant(str() as name)):
                    yield from (name,) if name[:1] == "d" else (name, f"d{name}")
