"""An independent reader of what notation prints: Unicode, MathML and LaTeX back to numbers, sharing no code with it.

A text becomes tokens; what a layout already encloses, such as a fraction, is a token with a value. One parser reads the
tokens of all three languages.
"""

import math
import re
from xml.etree import ElementTree

import numpy as np


class UnreadableError(ValueError):
    """The text is no formula."""


UNARY = {
    **{name: getattr(np, name) for name in ("exp", "expm1", "log1p", "log2", "log10", "sign", "isfinite")},
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "arcsin", "arccos", "arctan")},
    **{name: getattr(np, name) for name in ("sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh")},
    **{name: getattr(np, name) for name in ("floor", "ceil", "trunc", "rint")},
    "ln": np.log,
    "σ": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "stop": lambda x: x,
    "erfc": lambda x: np.vectorize(math.erfc, otypes=[float])(x) if np.size(x) else np.asarray(x),
    "erf": lambda x: np.vectorize(math.erf, otypes=[float])(x) if np.size(x) else np.asarray(x),
}
DTYPE = re.compile(r"(float|int|uint|complex|bool)\d*$")
REDUCING = {"Σ": np.sum, "Π": np.prod, "mean": np.mean, "max": np.max, "min": np.min}
PREFIXES = {"√": np.sqrt, "~": np.invert}
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", range(10), strict=True))
COMPARING = {
    ">": np.greater,
    "≥": np.greater_equal,
    "<": np.less,
    "≤": np.less_equal,
    "=": np.equal,
    "≠": np.not_equal,
}
WORD = re.compile("[^\\W\\d²³⁴⁵⁶⁷⁸⁹ᵀΣΠ][^\\W²³⁴⁵⁶⁷⁸⁹ᵀ]*")
INT = r"−?\d+"
NESTED = rf"\((?:{INT}|\((?:{INT}, )*{INT},?\))(?:, (?:{INT}|\((?:{INT}, )*{INT},?\)))*,?\)"
WORDS = re.compile(
    rf"axes \d+(?:, \d+)*|axis {INT}|no axis|kept|(?:size|stride|dilation|shape) (?:{NESTED}|\(\))|\d+(?: \d+)+|"
    rf"constant(?: {NESTED})?"
)
SUBSCRIPTS = re.compile(r"[\w.]*(?:,[\w.]*)*(?:→[\w.]*)?(?=, )")
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e−?\d+)?|½|¼|π|∞|NaN|True|False|None|ln 2")
CONSTANTS = {
    "½": 0.5,
    "¼": 0.25,
    "π": math.pi,
    "∞": math.inf,
    "NaN": math.nan,
    "True": True,
    "False": False,
    "None": None,
    "ln 2": math.log(2),
}


def number(text):
    if text in CONSTANTS:
        return CONSTANTS[text]
    text = text.replace("−", "-")
    return int(text) if text.isdigit() else float(text)


def tokens_of_text(text, names):
    """Of a line of Unicode: words in argument places, names, numbers and signs."""
    known = sorted(names, key=len, reverse=True)
    found, i = [], 0
    while i < len(text):
        if text[i] == " ":
            found.append(("space", " "))
            i += 1
            continue
        starts_argument = text[:i].endswith((", ", "(")) or not i
        if text[:i].endswith("einsum(") and found[-1] == ("sign", "(") and (m := SUBSCRIPTS.match(text, i)):
            found.append(("words", m[0]))
            i = m.end()
            continue
        if starts_argument and (m := WORDS.match(text, i)):
            found.append(("words", m[0]))
            i = m.end()
            continue
        if text[:i].endswith(", ") and (m := re.compile(rf"{NESTED}(?=[,)])|\(\)").match(text, i)):
            found.append(("words", m[0]))
            i = m.end()
            continue
        if m := re.compile(rf"constant(?: {NESTED})?").match(text, i):
            found.append(("words", m[0]))
            i = m.end()
            continue
        name = next((n for n in known if text.startswith(n, i) and not _goes_on(text, i, n)), None)
        if name is not None:
            found.append(("name", name))
            i += len(name)
            continue
        for kind, pattern in (("number", NUMBER), ("name", WORD)):
            if m := pattern.match(text, i):
                found.append((kind, m[0]))
                i = m.end()
                break
        else:
            found.append(("sign", "..." if text.startswith("...", i) else text[i]))
            i += len(found[-1][1])
    return found


