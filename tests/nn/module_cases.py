"""One table of modules. A line makes ours and PyTorch's, since names and arguments agree."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import micrograd_tensor as mt
from micrograd_tensor import nn


@dataclass(frozen=True)
class Case:
    """A module at one setting.

    Attributes:
        name: what the test is called.
        make: from a namespace of layers, `mt.nn` or `torch.nn`, to the module; settings such as a dtype go along.
        inputs: shapes of floating-point inputs; an array stands for itself (indices, masks, targets).
        settings: of the call; arrays among them are given as Tensors of either library.
        train: whether the module is in training.
    """

    name: str
    make: Callable[..., Any]
    inputs: tuple[Any, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    train: bool = True

    def ours(self, dtype: Any = np.float64) -> nn.Module:
        """Our module with parameters of the dtype, none of them at a special value."""
        module = self.make(_Typed(dtype)).train(self.train)
        rng = np.random.default_rng(len(self.name))
        for key, value in (*module.named_parameters(), *module.named_buffers()):
            if value.dtype.kind == "f":
                drawn = rng.uniform(0.5, 1.5, value.shape) if "var" in key else rng.normal(0, 0.6, value.shape)
                value.assign_(drawn)
        return module

    def arrays(self, dtype: Any = np.float64) -> list[np.ndarray]:
        """The inputs: floating-point ones of the dtype, others as they are."""
        rng = np.random.default_rng([len(self.name), 1])
        return [x if isinstance(x, np.ndarray) else rng.normal(size=x).astype(dtype) for x in self.inputs]


class _Typed:
    """`mt.nn`, with the dtype given to every layer that takes one."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def __getattr__(self, name: str) -> Any:
        layer = getattr(nn, name)

        def make(*args: Any, **settings: Any) -> Any:
            try:
                return layer(*args, **settings, dtype=self.dtype)
            except TypeError as error:
                if "dtype" not in str(error):
                    raise
                return layer(*args, **settings)

        return make


def outputs(result: Any) -> list[Any]:
    """One result or several, also nested, as a list, those that are None left out."""
    if isinstance(result, tuple):
        return [y for part in result for y in outputs(part)]
    return [] if result is None else [result]


def called_with(module: nn.Module, values: dict[str, mt.Tensor], *inputs: Any, **settings: Any) -> Any:
    """What a module gives with other tensors in the places of its parameters."""
    for key, value in values.items():
        path, _, name = key.rpartition(".")
        vars(dict(module.named_modules())[path])[name] = value
    return module(*inputs, **settings)


CASES: list[Case] = []


def case(name: str, make: Callable[..., Any], *inputs: Any, train: bool = True, **settings: Any) -> None:
    """Add a case."""
    CASES.append(Case(name, make, inputs, settings, train))


# --------------------------------------------------------------------------------------------- linear and containers

case("Linear", lambda nn: nn.Linear(4, 3), (5, 4))
case("Linear, no bias", lambda nn: nn.Linear(4, 3, bias=False), (5, 4))
case("Linear, one sample", lambda nn: nn.Linear(4, 3), (4,))
case("Linear, sequences", lambda nn: nn.Linear(4, 3), (2, 5, 4))
case("Sequential", lambda nn: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), (5, 4))
case("Flatten", lambda nn: nn.Flatten(), (2, 3, 4))
case("Flatten, middle", lambda nn: nn.Flatten(1, 2), (2, 3, 4, 2))
case("Embedding", lambda nn: nn.Embedding(5, 3), np.array([[0, 4, 4], [1, 0, 2]]))
case("Embedding, padding", lambda nn: nn.Embedding(5, 3, padding_idx=-1), np.array([0, 4, 4, 1]))

# ---------------------------------------------------------------------------------------------------------- activations

