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
    from_input = (x @ w_input).named("from_input")
    from_hidden = (h @ w_hidden).named("from_hidden")
    both = (from_input + from_hidden).named("both")
    sums = (both + bias).named("sums")
    input_sum = sums[:, :H].named("input_sum")
    forget_sum = sums[:, H : 2 * H].named("forget_sum")
    candidate_sum = sums[:, 2 * H : 3 * H].named("candidate_sum")
    output_sum = sums[:, 3 * H :].named("output_sum")
    input_gate = mt.sigmoid(input_sum).named("input_gate")
    forget_gate = mt.sigmoid(forget_sum).named("forget_gate")
    candidate = mt.tanh(candidate_sum).named("candidate")
    output_gate = mt.sigmoid(output_sum).named("output_gate")
    kept = (forget_gate * c).named("kept")
    taken_in = (input_gate * candidate).named("taken_in")
    c_next = (kept + taken_in).named("c_next")
    squashed = mt.tanh(c_next).named("squashed")
    h_next = (output_gate * squashed).named("h_next")
    return mt.concatenate([h_next, c_next], axis=1).named("out")


def backward(dout, cache):
    """The backward pass, on plain arrays: from dout back to the inputs. `cache` holds all values by their names."""
    x, h, c = cache["x"], cache["h"], cache["c"]
    w_input, w_hidden = cache["w_input"], cache["w_hidden"]
    input_gate, forget_gate = cache["input_gate"], cache["forget_gate"]
    candidate, output_gate, squashed = cache["candidate"], cache["output_gate"], cache["squashed"]
    H = h.shape[1]

    # out = h_next and c_next, side by side: dout (7, 6) is theirs, side by side.
    dh_next = None  # (7, 3) gradient of h_next

    # h_next = output_gate * squashed
    dsquashed = None  # (7, 3) gradient of squashed
    doutput_gate = None  # (7, 3) gradient of output_gate

    # c_next is used twice: in out, and in squashed = tanh(c_next). tanh's derivative is known by its own value.
    dc_next = None  # (7, 3) gradient of c_next

    # c_next = kept + taken_in
    dtaken_in = None  # (7, 3) gradient of taken_in
    dkept = None  # (7, 3) gradient of kept

    # taken_in = input_gate * candidate
    dcandidate = None  # (7, 3) gradient of candidate
    dinput_gate = None  # (7, 3) gradient of input_gate

    # kept = forget_gate * c
    dforget_gate = None  # (7, 3) gradient of forget_gate
    dc = None  # (7, 3) gradient of c

    # output_gate = sigmoid(output_sum), candidate = tanh(candidate_sum), forget_gate and input_gate are sigmoids.
    # The sigmoid's derivative is known by its own value too.
    doutput_sum = None  # (7, 3) gradient of output_sum
    dcandidate_sum = None  # (7, 3) gradient of candidate_sum
    dforget_sum = None  # (7, 3) gradient of forget_sum
    dinput_sum = None  # (7, 3) gradient of input_sum

    # Each gate reads its own quarter of sums: in which order?
    dsums = None  # (7, 12) gradient of sums

    # sums = both + bias. bias (12,) serves every sample.
    dbias = None  # (12,) gradient of bias
    dboth = None  # (7, 12) gradient of both

    # both = from_input + from_hidden
    dfrom_hidden = None  # (7, 12) gradient of from_hidden
    dfrom_input = None  # (7, 12) gradient of from_input

    # from_hidden = h @ w_hidden: (7, 3) @ (3, 12). The shapes leave little choice of what to transpose.
    dw_hidden = None  # (3, 12) gradient of w_hidden
    dh = None  # (7, 3) gradient of h

    # from_input = x @ w_input: (7, 5) @ (5, 12)
    dw_input = None  # (5, 12) gradient of w_input
    dx = None  # (7, 5) gradient of x
    return locals()
