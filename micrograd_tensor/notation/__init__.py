"""Notation: what a recorded graph says, as formulas, as local rules of its edges, and as lines of NumPy.

Nothing here knows a derivative, nor any op by its name. Formulas are the templates of the table of primitives, and a
rule is what the ops say that the backward pass recorded, so neither can disagree with the code that ran.
"""

from .latex import *
from .local_rules import *
from .mathml import *
from .names import *
from .numbers import *
from .numpy import *
from .one_line import *
from .printable import *
from .typeset import *
from .unicode import *
