"""Print README's two commands, one a line: the contents of its ``sh`` blocks, continuation lines joined."""

import re
import sys
from pathlib import Path

blocks = re.findall(r"^```sh\n(.*?)^```", Path(sys.argv[1]).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
if len(blocks) != 2:
    sys.exit(f"README has {len(blocks)} sh blocks; there should be two: the main job, and the tests")
for block in blocks:
    print(block.replace("\\\n", " ").strip().replace("\n", " && "))
