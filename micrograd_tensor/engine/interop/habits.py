"""Habits: what PyTorch's users type, and what to write here.

One table for everyone: an attribute that is missing and a setting that nobody knows are looked up in it, and the page
"Coming from PyTorch" prints it. It is read when something has already failed, so that it slows nothing down.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar, cast, overload

import numpy as np

from ..row import Axis, Operand
from . import settings

if TYPE_CHECKING:
    from ..record import Result

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
Q = ParamSpec("Q")


class Habit(NamedTuple):
    """A line of PyTorch, the line to write instead, and why.

    Attributes:
        theirs: the line, of ``torch``, ``nn``, ``F``, ``optim`` or ``data``; x is a Tensor, net a module.
        ours: the same with ``mt`` for ``torch``; "" where it has no meaning here, "-" where it has no counterpart.
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
        way = "has no meaning here" if not self.ours else f"is {self.ours} here"
        way = "has no counterpart here" if self.ours == NO_COUNTERPART else way
        return f"PyTorch's {self.theirs} {way}{': ' if self.why else ''}{self.why}"


ON_THE_CPU = "everything runs on the CPU"
ONE_PROCESS = "batches are cut in this process"
DENSE = "all arrays are dense"
AS_IT_IS = "an op is a call of NumPy; a net runs as it is"
ONE_DTYPE = "an op computes in the dtype of its operands"
GIVE_DTYPE = "give dtype=; tensors take NumPy's, float64, and layers make float32"
IN_PLACE = "values are never changed in place; or x += 1 and the like under mt.no_grad()"
OPTIMIZERS = "the optimizers are SGD, Adam, AdamW and RMSprop"
MEMORY = "no op depends on how elements lie in memory"
READ_ONLY = "tensors are read-only, and processes get copies"
DERIVATIVES = "beside value_and_grad, vjp, jvp, hvp, jacobian, hessian, gradcheck and detect_anomaly"
PLACES = "mt.where(mask, value, x) puts values in; rows with a single 1 are mt.eye(n)[labels]"
SEEDED = "mt.manual_seed(0) sets one, and returns NumPy's generator"
GRADIENT = "mt.grad(loss, x) gives the gradient of any tensor, and x.retain_grad() keeps it"
NO_BFLOAT16 = "NumPy has no bfloat16; float16 and float32 are there"
ONE_OR_TWO = "convolutions and pools are over one or two axes"
ENLARGE = "mt.repeat enlarges along an axis, and a convolution smooths the result"
ATTENTION = "compose nn.MultiheadAttention, nn.LayerNorm and nn.Linear"
SCHEDULES = "optim.lr_scheduler.LambdaLR takes any function of the epoch"
ANY_ORDER = "mt.data.Subset(x, order) holds samples in any order, also several times"
NO_COUNTERPART = "-"

