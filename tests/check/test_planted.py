"""Layers as people write them: right ones are right, mistakes are found in their line, and few get a wrong name."""

from collections import Counter

import pytest
from everyday_layers import ASIDE, DEVELOPED
from planted import KINDS, judged, mistakes, place

import micrograd_tensor as mt


def inputs(at):
    return [node.name for node in at.graph.nodes if node.is_leaf and node.requires_grad]


LAYERS = (*DEVELOPED, *ASIDE)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_a_right_layer_is_right_at_any_point(layer):
    for seed in range(3):
        at = place(layer, seed)
        stages = {f"d{name}" for name in at.graph.named} - {"dout"}
        assert {f"d{name}" for name in inputs(at)} <= {name for name in at.right if name in stages}
        report = mt.compare(at.graph, hand={name: x for name, x in at.right.items() if name in stages})
        assert report.ok, (report.wrong, report.unjudged)


def test_there_are_forty_kinds_and_twenty_five_layers():
    assert len({kind.name for kind in KINDS}) >= 40
    assert len(set(LAYERS)) >= 25


@pytest.mark.parametrize("layer", DEVELOPED[:2], ids=lambda layer: layer.__name__)
def test_mistakes_are_found_at_their_line_and_seldom_called_by_a_wrong_name(layer):
    found = list(judged(layer, seed=0, most=1))
    assert len({verdict.kind for verdict in found}) > 20
    assert [v for v in found if not v.localised] == []
    named = Counter(v.named for v in found if v.visible)
    assert named["rightly"] >= 0.6 * named.total()
    assert named["wrongly"] <= 0.05 * named.total()


def test_a_mistake_changes_its_own_line_only():
    at = place(DEVELOPED[0], 0)
    shapes = {name: getattr(x, "shape", ()) for name, x in {**at.values, **at.right}.items()}
    (right,) = {one.source.count("\n") for one in mistakes(at.layer, {**shapes, "dout": at.dout.shape})}
    assert right > 5
    for one in mistakes(at.layer, {**shapes, "dout": at.dout.shape}):
        assert one.line in one.source
        assert one.stage in one.line
