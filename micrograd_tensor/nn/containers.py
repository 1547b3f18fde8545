"""Containers: modules in sequence, and modules in a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from .module import Module

__all__ = ["ModuleList", "Sequential"]


class _Numbered(Module):
    """Modules with the names 0, 1, 2, …, or names of their own."""

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Any:
        found = list(self.children())[index]
        return type(self)(*found) if isinstance(found, list) and isinstance(self, Sequential) else found

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, list(dict(self.named_children()))[index], module)

    def append(self, module: Module) -> Self:
        """Append a module; returns the container itself."""
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}: {module!r:.60} is not a Module but {type(module).__name__}")
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Append modules; returns the container itself."""
        for module in modules:
            self.append(module)
        return self


class Sequential(_Numbered):
    """Applies modules one after the other, as `torch.nn.Sequential`.

    Args:
        modules: the modules in order, or one mapping from names to modules.

    Raises:
        TypeError: for anything but a Module; wrap a function in a small Module.

    >>> import micrograd_tensor as mt
    >>> from micrograd_tensor import nn
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> net(mt.tensor([[1.0, 2.0, 3.0, 4.0]])).shape
    (1, 3)
    >>> net
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=3, bias=True)
    )
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            self.extend(modules)

    def forward(self, x: Any) -> Any:
        """Apply every module to the previous one's result."""
        for module in self.children():
            x = module(x)
        return x


class ModuleList(_Numbered):
    """A list of modules, which a forward pass may call in any way, as `torch.nn.ModuleList`.

    Args:
        modules: the modules in order.

    >>> from micrograd_tensor import nn
    >>> layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    >>> len(layers), [name for name, _ in layers[0].named_parameters()]
    (3, ['weight', 'bias'])
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)
