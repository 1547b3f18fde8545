"""Task: everything that is needed to judge a backward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..graph import Graph
from .readings import Reading
from .varied import Vary


@dataclass(frozen=True, slots=True)
class Task:
    """A forward pass that was recorded, and the backward pass to be judged.

    Attributes:
        captured: the recorded graph, with values and backward pass.
        dout: the upstream gradient; of several outputs a tuple.
        drawn: whether it was drawn at random.
        cache: the backward pass's second argument, in plain arrays: all named values and arguments, or what forward
            returned in addition to its result.
        backward: the user's function, as ``backward(dout, cache)`` or ``backward(dout)``.
        ignored: the names of its arguments, which are no gradients that it computed.
        forward: the user's function.
        run_both: runs both once more, as they stand, in an object of their own.
        again: makes the same task at varied inputs; raises `UnusableError` where it does not run at them.
        with_upstream: makes the same task with another upstream gradient of its only output, made of that.
        with_weights: makes the same task with other numbers in the weights that are global names of the file; None
            where there are none.
        said: how the forward pass was run, in a few words; or "".
        guessed: what is to be said of guessed shapes that gradients do not have, in sentences; or "".
        unlike: the inputs whose gradients have another shape.
        doubts: by the name of an input, why its gradient cannot be judged before its shape is said.
        untaken: whether the backward pass takes no upstream gradient: it is 1.
        found: whether its inputs were drawn, so that others are as good.
        upstreams: the arguments of the backward pass that are upstream gradients, as far as they are known.
        numbers: those that are there by default and which other factors may be, too, by name.
        put: the numbers and settings that are there by default, or were put there, by name.
        unread: the numbers that a class is made with and its forward pass does not read, by name.
        free: the names of the arguments that were drawn or put there, which may be others.
        shapes: of the inputs that were found, as an option.
        searched: whether no usual ones fitted together, so that these were searched for.
        square: the names of the matrices that have to be as wide as high.
        apart: others likewise, with more lengths of their own, at which the forward pass alone runs; or "".
        told_apart: others likewise, at which both passes run and which came before it; or "".
        given: what backward calls a value that it is given in the place of an upstream gradient, by its name.
        reading: what the backward pass takes, and of what its gradients are, as far as that may be read otherwise.
        read_as: the same in sentences, where that is not usual.
        instead: why what is right so is not judged, as another reading is likelier; or "".
        excerpt: whether its passes are methods of a class, which is used in a program that may be cut short here.
    """

    captured: Graph
    dout: Any
    drawn: bool
    cache: Any
    backward: Callable[..., Any]
    ignored: tuple[str, ...]
    forward: Callable[..., Any]
    run_both: Callable[[], Any]
    again: Callable[[Vary], Task]
    with_upstream: Callable[[Callable[[Any], Any]], Task] | None = None
    with_weights: Callable[[], Task] | None = None
    said: str = ""
    guessed: str = ""
    unlike: frozenset[str] = frozenset()
    doubts: Mapping[str, str] = field(default_factory=dict)
    untaken: bool = False
    found: bool = False
    upstreams: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    put: Mapping[str, Any] = field(default_factory=dict)
    unread: Mapping[str, int | float] = field(default_factory=dict)
    free: frozenset[str] = frozenset()
    shapes: str = ""
    searched: bool = False
    square: frozenset[str] = frozenset()
    apart: str = ""
    told_apart: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    reading: Reading | None = None
    read_as: tuple[str, ...] = ()
    instead: str = ""
    excerpt: bool = False

    def varied(self, vary: Vary, said: str) -> Task:
        """The same at varied inputs, of which as much was drawn; raises `UnusableError` where it does not run at them.

        Args:
            vary: makes them of its own.
            said: how the forward pass is run then.
        """
        return replace(self.again(vary), said=said, put=self.put, free=self.free, square=self.square)