HABITS: tuple[Habit, ...] = (
    # ------------------------------------------------------------------------------------------------------- tensors
    Habit("x.sort(0).values", "mt.sort(x, axis=0)", "nothing is sorted in place, and mt.argsort gives the indices"),
    Habit("x.max(1).values", "x.max(axis=1)", "max is the maximum alone, as in NumPy", "values"),
    Habit("x.max(1).indices", "x.argmax(axis=1)", "max is the maximum alone, as in NumPy", "indices"),
    Habit("x.topk(2).values", "mt.flip(mt.sort(x), axis=-1)[..., :2]"),
    Habit("x.gather(1, j)", "mt.take_along_axis(x, j, axis=1)"),
    Habit("x.index_select(0, i)", "x[i]"),
    Habit("x.masked_select(y > 0)", "x[y > 0]"),
    Habit("x.chunk(2, dim=0)", "mt.split(x, 2, axis=0)"),
    Habit("x.unbind(0)", "list(x)"),
    Habit("x.narrow(0, 1, 2)", "x[1:3]"),
    Habit("x.select(0, 1)", "x[1]"),
    Habit("x.norm()", "mt.l2_norm(x)"),
    Habit("x.addmm(x, y)", "x + x @ y"),
    Habit("x.mv(v)", "x @ v"),
    Habit("x.lerp(y, 0.5)", "x + 0.5 * (y - x)"),
    Habit("x.rsqrt()", "1 / mt.sqrt(x)"),
    Habit("x.add(y)", "x + y"),
    Habit("x.sub(y)", "x - y"),
    Habit("x.mul(y)", "x * y"),
    Habit("x.div(y)", "x / y"),
    Habit("x.neg()", "-x"),
    Habit("x.gt(1)", "x > 1"),
    Habit("x.ge(1)", "x >= 1"),
    Habit("x.lt(1)", "x < 1"),
    Habit("x.le(1)", "x <= 1"),
    Habit("x.ne(1)", "x != 1"),
    Habit("x.new_zeros(2, 3)", "mt.zeros(2, 3, dtype=x.dtype)"),
    Habit("x.new_ones(2, 3)", "mt.ones(2, 3, dtype=x.dtype)"),
    Habit("x.new_tensor([1.0])", "mt.tensor([1.0], dtype=x.dtype)"),
    Habit("x.element_size()", "x.dtype.itemsize"),
    Habit("x.is_floating_point()", "x.dtype.kind == 'f'"),
    Habit("x.subtract(y)", "x - y"),
    Habit("x.multiply(y)", "x * y"),
    Habit("x.divide(y)", "x / y"),
    Habit("x.negative()", "-x"),
    Habit("x.absolute()", "abs(x)"),
    Habit("p.acos()", "mt.arccos(p)"),
    Habit("p.asin()", "mt.arcsin(p)"),
    Habit("x.atan()", "mt.arctan(x)"),
    Habit("x.atan2(y)", "mt.arctan2(x, y)"),
    Habit("z.acosh()", "mt.arccosh(z)"),
    Habit("x.asinh()", "mt.arcsinh(x)"),
    Habit("p.atanh()", "mt.arctanh(p)"),
    Habit("x.deg2rad()", "mt.radians(x)"),
    Habit("x.rad2deg()", "mt.degrees(x)"),
    Habit("x.sgn()", "mt.sign(x)"),
    Habit("x.frac()", "x - mt.trunc(x)"),
    Habit("p.logit()", "mt.log(p / (1 - p))"),
    Habit("x.msort()", "mt.sort(x, axis=0)"),
    Habit("x.movedim(0, 1)", "mt.moveaxis(x, 0, 1)"),
    Habit("x.swapdims(0, 1)", "x.swapaxes(0, 1)"),
    Habit("x.take_along_dim(j, 1)", "mt.take_along_axis(x, j, axis=1)"),
    Habit("x.repeat_interleave(2, dim=0)", "mt.repeat(x, 2, axis=0)"),
    Habit("x.clamp_min(1)", "x.clamp(min=1)"),
    Habit("x.clamp_max(1)", "x.clamp(max=1)"),
    Habit("x.unflatten(0, (2, 2))", "x.reshape(2, 2, 4)"),
    Habit("x.dist(y)", "mt.l2_norm(x - y)"),
    Habit("v.ger(v)", "mt.outer(v, v)"),
    Habit("x.bfloat16()", why=NO_BFLOAT16),
    Habit("x.register_hook(f)", NO_COUNTERPART, GRADIENT),
    Habit("x.grad_fn", "x.op", "the row of the table that made it; mt.graph(x) shows them all"),
    Habit("x.scatter_(1, j, 1.0)", NO_COUNTERPART, PLACES),
    Habit("x.scatter(1, j, 1.0)", NO_COUNTERPART, PLACES),
    Habit("x.index_fill_(0, i, 1.0)", NO_COUNTERPART, PLACES),
    Habit("x.detach_()", "x.detach()"),
    Habit("x.add_(1)", "x.assign_(x + 1)", IN_PLACE),
    Habit("x.sub_(1)", "x.assign_(x - 1)", IN_PLACE),
    Habit("x.mul_(2)", "x.assign_(x * 2)", IN_PLACE),
    Habit("x.div_(2)", "x.assign_(x / 2)", IN_PLACE),
    Habit("x.addcmul_(y, y)", "x.assign_(x + y * y)", IN_PLACE),
    Habit("x.lerp_(y, 0.5)", "x.assign_(x + 0.5 * (y - x))", IN_PLACE),
    Habit("x.clamp_(0, 1)", "x.assign_(x.clamp(0, 1))", IN_PLACE),
    Habit("x.normal_()", "nn.init.normal_(x)"),
    Habit("x.uniform_()", "nn.init.uniform_(x)"),
    Habit("x.cuda()", why=ON_THE_CPU),
    Habit("x.device", why=ON_THE_CPU),
    Habit("x.is_cuda", why=ON_THE_CPU),
    Habit("x.pin_memory()", why=ON_THE_CPU),
    Habit("x.is_contiguous()", why=MEMORY),
    Habit("x.stride()", why=MEMORY),
    Habit("x.share_memory_()", why=READ_ONLY),
    Habit("x.to_sparse()", why=DENSE),
    Habit("x.layout", why=DENSE),
    # ----------------------------------------------------------------------------------------------------- functions
    Habit("torch.FloatTensor([1.0, 2.0])", "mt.tensor([1.0, 2.0], dtype=mt.float32)"),
    Habit("torch.LongTensor([1, 2])", "mt.tensor([1, 2], dtype=mt.int64)"),
    Habit("torch.concat([x, y])", "mt.concatenate([x, y])"),
    Habit("torch.cdist(x, y)", "mt.l2_norm(x[:, None] - y, axis=-1)"),
    Habit("torch.isclose(x, y)", "np.isclose(x, y)"),
    Habit("torch.bincount(i)", "np.bincount(i)"),
    Habit("torch.asarray([1.0])", "mt.as_tensor([1.0])"),
    Habit("torch.finfo(torch.float32).eps", "np.finfo(mt.float32).eps"),
    Habit("torch.pi", "np.pi"),
    Habit("torch.inf", "np.inf"),
    Habit("torch.nan", "np.nan"),
    Habit("torch.bfloat16", why=NO_BFLOAT16),
    Habit("torch.empty_like(x)", "mt.zeros_like(x)", "nothing could fill it in later"),
    Habit("torch.empty(2, 3)", "mt.zeros(2, 3)", "nothing could fill it in later"),
    Habit("torch.normal(0.0, 2.0, (2, 3))", "0.0 + 2.0 * mt.randn(2, 3)"),
    Habit("torch.bernoulli(p)", "mt.rand_like(p) < p"),
    Habit("torch.multinomial(p, 1)", "mt.tensor(np.random.default_rng().choice(p.size, 1, p=p.numpy()))"),
    Habit("torch.logspace(0, 2, 3)", "10 ** mt.linspace(0, 2, 3)"),
    Habit("torch.topk(x, 2).values", "mt.flip(mt.sort(x), axis=-1)[..., :2]"),
    Habit("torch.gather(x, 1, j)", "mt.take_along_axis(x, j, axis=1)"),
    Habit("torch.index_select(x, 0, i)", "x[i]"),
    Habit("torch.masked_select(x, y > 0)", "x[y > 0]"),
    Habit("torch.chunk(x, 2)", "mt.split(x, 2)"),
    Habit("torch.unbind(x)", "list(x)"),
    Habit("torch.rsqrt(x)", "1 / mt.sqrt(x)"),
    Habit("torch.mv(x, v)", "x @ v"),
    Habit("torch.addmm(x, x, y)", "x + x @ y"),
    Habit("torch.eq(x, y)", "x == y"),
    Habit("torch.ne(x, y)", "x != y"),
    Habit("torch.gt(x, y)", "x > y"),
    Habit("torch.lt(x, y)", "x < y"),
    Habit("torch.allclose(x, y)", "np.allclose(x, y)"),
    Habit("torch.is_tensor(x)", "isinstance(x, mt.Tensor)"),
    Habit("torch.numel(x)", "x.size"),
    Habit("torch.autograd.grad(loss, [x])", "mt.grad(loss, [x])", DERIVATIVES),
    Habit("torch.func.jacrev(f)(v)", "mt.jacobian(f, v)", DERIVATIVES),
    Habit("torch.vmap(f)", why="axes broadcast as in NumPy: write f for a whole batch"),
    Habit("torch.is_grad_enabled()", "(x * 1).requires_grad", "where x asks for gradients"),
    Habit("torch.set_grad_enabled(False)", "mt.no_grad()", "in a with block; or mt.enable_grad()"),
    Habit("torch.inference_mode()(f)(x)", "mt.no_grad()(f)(x)"),
    Habit("torch.utils.data.DataLoader(x)", "mt.data.DataLoader(x)", "beside TensorDataset and random_split"),
    Habit("torch.Generator().manual_seed(0)", "np.random.default_rng(0)"),
    Habit("torch.initial_seed()", why=SEEDED),
    Habit("torch.seed()", why=SEEDED),
    Habit("torch.set_default_dtype(torch.float64)", why=GIVE_DTYPE),
    Habit("torch.get_default_dtype()", why=GIVE_DTYPE),
    Habit("torch.set_printoptions(precision=4)", "np.set_printoptions(precision=4)"),
    Habit("torch.cuda.is_available()", why=ON_THE_CPU),
    Habit("torch.mps", why=ON_THE_CPU),
    Habit("torch.device('cpu')", why=ON_THE_CPU),
    Habit("torch.backends.cudnn", why=ON_THE_CPU),
    Habit("torch.jit.script(net)", why=AS_IT_IS),
    Habit("torch.amp.autocast('cpu')", why=ONE_DTYPE),
    Habit("torch.autocast('cpu')", why=ONE_DTYPE),
    Habit("torch.set_num_threads(1)", why="NumPy's BLAS decides: set OMP_NUM_THREADS before Python starts"),
    Habit("torch.distributed", why="one process trains"),
    # -------------------------------------------------------------------------------------------------------- layers
    Habit("nn.utils.clip_grad_norm_(net.parameters(), 1.0)", "optim.clip_grad_norm_(net.parameters(), 1.0)"),
    Habit("nn.DataParallel(net)(x)", "net(x)", "one process trains"),
    Habit("nn.Softmax2d()(image)", "nn.Softmax(dim=1)(image)"),
    Habit("nn.Softmin(dim=1)(x)", "nn.Softmax(dim=1)(-x)"),
    Habit("nn.ReLU6()(y)", "mt.clip(y, 0, 6)"),
    Habit("nn.Hardtanh()(y)", "mt.clip(y, -1, 1)"),
    Habit("nn.Upsample(scale_factor=2)(image)", "mt.repeat(mt.repeat(image, 2, axis=2), 2, axis=3)"),
    Habit("nn.Softsign()(y)", "y / (1 + abs(y))"),
    Habit("nn.Mish()(y)", "y * mt.tanh(mt.softplus(y))"),
    Habit("nn.Hardswish()(y)", "y * mt.clip(y + 3, 0, 6) / 6"),
    Habit("nn.Hardsigmoid()(y)", "mt.clip(y + 3, 0, 6) / 6"),
    Habit("nn.Tanhshrink()(y)", "y - mt.tanh(y)"),
    Habit("nn.GLU()(y)", "y[:, :2] * mt.sigmoid(y[:, 2:])"),
    Habit("nn.MaxPool1d(2)(signal)", "mt.max_pool2d(signal[..., None], (2, 1))[..., 0]"),
    Habit("nn.AvgPool1d(2)(signal)", "mt.avg_pool2d(signal[..., None], (2, 1))[..., 0]"),
    Habit("nn.AdaptiveAvgPool1d(1)(signal)", "signal.mean(axis=-1, keepdims=True)"),
    Habit("nn.AdaptiveMaxPool2d(1)(image)", "image.max(axis=(2, 3), keepdims=True)"),
    Habit("nn.ZeroPad2d(1)(image)", "mt.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)))"),
    Habit("nn.Unflatten(1, (2, 2))(x)", "x.reshape(4, 2, 2)"),
    Habit("nn.CosineSimilarity()(x, y)", "(x * y).sum(axis=1) / (mt.l2_norm(x, axis=1) * mt.l2_norm(y, axis=1))"),
    Habit("nn.KLDivLoss(reduction='sum')(y, p)", "mt.sum(p * (mt.log(p) - y))"),
    Habit("nn.Conv3d(2, 3, 3)", NO_COUNTERPART, ONE_OR_TWO),
    Habit("nn.MaxPool3d(2)", NO_COUNTERPART, ONE_OR_TWO),
    Habit("nn.AvgPool3d(2)", NO_COUNTERPART, ONE_OR_TWO),
    Habit("nn.ConvTranspose1d(2, 3, 3)", NO_COUNTERPART, ENLARGE),
    Habit("nn.ConvTranspose2d(2, 3, 3)", NO_COUNTERPART, ENLARGE),
    Habit(
        "nn.ParameterList()",
        NO_COUNTERPART,
        "make each parameter an attribute: setattr(self, f'w{i}', nn.Parameter(…))",
    ),
    Habit("nn.Transformer()", NO_COUNTERPART, ATTENTION),
    Habit("nn.TransformerEncoder", NO_COUNTERPART, ATTENTION),
    Habit("nn.TransformerEncoderLayer(8, 2)", NO_COUNTERPART, ATTENTION),
    Habit("nn.TransformerDecoderLayer(8, 2)", NO_COUNTERPART, ATTENTION),
    Habit("nn.LazyLinear(10)", "nn.Linear(4, 10)", "with the number of features that come in"),
    Habit("net.cuda()", why=ON_THE_CPU),
    Habit("net.compile()", "mt.compile(net)", "which returns a function, and leaves the net as it is"),
    Habit("net.share_memory()", why=READ_ONLY),
    Habit("net.flatten_parameters()", why=MEMORY),
    Habit("net.get_parameter('weight')", "dict(net.named_parameters())['weight']"),
    Habit("net.get_submodule('')", "dict(net.named_modules())['']"),
    Habit("net.register_forward_pre_hook(f)", NO_COUNTERPART, "net.register_forward_hook sees the inputs too"),
    Habit("net.register_full_backward_hook(f)", NO_COUNTERPART, GRADIENT),
    Habit(
        "F.batch_norm(x, None, None, training=True)", "mt.batch_norm(x, mt.ones(4), mt.zeros(4))", "or nn.BatchNorm1d"
    ),
    Habit("F.instance_norm(image)", "mt.instance_norm(image)"),
    Habit("F.pad(x, (1, 2))", "mt.pad(x, ((0, 0), (1, 2)))", "as in NumPy: a pair for each axis, from the first"),
    Habit("F.one_hot(labels, 3)", "mt.eye(3)[labels]"),
    Habit("F.normalize(x, dim=1)", "x / mt.l2_norm(x, axis=1, keepdims=True)"),
    Habit("F.cosine_similarity(x, y)", "(x * y).sum(axis=1) / (mt.l2_norm(x, axis=1) * mt.l2_norm(y, axis=1))"),
    Habit("F.interpolate(image, scale_factor=2)", "mt.repeat(mt.repeat(image, 2, axis=2), 2, axis=3)"),
    Habit("F.softmin(x, dim=1)", "mt.softmax(-x, axis=1)"),
    Habit("F.relu6(y)", "mt.clip(y, 0, 6)"),
    Habit("F.hardtanh(y)", "mt.clip(y, -1, 1)"),
    Habit("F.softsign(y)", "y / (1 + abs(y))"),
    Habit("F.mish(y)", "y * mt.tanh(mt.softplus(y))"),
    Habit("F.glu(y)", "y[:, :2] * mt.sigmoid(y[:, 2:])"),
    Habit("F.max_pool1d(signal, 2)", "mt.max_pool2d(signal[..., None], (2, 1))[..., 0]"),
    Habit("F.adaptive_max_pool2d(image, 1)", "image.max(axis=(2, 3), keepdims=True)"),
    Habit("F.dropout2d(image)", "nn.Dropout2d()(image)"),
    Habit("F.conv_transpose2d(image, image)", NO_COUNTERPART, ENLARGE),
    Habit("F.kl_div(y, p, reduction='sum')", "mt.sum(p * (mt.log(p) - y))"),
    # ---------------------------------------------------------------------------------------------- data and training
    Habit("optim.LBFGS(net.parameters())", NO_COUNTERPART, OPTIMIZERS),
    Habit("optim.Adagrad(net.parameters())", NO_COUNTERPART, OPTIMIZERS),
    Habit("optim.NAdam(net.parameters())", NO_COUNTERPART, OPTIMIZERS),
    Habit("optim.RAdam(net.parameters())", NO_COUNTERPART, OPTIMIZERS),
    Habit("optim.Adadelta(net.parameters())", NO_COUNTERPART, OPTIMIZERS),
    Habit("optim.Adamax(net.parameters())", NO_COUNTERPART, OPTIMIZERS),
    Habit("optim.Rprop(net.parameters())", NO_COUNTERPART, OPTIMIZERS),
    Habit(
        "optim.lr_scheduler.ExponentialLR(o, 0.9).get_last_lr()",
        "optim.lr_scheduler.LambdaLR(o, lambda k: 0.9**k).get_last_lr()",
        about="ExponentialLR",
    ),
    Habit("optim.lr_scheduler.LinearLR(o)", NO_COUNTERPART, SCHEDULES, "LinearLR"),
    Habit("optim.lr_scheduler.OneCycleLR(o, 0.1)", NO_COUNTERPART, SCHEDULES, "OneCycleLR"),
    Habit("optim.lr_scheduler.CyclicLR(o, 0.1, 1)", NO_COUNTERPART, SCHEDULES, "CyclicLR"),
    Habit("optim.lr_scheduler.SequentialLR", NO_COUNTERPART, SCHEDULES, "SequentialLR"),
    Habit(
        "optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 5)", NO_COUNTERPART, SCHEDULES, "CosineAnnealingWarmRestarts"
    ),
    Habit("data.WeightedRandomSampler", NO_COUNTERPART, ANY_ORDER),
    Habit("data.SubsetRandomSampler", NO_COUNTERPART, ANY_ORDER),
    Habit("data.ConcatDataset", NO_COUNTERPART, "mt.cat the arrays, or give a list of all samples"),
    Habit("data.IterableDataset", NO_COUNTERPART, "give mt.data.DataLoader a list of the samples"),
    Habit("data.RandomSampler(x)", "mt.data.DataLoader(x, shuffle=True)"),
    # ------------------------------------------------------------------------------------------------------ settings
    Habit("torch.zeros(3, device='cpu')", "mt.zeros(3)", ON_THE_CPU, "device="),
    Habit("x.to('cpu', non_blocking=True)", "x", ON_THE_CPU, "non_blocking="),
    Habit("torch.exp(v, out=v)", "mt.exp(v)", "values are never changed in place", "out="),
    Habit("torch.split(x, split_size_or_sections=2)", "mt.split(x, len(x) // 2)", "", "split_size_or_sections="),
    Habit("nn.Conv2d(2, 3, 3, padding_mode='reflect')", NO_COUNTERPART, "mt.pad the input first", "padding_mode="),
    Habit("torch.sort(x, descending=True).values", "mt.flip(mt.sort(x), axis=-1)", "", "descending="),
    Habit(
        "loss.backward(retain_graph=True)", "loss.backward()", "a graph lives as long as its result", "retain_graph="
    ),
    Habit("loss.backward(create_graph=True)", "mt.grad(loss, [x], create_graph=True)", "", "create_graph="),
    Habit("torch.autograd.grad(loss, x, allow_unused=True)", "mt.grad(loss, x)", "None is unused", "allow_unused="),
    Habit("data.DataLoader(x, num_workers=4)", "", ONE_PROCESS, "num_workers="),
    Habit("data.DataLoader(x, prefetch_factor=2)", "", ONE_PROCESS, "prefetch_factor="),
    Habit("data.DataLoader(x, persistent_workers=True)", "", ONE_PROCESS, "persistent_workers="),
    Habit("data.DataLoader(x, worker_init_fn=f)", "", ONE_PROCESS, "worker_init_fn="),
    Habit("data.DataLoader(x, pin_memory=True)", "", ON_THE_CPU, "pin_memory="),
    Habit("data.DataLoader(x, sampler=i.tolist())", "mt.data.DataLoader(x[i])", "or shuffle=True", "sampler="),
    Habit(
        "data.DataLoader(x, collate_fn=f)",
        NO_COUNTERPART,
        "samples are stacked; map a function over batches",
        "collate_fn=",
    ),
    Habit("nn.MSELoss(size_average=False)(x, y)", "nn.MSELoss(reduction='sum')(x, y)", "", "size_average="),
    Habit("nn.MSELoss(reduce=False)(x, y)", "nn.MSELoss(reduction='none')(x, y)", "", "reduce="),
    Habit("optim.Adam(net.parameters(), foreach=True)", why="it always does", about="foreach="),
    Habit("optim.Adam(net.parameters(), fused=True)", why="it always does", about="fused="),
    Habit("torch.load('net.pt', map_location='cpu')", "mt.load('net.safetensors')", ON_THE_CPU, "map_location="),
    Habit(
        "torch.load('net.pt', weights_only=True)",
        "mt.load('net.safetensors')",
        "it holds nothing else",
        "weights_only=",
    ),
)