def _goes_on(text, i, name):
    end = text[i + len(name) : i + len(name) + 1]
    return name[-1].isalnum() and (end.isalnum() or end == "_") and end not in "²³⁴⁵⁶⁷⁸⁹ᵀ"


def counted(value):
    """Truth is 1 where it is added up."""
    return value * 1 if np.asarray(value).dtype.kind == "b" else value


class Reader:
    """Reads one list of tokens, and evaluates it on arrays by name.

    Attributes:
        largest: the largest number that came up, which rounding is measured by.
    """

    def __init__(self, tokens, names, constants=()):
        self.tokens, self.names = [], names
        self.constants = constants if isinstance(constants, list) else list(constants)  # each is shown once
        for token in tokens:
            if token[0] == "words" and self.tokens and self.tokens[-1][1] in ("size", "stride", "dilation", "shape"):
                self.tokens[-1] = ("words", f"{self.tokens[-1][1]} {token[1]}")
            elif token[0] != "space":
                self.tokens.append(token)
        self.place, self.largest = 0, 0.0

    def peek(self, *signs):
        kind, text = self.tokens[self.place] if self.place < len(self.tokens) else ("end", "")
        return kind == "sign" and text in signs

    def take(self, *signs):
        if self.peek(*signs):
            self.place += 1
            return self.tokens[self.place - 1][1]
        return None

    def must(self, sign):
        if not self.take(sign):
            raise UnreadableError(f"{sign} is due at {self.place} of {self.tokens}")

    def whole(self):
        value = self.expression()
        if self.place < len(self.tokens):
            raise UnreadableError(f"{self.tokens[self.place]} is left over of {self.tokens}")
        return value

    def seen(self, value):
        array = np.asarray(value)
        if array.dtype.kind in "iufc" and array.size:
            size = np.abs(array[np.isfinite(array)]).max(initial=0.0)
            self.largest = max(self.largest, float(size))
        return value

    # ------------------------------------------------------------------------------------- from loose to tight

    def expression(self):
        left = self.either()
        if sign := self.take(*COMPARING):
            left = COMPARING[sign](left, self.either())
        return left

    def either(self):
        left = self.both()
        while self.take("|"):
            left = np.bitwise_or(left, self.both())
        return left

    def both(self):
        left = self.sum()
        while self.take("&"):
            left = np.bitwise_and(left, self.sum())
        return left

    def sum(self):
        left = np.negative(counted(self.product())) if self.take("−") else self.product()
        while sign := self.take("+", "−"):
            left, right = counted(left), counted(self.product())
            left = self.seen(left + right if sign == "+" else left - right)
        return left

    def product(self):
        left = self.prefixed()
        if self.take("@"):
            left = self.seen(np.matmul(left, self.prefixed()))
            if self.peek("@", "·", "/"):
                raise UnreadableError("@ stands beside another product")
            return left
        while sign := self.take("·", "/"):
            right = self.prefixed()
            if self.peek("@"):
                raise UnreadableError("@ stands beside another product")
            left = self.seen(left * right if sign == "·" else np.true_divide(left, right))
        return left

    def prefixed(self):
        if sign := self.take(*PREFIXES):
            return self.seen(PREFIXES[sign](self.prefixed() if sign == "~" else self.atom()))
        if self.peek("Σ", "Π"):
            sign = self.take("Σ", "Π")
            if self.take("("):
                value, settings = self.arguments(reduce=True)
                return self.postfixed(self.seen(REDUCING[sign](value[0], **settings)))
            return self.seen(REDUCING[sign](self.atom()))
        if self.tokens[self.place : self.place + 1] and self.tokens[self.place][0] == "under":
            return self.under()
        return self.postfixed(self.atom())

    def under(self):
        sign, text = self.tokens[self.place][1]
        self.place += 1
        if sign in "ΣΠ":
            return self.seen(REDUCING[sign](self.atom(), **axes(text.split(", kept")[0]), keepdims="kept" in text))
        self.must("(")
        value, settings = self.arguments(sign)
        return self.postfixed(self.seen(self.call(sign, value, {**settings, **_settings(text)})))

    def postfixed(self, value):
        while True:
            if self.take("ᵀ"):
                value = np.swapaxes(value, -1, -2)
            elif self.peek(*RAISED):
                power = int("".join(str(RAISED[d]) for d in iter(lambda: self.take(*RAISED), None)))
                value = self.seen(value ** np.asarray(power, getattr(value, "dtype", None)))
            elif self.take("^"):
                value = self.seen(np.power(value, self.atom()))
            elif self.take("["):
                value = np.asarray(value)[self.index()]
            else:
                return value

    def index(self):
        parts = []
        if self.take("("):
            self.must(")")
        while not self.take("]"):
            parts.append(self.index_part())
            self.take(",")
        return tuple(parts)

    def index_part(self):
        if self.take("..."):
            return ...
        if self.tokens[self.place] == ("number", "None"):
            self.place += 1
            return None
        ends, colons = [None], 0
        while not self.peek(",", "]"):
            if self.take(":"):
                ends.append(None)
                colons += 1
            else:
                value = self.sum()
                ends[-1] = int(value) if np.ndim(value) == 0 and not isinstance(value, bool) else value
        return slice(*ends) if colons else ends[0]

    def atom(self):
        if self.place >= len(self.tokens):
            raise UnreadableError(f"it ends too early: {self.tokens}")
        kind, text = self.tokens[self.place]
        self.place += 1
        if kind == "value":
            return text
        if kind == "number":
            value = number(text)
            if self.tokens[self.place : self.place + 1] == [("number", "π")] and text != "π":
                self.place += 1
                return value * math.pi
            return value
        if kind == "words" and text.startswith("constant"):
            return self.constants.pop(0)
        if kind == "words" and DTYPE.match(text):
            kind = "name"
        if (kind, text) == ("sign", "("):
            value = self.expression()
            self.must(")")
            return value
        if (kind, text) == ("sign", "|"):
            value = np.abs(self.sum())
            self.must("|")
            return value
        if (kind, text) == ("sign", "["):
            self.place -= 1
            listed = np.array(self.listed())
            return listed if listed.size else listed.astype(int)
        if kind == "under":
            self.place -= 1
            return self.under()
        if kind == "name" and text in self.names and not self.peek("("):
            return self.names[text]
        if kind in ("name", "sign"):
            self.must("(")
            value, settings = self.arguments(text)
            return self.seen(self.call(text, value, settings))
        raise UnreadableError(f"{text!r} is no operand in {self.tokens}")

    def listed(self):
        if self.take("["):
            parts = []
            while not self.take("]"):
                parts.append(self.listed())
                self.take(",")
            return parts
        sign = -1 if self.take("−") else 1
        self.place += 1
        value = number(self.tokens[self.place - 1][1])
        return sign * value if not isinstance(value, bool) else value

    # ------------------------------------------------------------------------------------------------- functions

    def arguments(self, name="", reduce=False):
        """Operands, and what is said beside them, up to the closing parenthesis."""
        values, settings = [], {}
        while not self.take(")"):
            kind, text = self.tokens[self.place]
            if kind == "words" and not text.startswith("constant") and not DTYPE.match(text):
                self.place += 1
                settings |= _settings(text)
            elif name == "put" and self.take("["):
                settings["index"] = self.index()
            else:
                values.append(self.expression())
            if not self.peek(")"):
                self.must(",")
        if reduce:
            settings.setdefault("axis", None)
        return values, settings

    def call(self, name, values, settings):
        axis, shape = settings.get("axis"), settings.get("tuple")
        x = values[0] if values else None
        if name in UNARY and not settings:
            return UNARY[name](*values)
        if name in ("max", "min") and len(values) == 2:
            return (np.maximum if name == "max" else np.minimum)(*values)
        if DTYPE.match(name):
            return np.asarray(x).astype(
                x.dtype if np.asarray(x).dtype.kind in "fc" and name[:3] in ("flo", "com") else name
            )
        if name in REDUCING:
            return REDUCING[name](x, axis=axis, keepdims=settings.get("keepdims", False))
        one = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis or None
        simple = {
            "where": lambda: np.where(*values),
            "clip": lambda: np.clip(*values),
            "cumsum": lambda: np.cumsum(x, axis=one),
            "copy": lambda: np.broadcast_to(x, shape),
            "reshape": lambda: np.reshape(x, shape),
            "squeeze": lambda: np.squeeze(x, axis=axis),
            "expand": lambda: np.expand_dims(x, axis),
            "permute": lambda: np.transpose(x, settings.get("order", tuple(values[1:]))),
            "flip": lambda: np.flip(x, axis),
            "tril": lambda: np.tril(*values),
            "triu": lambda: np.triu(*values),
            "arctan2": lambda: np.arctan2(*values),
            "logaddexp": lambda: np.logaddexp(*values),
            "hypot": lambda: np.hypot(*values),
            "floor_divide": lambda: np.floor_divide(*values),
            "mod": lambda: np.remainder(*values),
            "fmod": lambda: np.fmod(*values),
            "argmax": lambda: np.argmax(x, axis=one, keepdims=settings.get("keepdims", False)),
            "argmin": lambda: np.argmin(x, axis=one, keepdims=settings.get("keepdims", False)),
            "argsort": lambda: np.argsort(x, axis=-1 if axis is None else one, kind="stable"),
            "take": lambda: np.take_along_axis(x, values[1], one),
            "concat": lambda: np.concatenate(values, axis=0 if axis is None else one),
            "einsum": lambda: np.einsum(settings["order"].replace("→", "->"), *values),
        }
        if name in simple:
            return simple[name]()
        if name == "pad":
            width = shape if shape is not None else values[1]
            return np.pad(x, width, constant_values=values[-1] if len(values) > 1 + (shape is None) else 0)
        if name == "put":
            full = np.zeros(shape, np.result_type(x))
            if axis is None:
                np.add.at(full, settings["index"], x)
                return full
            places = list(np.ix_(*map(np.arange, shape)))
            places[one] = np.array(settings["index"]) if "index" in settings else values[1]
            np.add.at(full, tuple(places), x)
            return full
        if name in ("windows", "put_windows"):
            return windows(name, x, axis, settings)
        raise UnreadableError(f"no function is called {name}")