case("ReLU", lambda nn: nn.ReLU(), (3, 4))
case("LeakyReLU", lambda nn: nn.LeakyReLU(), (3, 4))
case("LeakyReLU, steep", lambda nn: nn.LeakyReLU(0.3), (3, 4))
case("ELU", lambda nn: nn.ELU(), (3, 4))
case("ELU, flat", lambda nn: nn.ELU(0.3), (3, 4))
case("SELU", lambda nn: nn.SELU(), (3, 4))
case("PReLU", lambda nn: nn.PReLU(), (3, 4))
case("PReLU, channels", lambda nn: nn.PReLU(3), (2, 3, 2, 2))
case("PReLU, features", lambda nn: nn.PReLU(4), (3, 4))
case("LogSigmoid", lambda nn: nn.LogSigmoid(), (3, 4))
case("Identity", lambda nn: nn.Identity(4, unused=True), (3, 4))
case("Dropout1d, eval", lambda nn: nn.Dropout1d(0.3), (3, 4, 2), train=False)
case("Dropout2d, eval", lambda nn: nn.Dropout2d(0.3), (3, 4, 2, 2), train=False)
case("Dropout2d, none", lambda nn: nn.Dropout2d(0.0), (4, 2, 2))
case("GELU", lambda nn: nn.GELU(), (3, 4))
case("GELU, tanh", lambda nn: nn.GELU(approximate="tanh"), (3, 4))
case("SiLU", lambda nn: nn.SiLU(), (3, 4))
case("Tanh", lambda nn: nn.Tanh(), (3, 4))
case("Sigmoid", lambda nn: nn.Sigmoid(), (3, 4))
case("Softplus", lambda nn: nn.Softplus(), (3, 4))
case("Softplus, sharp", lambda nn: nn.Softplus(beta=3.0, threshold=2.0), (3, 4))
case("Softmax", lambda nn: nn.Softmax(dim=1), (3, 4))
case("Softmax, first axis", lambda nn: nn.Softmax(dim=0), (3, 4))
case("LogSoftmax", lambda nn: nn.LogSoftmax(dim=-1), (3, 4))
case("Dropout, eval", lambda nn: nn.Dropout(0.3), (3, 4), train=False)
case("Dropout, none", lambda nn: nn.Dropout(0.0), (3, 4))

# ------------------------------------------------------------------------------------------ convolutions and poolings

case("Conv1d", lambda nn: nn.Conv1d(2, 3, 3), (2, 2, 6))
case("Conv1d, one sample", lambda nn: nn.Conv1d(2, 3, 2), (2, 6))
case("Conv1d, all", lambda nn: nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), (2, 4, 7))
case("Conv1d, same", lambda nn: nn.Conv1d(2, 3, 4, padding="same"), (2, 2, 6))
case("Conv2d", lambda nn: nn.Conv2d(2, 3, 3), (2, 2, 5, 4))
case("Conv2d, one sample", lambda nn: nn.Conv2d(2, 3, 2), (2, 3, 4))
case("Conv2d, no bias", lambda nn: nn.Conv2d(2, 3, 2, bias=False), (2, 2, 3, 4))
case("Conv2d, uneven", lambda nn: nn.Conv2d(2, 3, (2, 3), stride=(2, 1), padding=(1, 0)), (2, 2, 5, 4))
case("Conv2d, all", lambda nn: nn.Conv2d(4, 2, 2, stride=2, padding=1, dilation=2, groups=2), (2, 4, 5, 4))
case("Conv2d, depthwise", lambda nn: nn.Conv2d(3, 6, 2, groups=3), (2, 3, 3, 3))
case("Conv2d, same", lambda nn: nn.Conv2d(2, 3, (2, 3), padding="same", dilation=(1, 2)), (2, 2, 3, 5))
case("Conv2d, valid", lambda nn: nn.Conv2d(2, 3, 2, padding="valid"), (2, 2, 3, 3))
case("MaxPool2d", lambda nn: nn.MaxPool2d(2), (2, 2, 4, 5))
case("MaxPool2d, overlap", lambda nn: nn.MaxPool2d(3, stride=1, padding=1), (2, 2, 4, 5))
case("MaxPool2d, one sample", lambda nn: nn.MaxPool2d((2, 1)), (2, 4, 4))
case("MaxPool2d, ceil", lambda nn: nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), (1, 2, 4, 6))
case("MaxPool2d, dilation", lambda nn: nn.MaxPool2d(2, stride=1, dilation=2), (1, 2, 4, 5))
case("AvgPool2d", lambda nn: nn.AvgPool2d(2), (2, 2, 4, 5))
case("AvgPool2d, padding", lambda nn: nn.AvgPool2d(3, 2, 1), (2, 2, 4, 5))
case("AvgPool2d, without border", lambda nn: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 2, 4, 5))
case("AvgPool2d, ceil", lambda nn: nn.AvgPool2d(2, 2, 1, True), (1, 2, 4, 5))
case("AvgPool2d, ceil, without", lambda nn: nn.AvgPool2d(3, 2, 1, True, False), (1, 2, 4, 6))
case("AvgPool2d, divisor", lambda nn: nn.AvgPool2d(2, divisor_override=3), (2, 4, 4))
case("AdaptiveAvgPool2d, one", lambda nn: nn.AdaptiveAvgPool2d(1), (2, 2, 4, 5))
case("AdaptiveAvgPool2d, even", lambda nn: nn.AdaptiveAvgPool2d((2, None)), (2, 2, 4, 3))
case("AdaptiveAvgPool2d, uneven", lambda nn: nn.AdaptiveAvgPool2d((3, 2)), (2, 2, 5, 5))
case("AdaptiveAvgPool2d, larger", lambda nn: nn.AdaptiveAvgPool2d(4), (2, 3, 3))