DIFFERENCES: tuple[Habit, ...] = (
    Habit("x.transpose(0, 1)", "x.swapaxes(0, 1)", "transpose takes the order of all axes"),
    Habit("x.repeat(2, 1)", "mt.tile(x, (2, 1))", "repeat repeats each element"),
    Habit("torch.max(x, 1).values", "mt.max(x, axis=1)", "max is the maximum alone"),
    Habit("torch.max(x, 1).indices", "mt.argmax(x, axis=1)", "max is the maximum alone"),
    Habit("torch.sort(x).values", "mt.sort(x)", "sort gives the values alone"),
    Habit("torch.split(x, 2)", "mt.split(x, len(x) // 2)", "split takes the number of parts"),
    Habit("x.std()", "x.std(correction=1)", "the correction is 0"),
    Habit("x.var()", "x.var(correction=1)", "the correction is 0"),
    Habit("torch.equal(x, y)", "np.array_equal(x, y)", "equal compares element by element"),
)
"""Lines that run here as they stand, with NumPy's meaning instead of PyTorch's."""


@cache
def _by_name() -> dict[str, list[Habit]]:
    found: dict[str, list[Habit]] = {}
    for habit in HABITS:
        found.setdefault(habit.name, []).append(habit)
    return found


def missing(owner: str, name: str, obj: object, where: str) -> AttributeError:
    """The error for an attribute that is not there, with what to write instead if that is known.

    Python itself adds the nearest name when it shows an uncaught one, because it is told where to look.

    >>> print(missing("'Tensor' object", "cuda", None, "x"))
    'Tensor' object has no attribute 'cuda'. PyTorch's x.cuda() has no meaning here: everything runs on the CPU
    """
    hint = ""
    if not name.startswith("_"):
        alike = _by_name().get(name, [])
        found = next((habit for habit in alike if habit.theirs.startswith(f"{where}.")), alike[0] if alike else None)
        hint = str(found) if found else _elsewhere(name, where)
    return AttributeError(f"{owner} has no attribute {name!r}{'. ' if hint else ''}{hint}", name=name, obj=obj)