def windows(name, x, axis, settings):
    size = settings["size"] if name == "windows" else x.shape[: len(settings["shape"])]
    lengths = settings.get("shape")
    rank = len(size)
    settings = {"stride": (1,) * rank, "dilation": (1,) * rank, **settings}
    ndim = np.ndim(x) if name == "windows" else np.ndim(x) - rank
    axes_ = tuple(range(ndim - rank, ndim)) if axis is None else axis
    if name == "windows":
        lengths = tuple(x.shape[a] for a in axes_)
    counts = [
        (n - (s - 1) * d - 1) // t + 1
        for n, s, t, d in zip(lengths, size, settings["stride"], settings["dilation"], strict=True)
    ]
    if name == "put_windows":
        shape = list(x.shape[rank:])
        for a, n in zip(axes_, lengths, strict=True):
            shape[a] = n
        full = np.zeros(shape, x.dtype)
    found = []
    for offset in np.ndindex(*size):
        index = [slice(None)] * ndim
        for a, o, n, t, d in zip(axes_, offset, counts, settings["stride"], settings["dilation"], strict=True):
            index[a] = slice(o * d, o * d + (n - 1) * t + 1, t)
        if name == "put_windows":
            full[tuple(index)] += x[offset]
        else:
            found.append(x[tuple(index)])
    return full if name == "put_windows" else np.reshape(np.stack(found), (*size, *found[0].shape))


