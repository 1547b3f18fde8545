"""Print the oldest version of each dependency that pyproject.toml allows, as constraints for pip."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in sum(project["optional-dependencies"].values(), project["dependencies"]):
    if match := re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", requirement):
        print("{}=={}".format(*match.groups()))
