"""Module: named parameters, buffers and submodules, and a forward pass that composes recorded ops.

Parameters, buffers and submodules are ordinary attributes; the order in which they are first set is the order of
`state_dict` too. No module has a gradient rule of its own: whatever `forward` records can be differentiated as it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from ..engine.errors import DTypeError
from ..engine.interop.habits import keywords, missing
from ..engine.interop.pytorch import target_dtype
from ..engine.recording import record_all, recording, scope
from ..engine.table.elementwise import zeros_like
from ..engine.tensor import Tensor, convert, tensor
from ..engine.trace import goes_by
from .module_path import key, not_entered
from .parameter import Parameter
from .state import Keys, load

__all__ = ["Module"]


class Handle(NamedTuple):
    """What `Module.register_forward_hook` returns: the module, and the number of the hook there."""

    module: Module
    number: int

    def remove(self) -> None:
        """Call the hook no more."""
        hooks = self.module._forward_hooks
        self.module._forward_hooks = {number: hook for number, hook in hooks.items() if number != self.number}


def _is_named_data(x: Any) -> bool:
    """Whether something is a leaf with a name that asks for no gradient."""
    return isinstance(x, Tensor) and x.op is None and x.name is not None and not x.requires_grad


class Module:
    """The base of all layers and nets. A subclass calls ``super().__init__()``, sets attributes, and writes `forward`.

    Calling a module runs `forward` in a scope named after its path: the class's name in lower case for the outermost
    module, then the names of the attributes, such as ``net/norm1``. Parameters are named as in `state_dict`.

    Of plain data an op is recorded only where it meets a parameter. Data that were given a name are there to be seen:
    what a module that is learning computes from them is recorded from the first op on, and so is in every picture.

    Attributes:
        training: the mode, on which dropout and batch normalization depend; see `train` and `eval`.

    >>> import micrograd_tensor as mt
    >>> class Net(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.slope = Parameter([2.0, 3.0])
    ...
    ...     def forward(self, x):
    ...         return x * self.slope
    >>> net = Net()
    >>> y = net(mt.tensor([10.0, 10.0]))
    >>> y, y.scope.path
    (tensor([20., 30.], op=mul), 'net')
    """

    shown: ClassVar[tuple[str, ...]] = ()
    """The attributes that `repr` shows."""

    training: bool
    _path: tuple[str, ...]
    _scope: scope
    _buffers: dict[str, bool]
    _forward_hooks: Mapping[int, Callable[[Any, tuple[Any, ...], Any], Any]] = MappingProxyType({})

    if not TYPE_CHECKING:  # or it would believe in any name

        def __getattr__(self, name: str) -> Any:
            raise missing(f"{type(self).__name__!r} object", name, self, "net")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls) and cls.__module__.startswith(f"{__package__}."):
            setattr(cls, "__init__", keywords(vars(cls)["__init__"]))  # noqa: B010 -- a type checker minds the other way

    def __init__(self) -> None:
        path = (type(self).__name__.lower(),)
        vars(self).update(training=True, _path=path, _scope=scope(path[-1]), _buffers={})

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """What the module computes; every subclass writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(); write one that composes ops")

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """Run `forward` in the scope of this module's path."""
        now, path = recording.get(), self._path
        if now.on and not now.record_all and any(map(_is_named_data, inputs)) and self._is_learning():
            with record_all():
                return self(*inputs, **settings)
        at = now.scope
        if now.trace is not None:
            goes_by(self, partial(tuple, vars(self).values()))
        if at is None if len(path) == 1 else at is not None and at.name == path[-2]:
            with self._scope:
                result = self.forward(*inputs, **settings)
        else:
            with ExitStack() as stack:
                for name in not_entered(path, at):
                    stack.enter_context(scope(name))
                result = self.forward(*inputs, **settings)
        for hook in tuple(self._forward_hooks.values()):
            changed = hook(self, inputs, result)
            result = result if changed is None else changed
        return result

    def _is_learning(self) -> bool:
        return any(p.requires_grad for p in self.parameters())

    def register_forward_hook(self, hook: Callable[[Any, tuple[Any, ...], Any], Any]) -> Handle:
        """Call ``hook(module, inputs, result)`` after every forward pass; what it returns, unless None, is the result.

        Returns:
            A handle, whose ``remove()`` ends it.

        >>> from micrograd_tensor import nn
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> handle = net[0].register_forward_hook(lambda module, inputs, result: print(result.shape))
        >>> _ = net([[1.0, 2.0]])
        (1, 3)
        >>> handle.remove()
        """
        handle = Handle(self, max(self._forward_hooks, default=-1) + 1)
        self._forward_hooks = {**self._forward_hooks, handle.number: hook}
        return handle

    # ------------------------------------------------------------------------------------------------ attributes

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Module)) and "_path" not in vars(self):
            raise AttributeError(f"{type(self).__name__}.{name}: call super().__init__() before setting it")
        if isinstance(vars(self).get(name), Parameter) and not (value is None or isinstance(value, Parameter)):
            raise TypeError(
                f"{type(self).__name__}.{name} is a parameter and cannot become {type(value).__name__}; "
                f"give it a new value with {name}.assign_(…)"
            )
        object.__setattr__(self, name, value)
        if isinstance(value, Module):
            value._move((*self._path, name))
        elif isinstance(value, Parameter):
            value.name = value.name or key(self._path, name)

    def register_buffer(self, name: str, value: Any, persistent: bool = True) -> None:
        """Make a tensor that is state but not learned, such as a running mean, an attribute.

        Args:
            name: the attribute's name.
            value: a Tensor, an array or numbers; or None, for a buffer that is not used.
            persistent: whether `state_dict` holds it.
        """
        self._buffers[name] = persistent
        setattr(self, name, None if value is None else tensor(value, name=key(self._path, name)))

    def register_parameter(self, name: str, value: Parameter | None) -> None:
        """Set a parameter by name, as ``module.name = value`` does."""
        setattr(self, name, value)

    def add_module(self, name: str, module: Module | None) -> None:
        """Set a submodule by name, as ``module.name = value`` does."""
        setattr(self, name, module)

    def named(self, name: str) -> Self:
        """Name the outermost scope, instead of after the class; returns the module itself.

        >>> class Net(Module):
        ...     pass
        >>> Net().named("encoder")._path
        ('encoder',)
        """
        self._move((*self._path[:-1], name))
        return self

    def _move(self, path: tuple[str, ...]) -> None:
        """Move to this path, with everything below; names that a user gave to parameters stay."""
        before, self._path, self._scope = self._path, path, scope(path[-1])
        for name, value in vars(self).items():
            if isinstance(value, Module):
                value._move((*path, name))
            elif isinstance(value, Tensor) and value.name == key(before, name):
                value.name = key(path, name)

    # ------------------------------------------------------------------------------------------- walks over the tree

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct submodules, with the names of their attributes."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def children(self) -> Iterator[Module]:
        """The direct submodules."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """The module and all below it, parents before children, by dotted names; shared ones once."""
        seen: set[Module] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if module in seen and remove_duplicate:
                continue
            seen.add(module)
            yield name, module
            below = [(f"{name}.{child}" if name else child, value) for child, value in module.named_children()]
            stack.extend(reversed(below))

    def modules(self) -> Iterator[Module]:
        """The module and all below it; shared ones once."""
        return (module for _, module in self.named_modules())

    def _members(
        self, kept: Callable[[Module], Iterator[tuple[str, Any]]], prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
            for name, value in kept(module):
                if id(value) not in seen or not remove_duplicate:
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters of this module and, unless ``recurse=False``, of all below it, by dotted names.

        >>> from micrograd_tensor.nn import Linear, Sequential
        >>> [(name, p.shape) for name, p in Sequential(Linear(2, 3)).named_parameters()]
        [('0.weight', (3, 2)), ('0.bias', (3,))]
        """
        yield from self._members(_parameters, prefix, recurse, remove_duplicate)
        if recurse:
            self._warn_of_what_is_not_learned()

    def _warn_of_what_is_not_learned(self) -> None:
        """Name the plain lists, dicts and Tensors whose values look learned, but are no part of the module."""
        plain = [(m, name, x) for m in self.modules() for name, x in vars(m).items() if type(x) in _INSTEAD]
        for module, name, value in plain:
            items = value.values() if isinstance(value, dict) else [value] if isinstance(value, Tensor) else value
            found = [x for x in items if isinstance(x, (Module, Tensor))]
            if not found or name in module._buffers:
                continue
            known = {*self.modules(), *(p for m in self.modules() for _, p in _parameters(m))}
            if any(x not in known and (isinstance(x, Module) or (x.requires_grad and x.is_leaf)) for x in found):
                kind = type(value)
                warnings.warn(
                    f"{type(module).__name__}.{name} is a plain {kind.__name__}, so nothing learns it; "
                    f"make it an {_INSTEAD[kind] if isinstance(found[0], Module) else 'nn.Parameter'}",
                    stacklevel=4,
                )

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, unless ``recurse=False``, of all below it; shared ones once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers, persistent or not, by dotted names."""
        return self._members(_buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, persistent or not; shared ones once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call a function with every module below, children first, then with this one; returns the module itself."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    # ------------------------------------------------------------------------------------------------ modes and state

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below it to training, or with False to evaluation; returns the module itself."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation: dropout drops nothing, batch normalization uses its running statistics."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Turn gradients of all parameters on or off; returns the module itself."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    @keywords
    def to(self, *targets: Any, dtype: Any = None, device: Any = None) -> Self:
        """Convert the floating-point parameters and buffers, and their gradients, in place; returns the module itself.

        Args:
            targets: a dtype, a Tensor of that dtype, or ``"cpu"``, where everything is anyway.
            dtype: likewise.
            device: likewise.

        Raises:
            DTypeError: for a device other than the CPU, and for a dtype that is not floating-point.

        >>> from micrograd_tensor import nn
        >>> nn.Linear(2, 3).to("float64").weight.dtype
        dtype('float64')
        """
        wanted = target_dtype((*targets, dtype, device), None)
        if wanted is None:
            return self
        if wanted.kind not in "fc":
            raise DTypeError(f"{type(self).__name__}.to({wanted}): parameters are floating-point; give such a dtype")
        convert([x for x in (*self.parameters(), *self.buffers()) if x.dtype.kind in "fc"], wanted)
        return self

    def cpu(self) -> Self:
        """The module itself: everything runs on the CPU."""
        return self

    def type(self, dtype: Any) -> Self:
        """As `to`."""
        return self.to(dtype)

    def half(self) -> Self:
        """Convert parameters and buffers to float16, as `to`."""
        return self.to("float16")

    def float(self) -> Self:
        """Convert parameters and buffers to float32, as `to`."""
        return self.to("float32")

    def double(self) -> Self:
        """Convert parameters and buffers to float64, as `to`."""
        return self.to("float64")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters, or with ``set_to_none=False`` set the existing ones to zero."""
        for p in self.parameters():
            p.grad = None if set_to_none or p.grad is None else tensor(zeros_like(p.grad))

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters and persistent buffers by PyTorch's dotted names: their current values, without history.

        Nothing is copied, since values never change in place: later training gives the module new arrays.
        """
        return {name: value.detach() for name, value in self._state()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Keys:
        """Assign the values of a `state_dict`: Tensors or arrays by name, each converted to the dtype of its target.

        Args:
            state_dict: what `state_dict` gave, this module's or PyTorch's.
            strict: whether missing or unexpected names are an error.

        Returns:
            The ``missing_keys`` and ``unexpected_keys``.

        Raises:
            ValueError: for missing or unexpected names, all of them in one message.
            ShapeError: likewise, if shapes are wrong too.
            DTypeError: for values that are not numbers, or complex ones for a real target.

        After an error, or Ctrl-C, nothing has changed.
        """
        return load(type(self).__name__, dict(self._state()), state_dict, strict)

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        return self._members(_kept, "", recurse=True, remove_duplicate=False)

    # ----------------------------------------------------------------------------------------------------------- text

    def extra_repr(self) -> str:
        """The settings that `repr` shows between the parentheses."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.shown)

    def __repr__(self) -> str:
        children = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        return "\n".join([f"{type(self).__name__}({self.extra_repr()}", *children, ")"])


_INSTEAD = {list: "nn.ModuleList", tuple: "nn.ModuleList", dict: "nn.ModuleDict", Tensor: "nn.Parameter"}


def _parameters(module: Module) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in vars(module).items() if isinstance(value, Parameter))


def _buffers(module: Module) -> Iterator[tuple[str, Any]]:
    found = ((name, vars(module).get(name)) for name in module._buffers)
    return ((name, value) for name, value in found if value is not None)


def _kept(module: Module) -> Iterator[tuple[str, Any]]:
    yield from _parameters(module)
    yield from ((name, value) for name, value in _buffers(module) if module._buffers[name])
