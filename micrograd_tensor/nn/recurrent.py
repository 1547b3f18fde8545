"""Recurrent cells: one step of a sequence, from its input and the previous state to the next state."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..engine.errors import ShapeError, describe
from ..engine.lengths import length
from ..engine.record import leaf
from ..engine.row import Operand
from ..engine.table.elementwise import relu, sigmoid, tanh
from ..engine.table.shapes import split
from ..engine.tensor import Tensor
from ..functional.linear import linear
from ..functional.operands import as_tensor
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _Cell(Module):
    gates: ClassVar[int]
    """How many vectors of the hidden size the weights produce at once."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.input_size = length("input_size", input_size, least=0)
        self.hidden_size = length("hidden_size", hidden_size)
        rows = self.gates * hidden_size
        self.weight_ih = Parameter(np.zeros((rows, input_size), dtype))
        self.weight_hh = Parameter(np.zeros((rows, hidden_size), dtype))
        self.bias_ih = Parameter(np.zeros(rows, dtype)) if bias else None
        self.bias_hh = Parameter(np.zeros(rows, dtype)) if bias else None
        bound = hidden_size**-0.5
        for p in self.parameters():
            init.uniform_(p, -bound, bound, generator)

    def _from_input(self, x: Operand) -> Tensor:
        return linear(x, self.weight_ih, self.bias_ih)

    def _from_state(self, h: Tensor) -> Tensor:
        return linear(h, self.weight_hh, self.bias_hh)

    def _before(self, x: Tensor, h: Operand | None) -> Tensor:
        """The given state, or zeros."""
        wanted = (*x.shape[:-1], self.hidden_size)
        if h is None:
            return leaf(np.zeros(wanted, x.dtype))
        h = as_tensor(h)
        if h.shape != wanted:
            raise ShapeError(
                f"{type(self).__name__}: the state {describe(h)} does not match the input {describe(x)}; "
                f"its shape must be {wanted}"
            )
        return h

    def extra_repr(self) -> str:
        """Features in and out."""
        return f"{self.input_size}, {self.hidden_size}{'' if self.bias_ih is not None else ', bias=False'}"


class RNNCell(_Cell):
    """``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``, as `torch.nn.RNNCell`; Elman, 1990.

    Args:
        input_size: the number of features of x, ``(N, input_size)`` or ``(input_size,)``.
        hidden_size: the number of features of the state, ``(N, hidden_size)`` or ``(hidden_size,)``.
        bias: whether to add biases.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        dtype: the parameters' dtype.
        generator: the source of their initial values, uniform in ``±1/√hidden_size``.

    Raises:
        ShapeError: from `forward`, for an input or a state that does not match.
        ValueError: for any other nonlinearity.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.RNNCell(3, 5)(np.zeros((2, 3))).shape
    (2, 5)
    """

    gates: ClassVar[int] = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: Any = np.float32,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype=dtype, generator=generator)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: nonlinearity={nonlinearity!r} must be 'tanh' or 'relu'")
        self.nonlinearity: str = nonlinearity

    def forward(self, x: Operand, h: Operand | None = None) -> Tensor:
        """The next state, from x and the previous state, which is 0 by default."""
        x = as_tensor(x)
        total = self._from_input(x) + self._from_state(self._before(x, h))
        return tanh(total) if self.nonlinearity == "tanh" else relu(total)


class LSTMCell(_Cell):
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

    gates: ClassVar[int] = 4

    def forward(self, x: Operand, state: tuple[Operand, Operand] | None = None) -> tuple[Tensor, Tensor]:
        """The next state ``(h, c)``, from x and the previous one, which is 0 by default."""
        x = as_tensor(x)
        h, c = (self._before(x, part) for part in state or (None, None))
        i, f, g, o = split(self._from_input(x) + self._from_state(h), 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c


class GRUCell(_Cell):
    """``h' = (1 − z)·n + z·h`` with ``n = tanh(W_n x + b_n + r·(U_n h + u_n))``, as `torch.nn.GRUCell`.

    Cho et al., 2014, with the reset gate after the product. The gates r and z are ``σ(W x + b + U h + u)`` with their
    own rows of the weights, in the order r, z, n. Arguments and errors are those of `RNNCell`.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.GRUCell(3, 5)(np.zeros((2, 3))).shape
    (2, 5)
    """

    gates: ClassVar[int] = 3

    def forward(self, x: Operand, h: Operand | None = None) -> Tensor:
        """The next state, from x and the previous state, which is 0 by default."""
        x = as_tensor(x)
        h = self._before(x, h)
        x_r, x_z, x_n = split(self._from_input(x), 3, axis=-1)
        h_r, h_z, h_n = split(self._from_state(h), 3, axis=-1)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        n = tanh(x_n + r * h_n)
        return n + z * (h - n)
