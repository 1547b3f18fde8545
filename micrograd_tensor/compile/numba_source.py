"""Numba source: a traced function as kernels, and as the function that calls them and NumPy in turn.

C's compiler may take Numba's place: the kernels are then translated, and the function that calls them is the same.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..engine.row import Trait
from ..graph import Node
from ..notation.literals import literal
from . import c_kernels
from .c_kernels import shown
from .kernel_source import KernelSource, float_of, spelled
from .kernels import Made, compiled, interpreted
from .memory import LARGE, Reused, with_scratch
from .numpy_source import OPS, free, is_default, is_plain
from .stages import Array, Calling, CannotError, Filled, Launch, Plan
from .trace import Traced


class NumbaSource:
    """The source of a traced function and of its kernels, and the function itself.

    Args:
        traced: the function.
        name: what to call it.
        in_c: whether kernels are compiled as C.

    Attributes:
        text: the source.
        silent: whether it calls kernels alone, and NumPy for nothing.
        made: the kernels, once they are compiled.
    """

    def __init__(self, traced: Traced, name: str, in_c: bool = False) -> None:
        self.plan, self._in_c = Plan(traced, spelled), in_c
        plan = self.plan
        if not any(isinstance(step, Launch) for step in plan.steps):
            raise CannotError("nothing for a kernel to do")
        self.made: list[Made] = []
        self._space: dict[str, Any] = {"np": np, "op": OPS, **plan.constants}
        self._scratch = _scratch(plan)
        self._reused = _reused(traced, plan)
        self._loose = _loose(traced, plan) - self._scratch.keys() - self._reused.keys()
        lines = [f"{', '.join(self._scratch)}, = scratch"] if self._scratch else []
        self.kernels: list[tuple[KernelSource, Launch]] = []
        for step in plan.steps:
            if isinstance(step, Launch):
                lines += self._launched(step)
            elif isinstance(step, Filled):
                lines += [f"{step.array.name} = {_made(step)}"] if step.array.name not in self._scratch else []
            else:
                lines.append(self._called(step))
        results = ", ".join(self._shown(array, node) for node, array in plan.outputs)
        lines.append(f"return ({results}{',' if len(plan.outputs) == 1 else ''})")
        kernels = [launch.kernel.name for _, launch in self.kernels]
        self.name = name = free(name, {*self._space, "scratch", "reuse", *kernels, *(f"k_{k}" for k in kernels)})
        given = ", ".join([*["scratch"] * bool(self._scratch), *(array.name for array in plan.inputs)])
        driver = "\n".join([f"def {name}({given}):", *(f"    {line}" for line in lines), ""])
        if self._scratch:
            lines = [f"        {text}," for text in self._scratch.values()]
            driver = "\n".join(["def scratch():", "    return (", *lines, "    )", "", "", driver])
        numbers = [f"k_{launch.kernel.name} = np.array({kernel.numbers})\n" for kernel, launch in self.kernels]
        self.text = "\n\n".join([*(self._printed(*kernel) for kernel in self.kernels), *numbers, driver])
        self._driver = driver
        self.silent = all(isinstance(step, Filled) or (isinstance(step, Launch) and step.loops) for step in plan.steps)

    def function(self) -> Any:
        """The program, its kernels compiled; where these come from is kept in `made`."""
        space = dict(self._space)
        space["reuse"] = {name: Reused(array.shape, str(array.dtype)) for name, array in self._reused.items()}
        self.made.clear()
        for kernel, launch in self.kernels:
            make = interpreted if not launch.loops else c_kernels.compiled if self._in_c else compiled
            made = make(kernel.text, launch.kernel.name, float_of(launch), _arrays(launch))
            self.made.append(made)
            space[launch.kernel.name] = made.run
            space[f"k_{launch.kernel.name}"] = np.array(kernel.numbers, np.float64)
        exec(compile(self._driver, f"<compiled {self.name}>", "exec"), space)  # noqa: S102 -- printed above
        return with_scratch(space[self.name], space["scratch"]) if self._scratch else space[self.name]

    def _printed(self, kernel: KernelSource, launch: Launch) -> str:
        in_c = self._in_c and launch.loops
        return shown(kernel.text, float_of(launch), _arrays(launch)) if in_c else kernel.text

    def _launched(self, step: Launch) -> list[str]:
        source = KernelSource(step)
        self.kernels.append((source, step))
        new = [array for array in step.made if array.name not in self._scratch]
        lines = [f"{a.name} = {self._again(a) if a.name in self._reused else _made(a)}" for a in new]
        given = [self._flat(array) for array in step.given]
        name = step.kernel.name
        call = f"{name}({', '.join([*given, *(array.name for array in step.made), f'k_{name}'])})"
        return [*lines, *([f"if not {call}:", "    return None"] if step.kernel.counters else [call])]

    def _flat(self, array: Array) -> str:
        """An array as a kernel takes it."""
        loose = array.name in self._loose and array.shape != ()  # of which NumPy makes an array with an axis
        text = f"np.ascontiguousarray({array.name})" if loose else array.name
        shape = self.plan.lengths(array.labels)
        return text if array.shape == shape else f"{text}.reshape({literal(shape)})"

    def _called(self, step: Calling) -> str:
        node = step.node
        operands = [self._shown(x[1], x[0]) if isinstance(x, tuple) else literal(x) for x in step.operands]
        if step.result.name in self._scratch:
            return f"np.{_product(node)}({', '.join(operands)}, out={step.result.name})"
        if step.result.name in self._reused:
            return f"{step.result.name} = np.{_product(node)}({', '.join(operands)}, out={self._again(step.result)})"
        params = []
        for key, value in node.params.items():
            if is_default(value, node.made_by.parameters[key]):
                continue
            params.append(f"{key}={literal(value) if is_plain(value) else self._bound(value)}")
        call = f"op.{node.made_by.name}({', '.join([*operands, *params])})"
        return f"{step.result.name} = {call if node.shape else f'np.asarray({call})'}"

    def _shown(self, array: Array, node: Node) -> str:
        """The elements of a node, taken from the array that holds them."""
        text, wanted = array.name, self.plan.labels(node)
        if wanted == array.labels:
            text += f".reshape({literal(node.shape)})" if array.shape != node.shape else ""
        else:
            lengths = self.plan.lengths(array.labels)
            text += f".reshape({literal(lengths)})" if array.shape != lengths else ""
            text += f".transpose({', '.join(str(array.labels.index(label)) for label in wanted)})"
            text += f".reshape({literal(node.shape)})" if self.plan.lengths(wanted) != node.shape else ""
        return text if array.dtype == node.dtype else f'{text}.astype("{node.dtype}")'

    def _again(self, array: Array) -> str:
        return f'reuse["{array.name}"]()'

    def _bound(self, value: Any) -> str:
        name = f"param{len(self._space)}"
        self._space[name] = value
        return name


def _made(one: Array | Filled) -> str:
    """How to make an array, or an array of one number."""
    if isinstance(one, Filled):
        return f'np.full({literal(one.array.shape)}, {literal(one.number)}, "{one.array.dtype}")'
    return f'np.empty({literal(one.shape)}, "{one.dtype}")'


def _product(node: Node) -> str:
    """The function of NumPy's for a product of arrays that can write it where it is told; "" for anything else."""
    ufuncs = [f.__name__ for f in node.made_by.numpy if isinstance(f, np.ufunc)]
    return ufuncs[0] if ufuncs and Trait.CONTRACTS in node.made_by.traits and node.shape and not node.params else ""