def axes(text):
    if text in ("", "kept"):
        return {"axis": None}
    return {"axis": () if text == "no axis" else tuple(int(n.replace("−", "-")) for n in re.findall(INT, text))}


def _settings(text):
    """What one argument in words says."""
    word, _, rest = text.partition(" ")
    if ", kept" in text:
        return {**_settings(text.removesuffix(", kept")), "keepdims": True}
    if text == "kept":
        return {"keepdims": True}
    if word in ("axis", "axes") or text == "no axis":
        return axes(text)
    if word in ("size", "stride", "dilation", "shape"):
        return {word: _tuple(rest)}
    if text.startswith("("):
        return {"tuple": _tuple(text)}
    return {"order": text if not text.replace(" ", "").isdigit() else tuple(map(int, text.split()))}


def _tuple(text):
    if not re.fullmatch(r"[\d(),− ]*", text):
        raise UnreadableError(f"{text!r} is no tuple")
    return eval(text.replace("−", "-"))  # noqa: S307 -- digits, commas and parentheses only


def read(text, names, constants=()):
    """The value of a line of Unicode, and the largest number that came up in it."""
    reader = Reader(tokens_of_text(text, names), names, constants)
    return reader.whole(), reader.largest


# ------------------------------------------------------------------------------------------------- MathML and LaTeX


