"""Train a small net on handwritten digits, with batch normalization and, beside it, without.

    python examples/train_digits.py                      # a fully connected net, a few seconds
    python examples/train_digits.py --model cnn          # a convolutional one, a minute
    python examples/train_digits.py --resume digits-mlp.safetensors

Ctrl-C writes a checkpoint and says how to go on. At the end there is a picture beside the checkpoint: loss, accuracy,
and the mean and spread of what goes into every activation. It needs ``pip install 'micrograd-tensor[train]'``.

The nets and the data are in `micrograd_tensor.training.digits`, the loop in `micrograd_tensor.training.run`; the
command ``micrograd-tensor train digits`` runs the same.
"""

from __future__ import annotations

import argparse
import sys

from micrograd_tensor.cli.train import add_options
from micrograd_tensor.cli.unusable import UnusableError


def main() -> int:
    """Run the script; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_options(parser)
    given = parser.parse_args()
    try:
        status: int = given.run(given)
    except UnusableError as error:
        print(f"train_digits: {error}", file=sys.stderr)
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main())
