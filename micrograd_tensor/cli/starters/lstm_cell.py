"""One step of an LSTM: what the cell forgets, takes in and lets out.

Replace every None in `backward` by the gradient of that stage, in plain NumPy, and check as often as you like:

    micrograd-tensor check lstm_cell.py
    micrograd-tensor check lstm_cell.py --hints 1    # only where it is wrong; 2: what kind

Each stage is judged by what you wrote before it, so one mistake does not make the later stages wrong. A stage that
is still None counts as not given.
"""

import numpy as np

import micrograd_tensor as mt


def inputs(seed=0):
    """The point at which the gradients are compared; the upstream gradient dout is drawn at random."""
    rng = np.random.default_rng(seed)
    N, I, H = 7, 5, 3  # samples, input features, hidden features
    return {
        "x": rng.normal(size=(N, I)),
        "h": rng.normal(size=(N, H)),
        "c": rng.normal(size=(N, H)),
        "w_input": rng.normal(size=(I, 4 * H)) / 2,
        "w_hidden": rng.normal(size=(H, 4 * H)) / 2,
        "bias": rng.normal(size=4 * H),
    }


def forward(x, h, c, w_input, w_hidden, bias):
    """The forward pass, on Tensors. Each name is a stage: its gradient is called d + name."""
    H = h.shape[1]
    # (7, 5) @ (5, 12).
    from_input = (x @ w_input).named("from_input")
    # (7, 3) @ (3, 12): the shapes leave little choice of what to transpose.
    from_hidden = (h @ w_hidden).named("from_hidden")
    both = (from_input + from_hidden).named("both")
    # bias (12,) serves every sample.
    sums = (both + bias).named("sums")
    # Each gate reads its own quarter of sums: in which order?
    input_sum = sums[:, :H].named("input_sum")
    forget_sum = sums[:, H : 2 * H].named("forget_sum")
    candidate_sum = sums[:, 2 * H : 3 * H].named("candidate_sum")
    output_sum = sums[:, 3 * H :].named("output_sum")
    input_gate = mt.sigmoid(input_sum).named("input_gate")
    forget_gate = mt.sigmoid(forget_sum).named("forget_gate")
    # The derivative of tanh is known by its own value.
    candidate = mt.tanh(candidate_sum).named("candidate")
    # The derivative of the sigmoid is known by its own value too.
    output_gate = mt.sigmoid(output_sum).named("output_gate")
    kept = (forget_gate * c).named("kept")
    taken_in = (input_gate * candidate).named("taken_in")
    c_next = (kept + taken_in).named("c_next")
    # The derivative of tanh is known by its own value.
    squashed = mt.tanh(c_next).named("squashed")
    h_next = (output_gate * squashed).named("h_next")
    # dout (7, 6) is that of h_next and that of c_next, side by side.
    return mt.concatenate([h_next, c_next], axis=1).named("out")


def backward(dout, cache):
    """The backward pass, on plain arrays: from dout back to the inputs. `cache` holds all values by their names."""
    H = cache["h"].shape[1]
    return locals()