def read_mathml(text, names, constants=()):
    """Of an equation the left side as shown, its sign, and the value of its right side."""
    root = ElementTree.fromstring(text)  # noqa: S314 -- this package wrote it
    constants = list(constants)
    flat = _flat(root, names, constants)
    k = next(i for i, token in enumerate(flat) if token in (("sign", "="), ("sign", "+=")))
    reader = Reader(flat[k + 1 :], names, constants)
    return reader.whole(), reader.largest


def _flat(element, names, constants):
    """The tokens of an element; what its layout encloses is evaluated."""
    text = (element.text or "").replace("∑", "Σ").replace("∏", "Π")

    def value(child):
        return Reader(_flat(child, names, constants), names, constants).whole()

    if element.tag in ("math", "mrow"):
        return [token for child in element for token in _flat(child, names, constants)]
    if element.tag == "mfrac":
        above, below = ("".join(part.itertext()) for part in element)
        if above == "∂L" and below.startswith("∂"):
            return [("name", above + below)]
        return [("value", np.true_divide(value(element[0]), value(element[1])))]
    if element.tag == "msqrt":
        inner = [token for child in element for token in _flat(child, names, constants)]
        return [("value", np.sqrt(Reader(inner, names, constants).whole()))]
    if element.tag == "msup":
        if element[1].tag == "mi" and element[1].text == "T":
            return [("value", np.swapaxes(value(element[0]), -1, -2))]
        base, power = value(element[0]), value(element[1])
        return [("value", np.power(base, np.asarray(power, getattr(base, "dtype", None))))]
    if element.tag in ("munder", "msub"):
        sign = "".join(element[0].itertext()).replace("∑", "Σ").replace("∏", "Π")
        return [("under", (sign, element[1].text))]
    if element.tag == "mn":
        return [("number", text)]
    if element.tag == "mi":
        return [("number", text)] if text in CONSTANTS and text not in names else [("name", text)]
    if element.tag == "mtext":
        return _place_tokens(text)
    return [("sign", text)]


def _place_tokens(text):
    """Words; of a part of an index its signs."""
    if text.startswith("copy("):
        return tokens_of_text(text, {})
    if not text or re.search(r",\S|→", text):
        return [("words", text)]
    if text in CONSTANTS:
        return [("number", text)]
    if re.fullmatch(r"(?:[−\d:.\[\], ]|True|False)*|None", text) and not re.fullmatch(r"\d+( \d+)+", text):
        return tokens_of_text(text, {})
    return [("words", text)]


