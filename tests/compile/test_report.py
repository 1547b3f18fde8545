"""What a compiled function says of itself, and that faults in kernels do not go by unseen."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from test_compiled_programs import function_of

import micrograd_tensor as mt
from micrograd_tensor.compile import kernel_source, schedule
from micrograd_tensor.compile.grouping import Grouping


def batch_norm(x, gamma, beta, dout):
    out = mt.batch_norm(x, gamma, beta)
    return out, mt.grad(out, [x, gamma, beta], dout)


def arguments(n=7, d=4):
    rng = np.random.default_rng(0)
    return [mt.tensor(rng.normal(size=shape), requires_grad=True) for shape in ((n, d), d, d)] + [
        rng.normal(size=(n, d))
    ]


def test_batch_norm_becomes_one_kernel_that_reads_what_it_must():
    fast = mt.compile(batch_norm, backend="numba")
    fast(*arguments())
    report = fast.report()
    assert (report.name, report.programs, report.eager) == ("batch_norm", 1, {})
    assert (report.facts.backend, report.facts.kernels, dict(report.facts.calls)) == ("Numba", 1, {})
    # x and dout in the first two sweeps, x, dout, out and dx in the last, and rows
    full = 8 * 28
    assert 8 * full <= report.facts.moved < 9 * full
    assert report.moved > 4 * report.facts.moved
    assert {rule.name for rule in report.facts.rules} >= {"hoist", "mean of deviations", "split sum"}
    assert "Σ(x − Σx/n) = Σx − n · Σx/n = 0." in str(report)
    assert fast.source.count("\n            for j in range(M):\n                ") == 2  # two sweeps that add up
    assert fast.source.startswith("def kernel(x, gamma, beta, dout, out, dx, dgamma, dbeta, k):")
    assert fast.source.count("sqrt(") == 1  # of what several products share
    for line in (
        "mean[j] = inv_N * sum_x[j]",
        "dev_from_mean = x[i, j] - mean[j]",
        "inverted_stddev = F(1.0) / sqrt(var + eps)",
        "dgamma[j] = inverted_stddev * sum_dout_dev_from_mean[j]",
        "out[i, j] = dev_from_mean * gamma_inverted_stddev[j] + beta[j]",
    ):
        assert line in fast.source


def test_names_of_the_users_that_are_the_kernels_own():
    names = ["i", "j", "N", "M", "k", "F", "np", "inv_N", "eps", "sum_i", "i_chunk", "sqrt", "a", "kernel", "op"]
    given = [mt.tensor(np.random.default_rng(n).random((3, 4)), name=name) for n, name in enumerate(names)]

    def function(*given):
        total = sum(x / (1e-5 + x.mean(axis=0)) for x in given)
        return mt.sqrt(total), given[0].sum(axis=0) * total.sum(axis=0)

    fast = mt.compile(function, backend="numba")
    for _ in range(2):
        for got, want in zip(fast(*given), function(*given), strict=True):
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-13)
    assert fast.report().facts.kernels == 1
    assert not fast._eager


def test_a_report_says_why_numpy_is_called():
    fast = mt.compile(lambda x: mt.cumsum(mt.exp(x @ x.T), axis=0).astype("float32") * 2, backend="numba")
    fast(mt.tensor(np.eye(3)))
    assert dict([*fast.report().facts.calls]) == {
        "matmul": "a product of arrays, which BLAS computes",
        "cumsum": "algebra does not read it",
        "to_float": "another precision",
    }
    fast(mt.tensor(np.zeros((0, 3))))
    assert "no kernels: an array without elements" in str(fast.report())
    assert fast.report().programs == 2


def test_a_report_counts_the_calls_that_are_left_to_the_function():
    fast = mt.compile(lambda x: x * 2 if mt.holds(x > 0) else x * 3)
    for value in (1.0, -1.0, -2.0):
        fast(mt.tensor([value]))
    assert fast.report().eager == {"OtherBranchError": 2}
    assert "2 × another branch was due" in str(fast.report())


def test_what_is_checked_and_how_often_it_was_otherwise():
    fast = mt.compile(lambda x: x * 2 if mt.holds(x > 0) else x * 3, backend="numba")
    for value in (1.0, -1.0, -2.0):
        fast(mt.tensor([value], name="x"))
    assert fast.report().guards == ["x > 0 everywhere"]
    assert "  checked in every call:\n    x > 0 everywhere\n" in str(fast.report())
    assert "left to the function itself:\n    2 × another branch was due, by what is checked\n" in str(fast.report())
    fast = mt.compile(lambda x: x * 2 if mt.holds(x > 0) else x * 3, backend="numpy")
    fast(mt.tensor([-1.0], name="x"))
    assert fast.report().guards == ["x > 0 not everywhere"]
    fast = mt.compile(mt.cross_entropy, backend="numba")
    fast(np.zeros((3, 4)), np.array([0, 1, 3]))
    assert [line for line in fast.report().facts.checks if line.endswith(" from 0 to 3")]
    assert fast.report().facts.checks[0] in str(fast.report())


def test_an_array_counts_once_for_every_outermost_loop_that_its_name_is_in():
    fast = mt.compile(batch_norm, backend="numba")
    fast(*arguments())
    kernel = fast.source.split("\n\n")[0]
    names = re.match(r"def kernel\((.*), k\):", kernel)[1].split(", ")
    sweeps = re.split(r"^    (?=for )", kernel, flags=re.MULTILINE)[1:]
    used = [name for sweep in sweeps for name in names if f" {name}[" in sweep or f"({name}[" in sweep]
    sizes = {"x": 28, "dout": 28, "out": 28, "dx": 28}
    report = fast.report()
    assert report.facts.passes == len(used)
    assert report.facts.moved == sum(8 * sizes.get(name, 4) for name in used)
    assert report.facts.allocated == 8 * (28 + 28 + 4 + 4)
    assert report.allocated > 5 * report.facts.allocated


def test_why_each_kernel_is_one():
    w = mt.tensor(np.random.default_rng(0).normal(size=(3, 3)), name="w")

    def function(x):
        y = mt.exp(x) @ w
        z = mt.cumsum(mt.tanh(y) * 2, axis=0)
        return z + 1, mt.zeros_like(x), mt.exp(x.astype("float32"))

    fast = mt.compile(function, backend="numba")
    fast(mt.tensor(np.eye(3), name="x"))
    steps = fast.report().facts.steps
    assert [(step.name, step.kernel) for step in steps if step.name not in ("full", "to_float")] == [
        ("kernel", True),
        ("matmul", False),
        ("kernel2", True),
        ("kernel3", True),
        ("cumsum", False),
        ("kernel4", True),
    ]
    why = {step.name: step.why for step in steps}
    made = {step.name: step.makes[0] for step in steps}
    assert why["kernel"] == ""
    assert {why["kernel2"], why["kernel3"]} == {
        f"it needs {made['matmul']} of matmul",
        f"it needs {made['to_float']} of to_float",
    }
    assert why["kernel4"] == f"it needs {made['cumsum']} of cumsum"
    makers = {name: step.name for step in steps for name in step.makes}
    for step in steps:  # what is said to be needed is read, and made before by what is said
        for name, maker in re.findall(r"(\w+) of (\w+)", step.why if step.kernel else ""):
            assert name in step.reads
            assert makers[name] == maker
    assert why["full"] == "all of it is 0"


def test_a_notebook_shows_all_that_is_printed():
    def odd(x):
        return (x.named("<b>&") * 2).sum() @ np.eye(1) if x.ndim > 5 else mt.exp(x @ x) if mt.holds(x < 9) else x

    fast = mt.compile(odd, backend="numba")
    fast(mt.tensor(np.eye(3), name="<b>&"))
    report = fast.report()
    html = report._repr_html_()
    body = html.partition("</style>")[2]
    tree = ElementTree.fromstring(f"<div>{body}</div>")  # noqa: S314 -- our own
    shown = {text.strip() for text in tree.itertext()}
    printed = {line.strip().removesuffix(":") for line in str(report).splitlines()}
    assert printed <= {text.removesuffix(":") for text in shown} | {""}
    assert "<b>&" in str(report)
    assert repr(report) == "<report on odd: 3 ops as 2 kernels; print it>"


def test_before_the_first_call_there_is_none():
    with pytest.raises(mt.TraceError, match="has no report yet"):
        mt.compile(lambda x: x).report()


def test_other_batches_share_the_source_of_a_kernel():
    fast = mt.compile(batch_norm, backend="numba")
    sources = []
    for n in (7, 8, 1000):
        fast(*arguments(n))
        sources.append(fast.source.split("\n\n")[0])
    assert sources[0] == sources[1] == sources[2]


def differs(backend="numba"):
    """Whether kernels give something else than random programs do."""
    for seed in range(40):
        function, leaves, upstream, differentiable = function_of(seed)
        if not differentiable:
            continue

        def both(*given, function=function, upstream=upstream):
            y = function(*given)
            return y, mt.grad(y, given, upstream)

        given = [mt.tensor(t.numpy(), requires_grad=True) for t in leaves]
        fast = mt.compile(both, backend=backend)
        with np.errstate(all="ignore"):
            (want, gradients) = both(*given)
            try:
                got, found = fast(*given)
            except Exception:
                return True
        if fast._eager:
            return True
        for a, b in zip((got, *found), (want, *gradients), strict=True):
            if b is not None and not np.allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6):
                return True
    return False


def test_without_a_fault_nothing_differs():
    assert not differs()


POWERS, MULTIPLE = Grouping._multiplied, Grouping._multiple


def negated(self, *args):
    x, c = MULTIPLE(self, *args)
    return x, -c


FAULTS = {
    "a common factor is taken once": (
        Grouping,
        "_multiplied",
        lambda self, *args: {x: 1 if e > 0 else -1 for x, e in POWERS(self, *args).items()},
    ),
    "what is computed anyway is subtracted": (Grouping, "_multiple", negated),
    "a sum is not cleared": (kernel_source, "_STARTS", {**kernel_source._STARTS, "sum": "1.0"}),
    "a comparison is turned round": (kernel_source, "_SIGNS", {**kernel_source._SIGNS, ">": "<"}),
    "a sum is a product": (kernel_source, "_added", lambda target, value, kind: f"{target} *= {value}"),
    "a level is forgotten": (schedule, "_reduced", lambda t: ()),
    "a power is forgotten": (kernel_source.KernelSource, "_raised", lambda self, value, *_: [f"({value})"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found(fault, monkeypatch):
    where, name, wrong = FAULTS[fault]
    monkeypatch.setattr(where, name, wrong)
    assert differs()


def test_where_a_kernel_cannot_be_made_numpy_runs_and_a_warning_says_so(monkeypatch):
    def broken(self, *args):
        raise KeyError("planted")

    monkeypatch.setattr(kernel_source.KernelSource, "__init__", broken)
    fast = mt.compile(lambda x: x * x + 1, backend="numba")
    with pytest.warns(UserWarning, match="has no kernels, because of an error in making them: KeyError: 'planted'"):
        assert fast(mt.tensor([3.0])).tolist() == [10.0]
    assert "planted" in str(fast.report())


def test_one_function_that_kernels_lack_does_not_keep_the_rest_from_being_fused():
    fast = mt.compile(lambda x: mt.softplus(x) * 2 + mt.exp(x) ** 3 + x**0.5, backend="numba")
    fast(mt.tensor([1.0, 2.0]))
    assert dict([*fast.report().facts.calls]) == {"logaddexp": "kernels lack this function"}
    assert fast.report().facts.kernels == 1
