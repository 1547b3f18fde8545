"""Recurrent nets: cells, which take one step of a sequence, and layers, which take all steps.

A cell and its layer share one step: from what the input gives, what the previous state gives, and that state.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ..engine.errors import ShapeError, describe
from ..engine.lengths import length
from ..engine.record import leaf, unwrap
from ..engine.row import Operand
from ..engine.table.elementwise import relu, sigmoid, tanh
from ..engine.table.shapes import concatenate, reshape, split, stack, swapaxes
from ..engine.tensor import Tensor
from ..functional.activations import dropout
from ..functional.linear import linear
from ..functional.operands import as_tensor
from . import init
from .dtypes import hint
from .module import Module
from .parameter import Parameter

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

State: TypeAlias = tuple[Tensor, ...]
"""``(h,)``, of an LSTM ``(h, c)``."""
Generator: TypeAlias = np.random.Generator | None


class _Recurrent(Module):
    """What cells and layers share: weights in PyTorch's layout, and a step."""

    gates: ClassVar[int]
    """How many vectors of the hidden size the weights produce at once."""
    states: ClassVar[tuple[str, ...]] = ("h",)
    """What a state consists of."""
    hidden_size: int

    def _step(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        raise NotImplementedError

    def _add_weights(self, features: int, suffix: str, bias: bool, dtype: Any, generator: Generator) -> None:
        rows, bound = self.gates * self.hidden_size, self.hidden_size**-0.5
        shapes: dict[str, Any] = {"weight_ih": (rows, features), "weight_hh": (rows, self.hidden_size)}
        shapes |= {"bias_ih": rows, "bias_hh": rows}
        for name, shape in shapes.items():
            p = Parameter(np.zeros(shape, dtype)) if bias or "weight" in name else None
            self.register_parameter(name + suffix, p)
            if p is not None:
                init.uniform_(p, -bound, bound, generator)

    def _next(self, x: Operand, state: State, suffix: str = "") -> State:
        w = vars(self)
        from_input = linear(x, w[f"weight_ih{suffix}"], w[f"bias_ih{suffix}"])
        return self._step(from_input, linear(state[0], w[f"weight_hh{suffix}"], w[f"bias_hh{suffix}"]), state)

    def _initial(self, given: Any, wanted: tuple[int, ...], x: Tensor) -> State:
        """The given state, or zeros."""
        if given is None:
            return tuple(leaf(np.zeros_like(unwrap(x), shape=wanted)) for _ in self.states)
        several = len(self.states) > 1
        if several and not (isinstance(given, (tuple, list)) and len(given) == len(self.states)):
            raise ShapeError(
                f"{type(self).__name__}: the state is {describe(given)}; give a pair, ({', '.join(self.states)})"
            )
        state = tuple(map(as_tensor, given if several else [given]))
        for part in state:
            if part.shape != wanted:
                raise ShapeError(
                    f"{type(self).__name__}: the state {describe(part)} does not match the input {describe(x)}; "
                    f"its shape must be {wanted}"
                )
        return state


class _Elman(_Recurrent):
    gates: ClassVar[int] = 1
    nonlinearity: str

    def _choose(self, nonlinearity: str) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"{type(self).__name__}: nonlinearity={nonlinearity!r} must be 'tanh' or 'relu'")
        self.nonlinearity = nonlinearity

    def _step(self, from_input: Tensor, from_state: Tensor, state: State) -> State:  # noqa: ARG002 -- others need it
        total = from_input + from_state
        return (tanh(total) if self.nonlinearity == "tanh" else relu(total),)