LATEX = re.compile(
    r"\\frac|\\tfrac\{1\}\{[24]\}|\\sqrt|\\operatorname\{(?P<fn>[^}]*)\}|"
    r"\\(?:mathit|textit)\{(?P<it>(?:\\[a-z]+\{\}|\\.|[^}])*)\}|"
    r"\\text\{(?P<text>(?:\\.|[^}])*)\}|\\math(?:bin|rel)\{(?P<bin>[^}]*)\}|\\left|\\right|\\ln 2|"
    r"\\(?P<accent>hat|tilde|bar|dot|ddot|vec)\{(?P<letter>[^}]*)\}|"
    r"(?P<gradient>d\\(?:alpha|beta|gamma|sigma|mu|epsilon)(?![a-z]))|\\[a-z]+|"
    r"\d+(?:\.\d+)?|\S",
    re.IGNORECASE,
)
MACROS = {r"\cdot": "·", r"\ge": "≥", r"\le": "≤", r"\ne": "≠", r"\lnot": "~", r"\sum": "Σ", r"\prod": "Π", "-": "−"}


class _Latex:
    """LaTeX to tokens."""

    def __init__(self, text, names, constants):
        self.parts = list(LATEX.finditer(text))
        self.names, self.constants, self.k = names, list(constants), 0

    def next(self):
        self.k += 1
        return self.parts[self.k - 1]

    def looking_at(self, text):
        return self.k < len(self.parts) and self.parts[self.k][0] == text

    def group(self):
        """The tokens within braces."""
        assert self.next()[0] == "{"
        return self.tokens()

    def value(self, tokens):
        return Reader(tokens, self.names, self.constants).whole()

    def tokens(self):
        found = []
        while self.k < len(self.parts):
            match = self.next()
            text = match[0]
            if text == "}":
                break
            if text == "{":
                found.extend(self.base(self.tokens()))
            elif text == "^" and found[-1][0] == "name":
                found[-1] = ("name", found[-1][1] + self.raised())
            elif text == "^":
                power = self.value(self.group())  # of ten
                found[-1] = ("value", float(f"{self.value(found[-1:])}e{power}".replace("10e", "1e")))
            elif text == r"\frac":
                start = self.parts[self.k].start()
                above, below = self.group(), self.group()
                shown = self.parts[0].string[start : self.parts[self.k - 1].end()]
                if m := re.fullmatch(r"\{\\partial L\}\{\\partial (.*)\}", shown):
                    found.append(("name", f"∂L∂{_plain(m[1])}"))
                else:
                    found.append(("value", np.true_divide(self.value(above), self.value(below))))
            elif text == r"\sqrt":
                found.append(("value", np.sqrt(self.value(self.group()))))
            elif text.startswith(r"\tfrac"):
                found.append(("value", 1 / int(text[-2])))
            elif text == r"\times":
                found.append(("sign", "·"))
            elif match["it"] is not None:
                found.append(("name", _plain(text) + (self.subscript() if self.looking_at("_") else "")))
            elif match["gradient"] is not None:
                found.append(("name", f"d{text[2:]}"))
            elif match["accent"] is not None:
                found.append(("name", _plain(match["letter"]) + ACCENTS[match["accent"]]))
            elif match["text"] is not None:
                found.extend(_place_tokens(plain_words(match["text"])))
            elif match["bin"] is not None:
                found.append(("sign", match["bin"].replace("\\", "").replace("+", "+=")))
                if match["bin"] == "+":
                    self.next()
            elif match["fn"] is not None or text in (r"\exp", r"\sin", r"\cos", r"\tanh", r"\max", r"\min", r"\ln"):
                name = ("name", (match["fn"] or text[1:]).replace("\\_", "_"))
                found.append(self.under(name[1]) if self.looking_at("_") else name)
            elif text in (r"\sum", r"\prod"):
                found.append(self.under(MACROS[text]) if self.looking_at("_") else ("sign", MACROS[text]))
            elif text == r"\ln 2":
                found.append(("number", "ln 2"))
            elif text[0].isdigit():
                found.append(("number", text))
            elif text.startswith("\\") and text[1:] in GREEK:
                found.append(("number" if text == r"\pi" and "π" not in self.names else "name", GREEK[text[1:]]))
            elif text in (r"\left", r"\right"):
                continue
            elif text == r"\infty":
                found.append(("number", "∞"))
            elif text[0].isalpha():
                end = self.subscript() if self.looking_at("_") else ""
                found.append(("name", text + end))
            else:
                found.append(("sign", MACROS.get(text, text.replace("\\", ""))))
        return found

    def base(self, tokens):
        """What stands in braces: the base of a power, or a number with its power of ten."""
        if self.looking_at("^"):
            self.next()
            if self.parts[self.k + 1][0] == r"\top":
                self.k += 3
                return [("value", np.swapaxes(self.value(tokens), -1, -2))]
            base, power = self.value(tokens), self.value(self.group())
            return [("value", np.power(base, np.asarray(power, getattr(base, "dtype", None))))]
        return [("value", self.value(tokens))]

    def under(self, sign):
        self.k += 2  # _ {
        text = plain_words(self.next()["text"])
        self.k += 1
        return ("under", (sign, text))

    def raised(self):
        """The digits and primes that belong to a name, as characters."""
        self.k += 1
        found = ""
        while (text := self.next()[0]) != "}":
            found += "′" if text == r"\prime" else text.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return found.replace("′′′", "‴").replace("′′", "″")

    def subscript(self):
        self.k += 2
        digits = self.next()[0]
        self.k += 1
        return digits.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


