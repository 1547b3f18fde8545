"""Takes the moving picture of the living page that README shows, by Chromium and Pillow: ``python docs/moving.py``.

It is not drawn anew by tests, since fonts, and so its bytes, differ from machine to machine.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made

PICTURE = Path(__file__).parent / "living.webp"
WINDOW, WIDTH, SECONDS = {"width": 1000, "height": 640}, 800, 1.2


def frames(page_file: Path) -> list[Image.Image]:
    """The page at every other step, forward and back."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        page = browser.new_page(viewport=WINDOW, reduced_motion="reduce")
        page.goto(page_file.as_uri())
        taken = []
        for _ in range(12):
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(300)
            whole = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            taken.append(whole.resize((WIDTH, WIDTH * whole.height // whole.width), Image.Resampling.LANCZOS))
        browser.close()
    return taken


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        living = Path(folder) / "living.html"
        mt.draw(*made("batchnorm"), dims=BUILTINS["batchnorm"].dims).save(living)
        first, *others = frames(living)
    duration = int(1000 * SECONDS)
    first.save(PICTURE, save_all=True, append_images=others, duration=duration, loop=0, quality=50, method=6)
