"""LaTeX: a derivation as an article and as slides, each of which compiles alone, by pdfLaTeX as by LuaLaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest
from unicodedata import category, normalize

from ..notation import ALIGNED, Typeset, align, prose
from .contents import PROVING, Contents, Formula, Section, reason
from .remarks import Symbol

_ARTICLE = r"""\documentclass[a4paper]{article}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath,graphicx}
\allowdisplaybreaks
\setlength{\jot}{6pt}
%(characters)s\title{%(title)s}
\author{}
\date{}
\begin{document}
\maketitle
\noindent %(given)s
%(body)s
\end{document}
"""

_SLIDES = r"""\documentclass{beamer}
\setbeamertemplate{navigation symbols}{}
\setbeamertemplate{footline}[frame number]
\setlength{\jot}{6pt}
%(characters)s\title{%(title)s}
\author{}
\date{}
\begin{document}
\begin{frame}
\titlepage
\centering %(given)s
\end{frame}
%(body)s
\end{document}
"""

_BLANK = r"\underline{\hspace{12em}}"

_MARKUP = re.compile(r"\\[a-zA-Z]+|[{}$^_&\\]")
_MOST = 85
"""How many characters a line of an article has room for."""

_LETTERS = "øØæÆœŒßłŁıÅå§¶©£"
_ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"
"""Letters and accents that every LaTeX has; what consists of others is shown by its code where the font lacks it."""


def article(contents: Contents) -> str:
    r"""An article: a line of `align` for each formula, forward and then backward, with numbers, shapes and reasons."""
    said, back = contents.languages(ALIGNED, _BLANK)
    forward: list[str] = []
    backward: list[str] = []
    for section in contents.sections:
        tags = [rf"\tag{{{section.number}}}"]
        shown = [_shaped(formula, said if section.forward else back) for formula in section.formulas]
        lines = [f"{line}{tag}" for line, tag in zip_longest(shown, tags, fillvalue="")]
        if section.forward:
            forward += lines
        else:
            notes = " ".join(_sentence(said, note) for note in section.notes)
            lines[0] = f"\\intertext{{\\textbf{{{_heading(said, section)}.}} {notes}}}\n{lines[0]}"
            backward += lines
    body: list[str] = []
    for title, lines in (("Forward", forward), ("Backward", backward)):
        body += [rf"\section*{{{title}}}", align(lines)] if lines else []
    if contents.closing:
        body += [r"\section*{Closed form}", prose(contents.closing)]
        for long, group in groupby([_shaped(formula, said) for formula in contents.closed_form], _is_long):
            lines = [*group]
            body += [_displayed(line) for line in lines] if long else [align(lines)]
    if contents.proof:
        body += [r"\section*{Proof}", PROVING, r"\begin{enumerate}"]
        for step in contents.proof:
            body += [
                rf"\item \emph{{{prose(step.rule)}}}{_sentence(said, reason(step))}",
                _displayed(step.write(said)),
            ]
        body.append(r"\end{enumerate}")
    return _document(_ARTICLE, contents, "\n".join(body))


def slides(contents: Contents) -> str:
    """Slides for beamer: one frame for each step."""
    said, back = contents.languages(ALIGNED, _BLANK)
    frames = [
        _frame(
            f"{_heading(said, section)}, {'forward' if section.forward else 'backward'}",
            [_shaped(formula, said if section.forward else back) for formula in section.formulas],
            [_sentence(said, note) for note in section.notes],
        )
        for section in contents.sections
    ]
    if contents.closing:
        lines = [_shaped(formula, said) for formula in contents.closed_form]
        frames.append(_frame("Closed form", lines, [prose(contents.closing)]))
    return _document(_SLIDES, contents, "\n".join(frames))


def _frame(title: str, lines: Sequence[str], notes: Iterable[str]) -> str:
    said = [f"\\medskip\n{note}\\par" for note in notes]
    shown = [rf"{_fitted(lines)}\par"] if lines else []
    return "\n".join([rf"\begin{{frame}}{{{title}}}", r"\centering", *shown, *said, r"\end{frame}"])


def _fitted(lines: Sequence[str]) -> str:
    """Lines, made smaller where they are wider than the page."""
    shown = " \\\\\n".join(lines)
    return (
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{$\displaystyle\begin{aligned}"
        f"\n{shown}\n\\end{{aligned}}$}}"
    )


def _displayed(line: str) -> str:
    """A formula by itself."""
    return f"\\[\n{_fitted([line])}\n\\]"


def _is_long(line: str) -> bool:
    """Whether a formula is wider than an article."""
    return len(_MARKUP.sub("", line)) > _MOST


def _document(template: str, contents: Contents, body: str) -> str:
    said, _ = contents.languages(ALIGNED, _BLANK)
    given = ", ".join(f"{_sentence(said, [Symbol(name)])} {prose(shape)}" for name, shape in contents.given.items())
    text = {"title": prose(contents.title), "given": f"Given: {given}, and the gradient of the output.", "body": body}
    return template % {**text, "characters": "".join(_declared("".join(text.values())))}


def _heading(said: Typeset, section: Section) -> str:
    """``Step 9: scaled_x (mul)``."""
    gate = f" ({prose(section.gate)})" if section.gate else ""
    return f"Step {section.number}: {_sentence(said, [Symbol(section.name)])}{gate}"


def _sentence(said: Typeset, pieces: Sequence[str]) -> str:
    return "".join(
        f"${said.identifier(said.symbol(x)).strip()}$" if isinstance(x, Symbol) else prose(x) for x in pieces
    )


def _shaped(formula: Formula, said: Typeset) -> str:
    """A formula with its shape at the end."""
    return rf"{formula.write(said)} && \text{{{prose(formula.shape)}}}"


def _declared(text: str) -> Iterator[str]:
    """What pdfLaTeX sets for the characters that it has not: nothing for marks without width, else their codes."""
    foreign = sorted({c for c in text if not (c.isascii() or c in _LETTERS or _is_accented(c))})
    if not foreign:
        return
    yield "\\ifdefined\\DeclareUnicodeCharacter % pdfLaTeX\n"
    for c in foreign:
        shown = "" if category(c) == "Cf" else rf"\texttt{{U+{ord(c):04X}}}"
        yield f"\\DeclareUnicodeCharacter{{{ord(c):04X}}}{{{shown}}}\n"
    yield "\\fi\n"


def _is_accented(c: str) -> bool:
    """Whether a character is a letter with an accent that LaTeX puts on it itself."""
    parts = normalize("NFD", c)
    return c < "\u0180" and parts[0].isascii() and {*parts[1:]} <= {*_ACCENTS}
