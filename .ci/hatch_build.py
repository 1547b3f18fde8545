"""What a build adds to the project's metadata: where the project lives, which only its repository knows.

GitHub's runners say it. README's links are relative, so that they lead to the same version wherever it is read;
PyPI shows README alone, so there they have to be absolute. Built anywhere else, the package names no address.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class CustomMetadataHook(MetadataHookInterface):
    """Fill in the readme and, where the repository is known, its address."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add ``readme`` and ``urls`` to what pyproject.toml says."""
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["urls"] = {}
        if repository := os.environ.get("GITHUB_REPOSITORY"):
            address = f"{os.environ['GITHUB_SERVER_URL']}/{repository}"
            version = os.environ.get("GITHUB_REF_NAME", "HEAD")
            readme = absolute(readme, f"{address}/raw/{version}", f"{address}/blob/{version}")
            metadata["urls"] = {
                "Repository": address,
                "Documentation": f"{address}/tree/{version}/docs",
                "Changelog": f"{address}/blob/{version}/CHANGELOG.md",
                "Issues": f"{address}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}


def absolute(text: str, pictures: str, pages: str) -> str:
    """Markdown whose relative links start at these addresses; a picture may itself be what a link shows."""
    text = re.sub(r"(!\[[^\]]*\]\()(?!\w+:|#)([^)]+)\)", rf"\1{pictures}/\2)", text)
    text = re.sub(r"(\]\()(?!\w+:|#)([^)]+)\)", rf"\1{pages}/\2)", text)
    return re.sub(r'\b(src|srcset)="(?!\w+:)([^"]+)"', rf'\1="{pictures}/\2"', text)
