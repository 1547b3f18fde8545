"""Habits: what PyTorch's users type, and what to write here.

One table for everyone: an attribute that is missing and a setting that nobody knows are looked up in it, and the page
"Coming from PyTorch" prints it. It is read when something has already failed, so that it slows nothing down.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from typing import Any, NamedTuple, TypeVar, cast

from . import settings

F = TypeVar("F", bound=Callable[..., Any])


class Habit(NamedTuple):
    """A line of PyTorch, the line to write instead, and why.

    Attributes:
        theirs: the line, of ``torch``, ``nn``, ``F``, ``optim`` or ``data``; x is a Tensor, net a module.
        ours: the same with ``mt`` for ``torch``; "" where it has no meaning here.
        why: what there is to know besides.
        about: the missing name, by default the first after ``x.``; a setting with a ``=``.
    """

    theirs: str
    ours: str = ""
    why: str = ""
    about: str = ""

    @property
    def name(self) -> str:
        """What is missing: ``topk`` of ``x.topk(2)``, or a setting such as ``device=``."""
        return self.about or re.split(r"\W", self.theirs)[1]

    def __str__(self) -> str:
        way = f"is {self.ours} here" if self.ours else "has no meaning here"
        return f"PyTorch's {self.theirs} {way}{': ' if self.why else ''}{self.why}"


ON_THE_CPU = "everything runs on the CPU"
FROZEN = "values are never changed in place"

HABITS: tuple[Habit, ...] = (
    # ------------------------------------------------------------------------------------------------------- tensors
    Habit("x.topk(2).values", "mt.flip(mt.sort(x), axis=-1)[..., :2]"),
    Habit("x.median().values", "mt.sort(x.reshape(-1))[(x.size - 1) // 2]"),
    Habit("x.max(1).values", "x.max(axis=1)", "max is the maximum alone, as in NumPy", "values"),
    Habit("x.max(1).indices", "x.argmax(axis=1)", "max is the maximum alone, as in NumPy", "indices"),
    Habit("x.repeat(2, 1)", "mt.tile(x, (2, 1))", "NumPy's repeat repeats each element"),
    Habit("x.gather(1, i)", "mt.take_along_axis(x, i, axis=1)"),
    Habit("x.index_select(0, i)", "x[i]"),
    Habit("x.masked_select(x > 0)", "x[x > 0]"),
    Habit("x.chunk(3, dim=0)", "mt.split(x, 3, axis=0)"),
    Habit("x.unbind(0)", "list(x)"),
    Habit("x.narrow(0, 1, 2)", "x[1:3]"),
    Habit("x.select(0, 1)", "x[1]"),
    Habit("x.norm()", "mt.l2_norm(x)"),
    Habit("x.addmm(a, b)", "x + a @ b"),
    Habit("x.mv(v)", "x @ v"),
    Habit("x.ger(v)", "mt.outer(x, v)"),
    Habit("x.lerp(y, 0.5)", "x + 0.5 * (y - x)"),
    Habit("x.rsqrt()", "1 / mt.sqrt(x)"),
    Habit("x.add(y)", "x + y"),
    Habit("x.sub(y)", "x - y"),
    Habit("x.mul(y)", "x * y"),
    Habit("x.div(y)", "x / y"),
    Habit("x.neg()", "-x"),
    Habit("x.gt(0)", "x > 0"),
    Habit("x.ge(0)", "x >= 0"),
    Habit("x.lt(0)", "x < 0"),
    Habit("x.le(0)", "x <= 0"),
    Habit("x.ne(0)", "x != 0"),
    Habit("x.new_zeros(2, 3)", "mt.zeros(2, 3, dtype=x.dtype)"),
    Habit("x.new_ones(2, 3)", "mt.ones(2, 3, dtype=x.dtype)"),
    Habit("x.new_tensor([1.0])", "mt.tensor([1.0], dtype=x.dtype)"),
    Habit("x.element_size()", "x.dtype.itemsize"),
    Habit("x.is_floating_point()", "x.dtype.kind == 'f'"),
    Habit("x.softplus()", "mt.softplus(x)"),
    Habit(
        "x.register_hook(print)", "mt.grad(loss, x)", "or x.retain_grad() before loss.backward(), and x.grad after it"
    ),
    Habit("x.grad_fn", "x.op", "the row of the table that made it; mt.graph(x) shows all of them"),
    Habit("x.detach_()", "x = x.detach()"),
    Habit("x.fill_(1)", "x.assign_(mt.ones_like(x))", FROZEN),
    Habit("x.copy_(y)", "x.assign_(y)", FROZEN),
    Habit("x.add_(1)", "x.assign_(x + 1)", FROZEN),
    Habit("x.sub_(1)", "x.assign_(x - 1)", FROZEN),
    Habit("x.mul_(2)", "x.assign_(x * 2)", FROZEN),
    Habit("x.div_(2)", "x.assign_(x / 2)", FROZEN),
    Habit("x.clamp_(0, 1)", "x.assign_(x.clamp(0, 1))", FROZEN),
    Habit("x.normal_()", "nn.init.normal_(x)"),
    Habit("x.uniform_()", "nn.init.uniform_(x)"),
    Habit("x.zero_()", "x.assign_(mt.zeros_like(x))", FROZEN),
    Habit("x.cuda()", why=ON_THE_CPU),
    Habit("x.mps()", why=ON_THE_CPU),
    Habit("x.device", why=ON_THE_CPU),
    Habit("x.is_cuda", why=ON_THE_CPU),
    Habit("x.pin_memory()", why=ON_THE_CPU),
    Habit("x.is_contiguous()", why="no op depends on how elements lie in memory; x.numpy().flags tells it"),
    Habit("x.stride()", "x.numpy().strides", "in bytes, as in NumPy"),
    Habit("x.share_memory_()", why="tensors are read-only, and processes get copies"),
    Habit("x.to_sparse()", why="all arrays are dense"),
    Habit("x.layout", why="all arrays are dense"),
    # ----------------------------------------------------------------------------------------------------- functions
    Habit("torch.FloatTensor([1.0, 2.0])", "mt.tensor([1.0, 2.0], dtype=mt.float32)"),
    Habit("torch.LongTensor([1, 2])", "mt.tensor([1, 2], dtype=mt.int64)"),
    Habit("torch.empty(2, 3)", "mt.zeros(2, 3)", "nothing could fill it in later"),
    Habit("torch.normal(0.0, 1.0, (2, 3))", "0.0 + 1.0 * mt.randn(2, 3)"),
    Habit("torch.bernoulli(p)", "mt.rand_like(p) < p"),
    Habit("torch.multinomial(p, 1)", "mt.tensor(np.random.default_rng().choice(p.size, 1, p=p.numpy()))"),
    Habit("torch.logspace(0, 2, 3)", "10 ** mt.linspace(0, 2, 3)"),
    Habit("torch.topk(x, 2)", "mt.flip(mt.sort(x), axis=-1)[..., :2]"),
    Habit("torch.gather(x, 1, i)", "mt.take_along_axis(x, i, axis=1)"),
    Habit("torch.index_select(x, 0, i)", "x[i]"),
    Habit("torch.masked_select(x, x > 0)", "x[x > 0]"),
    Habit("torch.chunk(x, 3)", "mt.split(x, 3)"),
    Habit("torch.unbind(x)", "list(x)"),
    Habit("torch.norm(x)", "mt.l2_norm(x)"),
    Habit("torch.rsqrt(x)", "1 / mt.sqrt(x)"),
    Habit("torch.mv(x, v)", "x @ v"),
    Habit("torch.addmm(c, x, y)", "c + x @ y"),
    Habit("torch.subtract(x, y)", "x - y"),
    Habit("torch.multiply(x, y)", "x * y"),
    Habit("torch.divide(x, y)", "x / y"),
    Habit("torch.eq(x, y)", "x == y"),
    Habit("torch.gt(x, y)", "x > y"),
    Habit("torch.lt(x, y)", "x < y"),
    Habit("torch.logical_and(x > 0, x < 1)", "(x > 0) & (x < 1)"),
    Habit("torch.logical_or(x < 0, x > 1)", "(x < 0) | (x > 1)"),
    Habit("torch.logical_not(x > 0)", "~(x > 0)"),
    Habit("torch.allclose(x, y)", "np.allclose(x.numpy(), y.numpy())"),
    Habit("torch.equal(x, x)", "np.array_equal(x.numpy(), x.numpy())", "mt.equal compares element by element"),
    Habit("torch.isnan(x)", "x != x"),
    Habit("torch.is_tensor(x)", "isinstance(x, mt.Tensor)"),
    Habit("torch.numel(x)", "x.size"),
    Habit("torch.autograd.grad(loss, [x])", "mt.grad(loss, [x])"),
    Habit("torch.func.vmap(f)", why="write f for a whole batch: axes broadcast as in NumPy"),
    Habit("torch.vmap(f)", why="write f for a whole batch: axes broadcast as in NumPy"),
    Habit("torch.is_grad_enabled()", "(mt.tensor(0.0, requires_grad=True) * 1).requires_grad"),
    Habit("torch.set_grad_enabled(False)", "with mt.no_grad():", "or with mt.enable_grad():"),
    Habit("torch.inference_mode()", "mt.no_grad()"),
    Habit("torch.utils.data.DataLoader(x)", "mt.data.DataLoader(x)"),
    Habit("torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)", "mt.optim.clip_grad_norm_(net.parameters(), 1.0)"),
    Habit("torch.Generator().manual_seed(0)", "np.random.default_rng(0)"),
    Habit("torch.initial_seed()", why="mt.manual_seed(0) sets one and returns NumPy's generator"),
    Habit("torch.seed()", why="mt.manual_seed(0) sets one and returns NumPy's generator"),
    Habit(
        "torch.set_default_dtype(torch.float64)", why="give dtype=: tensors take NumPy's, float64; layers make float32"
    ),
    Habit("torch.get_default_dtype()", why="give dtype=: tensors take NumPy's, float64; layers make float32"),
    Habit("torch.set_printoptions(precision=3)", "np.set_printoptions(precision=3)"),
    Habit("torch.cuda.is_available()", why=ON_THE_CPU),
    Habit("torch.device('cpu')", why=ON_THE_CPU),
    Habit("torch.backends.cudnn", why=ON_THE_CPU),
    Habit("torch.compile(net)", why="an op is a call of NumPy; the net runs as it is"),
    Habit("torch.jit.script(net)", why="an op is a call of NumPy; the net runs as it is"),
    Habit("torch.amp.autocast('cpu')", why="an op computes in the dtype of its operands"),
    Habit("torch.autocast('cpu')", why="an op computes in the dtype of its operands"),
    Habit("torch.set_num_threads(1)", why="NumPy's BLAS decides; set OMP_NUM_THREADS before Python starts"),
    Habit("torch.distributed", why="one process trains"),
    # -------------------------------------------------------------------------------------------------------- layers
    Habit("nn.utils.clip_grad_norm_(net.parameters(), 1.0)", "optim.clip_grad_norm_(net.parameters(), 1.0)"),
    Habit("nn.DataParallel(net)", "net", "one process trains"),
    Habit("nn.Softmax2d()", "nn.Softmax(dim=1)"),
    Habit("nn.Softmin(dim=1)", "nn.Softmax(dim=1)", "applied to -x"),
    Habit("nn.ReLU6()", "mt.clip(x, 0, 6)", "a function; in a Sequential write a Module around it"),
    Habit("nn.Hardtanh()", "mt.clip(x, -1, 1)", "a function; in a Sequential write a Module around it"),
    Habit("nn.Upsample(scale_factor=2)", "x.reshape(n, c, h, 1, w, 1) * mt.ones((1, 1, 1, 2, 1, 2))", "then reshape"),
    Habit("nn.LazyLinear(10)", "nn.Linear(features, 10)", "net(x) tells how many features there are, if they differ"),
    Habit("net.cuda()", "net", ON_THE_CPU),
    Habit("net.cpu()", "net", ON_THE_CPU),
    Habit("net.compile()", why="an op is a call of NumPy; the net runs as it is"),
    Habit("net.share_memory()", why="tensors are read-only, and processes get copies"),
    Habit("net.register_full_backward_hook(print)", "mt.grad(loss, x)"),
    Habit(
        "F.batch_norm(x, mean, var)", "nn.BatchNorm1d(d)(x)", "it keeps mean and var; or mt.batch_norm(x, gamma, beta)"
    ),
    Habit("F.instance_norm(x)", "mt.instance_norm(x)"),
    Habit("F.pad(x, (1, 2))", "mt.pad(x, ((0, 0), (1, 2)))", "as in NumPy: a pair for each axis, from the first"),
    Habit("F.one_hot(labels, 3)", "mt.eye(3)[labels]"),
    Habit("F.normalize(x, dim=1)", "x / mt.l2_norm(x, axis=1, keepdims=True)"),
    Habit("F.cosine_similarity(x, y)", "(x * y).sum(axis=1) / (mt.l2_norm(x, axis=1) * mt.l2_norm(y, axis=1))"),
    Habit(
        "F.interpolate(x, scale_factor=2)", "x.reshape(n, c, h, 1, w, 1) * mt.ones((1, 1, 1, 2, 1, 2))", "then reshape"
    ),
    # ---------------------------------------------------------------------------------------------- data and training
    Habit("optim.LBFGS(net.parameters())", "optim.Adam(net.parameters())", "or SGD, AdamW, RMSprop"),
    Habit("optim.Adagrad(net.parameters())", "optim.RMSprop(net.parameters())", "or SGD, Adam, AdamW"),
    Habit("optim.NAdam(net.parameters())", "optim.Adam(net.parameters())"),
    Habit("optim.RAdam(net.parameters())", "optim.Adam(net.parameters())"),
    Habit("data.IterableDataset", "mt.data.DataLoader(list(samples))"),
    Habit("data.RandomSampler(x)", "mt.data.DataLoader(x, shuffle=True)"),
    # ------------------------------------------------------------------------------------------------------ settings
    Habit("torch.zeros(3, device='cpu')", "mt.zeros(3)", ON_THE_CPU, "device="),
    Habit("x.to('cpu', non_blocking=True)", "x", ON_THE_CPU, "non_blocking="),
    Habit("torch.zeros(3, pin_memory=True)", "mt.zeros(3)", ON_THE_CPU, "pin_memory="),
    Habit(
        "loss.backward(retain_graph=True)", "loss.backward()", "a graph lives as long as its result", "retain_graph="
    ),
    Habit(
        "loss.backward(create_graph=True)",
        "mt.grad(loss, [x], create_graph=True)",
        "so that no leaf holds a graph",
        "create_graph=",
    ),
    Habit("torch.autograd.grad(y, x, allow_unused=True)", "mt.grad(y, x)", "None stands for unused", "allow_unused="),
    Habit(
        "data.DataLoader(x, num_workers=4)", "mt.data.DataLoader(x)", "batches are cut in this process", "num_workers="
    ),
    Habit("data.DataLoader(x, prefetch_factor=2)", "mt.data.DataLoader(x)", "likewise", "prefetch_factor="),
    Habit("data.DataLoader(x, persistent_workers=True)", "mt.data.DataLoader(x)", "likewise", "persistent_workers="),
    Habit("data.DataLoader(x, worker_init_fn=f)", "mt.data.DataLoader(x)", "likewise", "worker_init_fn="),
    Habit(
        "data.DataLoader(x, collate_fn=f)",
        "map(f, batches)",
        "samples are stacked; a function of one's own goes around",
        "collate_fn=",
    ),
    Habit("data.DataLoader(x, sampler=s)", "mt.data.DataLoader(x[list(s)])", "or shuffle=True", "sampler="),
    Habit("nn.MSELoss(size_average=False)", "nn.MSELoss(reduction='sum')", "", "size_average="),
    Habit("nn.MSELoss(reduce=False)", "nn.MSELoss(reduction='none')", "", "reduce="),
    Habit("torch.sort(x, descending=True)", "mt.flip(mt.sort(x), axis=-1)", "", "descending="),
    Habit(
        "optim.Adam(net.parameters(), amsgrad=True)",
        "optim.Adam(net.parameters())",
        "it has no such variant",
        "amsgrad=",
    ),
    Habit("optim.Adam(net.parameters(), foreach=True)", "optim.Adam(net.parameters())", "it always does", "foreach="),
    Habit("optim.Adam(net.parameters(), fused=True)", "optim.Adam(net.parameters())", "it always does", "fused="),
    Habit(
        "torch.load('net.pt', map_location='cpu')",
        "mt.load('net.safetensors', net)",
        ON_THE_CPU,
        "map_location=",
    ),
    Habit(
        "torch.load('net.pt', weights_only=True)",
        "mt.load('net.safetensors', net)",
        "it loads nothing else",
        "weights_only=",
    ),
    Habit("torch.zeros(3, out=y)", "y = mt.zeros(3)", FROZEN, "out="),
)


@cache
def _by_name() -> dict[str, list[Habit]]:
    found: dict[str, list[Habit]] = {}
    for habit in HABITS:
        found.setdefault(habit.name, []).append(habit)
    return found


def missing(owner: str, name: str, obj: object, where: str) -> AttributeError:
    """The error for an attribute that is not there, with what to write instead if it is a habit.

    Python itself adds the nearest name when it shows an uncaught one, because it is told where to look.

    >>> print(missing("'Tensor' object", "cuda", None, "x"))
    'Tensor' object has no attribute 'cuda'. PyTorch's x.cuda() has no meaning here: everything runs on the CPU
    """
    alike = _by_name().get(name, [])
    best = next((habit for habit in alike if habit.theirs.startswith(f"{where}.")), alike[0] if alike else None)
    hint = f". {best}" if best else ""
    return AttributeError(f"{owner} has no attribute {name!r}{hint}", name=name, obj=obj)


RENAMED: Mapping[str, tuple[str, ...]] = {
    "dim": ("axis", "axes"),
    "dims": ("axes", "axis"),
    "keepdim": ("keepdims",),
    "gradient": ("upstream",),
    "grad_outputs": ("upstream",),
    "size": ("shape",),
    "steps": ("num",),
    "end": ("stop",),
}
"""PyTorch's names of settings, and ours that mean the same, of which a function has one."""


