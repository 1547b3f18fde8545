"""``python -m micrograd_tensor.cli``: the command without its launcher."""

import sys

from .main import main

sys.exit(main())
