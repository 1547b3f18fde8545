"""What no font here has is told, and what some font has is not, as fontconfig's own list of fonts has it."""

import os
import shutil
import subprocess
import sys
import warnings

import pytest
from gallery import GALLERY, leaf

from micrograd_tensor.draw import DrawError, draw, raster
from micrograd_tensor.draw.glyphs import missing_glyphs
from micrograd_tensor.draw.render import render

LETTERS = "axµαжאبहไ入力ひ한ᵀ₀²−…×Σ√😀𐎀𝛼"


def fonts_with(character):
    done = subprocess.run(["fc-list", f":charset={ord(character):x}"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("fc-list") is None, reason="no fc-list to compare with")
def test_it_is_what_fontconfig_says():
    assert missing_glyphs(LETTERS) == [letter for letter in LETTERS if not fonts_with(letter)]


def test_no_font_has_what_is_no_character():
    assert missing_glyphs(["a\ufdd3b", "\U0004ffff"]) == ["\ufdd3", "\U0004ffff"]


@pytest.fixture
def unknown():
    """A letter that no font here has."""
    letter = next(iter(missing_glyphs("入א𐎀𒀀𐙀𖼀")), None)
    return letter or pytest.skip("fonts for every letter")


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_boxes_in_a_picture_are_warned_of_at_the_users_line(kind, unknown, tmp_path):
    circuit = draw((leaf(unknown, 1) * 2).sum(), 1.0)
    with pytest.warns(UserWarning, match=f"no font here has {unknown}, so the {kind.upper()} shows boxes") as said:
        circuit.save(tmp_path / f"circuit.{kind}")
    assert [warning.filename for warning in said] == [__file__]


def test_an_svg_leaves_the_font_to_who_looks_at_it(unknown, tmp_path):
    draw((leaf(unknown, 1) * 2).sum(), 1.0).save(tmp_path / "circuit.svg")


@pytest.mark.parametrize("name", ["batch_norm", "attention", "nan_and_infinity", "hostile_names"])
def test_pictures_have_the_signs_that_fonts_have(name, tmp_path):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        GALLERY[name]().save(tmp_path / "circuit.pdf")
    assert [str(warning.message) for warning in said if "\ufffd" not in str(warning.message)] == []


def test_what_graphviz_says_is_a_warning_and_not_in_the_terminal(capfd):
    with pytest.warns(UserWarning, match="Graphviz says: .*node 'a', graph 'g' size too small for label"):
        render('digraph g { a [fixedsize=true, width=0.1, height=0.1, label="a long label"] }', "svg")
    assert capfd.readouterr() == ("", "")


def test_settings_of_other_fontconfigs_are_no_news():
    program = "from gallery import GALLERY; GALLERY['scalars']().svg"
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])  # noqa: PTH120 -- of many
    environment = {**os.environ, "PYTHONPATH": path, "FONTCONFIG_FILE": "/dev/null"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, check=True
    )
    assert done.stderr == b""


def long_chain(gates, **options):
    x = leaf("x", 1)
    for _ in range(gates):
        x = -x
    return draw(x, [1.0], depth=99, **options)


@pytest.mark.parametrize(("gates", "width", "cure"), [(130, 1e6, "give width=900"), (400, 400, "give a larger width=")])
def test_a_png_is_never_scaled(gates, width, cure, tmp_path, capfd):
    circuit = long_chain(gates, width=width)
    with pytest.raises(DrawError, match=f"save: as PNG .* pixels, and 32,767 is the most on a side; {cure}"):
        circuit.save(tmp_path / "circuit.png")
    assert not list(tmp_path.iterdir())
    assert circuit.save(tmp_path / "circuit.svg").exists()
    assert capfd.readouterr().err == ""


def test_the_largest_png_is_as_large_as_said(tmp_path):
    image = pytest.importorskip("PIL.Image")
    circuit = long_chain(116, width=1e6)
    width = round(circuit._painting.width)
    assert 0.8 * raster.MOST < raster.PIXELS * width <= raster.MOST
    with image.open(circuit.save(tmp_path / "circuit.png")) as png:
        assert png.width == raster.PIXELS * width
