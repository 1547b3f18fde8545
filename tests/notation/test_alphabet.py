"""Alphabets: every sign that is ever printed has a spelling, and nothing that controls a terminal is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograd_tensor.engine.primitive import OPS
from micrograd_tensor.notation.alphabet import ASCII, spelled, visible


@given(st.text(), st.sampled_from(["ascii", "latin-1", "cp1252", "utf-8"]))
def test_what_is_spelled_can_be_encoded_and_keeps_what_could_be(text, encoding):
    text = "".join(c for c in text if not "\ud800" <= c <= "\udfff")
    shown = spelled(text, encoding)
    shown.encode(encoding)
    assert spelled(shown, encoding) == shown
    if all(c.isascii() for c in text):
        assert shown == text


def test_signs_of_ops_are_spelled_and_not_escaped():
    texts = (text for op in OPS.values() for text in (op.op.symbol, op.op.notation) if isinstance(text, str))
    signs = {c for text in texts for c in text if not c.isascii()}
    assert len(signs) > 10
    assert not {c for c in signs if "\\" in spelled(c, "ascii")}


@pytest.mark.parametrize("control", ["\x1b]0;title\x07", "\r", "\b", "\x9b2J", "\u202egpj.exe", "\x00", "\udcff"])
def test_what_controls_a_terminal_is_escaped(control):
    shown = visible(f"a\t{control}\nb")
    assert shown.startswith("a\t")
    assert shown.endswith("\nb")
    assert not set(shown) & set("\x1b\x07\r\b\x9b\u202e\x00\udcff")
    assert visible(shown) == shown


def test_one_sign_has_one_spelling():
    assert all(spelling.isascii() and "?" not in spelling for spelling in ASCII.values())
