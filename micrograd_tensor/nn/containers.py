"""Containers: modules in sequence, in a list, and in a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from .module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


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
            raise _no_module(self, module)
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Append modules; returns the container itself."""
        for module in modules:
            self.append(module)
        return self


def _no_module(container: Module, given: Any) -> TypeError:
    called, way = type(container).__name__, ""
    if isinstance(given, (list, tuple)):
        way = f"; give modules one by one, with a star: {called}(*layers)"
    elif isinstance(given, type):
        way = f"; make one: {given.__name__}(…)"
    elif callable(given):
        way = "; write a small Module around the function"
    return TypeError(f"{called}: {given!r:.60} is not a Module but {type(given).__name__}{way}")


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


class ModuleDict(Module):
    """Modules by name, which a forward pass may call in any way, as `torch.nn.ModuleDict`.

    Args:
        modules: a mapping, or pairs, of names and modules.

    Raises:
        TypeError: for anything but a Module.

    >>> from micrograd_tensor import nn
    >>> heads = nn.ModuleDict({"mean": nn.Linear(2, 1), "scale": nn.Linear(2, 1, bias=False)})
    >>> list(heads), [name for name, _ in heads.named_parameters()]
    (['mean', 'scale'], ['mean.weight', 'mean.bias', 'scale.weight'])
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        super().__init__()
        self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add the modules of a mapping, or of pairs of names and modules."""
        for name, module in dict(modules).items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(module, Module):
            raise _no_module(self, module)
        if name not in self and hasattr(self, name):
            raise KeyError(f"ModuleDict: {name!r} is the name of an attribute; choose another")
        setattr(self, name, module)

    def __getitem__(self, name: str) -> Any:
        return dict(self.named_children())[name]

    def __delitem__(self, name: str) -> None:
        _ = self[name]  # a KeyError, if there is none
        delattr(self, name)

    def __contains__(self, name: str) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[str]:
        """The names, in the order in which they were added."""
        return [name for name, _ in self.named_children()]

    def values(self) -> list[Module]:
        """The modules."""
        return list(self.children())

    def items(self) -> list[tuple[str, Module]]:
        """Pairs of a name and a module."""
        return list(self.named_children())
