"""One step of an LSTM: what the cell forgets, takes in and lets out."""

import numpy as np

import micrograd_tensor as mt


def inputs(seed=0):
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
    x, h, c = cache["x"], cache["h"], cache["c"]
    w_input, w_hidden = cache["w_input"], cache["w_hidden"]
    input_gate, forget_gate = cache["input_gate"], cache["forget_gate"]
    candidate, output_gate, squashed = cache["candidate"], cache["output_gate"], cache["squashed"]
    H = h.shape[1]

    # out = h_next and c_next, side by side
    dh_next = dout[:, :H]

    # h_next = output_gate * squashed
    dsquashed = dh_next * output_gate
    doutput_gate = dh_next * squashed

    # c_next goes into out and, squashed, into h_next
    dc_next = dout[:, H:] + dsquashed * (1 - squashed**2)

    # c_next = kept + taken_in
    dtaken_in = dc_next
    dkept = dc_next

    # taken_in = input_gate * candidate
    dcandidate = dtaken_in * input_gate
    dinput_gate = dtaken_in * candidate

    # kept = forget_gate * c
    dforget_gate = dkept * c
    dc = dkept * forget_gate

    # the gates: sigmoid and tanh
    doutput_sum = doutput_gate * output_gate * (1 - output_gate)
    dcandidate_sum = dcandidate * (1 - candidate**2)
    dforget_sum = dforget_gate * forget_gate * (1 - forget_gate)
    dinput_sum = dinput_gate * input_gate * (1 - input_gate)

    # each gate reads its own quarter of sums
    dsums = np.concatenate([dinput_sum, dforget_sum, dcandidate_sum, doutput_sum], axis=1)

    # sums = both + bias
    dbias = np.sum(dsums, axis=0)
    dboth = dsums

    # both = from_input + from_hidden
    dfrom_hidden = dboth
    dfrom_input = dboth

    # from_hidden = h @ w_hidden
    dw_hidden = h.T @ dfrom_hidden
    dh = dfrom_hidden @ w_hidden.T

    # from_input = x @ w_input
    dw_input = x.T @ dfrom_input
    dx = dfrom_input @ w_input.T
    return locals()