class _LongShortTerm(_Recurrent):
    gates: ClassVar[int] = 4
    states: ClassVar[tuple[str, ...]] = ("h", "c")

    def _step(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        i, f, g, o = split(from_input + from_state, 4, axis=-1)
        c = sigmoid(f) * state[1] + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c


class _Gated(_Recurrent):
    gates: ClassVar[int] = 3

    def _step(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        x_r, x_z, x_n = split(from_input, 3, axis=-1)
        h_r, h_z, h_n = split(from_state, 3, axis=-1)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        n = tanh(x_n + r * h_n)
        return (n + z * (state[0] - n),)


# --------------------------------------------------------------------------------------------------------------- cells


class _Cell(_Recurrent):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        generator: Generator = None,
    ) -> None:
        super().__init__()
        self.input_size = length("input_size", input_size, least=0)
        self.hidden_size = length("hidden_size", hidden_size)
        self._add_weights(input_size, "", bias, dtype, generator)

    def _after(self, x: Operand, state: Any) -> State:
        x = as_tensor(x)
        hint(type(self).__name__, x, vars(self)["weight_ih"])
        if x.ndim not in (1, 2):
            called, n = type(self).__name__, self.input_size
            raise ShapeError(
                f"{called}: {describe(x)} is not one step of a sequence; give (N, {n}) or ({n},), step by step, or use "
                f"nn.{called.removesuffix('Cell')} for all of them"
            )
        return self._next(x, self._initial(state, (*x.shape[:-1], self.hidden_size), x))

    def extra_repr(self) -> str:
        """Features in and out."""
        return f"{self.input_size}, {self.hidden_size}{'' if vars(self)['bias_ih'] is not None else ', bias=False'}"


class _CellOfOneState(_Cell):
    def forward(self, x: Operand, h: Operand | None = None) -> Tensor:
        """The next state, from x and the previous state, which is 0 by default."""
        return self._after(x, h)[0]


class RNNCell(_Elman, _CellOfOneState):
    """``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``, as `torch.nn.RNNCell`; Elman, 1990.

    Args:
        input_size: the number of features of x, ``(N, input_size)`` or ``(input_size,)``.
        hidden_size: the number of features of the state, ``(N, hidden_size)`` or ``(hidden_size,)``.
        bias: whether to add biases.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        dtype: the parameters' dtype.
        generator: the source of their initial values, uniform in ``±1/√hidden_size``.

    Raises:
        ShapeError: from `forward`, for an input or a state that does not match, and for a whole sequence.
        ValueError: for any other nonlinearity.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.RNNCell(3, 5)(np.zeros((2, 3))).shape
    (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: Any = np.float32,
        generator: Generator = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype=dtype, generator=generator)
        self._choose(nonlinearity)


class LSTMCell(_LongShortTerm, _Cell):
    """``c' = f·c + i·g``, ``h' = o·tanh(c')`` with gates i, f, o and candidate g, as `torch.nn.LSTMCell`.

    Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000. Each gate is
    ``σ(W_ih x + b_ih + W_hh h + b_hh)`` with its own rows of the weights, and g the same with tanh, in the order
    i, f, g, o. Arguments and errors are those of `RNNCell`.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> h, c = nn.LSTMCell(3, 5)(np.zeros((2, 3)))
    >>> h.shape, c.shape
    ((2, 5), (2, 5))
    """

    def forward(self, x: Operand, state: tuple[Operand, Operand] | None = None) -> tuple[Tensor, Tensor]:
        """The next state ``(h, c)``, from x and the previous one, which is 0 by default."""
        h, c = self._after(x, state)
        return h, c


class GRUCell(_Gated, _CellOfOneState):
    """``h' = (1 − z)·n + z·h`` with ``n = tanh(W_n x + b_n + r·(U_n h + u_n))``, as `torch.nn.GRUCell`.

    Cho et al., 2014, with the reset gate after the product. The gates r and z are ``σ(W x + b + U h + u)`` with their
    own rows of the weights, in the order r, z, n. Arguments and errors are those of `RNNCell`.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.GRUCell(3, 5)(np.zeros((2, 3))).shape
    (2, 5)
    """


# -------------------------------------------------------------------------------------------------------------- layers


class _Layers(_Recurrent):
    shown: ClassVar[tuple[str, ...]] = (
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
    )

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = np.float32,
        generator: Generator = None,
    ) -> None:
        super().__init__()
        self.input_size = length("input_size", input_size, least=0)
        self.hidden_size, self.num_layers = length("hidden_size", hidden_size), length("num_layers", num_layers)
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        if not 0 <= dropout <= 1:
            raise ValueError(f"{type(self).__name__}: dropout={dropout!r} is not a probability; it must lie in 0…1")
        self.generator = generator
        self.directions: tuple[str, ...] = ("", "_reverse") if bidirectional else ("",)
        for k in range(num_layers):
            features = hidden_size * len(self.directions) if k else input_size
            for direction in self.directions:
                self._add_weights(features, f"_l{k}{direction}", bias, dtype, generator)

    def forward(self, x: Operand, state: Any = None) -> tuple[Tensor, Any]:
        """All states of the last layer, and the last state of every layer; see the class for the shapes."""
        x = as_tensor(x)
        hint(type(self).__name__, x, vars(self)["weight_ih_l0"])
        x, batch_first = self._in_order(x)
        initial = self._initial(state, (self.num_layers * len(self.directions), *x.shape[1:-1], self.hidden_size), x)
        steps, last = [reshape(part, shape=x.shape[1:]) for part in split(x, len(x))], list[State]()
        for k in range(self.num_layers):
            if k:
                steps = [dropout(h, self.dropout, self.training, generator=self.generator) for h in steps]
            found = [self._walked(steps, initial, last, k, direction) for direction in self.directions]
            steps = found[0] if len(found) == 1 else [concatenate(pair, axis=-1) for pair in zip(*found, strict=True)]
        final = tuple(stack(parts) for parts in zip(*last, strict=True))
        return stack(steps, axis=1 if batch_first else 0), final if len(final) > 1 else final[0]

    def _in_order(self, x: Tensor) -> tuple[Tensor, bool]:
        """The sequence with its steps along the first axis, and whether they were along the second."""
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size or not x.shape[-2] or not len(x):
            n, order = self.input_size, "N, L" if self.batch_first else "L, N"
            raise ShapeError(f"{type(self).__name__}: {describe(x)} is no sequence; give ({order}, {n}) or (L, {n})")
        batch_first = self.batch_first and x.ndim == 3
        return (swapaxes(x, 0, 1) if batch_first else x), batch_first

    def _walked(self, steps: list[Tensor], initial: State, last: list[State], k: int, direction: str) -> list[Tensor]:
        """The states of one layer in one direction, in the order of the steps; the last one is noted."""
        state = tuple(part[len(last)] for part in initial)
        in_order: Iterable[Tensor] = reversed(steps) if direction else steps
        states = []
        for x in in_order:
            state = self._next(x, state, f"_l{k}{direction}")
            states.append(state[0])
        last.append(state)
        return states[::-1] if direction else states


class RNN(_Elman, _Layers):
    """Layers of `RNNCell` over a whole sequence, as `torch.nn.RNN`.

    Args:
        input_size: F, the number of features of a step of x: ``(L, N, F)``, ``(N, L, F)``, or ``(L, F)`` for one alone.
        hidden_size: H, the number of features of a state.
        num_layers: K; each layer takes the states of the one before as its input.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        bias: whether to add biases.
        batch_first: whether x, and the states of the last layer, are ``(N, L, …)`` instead of ``(L, N, …)``.
        dropout: the probability that a number between two layers is dropped in training.
        bidirectional: D = 2 instead of 1: each layer also walks backwards, and its states are ``2·H`` numbers.
        dtype: the parameters' dtype.
        generator: the source of their initial values, uniform in ``±1/√H``, and of dropout.

    Raises:
        ShapeError: for less than one layer; from `forward`, for an input or a state that does not match.
        ValueError: for any other nonlinearity, and for a dropout outside 0…1.

    The result is the states of the last layer ``(L, N, D·H)`` and the last state of every layer ``(K·D, N, H)``; the
    initial state has the shape of the latter. Weights have PyTorch's names: ``weight_ih_l0``, ``weight_hh_l0_reverse``.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> out, h = nn.RNN(3, 5, num_layers=2)(np.zeros((7, 4, 3)))
    >>> out.shape, h.shape
    ((7, 4, 5), (2, 4, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = np.float32,
        generator: Generator = None,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            dtype=dtype,
            generator=generator,
        )
        self._choose(nonlinearity)


class LSTM(_LongShortTerm, _Layers):
    """Layers of `LSTMCell` over a whole sequence, as `torch.nn.LSTM`; arguments, shapes and errors are those of `RNN`.

    A state is a pair ``(h, c)``, each part of the shape that `RNN` has for its state.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> out, (h, c) = nn.LSTM(3, 5, batch_first=True)(np.zeros((4, 7, 3)))
    >>> out.shape, h.shape, c.shape
    ((4, 7, 5), (1, 4, 5), (1, 4, 5))
    """


class GRU(_Gated, _Layers):
    """Layers of `GRUCell` over a whole sequence, as `torch.nn.GRU`; arguments, shapes and errors are those of `RNN`.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> out, h = nn.GRU(3, 5, bidirectional=True)(np.zeros((7, 3)))
    >>> out.shape, h.shape
    ((7, 10), (2, 5))
    """