def _scratch(plan: Plan) -> dict[str, str]:
    """The arrays whose memory only the program sees, and how to make them: they serve in every run."""
    seen = {array.name for _, array in plan.outputs}
    found: dict[str, str] = {}
    for step in reversed(plan.steps):
        if isinstance(step, Launch):
            found |= {array.name: _made(array) for array in step.made}
        elif isinstance(step, Filled):
            found[step.array.name] = _made(step)
        elif _product(step.node):
            found[step.result.name] = _made(step.result)
        elif step.result.name in seen:  # of which it may be a view
            seen |= {x[1].name for x in step.operands if isinstance(x, tuple)}
    return {name: text for name, text in reversed(found.items()) if name not in seen}


def _reused(traced: Traced, plan: Plan) -> dict[str, Array]:
    """The large arrays that become the state, which every run makes anew: they take turns in two places."""
    numbers = {number for _, _, number in traced.effects} | {g for _, g in traced.gradients if g is not None}
    state = {plan.outputs[number - len(traced.guards)][1].name for number in numbers}
    made = [array for step in plan.steps if isinstance(step, Launch) for array in step.made]
    made += [step.result for step in plan.steps if isinstance(step, Calling) and _product(step.node)]
    return {array.name: array for array in made if array.name in state and prod(array.shape) >= LARGE}


def _arrays(launch: Launch) -> tuple[tuple[np.dtype[Any], int, bool], ...]:
    """Of each array of a kernel its dtype, its number of axes, and whether it is only read."""
    arrays = (*((array, True) for array in launch.given), *((array, False) for array in launch.made))
    return tuple((array.dtype, len(array.labels), readonly) for array, readonly in arrays)


def _loose(traced: Traced, plan: Plan) -> set[str]:
    """The arrays that may lie in memory in any way."""
    settled = {
        id(node) for node, _ in (*traced.arguments, *traced.held) if traced.values[node]._data.flags.c_contiguous
    }
    loose = {array.name for node, array in zip(traced.inputs, plan.inputs, strict=True) if id(node) not in settled}
    loose |= {name for name, value in plan.constants.items() if not value.flags.c_contiguous}
    return loose | {step.result.name for step in plan.steps if isinstance(step, Calling)}
