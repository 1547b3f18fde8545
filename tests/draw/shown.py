"""Reads back what pictures, listings and players show, and compares it with the recorded arrays.

The texts are taken out of the finished SVG, listing or page by the ids and places that are documented for these.
Nothing that writes them is asked.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from itertools import combinations, product
from xml.etree import ElementTree

import numpy as np
from asked import check_said
from reading import UnreadableError, read, read_mathml, read_rule
from test_promise import close, constants_of

import micrograd_tensor as mt
from micrograd_tensor.graph import Node, pull_back
from micrograd_tensor.graph.axes import axis_names
from micrograd_tensor.graph.paths import paths
from micrograd_tensor.notation import Called, identifiers

SVG = "{http://www.w3.org/2000/svg}"
ERRORS = (UnreadableError, ValueError, IndexError, TypeError, KeyError, AssertionError, AttributeError, SyntaxError)
LETTER = re.compile(r"([A-Z]{1,2}): ")


NUMBER = r"(?:[−\d.∞e]+|≈ 0|NaN|\|·\| [\d.∞e−]+|True|False)"
"""A number in few characters."""


def _unbroken(texts):
    """The lines of an element, with what is in its array, which may be broken, as one line again."""
    lines = [text.text or "" for text in texts]
    bold = [line for line, text in zip(lines, texts, strict=True) if text.get("font-weight") == "bold"]
    rest = " ".join(lines[len(bold) :])
    return [*bold, re.sub(r"^((?:d\S+ )?\([^)]*\)) +(?!copied|≠)", r"\1  ", rest)] if bold and rest else lines


class Reading:
    """What is read of one graph.

    Attributes:
        rules: what wires say, by edge.
        wrong: what is not true of it, or cannot be read.
        count: how many texts were read, by kind.
    """

    def __init__(self, graph, dims=None):
        self.graph, self.wrong, self.count, self.rules = graph, [], {}, {}
        self.dims = axis_names(graph, dims)
        self.call()
        self.nodes = {node.rank: node for node in (*graph.nodes, *graph.backward)}
        self.lengths = {
            label: n
            for node, labels in self.dims.items()
            for label, n in zip(labels, node.shape, strict=True)
            if label is not None
        }

    def call(self, **more):
        """Read by what values are called, which pages do otherwise than pictures."""
        self.called = Called(self.graph, self.dims, **more)
        self.names = self.called.names
        self.arrays = {name: node.value for node, name in self.names.items()}

    def check(self, kind, text, evaluate, recorded, where):
        """Note a text that is unreadable, shortened or says another value; ``evaluate`` makes value and largest."""
        self.count[kind] = self.count.get(kind, 0) + 1
        if "…" in text:
            self.wrong.append(f"{kind}: {text!r} of {where} is not whole")
            return
        reasons = []
        for plain in self.without_labels(text):
            try:
                with np.errstate(all="ignore"):
                    value, largest = evaluate(plain)
            except ERRORS as error:
                reasons.append(f"{type(error).__name__}: {error}")
                continue
            if close(value, recorded, largest):
                return
            reasons.append("another value")
        self.wrong.append(f"{kind}: {text!r} of {where}: {reasons[0]}")

    def without_labels(self, text):
        """A text with lengths and axes in place of their labels, once for each way in which axes of one length may be
        meant."""
        if not self.lengths:
            yield text
            return
        labels = "|".join(map(re.escape, sorted(self.lengths, key=len, reverse=True)))
        shapes = re.compile(rf"\((?:(?:\d+|{labels})(?:, |,?(?=\))))+\)")
        text = shapes.sub(lambda m: re.sub(rf"\b(?:{labels})\b", lambda n: str(self.lengths[n[0]]), m[0]), text)
        text = re.sub(
            rf"(?<=÷ )\(?(?:{labels})(?: · (?:{labels}))*\)?", lambda m: self._product(m[0].strip("()")), text
        )
        text = re.sub(
            rf"(?<=/ )\(?(?:{labels})(?: · (?:{labels}))*\)?", lambda m: self._product(m[0].strip("()")), text
        )
        axes = re.compile(rf"(?:(?<=over )|(?<=long )|(?<=, ))(?:{labels})(?:, (?:{labels}))*(?=[,)]|$)")
        places = len(axes.findall(text))
        most = max((len(node.shape) for node in self.graph.nodes), default=0)
        for choice in _choices([m[0].count(",") + 1 for m in axes.finditer(text)], most):
            left = iter(choice)
            yield from _copies(axes.sub(lambda _, left=left: _axes(next(left)), text) if places else text)

    def markup_without_labels(self, markup):
        """The same of MathML, whose texts are shapes, axes and permutations."""
        texts = re.findall("<mtext>(.*?)</mtext>", markup)
        ways = []
        for text in texts:
            axes, comma, kept = text.partition(", kept")
            labels = axes.split(", ")
            if all(label in self.lengths for label in labels):
                most = max(len(node.shape) for node in self.graph.nodes)
                ways.append([f"{_axes(c)}{comma}{kept}" for c in combinations(range(most), len(labels))])
            else:
                ways.append([*self.without_labels(text)][:1])
        for chosen in product(*ways):
            left = iter(chosen)
            yield re.sub("<mtext>.*?</mtext>", lambda _, left=left: f"<mtext>{next(left)}</mtext>", markup)

    def _product(self, text):
        return str(int(np.prod([self.lengths[label] for label in text.split(" · ")])))

    @staticmethod
    def elements(svg):
        """The id, title and lines of text of every element that has any."""
        for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):  # noqa: S314 -- this project wrote it
            title = group.find(f"{SVG}title")
            lines = _unbroken(group.findall(f"{SVG}text"))
            if group.get("id") not in (None, "circuit") and "legend" not in group.get("id"):
                yield group.get("id"), (title.text or "") if title is not None else "", lines

    # ------------------------------------------------------------------------------------------------------- pieces

    def formula(self, kind, text, node, names=None, arrays=None):
        """A formula of a node, in names."""
        text = text.removeprefix(f"{self.names[node]} = ") if node in self.names else text
        constants = constants_of(node, self.names if names is None else names)
        known = self.arrays if arrays is None else arrays
        self.check(kind, text, lambda plain: read(plain, known, list(constants)), node.value, node)

    def rule(self, kind, text, edge):
        """A rule of an edge, whose clauses are joined by commas."""
        node, i = edge
        g, end = self.graph.gradients[node], self.graph.contributions[edge]
        local = {**self.arrays, **({"y": node.value} if "y" not in self.arrays else {})}
        operands = [x.value if isinstance(x, Node) else x for x in node.operands]
        constants = constants_of(end, {**self.names, g: ""})

        def evaluate(plain):
            failure = None
            for clauses in _clauses(plain):
                try:
                    found = read_rule(clauses, g.value, local, (operands, node.value), i, list(constants))
                    if close(found[0], end.value, found[1]):
                        return found
                except ERRORS as error:
                    failure = error
            raise failure or ValueError("another value")

        self.check(kind, text, evaluate, end.value, f"{node} operand {i}")

    def edge(self, user, operand, again=0):
        """The edge from one rank to another, the first or a further one."""
        node = self.nodes[user]
        places = [i for i, x in enumerate(node.operands) if isinstance(x, Node) and x.rank == operand]
        return node, places[again]

    # ------------------------------------------------------------------------------------------------- whole pictures

    def picture(self, svg):
        """Every text in a picture of the circuit, or of parts of it."""
        letters = {}
        for name, title, lines in self.elements(svg):
            plain = re.sub(r"^step-0-\d+-|^step-\d+-", "", name)
            if match := re.fullmatch(r"node-(\d+)", plain):
                node = self.nodes[int(match[1])]
                if found := re.match(r"gate \d+, \w+: (.*)", title):
                    self.formula("title", found[1], node)
            elif match := re.fullmatch(r"node-(\d+)-stage", plain):
                said = " ".join(lines)
                _, _, text = re.sub(r"\[[^\]]*\]", lambda m: m[0].replace(": ", ":"), said).partition(": ")
                if text and "…" not in said:
                    self.formula("caption", text, self.nodes[int(match[1])])
            elif match := re.fullmatch(r"edge-(\d+)-(\d+)(?:-(\d+))?-bwd", plain):
                edge = self.edge(int(match[1]), int(match[2]), int(match[3] or 0))
                self.backward_wire(title, lines, edge, letters)
            elif match := re.fullmatch(r"edge-(?:\d+-)?(?:fork|out)-(\d+)(?:-\d+)?-bwd", plain):
                self.numbers(lines, self.graph.gradients[self.nodes[int(match[1])]].value, parts=True)
                bold = " ".join(lines[:-1] if len(lines) > 1 else lines)
                if found := re.fullmatch(r"(?:.* = )?([A-Z]{1,2}(?: \+ (?:[A-Z]{1,2}|…))+)", bold):
                    self.sum(found[1], self.nodes[int(match[1])], letters)
            elif match := re.fullmatch(r"edge-(\d+)-.*-fwd", plain):
                self.numbers(lines, self.nodes[int(match[1])].value)
                if (to := re.fullmatch(r"edge-(\d+)-(\d+)(?:-\d+)?-fwd", plain)) and lines:
                    self.copied(lines[-1], self.nodes[int(to[1])], self.nodes[int(to[2])])
            elif match := re.fullmatch(r"step-(\d+)", name):
                self.step(title)

    def backward_wire(self, title, lines, edge, letters):
        """The rule beside a wire, whole in its title, and its gradient."""
        end = self.graph.contributions.get(edge)
        if end is None:
            return
        text = re.sub(r"^(?:[^:]*: )?gradient: | ≠ .* by hand$", "", title)
        lines = [re.sub(r" ≠ .* by hand$", "", line) for line in lines]
        scalar = not end.shape and lines and re.fullmatch(rf"(?:d.* )?{NUMBER}", lines[-1].partition(" ≠ ")[0])
        if lines and (scalar or re.search(r"\([\w, ]*\)", lines[-1])) and text.endswith(f", {lines[-1]}"):
            text = text.removesuffix(f", {lines[-1]}")
            self.numbers(lines[-1:], end.value, parts=True)
        elif lines and text.endswith(f", {lines[-1]}") and lines[-1].startswith("d"):
            text = text.removesuffix(f", {lines[-1]}")
        text = text.removesuffix(", ")
        if found := LETTER.match(text):
            letters.setdefault(edge[0].operands[edge[1]], {})[found[1]] = end.value
            text = text[found.end() :]
        if text == "upstream":  # what arrives at the end of a part of the circuit
            return
        self.rule("rule", text, edge)
        self.rules[edge] = text
        for line in lines:
            short = re.sub("^[✓✗→○!·] .*|….*", "", LETTER.sub("", line, count=1))
            if short and short not in title:
                self.wrong.append(f"{line!r} beside {edge} is not in its title {title!r}")

    def sum(self, text, node, letters):
        """A sum of lettered gradients."""
        given = letters.setdefault(node, {})
        named = [part for part in text.split(" + ") if part != "…"]
        upstream = [self.graph.upstreams[node].value] if node in self.graph.upstreams else []
        self.count["sum"] = self.count.get("sum", 0) + 1
        if len(set(named)) < len(named):
            self.wrong.append(f"{text!r} names a part twice")
        total = sum([*given.values(), *upstream])
        recorded = self.graph.gradients[node].value
        if len(given) + len(upstream) >= 2 and not close(total, recorded, np.abs(recorded).max(initial=0.0)):
            self.wrong.append(f"{text!r} of {node}: the parts add up to something else")

    def numbers(self, lines, array, parts=False):
        """Shapes and ranges among some lines."""
        for line in lines[-1:]:
            text = re.sub(r", copied along .*|, differs by .*| ≠ .*", "", line)
            name = r"(?:d\S* )?" if parts else ""
            if not array.shape and (found := re.fullmatch(rf"{name}({NUMBER})", text)):
                self.count["numbers"] = self.count.get("numbers", 0) + 1
                try:
                    check_said(found[1], array)
                except AssertionError as error:
                    self.wrong.append(f"{line!r}: {error}")
                continue
            if not (found := re.fullmatch(rf"{name}(\((?:\w+, ?)*\w*\)(?:  .*)?)", text)):
                continue
            text = re.sub(r"^\([^)]*\)", lambda m: "".join([*self.without_labels(m[0])][:1]), found[1])
            if text.startswith(str(array.shape)):
                self.count["numbers"] = self.count.get("numbers", 0) + 1
                try:
                    check_said(text, array)
                except AssertionError as error:
                    self.wrong.append(f"{line!r}: {error}")
            else:
                self.wrong.append(f"{line!r}: the shape is {array.shape}")

    def copied(self, line, x, node):
        """Along which axes an operand is copied."""
        said = re.search(r"copied along (.*)$", line)
        lead = len(node.shape) - len(x.shape)
        along = [k for k, n in enumerate(node.shape) if k < lead or x.shape[k - lead] != n]
        if said:
            self.count["copied"] = self.count.get("copied", 0) + 1
            if f"over {_axes(along)}" not in self.without_labels(f"over {said[1]}"):
                self.wrong.append(f"{line!r}: {x} is copied along {along}")

    def step(self, title):
        """The heading of a step: its result and its formula."""
        heading, _, text = title.partition(": ")
        if gates := re.match(r"Step \d+, gates? ([\d, ]+)", heading):
            number = int(gates[1].split(", ")[-1])
            node = next(node for node, k in self.called.numbers.items() if k == number)
            name = self.called.values[node]
            inside = [n for n, k in self.called.numbers.items() if k in map(int, gates[1].split(", "))]
            names = {n: text for n, text in self.names.items() if n not in inside or n.name}
            self.formula("step", text.removeprefix(f"{name} = "), node, names)

    def boxes(self, svg):
        """The name of every value that comes into a box, with the clauses by which its gradient comes back."""
        for name, title, _ in self.elements(svg):
            if match := re.fullmatch(r"edge-box-\d+-(\d+)(?:-\d+)?-bwd", name):
                text = re.sub(r"^gradient: |, d\S+ \([^)]*\)  .*$|, \([^)]*\)  .*$", "", title)
                yield self.names[self.nodes[int(match[1])]], next(_clauses(text))

    def backward_picture(self, svg):
        """Every gate of the backward view: its formula in the gradients that arrive and in forward values."""
        graph, carriers = self.graph, set(self.graph.upstreams.values())
        names = {g: name for n, g in reversed(graph.gradients.items()) if (name := self.called.gradient(n))}
        for node in graph.backward:
            if any(x in carriers for x in node.inputs):
                carriers.add(node)
        for name, title, _ in self.elements(svg):
            match = re.fullmatch(r"node-(\d+)", name)
            if not match or (", rule of " not in title and ", gradients are added" not in title):
                continue
            node = self.nodes[int(match[1])]
            text = re.sub(r"^\w+, (?:rule of gate \d+ for .*?|gradients are added): ", "", title)
            carried = list(dict.fromkeys(x for x in node.operands if isinstance(x, Node) and x in carriers))
            if re.search(r"(?:^| = )[A-Z]{1,2} \+ ", text):
                letters = re.findall("[A-Z]{1,2}", text.rpartition(" = ")[2])
                if len(set(letters)) < len(letters):
                    self.wrong.append(f"{title!r} names a part twice")
                continue
            arrays = {**self.arrays, **{names[x]: x.value for x in carried if x in names}}
            if len(carried) == 1:
                arrays["g"] = carried[0].value
            text = re.sub(r"^(?:d\S+ = )+", "", text)
            known = {**self.names, **dict.fromkeys(carried, "g")}
            self.formula("backward", text, node, known, arrays)

    def path_list(self, svg, source, target):
        """The rules along each path, from its end back to its start."""
        taken = sorted(paths(self.graph, source, target), key=len)
        shown = {name: title for name, title, _ in self.elements(svg)}
        for k, path in enumerate(taken):
            text = shown.get(f"path-{2 + 2 * k}-0", "")
            if not text:
                continue
            gradient = self.graph.gradients[target].value
            for edge in reversed(path):
                gradient = pull_back(self.graph, edge, gradient)
            text = text.partition(": ")[2]
            parts = [re.sub(r"^× 1(?:, |$)", "", self.rules[edge]) for edge in reversed(path)]
            self.count["composite"] = self.count.get("composite", 0) + 1
            if text != (", ".join(filter(None, parts)) or "× 1"):
                self.wrong.append(f"{text!r} is not what the wires of {path} say")
            if re.search(r"to the |the others|running|to \[|\bto \S+ along|constant", text) or any(
                re.search(r"\b[yg]\b", part) for part in parts
            ):
                continue  # what a clause by itself does not say: of which op it is, and the shape
            start = self.graph.gradients[target].value

            def evaluate(plain, gradient=gradient, start=start):
                failure = None
                for clauses in _clauses(plain):
                    try:
                        for value, largest in self._along(clauses, start):
                            value = value.reshape(gradient.shape) if value.size == gradient.size else value
                            if close(value, gradient, largest):
                                return value, largest
                    except ERRORS as error:
                        failure = error
                raise failure or ValueError("another value")

            self.check("path", text, evaluate, gradient, [edge[0] for edge in path])

    def along(self, clauses, g):
        """What clauses make of a gradient, in each way of keeping axes of length 1, which goes without saying."""
        return [*self._along(clauses, g)]

    def _along(self, clauses, g):
        if not clauses:
            yield g, float(np.abs(g).max(initial=0.0))
            return
        first, *rest = clauses
        found, largest = read_rule([first], g, self.arrays, ([np.zeros(0)], None), 0)
        kept = re.fullmatch(r"Σ over (?:axis|axes) ([\d, ]+)", first)
        made = [found, g.sum(tuple(map(int, kept[1].split(", "))), keepdims=True)] if kept else [found]
        if found.size > 1 and np.squeeze(found).ndim == 1:
            made += [np.squeeze(found), np.squeeze(found)[:, None], np.squeeze(found)[None]]
        for value in {x.shape: x for x in reversed(made)}.values():
            with suppress(*ERRORS):
                yield from ((v, max(largest, size)) for v, size in self._along(rest, value))

    def gate_lines(self, svg, node):
        """The lines of NumPy of a gate, or of a leaf and its uses; and the number in every cell."""
        names = identifiers(self.graph)
        space = {"np": np, "mt": mt} | {name: n.value for n, name in names.values.items()}
        space |= {names.gradients[n]: g.value for n, g in self.graph.gradients.items()}
        space |= {names.upstreams[n]: g.value for n, g in self.graph.upstreams.items()}
        lines = {name: title for name, title, _ in self.elements(svg) if name.startswith("numpy-")}
        source = [line for name, line in lines.items() if name != "numpy-0"]
        own, ours = names.values[node], {*names.gradients.values()}
        targets = [re.match(r"(\w*)", line)[1] for line in source]
        first = next((k for k, name in enumerate(targets) if name in ours or name.startswith("term")), len(source))
        forward = source[:first] if node.op else []
        wanted = {own: node.value}
        for (user, i), end in self.graph.contributions.items():
            if user is node or (not node.op and user.operands[i] is node):
                target = names.gradients[user.operands[i]]
                wanted[target] = wanted.get(target, 0) + end.value
        back = source[len(forward) :] if forward else source
        for line in forward:
            exec(line, space)  # noqa: S102 -- to run what is shown is the test
        given = {name: space[name] for name in wanted if name != own}
        started = set()
        for line in back:
            target = re.match(r"(\w+) \+= ", line)
            if target and target[1] in given and target[1] not in started:
                space[target[1]] = 0
                started.add(target[1])
            exec(line, space)  # noqa: S102
        for name, value in wanted.items():
            if (name == own and not forward) or (name != own and not back):
                continue
            self.count["numpy"] = self.count.get("numpy", 0) + 1
            if not close(space[name], value, np.abs(value).max(initial=0.0)):
                self.wrong.append(f"{source} do not make {name}")
        for _, title, _ in self.elements(svg):
            if found := re.fullmatch(r"(.+?)(\[[\d, ]*\])? = (-?[\d.e+-]+)", title):
                self.cell(found[1], found[2], found[3])

    def cell(self, name, index, number):
        """One element of an array, to its last digit."""
        place = tuple(json.loads(index)) if index else ()
        own = [n for n in self.graph.nodes if name in (self.called.values[n], "value")]
        back = [
            n for n in self.graph.nodes if name in (self.called.gradient(n), f"gradient of {self.called.values[n]}")
        ]
        arrays = [n.value for n in own]
        arrays += [
            g.value for n in back for g in [self.graph.gradients[n], *dict(self.graph.contributions_to(n)).values()]
        ]
        arrays += [g.value for n, g in self.graph.upstreams.items() if n in back]
        places = [((0,) * (a.ndim - len(place)) + place)[max(0, len(place) - a.ndim) :] for a in arrays]
        inside = [(a, at) for a, at in zip(arrays, places, strict=True) if all(map(int.__lt__, at, a.shape))]
        found = [a[at] for a, at in inside if len(at) == a.ndim]
        self.count["cell"] = self.count.get("cell", 0) + 1
        if arrays and not any(str(value) == number or float(value) == float(number) for value in found):
            self.wrong.append(f"{name}{index} = {number} is no element of it")

    # -------------------------------------------------------------------------------------------------- other readers

    def listing(self, text):
        """Every row of a listing that is wide enough for all of them."""
        blocks = dict(re.findall(r"^(forward|backward)\b[^\n]*\n((?:.+\n)+)", text, re.MULTILINE))
        gates = {k: node for node, k in self.called.numbers.items()}
        row = re.compile(r"\((\d+)\) \w+\s{2,}(.*?)(?:\s{2,}(\([\w, ]+\)))?(?:\s{2,}(\S.*))?$")
        for line in blocks.get("forward", "").splitlines():
            if found := row.search(line):
                node = gates[int(found[1])]
                ends = [found[2].find(f", {self._name(x)} copied along ") for x in node.inputs]
                made = found[2][: min((end for end in ends if end >= 0), default=len(found[2]))]
                self.formula("listing", made.removeprefix(f"{self.called.values[node]} = "), node)
                self.numbers([f"{found[3] or ''}  {found[4] or ''}".strip()], node.value)
        parts = []
        for line in blocks.get("backward", "").splitlines():
            found = row.search(line)
            if found and (letter := LETTER.match(found[2])) and LETTER.fullmatch(f"{found[2].partition(':')[0]}: "):
                parts.append((gates[int(found[1])], found[2][letter.end() :]))
            elif found:
                user, (name, _, text) = gates[int(found[1])], found[2].partition(": ")
                own = [(user, i) for i, x in enumerate(user.operands) if isinstance(x, Node)]
                likely = [edge for edge in own if name in self._gradient_names(edge[0].operands[edge[1]])]
                edge = next((e for e in likely if e in self.graph.contributions), None)
                if edge is not None:
                    self.rule("listing rule", text, edge)
            elif total := re.search(r"\+\s{2,}(.+?) = [A-Z]{1,2} \+ ", line):
                users = {user for user, _ in parts}
                arriving = {n: [edge for edge, _ in self.graph.contributions_to(n)] for n in self.graph.gradients}
                edges = next(e for e in arriving.values() if len(e) == len(parts) and {u for u, _ in e} == users)
                node = edges[0][0].operands[edges[0][1]]
                if node.name and total[1] != f"d{node.name}":
                    self.wrong.append(f"{line!r} is that of {node}")
                for user, rule in parts:
                    edge = next(edge for edge in edges if edge[0] is user)
                    edges.remove(edge)
                    self.rule("listing rule", rule, edge)
                parts = []

    def _name(self, node):
        return self.called.values[node] or ("leaf" if node.requires_grad else "constant")

    def _gradient_names(self, node):
        return self.called.gradient(node), f"d({self.called.values[node]})"

    def player(self, page):
        """Every step of a player's page: its sentences, its mathematics and its NumPy."""
        self.call(short=0)
        data = json.loads(re.search(r'<script[^>]*class="data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
        names = identifiers(self.graph)
        space = {"np": np, "mt": mt} | {names.values[n]: n.value for n in self.graph.nodes if n.is_leaf}
        space |= {name: n.value for n, name in names.values.items() if n not in self.graph.users}
        space |= {names.upstreams[n]: g.value for n, g in self.graph.upstreams.items()}
        gates = {f"({k}) {n.op.name}": n for n, k in self.called.numbers.items()}
        shown = {n: self.called.in_short(n) or names.values[n] for n in self.graph.nodes}
        arrays = {text: n.value for n, text in shown.items()}
        shown = {n: text for n, text in shown.items() if n.name or n.requires_grad or n.op}  # others are written out
        for step in data["steps"]:
            node = gates.get(step["title"])
            if step["phase"] in ("forward", "upstream", "backward"):
                for line in "\n".join(step["code"]).split("\n"):
                    if "# given" not in line:
                        exec(line, space)  # noqa: S102
            if step["phase"] == "forward":
                self.count["player line"] = self.count.get("player line", 0) + 1
                if not np.array_equal(space[names.values[node]], node.value, equal_nan=node.dtype.kind in "fc"):
                    self.wrong.append(f"{step['code']} does not make {node}")
                constants = constants_of(node, shown)
                markup = _markup(step["math"][0])
                self.check(
                    "player formula",
                    "".join(ElementTree.fromstring(markup).itertext()),  # noqa: S314
                    lambda _, m=markup, c=constants, n=node: self._math(m, arrays, c, n),
                    node.value,
                    node,
                )
            if step["phase"] == "backward":
                edges = [(node, i) for i in range(len(node.operands)) if (node, i) in self.graph.contributions]
                for edge, text, math in zip(edges, step["say"], step["math"], strict=True):
                    self.rule("player rule", re.sub(r"^to .*?(?: \([A-Z0-9]+\))?: ", "", text), edge)
                    self.player_rule(edge, _markup(math), arrays, shown)
        for node, g in self.graph.gradients.items() if data["steps"] else ():
            if not close(space[names.gradients[node]], g.value, np.abs(g.value).max(initial=0.0)):
                self.wrong.append(f"the player's lines do not make {names.gradients[node]}")
        self.call()

    def _math(self, markup, arrays, constants, node):
        failure = None
        known = dict(arrays)
        for name in re.findall("<mi>(.*?)</mi>", markup):
            if all(label in self.lengths for label in name.split(" · ")):
                known.setdefault(name, np.asarray(int(self._product(name))))
        for plain in self.markup_without_labels(markup):
            try:
                found = read_mathml(plain, known, list(constants))
                if close(found[0], node.value, found[1]):
                    return found
            except ERRORS as error:
                failure = error
        raise failure or ValueError("another value")

    def player_rule(self, edge, markup, arrays, shown):
        """A rule as mathematics, or in words with the gradient before them."""
        node, i = edge
        g, end = self.graph.gradients[node], self.graph.contributions[edge]
        inside = {**arrays, f"∂L∂{shown[node]}": g.value}
        operands = [x.value if isinstance(x, Node) else x for x in node.operands]
        text = "".join(ElementTree.fromstring(markup).itertext())  # noqa: S314
        if words := re.search(r"<mtext> ([^<]*)</mtext>", markup):
            self.check(
                "player math",
                words[1],
                lambda plain: read_rule([plain], g.value, {}, (operands, node.value), i),
                end.value,
                edge,
            )
            return
        constants = constants_of(end, {**shown, g: ""})
        self.check("player math", text, lambda _: self._math(markup, inside, constants, end), end.value, edge)


def _clauses(text):
    """The clauses that a text joins by commas, of which those between brackets and between axes join others; or all as
    one formula."""
    found, depth, start = [], 0, 0
    for k, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if not depth and text.startswith(", ", k) and not re.match(r"\d+(?:,|$| along)", text[k + 2 :]):
            found.append(text[start:k])
            start = k + 2
    yield [*found, text[start:]]
    if found:
        yield [text]


def _choices(lengths, most):
    """Axes for each place where labels stood."""
    if not lengths:
        yield ()
        return
    for axes in combinations(range(most), lengths[0]):
        for rest in _choices(lengths[1:], most):
            yield axes, *rest


def _copies(text):
    """The text, then with the axes along which something is copied, which labels alone may tell."""
    copies = [*re.finditer(r"copy to \(([^)]*)\)(?! along)", text)]
    ways = []
    for match in copies:
        axes = range(match[1].count(",") + (not match[1].endswith(",")))
        ways.append(["", *(f" along {_axes(c)}" for n in range(1, len(axes) + 1) for c in combinations(axes, n))])
    for chosen in product(*ways):
        pieces, at = [], 0
        for match, way in zip(copies, chosen, strict=True):
            pieces += [text[at : match.end()], way]
            at = match.end()
        yield "".join([*pieces, text[at:]])


def _axes(axes):
    return f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def _markup(nested):
    """MathML from the player's nested lists."""
    element = ElementTree.Element(nested[0])
    if len(nested) == 2 and isinstance(nested[1], str):
        element.text = nested[1]
    else:
        element.extend(ElementTree.fromstring(_markup(part)) for part in nested[1:])  # noqa: S314
    return ElementTree.tostring(element, encoding="unicode")
