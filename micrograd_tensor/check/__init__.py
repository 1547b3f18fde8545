"""Check: is a gradient right? The engine's own rules (`gradcheck`), and derivations made by hand (`compare`).

Next to these: `assert_gradients` for tests, `mutation_score` for the tests themselves, `generic_point` for where to
compare, `invariants` for what needs no right gradient, and `run` to call a backward pass and keep what it computed.
"""

from .compare import *
from .found import *
from .gradcheck import *
from .invariants import *
from .mutation.score import *
from .point import *
from .report import *
from .running import *