ACCENTS = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304", "dot": "\u0307", "ddot": "\u0308", "vec": "\u20d7"}
GREEK = {"alpha": "alpha", "beta": "beta", "gamma": "gamma", "sigma": "σ", "mu": "μ", "pi": "π", "epsilon": "epsilon"}
IN_WORDS = {r"\times": "×", r"\to": "→", r"\cdot": "·", r"\Sigma": "Σ", r"\ge": "≥", r"\infty": "∞", r"\dots": "…"} | {
    "-": "−"
}
ESCAPED = {"backslash": "\\", "asciicircum": "^", "asciitilde": "~", "less": "<", "greater": ">", "bar": "|"}


def plain_words(text):
    """Text as it was before LaTeX."""
    pattern = r"\$([^$]+)\$|\\text([a-z]+)\{\}|\\(.)"
    return re.sub(pattern, lambda m: IN_WORDS[m[1]] if m[1] else ESCAPED[m[2]] if m[2] else m[3], text)


def _plain(text):
    """A name as it was before LaTeX."""
    text = text.strip()
    if m := re.fullmatch(r"(.*)_\{(\d+)\}", text):
        return _plain(m[1]) + m[2].translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
    if m := re.fullmatch(r"\\(?:mathit|textit)\{(.*)\}", text):
        return plain_words(m[1])
    if m := re.fullmatch(r"(.*)\^\{(\d+)\}", text):
        return _plain(m[1]) + m[2].translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    if (m := re.fullmatch(r"\\([a-z]+)\{(.*)\}", text)) and m[1] in ACCENTS:
        return _plain(m[2]) + ACCENTS[m[1]]
    return GREEK.get(text[1:], text[1:]) if text.startswith("\\") else text


def read_latex(text, names, constants=()):
    """The value of the right side of an equation in LaTeX."""
    reader = _Latex(text, names, constants)
    flat = reader.tokens()
    k = next(i for i, token in enumerate(flat) if token in (("sign", "="), ("sign", "+=")))
    inner = Reader(flat[k + 1 :], names, reader.constants)
    return inner.whole(), inner.largest


# ----------------------------------------------------------------------------------------------------- local rules


def read_rule(clauses, g, names, forward, operand, constants=()):
    """What clauses make of a gradient, and the largest number that came up.

    Args:
        clauses: of a local rule.
        g: the gradient of a value.
        names: arrays by name, of which ``g`` is left out.
        forward: the operands of the value and its result, which "the larger" and "the others" are of.
        operand: the index of the one that receives the gradient.
    """
    x, constants = np.asarray(forward[0][operand]), list(constants)
    largest = float(np.abs(g).max(initial=0.0))
    given = g
    for clause in clauses:
        g, size = _applied(clause, g, given, names, forward, operand, constants)
        largest = max(largest, size, float(np.abs(g[np.isfinite(g)]).max(initial=0.0)) if np.ndim(g) else 0.0)
    return (np.reshape(g, x.shape) if np.size(g) == x.size else g), largest


