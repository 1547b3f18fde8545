"""Views: the kinds of pictures of a graph, each in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from ...engine.errors import describe
from ...graph import Graph
from ..canvas import Painting
from ..errors import DrawError
from ..options import Options
from .backward import backward
from .difference import difference
from .gate import gate
from .overlay import ascii_view, forward, overlay
from .path import path
from .steps import steps


@dataclass(frozen=True, slots=True)
class View:
    """A kind of picture.

    Attributes:
        shows: what it shows, in a few words.
        paints: makes the painting of a graph.
        needs: the options that must be given.
        takes: further options that it uses; all use detail, theme, dims and scope.
        whole: whether it shows all gates of a graph, rather than a few of any number.
    """

    shows: str
    paints: Callable[[Graph, Options], Painting]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    whole: bool = True

    def uses(self, option: str) -> bool:
        """Whether an option makes a difference to it."""
        return option in ("detail", "theme", "dims", "page", "numbered", "scope", *self.needs, *self.takes)

    def __call__(self, graph: Graph, options: Options) -> Painting:
        """The painting of a graph."""
        self.check(options)
        return self.paints(graph, options)

    def check(self, options: Options) -> None:
        """Reject options that are missing, or given though the view ignores them.

        Raises:
            DrawError: with the names of the views that use the option.
        """
        name = next(name for name, view in VIEWS.items() if view is self)
        for option in fields(options):
            given = getattr(options, option.name)
            if option.name in self.needs and given is None:
                raise DrawError(f"draw: view={name!r} needs {option.name}=, {_ASKS[option.name]}")
            unset = given is option.default or (isinstance(given, (tuple, str)) and given in (option.default, ()))
            if not self.uses(option.name) and not unset:
                able = " or ".join(repr(other) for other, view in VIEWS.items() if view.uses(option.name))
                asked = f"{option.name}={describe(given)}"
                raise DrawError(f"draw: view={name!r} ignores {asked}; leave it out, or use view={able}")


_ASKS = {
    "at": "the number of a gate, the name of a value, or a Tensor",
    "against": "a Graph, a Tensor, or a report of mt.compare(...)",
}

OF_CIRCUITS = tuple(option.name for option in fields(Options) if option.name not in ("at", "against"))
"""The options that pictures of whole circuits use."""

VIEWS: Mapping[str, View] = {
    "overlay": View("values forward and gradients back", overlay, takes=OF_CIRCUITS),
    "forward": View("the forward pass alone", forward, takes=OF_CIRCUITS),
    "backward": View("the backward pass alone", backward, takes=("width",)),
    "steps": View("every step of the computation, the last one first", steps, takes=("width",)),
    "gate": View("one gate with its upstream, local rules and downstream", gate, needs=("at",), whole=False),
    "path": View("the ways from one value to another", path, ("at",), ("width",), whole=False),
    "difference": View("what differs from another graph, or is wrong", difference, ("against",), ("width",)),
    "ascii": View("a listing for terminals, whose width is in columns", ascii_view, takes=("width",)),
}
"""Every view by the name that `draw` knows it by."""
