"""Roles: what a parameter is by its name: labels, weights, a bias, a stride, or else an input."""

from __future__ import annotations

import re

_ROLES = (
    ("groups", r"G|(?i:groups?|(n|num)_?groups|(n|num)_?heads?|heads|reduction(_?ratio)?)"),
    ("labels", r"(?i)y|ys|labels?|targets?|idx|ids|t|y_?(true|b|batch)|truth|captions?|y_?one_?hot|one_?hot"
     r"|tokens?(_?ids)?|ind(ices|ex)|words|actuals?|expected|desired|gt|ground_?truth|y_?train|segment_?ids|actions?"),
    ("one for each", r"(?i)same|similar|adv(antages?)?|rewards?|returns?|sample_?weights?"),
    ("input", r"[QKVqkv]|quer(y|ies)|keys?|values?"),
    ("weights 1", r"(?i)w_?1"),
    ("bias 1", r"(?i)b_?1"),
    ("weights 2", r"(?i)w_?2"),
    ("bias 2", r"(?i)b_?2"),
    ("gamma", r"(?i)gammas?|betas?|scale|shift|g|gain|bet|gam"
     r"|(ln|bn|norm)_?\d*_?(g(amma)?|b(eta)?|w(eight)?|scale|shift|bias)"),
    ("bias", r"(?i)b|bias(es)?|b_?\w|b_?[ih][ih]|intercepts?"),
    ("input weights", r"(?i)w_?(x|i|xh|ih)"),
    ("hidden weights", r"(?i:w_?(h|hh))|U_?[a-z]"),
    ("hidden state", r"(?i:(prev_?|last_?|pre)?h_?(0|prev|in)?|(prev_?|last_?)c|c_?(0|prev|in))|a_?(0|prev)"),
    ("weights", r"(?i)w_?\w*|((class(es)?|cls|label)_?)?weights?|theta|kernels?|filters?|f|coefs?|coefficients?"
     r"|cent(er|re|roid)s|prototypes?|codebook|anchors"),
    ("parameters", r"(?i).*param(s|eters)?|config|cfg|conf"),
    ("step", r"(?i)strides?|steps?|s"),
    ("dilation", r"(?i)dilat(ion|ed?)s?"),
    ("padding", r"(?i)pad(ding)?|p"),
    ("sizes", r"(?i)(pool_?)?(size|height|width|k(ernel)?_?size|h|w)"),
    ("mask", r"(?i)(\w+_)?masks?"),
    ("eps", r"(?i)eps(ilon)?"),
    ("rate", r"(?i)reg(ularization)?|lam(bda|bd)?_?|l2(_?(reg|lambda))?|weight_?decay"
     r"|(keep_?|drop_?(out_?)?)?(prob|rate)|(keep|drop)_?p|drop(out)?_?p?"),
    ("training", r"(?i)(is_?)?training(_?mode)?|is_?train|train_?mode"),
    ("generator", r"(?i)p?rng|(random_?)?generator|random_state"),
    ("number", r"a|c|k|(?i:alpha|slope|negative_?slope|leak|temp(erature)?|tau|delta|margin)"),
)  # fmt: skip
"""What a parameter is, by its name; anything else is an input."""


def role_of(name: str) -> str:
    """What a parameter is by its name alone.

    >>> role_of("x"), role_of("stride"), role_of("pool_param")
    ('input', 'step', 'parameters')
    """
    return next((role for role, pattern in _ROLES if re.fullmatch(pattern, name)), "input")


def is_known(name: str) -> bool:
    """Whether a name tells what something is.

    >>> is_known("q"), is_known("x")
    (True, False)
    """
    return any(re.fullmatch(pattern, name) for _, pattern in _ROLES)


def is_parameter(name: str) -> bool:
    """Whether something is called as what a layer learns: weights, a bias, γ.

    >>> is_parameter("gamma"), is_parameter("W1"), is_parameter("running_mean")
    (True, True, False)
    """
    role = role_of(name.strip("_"))
    return any(what in role for what in ("weights", "bias", "gamma"))


def is_labels(name: str) -> bool:
    """Whether something is called as what a loss compares with.

    >>> is_labels("y_true"), is_labels("y_pred")
    (True, False)
    """
    return role_of(name) == "labels"


def is_state(name: str) -> bool:
    """Whether something is called as a state of a recurrence; all of these have one shape.

    >>> is_state("h_prev"), is_state("c0"), is_state("h")
    (True, True, True)
    """
    return role_of(name) == "hidden state"


def is_groups(name: str) -> bool:
    """Whether something is called as a number of groups, or of heads, that a length is divided into.

    >>> is_groups("G"), is_groups("num_heads"), is_groups("stride")
    (True, True, False)
    """
    return role_of(name) == "groups"
