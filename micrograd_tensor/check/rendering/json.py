"""A report as JSON, for other programs.

**Schema**, version 1; new keys may be added, none is taken away without a new version::

    schema        1
    ok            whether nothing that was given is wrong
    complete      whether the gradients of all inputs were given
    headline      the verdict in a sentence
    wrong         names of the tensors whose gradients are wrong themselves, in backward order
    wrong_forward names of the forward values that are wrong themselves, in forward order
    stages        in backward order, each: name, status, shape, given_shape, error, limit,
                  worst (index, given, expected) or null, note, lines (number, text),
                  diagnosis (kind, text, proof, fix, error, rule), the likeliest first
    forward       likewise, in forward order
    findings      kind, what, why, way_out
    oracles       name, recorded, complex_step, differences, bar, agree, text
    invariants    name, kind, holds, error, text, branch
    unjudged      entries given as gradients that could not be judged: by name, the reason
    matched       arrays under other names that equal a recorded gradient or a contribution to one: by name, which
    unused        entries that belong to no stage: by name, the likeliest reason
    remarks       what happened while the code ran, in sentences
    rtol          the tolerance that was given, or null

Numbers are JSON numbers to their last digit; what JSON cannot say is one of the strings ``"NaN"``, ``"Infinity"`` and
``"-Infinity"``, and a complex number is its text.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np

from ..found import Found, Stage
from .sentences import headline, is_complete

SCHEMA = 1


def text(report: Found, **more: Any) -> str:
    """The report as JSON, by the schema above.

    Args:
        report: what `compare` returned.
        more: further keys, such as the file that was checked.
    """
    found = {
        "schema": SCHEMA,
        "ok": report.ok,
        "complete": is_complete(report),
        "headline": headline(report),
        "wrong": report.wrong,
        "wrong_forward": report.wrong_forward,
        "stages": [_stage(report, stage, stage.name) for stage in report.stages.values()],
        "forward": [_stage(report, stage, f"forward:{stage.name}") for stage in report.forward.values()],
        "findings": report.findings,
        "oracles": report.oracles,
        "invariants": report.invariants,
        "unjudged": report.unjudged,
        "matched": report.matched,
        "unused": report.unused,
        "remarks": report.remarks,
        "rtol": report.rtol,
        **more,
    }
    return json.dumps(plain(found), indent=2, allow_nan=False)


def _stage(report: Found, stage: Stage, key: str) -> dict[str, Any]:
    lines = () if key.startswith("forward:") else report.lines.get(stage.name, ())
    worst = None if stage.worst is None else dict(zip(("index", "given", "expected"), stage.worst, strict=True))
    return {
        **dataclasses.asdict(stage),
        "worst": worst,
        "lines": [{"number": number, "text": text} for number, text in lines],
        "diagnosis": report.diagnosis.get(key, ()),
    }


def plain(value: Any) -> Any:
    """The same in what JSON has: objects, lists, strings, finite numbers, true, false and null."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else json.dumps(value)  # NaN, Infinity or -Infinity
    if isinstance(value, np.generic):
        return plain(float(value) if isinstance(value, np.longdouble) else value.item())  # its item is itself
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "items"):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)
