"""Outside browsers too an SVG shows its picture, in light: where style sheets are read in part, or not at all."""

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from gallery import GALLERY

DOCS = sorted((Path(__file__).parents[2] / "docs").rglob("*.svg"))
BLOCK = 24
"""The side of the squares whose mean colours are compared, in pixels: two renderers set glyphs differently."""


@pytest.fixture(scope="module")
def renderers(missing):
    """What makes a PNG of SVG text, by name."""
    try:
        import cairosvg
    except (ImportError, OSError) as error:  # the latter for its library, which is the system's
        if sys.platform != "linux":
            pytest.skip(f"no CairoSVG: {error}")
        missing("CairoSVG, or libcairo")
    try:
        import resvg_py
    except ImportError:
        missing("resvg_py")
    return {
        "CairoSVG": lambda svg: cairosvg.svg2png(bytestring=svg.encode()),
        "resvg": lambda svg: bytes(resvg_py.svg_to_bytes(svg_string=svg)),
    }


@pytest.fixture(scope="module")
def rendered(renderers):
    """The pixels that each renderer makes of SVG text."""
    return lambda svg: {name: pixels(render(svg)) for name, render in renderers.items()}


def pixels(png):
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(png)).convert("RGB"), dtype=np.int16)


def blocks(image):
    """The mean colours of squares of an image."""
    height, width = (side // BLOCK * BLOCK for side in image.shape[:2])
    return image[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3).mean(axis=(1, 3))


def faults(images):
    """What is wrong with the images that renderers made of one picture."""
    found = []
    for name, image in images.items():
        black = (image.max(axis=2) < 48).mean()
        if black > 0.05:
            found.append(f"{name}: {black:.0%} is black")
        if (image[0, 0] != 255).any():
            found.append(f"{name}: the background is not white")
        if np.ptp(image) < 128:
            found.append(f"{name}: blank")
    one, other = (blocks(image) for image in images.values())
    if one.shape != other.shape or np.abs(one - other).mean() > 3:
        found.append("the renderers differ")
    return found


@pytest.mark.parametrize("name", GALLERY)
def test_every_picture_shows_in_light(name, rendered):
    assert faults(rendered(GALLERY[name]().svg)) == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.stem)
def test_every_picture_of_the_documentation_shows_in_light(path, rendered):
    assert faults(rendered(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (lambda svg: re.sub(r"@supports \(.*?\)\{(.*)\}</style>", r"\1</style>", svg), "is black"),
        (lambda svg: re.sub(r'<rect [^>]*fill="#ffffff"[^>]*/>', "", svg), "background"),
        (lambda svg: re.sub(r'<g id="circuit".*</g>', "", svg, flags=re.DOTALL), "blank"),
    ],
    ids=["variables without a guard", "no background", "no circuit"],
)
def test_the_check_finds_what_is_wrong(fault, found, rendered):
    wrong = fault(GALLERY["same_value_twice"]().svg)
    assert any(found in text for text in faults(rendered(wrong)))


def test_the_check_finds_what_only_one_renderer_shows(rendered):
    images = rendered(GALLERY["same_value_twice"]().svg)
    images["resvg"] = np.roll(images["resvg"], 40, axis=1)
    assert faults(images) == ["the renderers differ"]