def _elsewhere(name: str, where: str) -> str:
    """Where else a name is known: a function that was called as a method, a method as a function, an op in place."""
    package = sys.modules[__name__.partition(".")[0]]
    public = dir(package)
    plain = name.removesuffix("_")
    if plain != name and (plain in public or hasattr(package.Tensor, plain)):
        way = f"mt.{plain}(x)" if plain in public else f"x.{plain}()"
        return f"Values are never changed in place: x.assign_({way}), if x is a leaf"
    if name in public and (where == "x" or not isinstance(getattr(package, name), type)):
        return f"It is mt.{name}({'x' if where == 'x' else ''})"
    if where in ("torch", "F") and hasattr(package.Tensor, name):
        return f"It is a method of tensors: x.{name}()"
    if where == "x" and hasattr(np.ndarray, name):
        return f"NumPy's x.{name} is x.numpy().{name} here, outside the graph"
    rooms = {room: sys.modules.get(f"{package.__name__}.{room}") for room in ("nn", "optim", "data")}
    return next((f"It is mt.{room}.{name}" for room, module in rooms.items() if name in dir(module)), "")


class Absent:
    """An attribute that others have and a Tensor has not: it is not there, and its error says what to write.

    So would ``__getattr__``, but with it Python 3.11 takes ten times longer for every attribute that *is* there.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, obj: object, kind: type) -> Any:
        if obj is not None:
            raise missing(f"{kind.__name__!r} object", self._name, obj, "x")
        raise AttributeError(f"type object {kind.__name__!r} has no attribute {self._name!r}", name=self._name)


def known_elsewhere(kind: type, public: Iterable[str]) -> set[str]:
    """The names that `missing` has a hint for, and that a kind of arrays has not, given those of public functions."""
    own = {*dir(kind)}
    names = {*_by_name(), *dir(np.ndarray), *public, *(f"{name}_" for name in (*public, *own))} - own
    return {name for name in names if name.isidentifier() and name[0] != "_"}


RENAMED: Mapping[str, tuple[str, ...]] = {
    "dim": ("axis", "axes"),
    "dims": ("axes", "axis"),
    "keepdim": ("keepdims",),
    "gradient": ("upstream",),
    "grad_outputs": ("upstream",),
    "size": ("shape",),
    "steps": ("num",),
    "end": ("stop",),
    "diagonal": ("k",),
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
        if given and not known.issuperset(given):
            called = f"{type(args[0]).__name__}." if function.__name__ == "__init__" else ""
            listed = [p.name for p in parameters if p.name != "self"]
            given = understood(called + function.__name__, listed, given)
            if several in given:
                args += (given.pop(several),)
        return function(*args, **given)

    return cast(F, call)


class OfItsAxis(Protocol[P]):
    """A method with a setting ``axis``, as type checkers see it: PyTorch's names of the settings serve too."""

    @overload
    def __call__(self, /, *operands: P.args, **settings: P.kwargs) -> Result: ...
    @overload
    def __call__(self, /, dim: Axis = ..., keepdim: bool = ...) -> Result: ...


class OfAnAxis(Protocol[P]):
    """A function with a setting ``axis``, likewise; if it is an op of the table, ``op`` is its row."""

    __name__: str
    op: Any

    @overload
    def __call__(self, /, *operands: P.args, **settings: P.kwargs) -> Result: ...
    @overload
    def __call__(self, x: Operand, /, dim: Axis = ..., keepdim: bool = ...) -> Result: ...

    def __get__(self: OfAnAxis[Concatenate[Any, Q]], instance: Any, owner: Any = None) -> OfItsAxis[Q]: ...


def along(function: Callable[P, Result]) -> OfAnAxis[P]:
    """The function itself, of which type checkers learn that it takes PyTorch's names of an axis."""
    return cast("OfAnAxis[P]", function)
