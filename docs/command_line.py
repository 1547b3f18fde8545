"""Writes the tables of the page on the commands from their parsers: ``python docs/command_line.py``."""

import argparse
import re
from pathlib import Path

from micrograd_tensor.cli.parser import COMMANDS, Parser, whole

PAGE = Path(__file__).parent / "command-line.md"


def spelled(action: argparse.Action) -> str:
    """An argument or an option as one types it."""
    if action.nargs == 0:
        return ", ".join(f"`{option}`" for option in action.option_strings)
    value = str(action.metavar or ("" if action.choices else action.dest.upper()))
    if not value and action.choices is not None:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        return f"`{value}`" if action.nargs != "?" else f"`[{value}]`"
    return (
        ", ".join(f"`{option}`" for option in action.option_strings[:-1])
        + (", " if len(action.option_strings) > 1 else "")
        + f"`{action.option_strings[-1]} {value}`"
    )


def section(name: str, parser: Parser) -> str:
    """What the page says of a command."""
    lines = [f"{(parser.description or '').strip()}", "", "| what one types | what it says |", "| --- | --- |"]
    for action in parser._actions:
        if "--help" not in action.option_strings:
            said = " ".join((action.help or "").split()).replace("|", "\\|").replace("%%", "%")
            lines.append(f"| {spelled(action).replace('|', chr(92) + '|')} | {said} |")
    return "\n".join([f"`micrograd-tensor {name}`: {COMMANDS[name]}.", "", *lines])


def with_tables(page: str) -> str:
    """The page, with the section of each command below its mark."""
    for name, parser in whole().commands.items():
        text = section(name, parser)
        page = re.sub(
            rf"(<!-- {name} -->\n\n).*?(?=\n\n## |\n\n\[All pages\]|\Z)",
            lambda mark, text=text: mark[1] + text,
            page,
            flags=re.DOTALL,
        )
    return page.rstrip("\n") + "\n"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