def _applied(clause, g, given, names, forward, operand, constants):
    operands, y = forward
    x = np.asarray(operands[operand])

    def value(text):
        return read(text, names, constants)

    for start, apply in (
        ("× the product of the others", lambda rest: _others(g, x, axes(rest.removeprefix(" over "))["axis"])),
        ("to the larger", lambda rest: _to_extreme(g, operands, operand, np.asarray(y))),
        ("to the smaller", lambda rest: _to_extreme(g, operands, operand, np.asarray(y))),
        ("to the largest", lambda rest: _to_largest(g, x, rest, np.max)),
        ("to the smallest", lambda rest: _to_largest(g, x, rest, np.min)),
        ("running sum from the other end", lambda rest: _cumulated(g, rest)),
        ("Σ over ", lambda rest: np.sum(g, **(axes("") if rest == "all elements" else axes(rest)))),
        ("copy to ", lambda rest: _copied(g, rest)),
        ("reshape to ", lambda rest: np.reshape(g, _tuple(rest))),
        ("as ", lambda rest: g.astype(rest)),
        ("where not ", lambda rest: np.where(value(rest)[0], 0, g)),
        ("where ", lambda rest: np.where(value(rest)[0], g, 0)),
    ):
        if clause.startswith(start):
            return np.asarray(apply(clause.removeprefix(start))), 0.0
    for start, combine in (("⊗ ", np.multiply.outer), ("× ", np.multiply), ("÷ ", np.true_divide), ("@ ", np.matmul)):
        if clause.startswith(start):
            other, size = value(clause.removeprefix(start))
            return np.asarray(combine(g, other)), size
    if clause.endswith(" @"):
        left, size = value(clause[:-2])
        return np.matmul(left, g), size
    if m := re.fullmatch(r"(to|from) \[(.*)\]", clause):
        probe = Reader(tokens_of_text(f"{m[2]}]", names), names, constants)
        index = probe.index()
        if m[1] == "from":
            return g[index], 0.0
        full = np.zeros(x.shape, g.dtype)
        np.add.at(full, index, g)
        return full, 0.0
    if m := re.fullmatch(r"(to|from) (.*) along axis (−?\d+)", clause):
        places, axis = np.asarray(value(m[2])[0]), int(m[3].replace("−", "-"))
        if m[1] == "from":
            return np.take_along_axis(g, places, axis), 0.0
        full = np.zeros(x.shape, g.dtype)
        where = list(np.ix_(*map(np.arange, x.shape)))
        where[axis] = places
        np.add.at(full, tuple(where), g)
        return full, 0.0
    return read(clause, {**names, "g": g}, constants)


def _to_extreme(g, operands, operand, y):
    tie = np.equal(*np.broadcast_arrays(*operands))
    return g * np.where(tie, 0.5, np.equal(operands[operand], y))


def _to_largest(g, x, rest, reduce):
    axis = axes(rest.removesuffix(" (ties share)").removeprefix(" over "))["axis"]
    chosen = x == reduce(x, axis=axis, keepdims=True)
    return np.reshape(g, np.sum(chosen, axis=axis, keepdims=True).shape) / chosen.sum(axis=axis, keepdims=True) * chosen


def _others(g, x, axis):
    axis = tuple(range(x.ndim)) if axis is None else axis
    shape = tuple(1 if a in axis else n for a, n in enumerate(x.shape))
    found = np.ones_like(x)
    for at in np.ndindex(*x.shape):
        line = tuple(slice(None) if a in axis else i for a, i in enumerate(at))
        kept = np.ones(x.shape, bool)
        kept[at] = False
        found[at] = np.prod(x[line][kept[line]]) if axis else 1
    return np.reshape(g, shape) * found


def _cumulated(g, rest):
    axis = axes(rest.removeprefix(" along "))["axis"]
    axis = None if axis is None else axis[0]
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis if axis is not None else 0)


def _copied(g, rest):
    shape, _, along = rest.partition(" along ")
    shape = _tuple(shape)
    new = axes(along)["axis"] if along else tuple(range(len(shape)))
    return np.broadcast_to(np.reshape(g, [1 if i in new else n for i, n in enumerate(shape)]), shape)
