"""An independent reader of formulas whose axes go by name: arrays are aligned by their labels, not by position."""

import math
import re

import numpy as np
from reading import COMPARING, RAISED, UNARY, number

RAISED_SIGNS = "²³⁴⁵⁶⁷⁸⁹ᵀ"
TOKEN = re.compile(rf"(\d+(?:\.\d+)?(?:e−?\d+)?|[½¼π∞]|[^\W\d{RAISED_SIGNS}ΣΠ][^\W{RAISED_SIGNS}]*′*|.)")


class Labelled:
    """An array with a label for each axis; None for an axis of length 1."""

    def __init__(self, value, labels):
        self.value, self.labels = np.asarray(value), tuple(labels)
        assert self.value.ndim == len(self.labels)

    def spread(self, labels):
        """The array with an axis for each of these labels, of length 1 where it has none."""
        own = [k for k, label in enumerate(self.labels) if label is not None]
        plain = self.value.reshape([self.value.shape[k] for k in own])
        kept = [self.labels[k] for k in own]
        plain = plain.transpose([kept.index(label) for label in labels if label in kept])
        return plain.reshape(
            [plain.shape[[x for x in labels if x in kept].index(k)] if k in kept else 1 for k in labels]
        )


class OneHot(Labelled):
    """1 where an index is what is given, along the axis that what it meets has besides."""

    def along(self, other):
        (label,) = {label for label in other.labels if label} - set(self.labels)
        n = other.value.shape[other.labels.index(label)]
        labels = [*(label for label in self.labels if label), label]
        return Labelled(self.spread(labels) == np.arange(n), labels)


def together(function, a, b):
    """An elementwise function of two arrays."""
    a, b = (x.along(y) if isinstance(x, OneHot) else x for x, y in ((a, b), (b, a)))
    longest_first = sorted((a, b), key=lambda x: -len([label for label in x.labels if label]))
    labels = list(dict.fromkeys(label for x in longest_first for label in x.labels if label))
    return Labelled(function(a.spread(labels), b.spread(labels)), labels)


def goes_on(c):
    """Whether a name does not end before this character."""
    return c == "′" or (c not in RAISED_SIGNS and (c.isalnum() or c == "_"))


class Reader:
    """Reads one formula."""

    def __init__(self, text, names):
        known = sorted(names, key=len, reverse=True)
        self.tokens, i = [], 0
        while i < len(text):
            if text[i] == " ":
                i += 1
                continue
            name = next((n for n in known if text.startswith(n, i) and not goes_on(text[i + len(n) :][:1])), None)
            match = TOKEN.match(text, i)
            found = name or match[1]
            i = i + len(name) if name else match.end()
            self.tokens.append(found)
        self.names, self.place = names, 0

    def take(self, *signs):
        if self.place < len(self.tokens) and self.tokens[self.place] in signs:
            self.place += 1
            return self.tokens[self.place - 1]
        return None

    def whole(self):
        value = self.comparison()
        assert self.place == len(self.tokens), f"{self.tokens[self.place :]} is left over of {self.tokens}"
        return value

    def comparison(self):
        left = self.sum()
        sign = self.take(*COMPARING)
        return together(COMPARING[sign], left, self.sum()) if sign else left

    def sum(self):
        left = self.negative(self.product()) if self.take("−") else self.product()
        while sign := self.take("+", "−"):
            function = np.add if sign == "+" else lambda a, b: np.subtract(a * 1.0, b)
            left = together(function, left, self.product())
        return left

    @staticmethod
    def negative(x):
        return Labelled(-1.0 * x.value, x.labels)

    def product(self):
        left = self.prefixed()
        if self.take("@"):
            right = self.prefixed()
            k = right.labels[max(len(right.labels) - 2, 0)]
            assert left.labels[-1] == k, "the axes that meet are the same"
            return Labelled(left.value @ right.value, (*left.labels[:-1], *right.labels[-1:] * (len(right.labels) > 1)))
        while sign := self.take("·", "/"):
            left = together(np.multiply if sign == "·" else np.true_divide, left, self.prefixed())
        return left

    def prefixed(self):
        if self.take("√"):
            x = self.postfixed(self.atom())
            return Labelled(np.sqrt(x.value), x.labels)
        if self.take("Σ"):
            if self.take("("):
                return self.reduced(np.sum, *self.arguments())
            x = self.atom()
            return Labelled(x.value.sum(), ())
        return self.postfixed(self.atom())

    def postfixed(self, x):
        while self.place < len(self.tokens):
            if self.take("ᵀ"):
                order = [*range(x.value.ndim - 2), x.value.ndim - 1, x.value.ndim - 2]
                x = Labelled(x.value.transpose(order), [x.labels[k] for k in order])
            elif sign := self.take(*RAISED):
                x = Labelled(x.value ** RAISED[sign], x.labels)
            else:
                break
        return x

    def arguments(self):
        values = [self.comparison()]
        labels = []
        while self.take(","):
            if self.tokens[self.place] in self.names and self.tokens[self.place + 1] in ("·", "/", "@", "+", "("):
                values.append(self.comparison())
            elif self.tokens[self.place + 1] in (",", ")"):
                labels.append(self.tokens[self.place])
                self.place += 1
            else:
                values.append(self.comparison())
        assert self.take(")")
        return values, labels

    @staticmethod
    def reduced(function, values, labels):
        (x,) = values
        axes = tuple(x.labels.index(label) for label in labels) if labels else None
        kept = [label for k, label in enumerate(x.labels) if axes is not None and k not in axes]
        return Labelled(function(x.value, axis=axes), kept)

    def atom(self):
        word = self.tokens[self.place]
        self.place += 1
        if word in self.names:
            return self.names[word]
        if word == "(":
            value = self.comparison()
            assert self.take(")")
            return value
        if word[0].isdigit() or word in "½¼π∞":
            value = number(word)
            return Labelled(value * math.pi if word != "π" and self.take("π") else value, ())
        assert self.take("("), f"{word} of {self.tokens}"
        values, labels = self.arguments()
        if word in ("mean", "max", "min"):
            return self.reduced({"mean": np.mean, "max": np.max, "min": np.min}[word], values, labels)
        if word == "softmax":
            (x,) = values
            powers, axis = np.exp(x.value), x.labels.index(labels[0])
            return Labelled(powers / powers.sum(axis=axis, keepdims=True), x.labels)
        if word == "concat":
            axis = values[0].labels.index(labels[0])
            first = list(values[0].labels)
            return Labelled(np.concatenate([v.spread(first) for v in values], axis=axis), first)
        if word == "onehot":
            return OneHot(values[0].value, values[0].labels)
        return Labelled(UNARY[word](values[0].value), values[0].labels)


def read(text, names):
    """The value of a formula, from arrays with labels by name."""
    return Reader(text, names).whole()
