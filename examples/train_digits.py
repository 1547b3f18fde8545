"""Train a small net on handwritten digits, with batch normalization and, for comparison, without.

    python examples/train_digits.py                      # a fully connected net, a few seconds
    python examples/train_digits.py --model cnn          # a convolutional one, a minute
    python examples/train_digits.py --resume digits-mlp.safetensors

Ctrl-C writes a checkpoint and prints how to resume. At the end a picture is written next to the checkpoint: loss,
accuracy, and mean and spread of every activation's input. It needs ``pip install 'micrograd-tensor[train]'``.

The nets and the data are in `micrograd_tensor.training.digits`, the loop in `micrograd_tensor.training.run`; the
command ``micrograd-tensor train digits`` does the same.
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
