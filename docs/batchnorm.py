"""Writes the derivation into the page on batch normalization: ``python docs/batchnorm.py``."""

import re
from pathlib import Path
from textwrap import indent

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import made

PAGE = Path(__file__).parent / "batchnorm.md"


def derivation() -> str:
    """The steps forward and backward, and the closed form, as a part of a page: its headings are a level lower."""
    page = mt.derive(*made("batchnorm"), dims={"N": ("x", 0), "D": ("x", 1)}).markdown
    parts = re.split(r"(^```.*?^```$)", page[page.index("## Forward") :].strip(), flags=re.DOTALL | re.MULTILINE)
    return "".join(part if k % 2 else re.sub("^#", "##", part, flags=re.MULTILINE) for k, part in enumerate(parts))


def formulas() -> str:
    """The closed form in a line for each gradient."""
    return indent(str(mt.derive(*made("batchnorm"), dims={"N": ("x", 0), "D": ("x", 1)}).closed_form), "    ")


def written(page: str) -> str:
    """The page, with what is derived below its marks."""
    for name, text in (("derivation", derivation()), ("formulas", formulas())):
        pattern = rf"(<!-- {name} -->\n\n).*?(\n\n<!-- end of {name} -->)"
        page = re.sub(pattern, lambda mark, text=text: mark[1] + text + mark[2], page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