def understood(function: str, known: Iterable[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by the names that a function knows them by.

    Raises:
        TypeError: for a setting that the function has under no name, and for one that is given twice.

    >>> understood("sum", ["axis", "keepdims"], {"dim": 1, "keepdim": True})
    {'axis': 1, 'keepdims': True}
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        names = (name, *RENAMED.get(name, ()), settings.RENAMED.get(name, name))
        ours = next((own for own in names if own in known), None)
        if name == "unbiased" and "correction" in known:
            ours, value = "correction", int(value)
        if ours is None and (name == "inplace" or settings.asks_for_nothing(name, value)):
            continue  # it changes no result
        if ours is None:
            hints = _by_name().get(f"{name}=")
            more = f". {hints[0]}" if hints else f"; it has {', '.join(known) or 'none'}"
            raise TypeError(f"{function}() has no setting {name!r}{more}") from None
        if ours in found:
            raise TypeError(f"{function}() was given {ours} twice, as {name} too") from None
        found[ours] = value
    return found


def keywords(function: F) -> F:
    """Let a function take PyTorch's names of its settings, and name the way out for those that it has not."""
    parameters = list(inspect.signature(function).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return function
    known = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    several = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")

    @wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        if not known.issuperset(given):
            called = f"{type(args[0]).__name__}." if function.__name__ == "__init__" else ""
            listed = [p.name for p in parameters if p.name != "self"]
            given = understood(called + function.__name__, listed, given)
            if several in given:
                args += (given.pop(several),)
        return function(*args, **given)

    return cast(F, call)
