"""The random programs that the algebra and the engine are tested with serve here too.

Kernels are run by Python, which takes no time to compile them; `test_numba` compares a few with what compilers make.
But each must be of what `assembly` reads.
"""

import sys
from pathlib import Path

import pytest

from micrograd_tensor.compile import kernels, numba_source
from micrograd_tensor.compile.assembly import assembly

for folder in ("algebra", "engine", "optim", "nn"):
    sys.path.append(str(Path(__file__).parents[1] / folder))


def read(text, name, kind, arrays):
    assembly(text, kind, arrays)
    return kernels.interpreted(text, name, kind, arrays)


@pytest.fixture(autouse=True)
def _interpreted(request, monkeypatch):
    if "test_numba" not in request.node.nodeid:
        monkeypatch.setattr(numba_source, "compiled", read)


@pytest.fixture(params=["numba", "c"])
def backend(request):
    """Each backend that launches kernels."""
    request.getfixturevalue("c_compiler") if request.param == "c" else pytest.importorskip("numba")
    return request.param
