"""``python -m micrograd_tensor``: the command without its launcher."""

import sys

from .cli import main

sys.exit(main())