# ------------------------------------------------------------------------------------------------------ normalizations

for _name, _shapes in {
    "BatchNorm1d": ((5, 3), (4, 3, 2), (1, 3, 4), (2, 3)),
    "BatchNorm2d": ((2, 3, 2, 3), (1, 3, 2, 2)),
    "BatchNorm3d": ((2, 3, 2, 1, 2),),
    "InstanceNorm1d": ((2, 3, 4), (1, 3, 2)),
    "InstanceNorm2d": ((2, 3, 2, 3),),
}.items():
    for _shape in _shapes:
        for _train in (True, False):
            case(f"{_name}, {_shape}, {_train}", lambda nn, n=_name: getattr(nn, n)(3), _shape, train=_train)
for _name, _shape in {"InstanceNorm1d": (2, 3, 4), "InstanceNorm2d": (2, 3, 2, 2)}.items():
    for _train in (True, False):
        case(
            f"{_name}, all, {_train}",
            lambda nn, n=_name: getattr(nn, n)(3, affine=True, track_running_stats=True),
            _shape,
            train=_train,
        )
case("InstanceNorm1d, one sample", lambda nn: nn.InstanceNorm1d(3, affine=True), (3, 4))
case("InstanceNorm2d, one sample", lambda nn: nn.InstanceNorm2d(3, track_running_stats=True), (3, 4, 2))
case("BatchNorm1d, bare", lambda nn: nn.BatchNorm1d(3, affine=False, track_running_stats=False), (4, 3), train=False)
case("LayerNorm", lambda nn: nn.LayerNorm(4), (3, 4))
case("LayerNorm, two axes", lambda nn: nn.LayerNorm((3, 4), eps=0.1), (2, 3, 4))
case("LayerNorm, no bias", lambda nn: nn.LayerNorm(4, bias=False), (2, 3, 4))
case("LayerNorm, bare", lambda nn: nn.LayerNorm(4, elementwise_affine=False), (3, 4))
case("GroupNorm", lambda nn: nn.GroupNorm(2, 4), (2, 4, 3))
case("GroupNorm, images", lambda nn: nn.GroupNorm(2, 4), (2, 4, 2, 2))
case("GroupNorm, features", lambda nn: nn.GroupNorm(2, 6, affine=False), (2, 6))
case("RMSNorm", lambda nn: nn.RMSNorm(4), (3, 4))
case("RMSNorm, two axes", lambda nn: nn.RMSNorm((3, 4), eps=0.1, elementwise_affine=False), (2, 3, 4))

# -------------------------------------------------------------------------------------------- recurrence and attention

case("RNNCell", lambda nn: nn.RNNCell(3, 4), (2, 3), (2, 4))
case("RNNCell, relu", lambda nn: nn.RNNCell(3, 4, nonlinearity="relu"), (2, 3))
case("RNNCell, no bias, one sample", lambda nn: nn.RNNCell(3, 4, bias=False), (3,), (4,))
case("LSTMCell", lambda nn: nn.LSTMCell(3, 2), (2, 3))
case("GRUCell", lambda nn: nn.GRUCell(3, 2), (2, 3), (2, 2))
case("GRUCell, no bias", lambda nn: nn.GRUCell(3, 2, bias=False), (2, 3))

