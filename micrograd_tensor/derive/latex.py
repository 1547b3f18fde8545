"""LaTeX: a derivation as an article and as slides, each of which compiles alone, by pdfLaTeX as by LuaLaTeX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from unicodedata import category, normalize

from ..notation import ALIGNED, LATEX, align, prose
from .contents import Contents, Section
from .remarks import Symbol

_ARTICLE = r"""\documentclass[a4paper]{article}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath}
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

_FRAME = r"""\begin{frame}{%(title)s}
\centering
\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{$\displaystyle\begin{aligned}
%(lines)s
\end{aligned}$}\par
%(notes)s\end{frame}"""

_BLANK = r"\underline{\hspace{12em}}"

_LETTERS = "øØæÆœŒßłŁıÅå§¶©£"
_ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"
"""Letters and accents that every LaTeX has; what consists of others is shown by its code where the font lacks it."""


def article(contents: Contents) -> str:
    r"""An article: a line of `align` for each formula, forward and then backward, with numbers, shapes and reasons."""
    forward: list[str] = []
    backward: list[str] = []
    for section in contents.sections:
        tags = [rf"\tag{{{section.number}}}"]
        lines = [f"{line}{tag}" for line, tag in zip_longest(_lines(contents, section), tags, fillvalue="")]
        if section.forward:
            forward += lines
        else:
            notes = " ".join(map(_sentence, section.notes))
            lines[0] = f"\\intertext{{\\textbf{{{_heading(section)}.}} {notes}}}\n{lines[0]}"
            backward += lines
    return _document(_ARTICLE, contents, "\n".join([*_aligned("Forward", forward), *_aligned("Backward", backward)]))


def slides(contents: Contents) -> str:
    """Slides for beamer: one frame for each step."""
    frames = []
    for section in contents.sections:
        title = f"{_heading(section)}, {'forward' if section.forward else 'backward'}"
        notes = "".join(f"\\medskip\n{_sentence(note)}\\par\n" for note in section.notes)
        frames.append(_FRAME % {"title": title, "lines": " \\\\\n".join(_lines(contents, section)), "notes": notes})
    return _document(_SLIDES, contents, "\n".join(frames))


def _document(template: str, contents: Contents, body: str) -> str:
    given = ", ".join(f"{_sentence([Symbol(name)])} {prose(shape)}" for name, shape in contents.given.items())
    text = {"title": prose(contents.title), "given": f"Given: {given}, and the gradient of the output.", "body": body}
    return template % {**text, "characters": "".join(_declared("".join(text.values())))}


def _heading(section: Section) -> str:
    """``Step 9: scaled_x (mul)``."""
    gate = f" ({prose(section.gate)})" if section.gate else ""
    return f"Step {section.number}: {_sentence([Symbol(section.name)])}{gate}"


def _sentence(pieces: Sequence[str]) -> str:
    return "".join(f"${LATEX.identifier(x).strip()}$" if isinstance(x, Symbol) else prose(x) for x in pieces)


def _lines(contents: Contents, section: Section) -> list[str]:
    """The formulas, each with its shape at the end."""
    said = ALIGNED.blanked(_BLANK) if contents.exercise and not section.forward else ALIGNED
    return [rf"{formula.write(said)} && \text{{{prose(formula.shape)}}}" for formula in section.formulas]


def _aligned(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield rf"\section*{{{title}}}"
        yield align(lines)


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
