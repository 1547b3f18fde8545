"""Compile: a function of Tensors as a program that runs without recording, from its graph.

`trace` runs the function once and takes out what it did, and `surroundings` what it found outside its arguments;
`program` runs that again on other values, with its effects on state; `compiled` keeps a program for every kind of call;
`gradients` lets gradients through.

What is run is printed by a backend. `numpy_source` prints the ops of the graph, one line each. Or else `calls`
and `stages` divide the graph into calls and, by way of its algebra, kernels, whose loops `schedule` orders;
`numba_source` prints these, and `kernels` compiles them: `assembly` translates their text for LLVM, `machine` has it
make machine code of that, which `cache` keeps on the disk. Or else `c_source` translates it to C, and `c_kernels` has
the system's compiler do the rest. None of these is loaded before the first use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from .compiled import Compiled

__all__ = ["compile"]


@overload
def compile(fn: Callable[..., Any], *, backend: str = "auto", exact: bool = False) -> Compiled: ...  # noqa: A001
@overload
def compile(*, backend: str = "auto", exact: bool = False) -> Callable[[Callable[..., Any]], Compiled]: ...  # noqa: A001
def compile(fn: Callable[..., Any] | None = None, *, backend: str = "auto", exact: bool = False) -> Any:  # noqa: A001
    """The function, as a program made from the graph that it records: same arguments, same results, less time.

    The first call with arguments of a kind runs the function once, to see its graph. Later calls run the graph alone,
    in which what is computed twice is computed once, and what nobody needs is left out. `mt.grad`, ``backward`` and
    ``optimizer.step`` may be part of the function: gradients, parameters, running statistics and random numbers are
    then what they would be without `compile`. And gradients flow through its results, to any order.

    Arguments and results are Tensors, arrays and numbers, in tuples, lists and dictionaries; an array comes in as a
    Tensor. Anything else, such as a module, is known by what it is, and so is a number: another number, another mode of
    a module that is called, or another shape, dtype or layout is another kind of call, and is traced anew. Tensors that
    the function finds elsewhere, such as parameters, are read anew in every call. All else that its code and the code
    that it calls find outside, such as globals, attributes, lists and arrays, is compared in every call: another one
    is another kind of call. Where the function changes it itself, every call is traced, with a warning.
    Where a branch depends on values (`mt.holds`) and another one is due, that call runs as it would without `compile`.

    Args:
        fn: a function, or a module. Without it the result is a decorator.
        backend: ``"numpy"`` runs NumPy, op by op. ``"numba"`` fuses what lies between products of arrays into few
            loops; the extra ``[compile]`` brings it. ``"c"`` does so by the C compiler that the variable CC names, or
            that is found as cc, gcc or clang. ``"auto"`` is Numba where that is installed.
        exact: results are those of the function itself, bit for bit, which NumPy gives. Else sums and products are
            simplified first, so that results differ by rounding, and may where a NaN or an infinity would cancel.

    Returns:
        A `Compiled` function, whose ``source`` shows what is run.

    Raises:
        TypeError: for what is no function, such as a class, or runs after it has returned, such as a generator.
        ModuleNotFoundError: for Numba where it is not installed.
        FileNotFoundError: for ``"c"`` where there is no compiler; in a call, a `RuntimeError` where that fails.
        TraceError: in a call, where Python code reads a value, which the graph would keep for ever; it names the line.

    >>> import micrograd_tensor as mt
    >>> @mt.compile(exact=True)
    ... def norm(x):
    ...     return mt.sqrt((x * x).sum())
    >>> norm(mt.tensor([3.0, 4.0])), norm(mt.tensor([6.0, 8.0]))
    (tensor(5.), tensor(10.))
    """
    from .compiled import Compiled, checked_backend

    checked_backend(backend)
    if fn is None:
        return lambda function: Compiled(function, backend, exact)
    return Compiled(fn, backend, exact)