for _name in ("RNN", "LSTM", "GRU"):
    case(_name, lambda nn, n=_name: getattr(nn, n)(3, 4), (5, 2, 3))
    case(f"{_name}, one sequence", lambda nn, n=_name: getattr(nn, n)(3, 4), (5, 3))
    case(f"{_name}, batch first", lambda nn, n=_name: getattr(nn, n)(3, 2, batch_first=True), (2, 5, 3))
    case(f"{_name}, one step", lambda nn, n=_name: getattr(nn, n)(3, 2), (1, 2, 3))
    case(
        f"{_name}, all",
        lambda nn, n=_name: getattr(nn, n)(3, 2, num_layers=3, bias=False, batch_first=True, bidirectional=True),
        (2, 4, 3),
    )
    case(f"{_name}, dropout, eval", lambda nn, n=_name: getattr(nn, n)(3, 2, 2, dropout=0.5), (4, 2, 3), train=False)
case("RNN, relu", lambda nn: nn.RNN(3, 4, nonlinearity="relu"), (5, 2, 3), (1, 2, 4))
case("GRU, state", lambda nn: nn.GRU(3, 2, 2, bidirectional=True), (5, 2, 3), (4, 2, 2))
case("GRU, state of one sequence", lambda nn: nn.GRU(3, 2), (5, 3), (1, 2))

_CAUSAL = np.triu(np.ones((3, 3), bool), 1)
_PADDING = np.array([[False, False, True], [False, True, False]])
_FIRST = {"batch_first": True}
case("MultiheadAttention", lambda nn: nn.MultiheadAttention(4, 2), (3, 2, 4), (3, 2, 4), (3, 2, 4))
case("MultiheadAttention, batch first", lambda nn: nn.MultiheadAttention(4, 2, **_FIRST), *((2, 3, 4),) * 3)
case("MultiheadAttention, alone", lambda nn: nn.MultiheadAttention(4, 2), *((3, 4),) * 3)
case("MultiheadAttention, no bias", lambda nn: nn.MultiheadAttention(4, 2, bias=False), (2, 1, 4), (3, 1, 4), (3, 1, 4))
case(
    "MultiheadAttention, other features",
    lambda nn: nn.MultiheadAttention(4, 2, kdim=3, vdim=2, **_FIRST),
    *((2, 2, 4), (2, 3, 3), (2, 3, 2)),
)
case(
    "MultiheadAttention, causal",
    lambda nn: nn.MultiheadAttention(4, 2, **_FIRST),
    *((2, 3, 4),) * 3,
    attn_mask=_CAUSAL,
    need_weights=False,
)
case(
    "MultiheadAttention, padding",
    lambda nn: nn.MultiheadAttention(4, 2, **_FIRST),
    *((2, 3, 4),) * 3,
    key_padding_mask=_PADDING,
    average_attn_weights=False,
)
case(
    "MultiheadAttention, both masks",
    lambda nn: nn.MultiheadAttention(4, 2),
    *((3, 2, 4),) * 3,
    attn_mask=_CAUSAL,
    key_padding_mask=_PADDING,
)
case(
    "MultiheadAttention, masks for each head",
    lambda nn: nn.MultiheadAttention(4, 2, **_FIRST),
    *((2, 3, 4),) * 3,
    attn_mask=np.stack([_CAUSAL, _CAUSAL & False, _CAUSAL, _CAUSAL & False]),
)

# --------------------------------------------------------------------------------------------------------------- losses

_CLASSES = np.array([2, 0, 1, 2])
_WEIGHT = np.array([0.5, 2.0, 1.25])
_IMAGES = np.array([[[0, 2], [1, 1]], [[2, 2], [0, 1]]])
_SHARES = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
_PROBABILITIES = np.array([[0.9, 0.01, 0.3], [0.5, 0.2, 0.999]])
_TRUTH = np.array([[1.0, 0.0, 0.3], [0.0, 0.0, 1.0]])


def weights(nn: Any, values: np.ndarray) -> Any:
    """Weights as either library wants them."""
    return nn.tensor(values) if hasattr(nn, "tensor") else values.astype(getattr(nn, "dtype", np.float64))


for _reduction in ("mean", "sum", "none"):
    for _name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCEWithLogitsLoss"):
        _make = lambda nn, n=_name, r=_reduction: getattr(nn, n)(reduction=r)  # noqa: E731
        case(f"{_name}, {_reduction}", _make, (2, 3), _TRUTH if _name[0] == "B" else (2, 3))
    case(
        f"BCEWithLogitsLoss, weights, {_reduction}",
        lambda nn, r=_reduction: nn.BCEWithLogitsLoss(
            weight=weights(nn, _WEIGHT), pos_weight=weights(nn, _WEIGHT[::-1].copy()), reduction=r
        ),
        *((2, 3), _TRUTH),
    )
    case(f"BCELoss, {_reduction}", lambda nn, r=_reduction: nn.BCELoss(reduction=r), _PROBABILITIES, _TRUTH)
    case(
        f"BCELoss, weights, {_reduction}",
        lambda nn, r=_reduction: nn.BCELoss(weights(nn, _WEIGHT), reduction=r),
        *(_PROBABILITIES, _TRUTH),
    )
    for _name in ("CrossEntropyLoss", "NLLLoss"):
        _settings = {
            "plain": {},
            "weight": {"weight": _WEIGHT},
            "ignored": {"ignore_index": 2},
            "weight, ignored": {"weight": _WEIGHT, "ignore_index": 0},
        }
        if _name[0] == "C":
            _settings |= {
                "smooth": {"label_smoothing": 0.1},
                "all": {"weight": _WEIGHT, "ignore_index": 1, "label_smoothing": 0.2},
            }
        for _kind, _given in _settings.items():

            def _make(nn, n=_name, r=_reduction, given=_given):
                own = {k: weights(nn, v) if isinstance(v, np.ndarray) else v for k, v in given.items()}
                return getattr(nn, n)(reduction=r, **own)

            case(f"{_name}, {_kind}, {_reduction}", _make, (4, 3), _CLASSES)
            case(f"{_name}, {_kind}, images, {_reduction}", _make, (2, 3, 2, 2), _IMAGES)
            if "ignored" not in _kind and _kind != "all":
                case(f"{_name}, {_kind}, one, {_reduction}", _make, (3,), np.array(1))
            if _name[0] == "C" and "ignored" not in _kind and _kind != "all":
                case(f"{_name}, shares, {_kind}, {_reduction}", _make, (4, 3), _SHARES)
case("HuberLoss, wide", lambda nn: nn.HuberLoss(delta=2.0), (4, 3), (4, 3))
case("SmoothL1Loss, wide", lambda nn: nn.SmoothL1Loss(beta=0.3), (4, 3), (4, 3))
case("SmoothL1Loss, 0", lambda nn: nn.SmoothL1Loss(beta=0.0), (4, 3), (4, 3))


def pair(nn: Any) -> Any:
    """A net that calls the items of a `ModuleList`, and a part of a part, as a forward may."""

    class Net(mt.nn.Module if isinstance(nn, _Typed) else nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 4)])
            self.head = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2))

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x)
            return self.head[1](self.head[0](x)) + self.head(x)

    return Net()


case("ModuleList", pair, (5, 3))


def heads(nn: Any) -> Any:
    """A net that calls the items of a `ModuleDict`."""

    class Net(mt.nn.Module if isinstance(nn, _Typed) else nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.heads = nn.ModuleDict({"mean": nn.Linear(3, 2), "scale": nn.Linear(3, 2, bias=False)})

        def forward(self, x: Any) -> Any:
            return self.heads["mean"](x) * self.heads["scale"](x)

    return Net()


case("ModuleDict", heads, (5, 3))

MODULES = {
    name
    for name in nn.__all__
    if isinstance(getattr(nn, name), type)
    and issubclass(getattr(nn, name), nn.Module)
    and name not in ("Module", "Parameter")
}
