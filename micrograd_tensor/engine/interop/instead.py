"""Instead: what to write for the functions of NumPy that are not recorded."""

from __future__ import annotations

INSTEAD = {
    theirs.partition("(")[0]: (theirs, ours)
    for theirs, ours in (
        ("np.block([x, y])", "np.hstack([x, y])"),
        ("np.cbrt(x)", "np.sign(x) * np.abs(x) ** (1 / 3)"),
        ("np.choose(i, [x, y])", "np.where(i == 0, x, y)"),
        ("np.compress([True, False, True], x)", "x[[True, False, True]]"),
        ("np.convolve(x, y, 'valid')", "mt.conv1d(x.reshape(1, 1, -1), np.flip(y).reshape(1, 1, -1)).reshape(-1)"),
        ("np.copysign(x, y)", "np.abs(x) * np.where(y < 0, -1, 1)"),
        ("np.correlate(x, y)", "mt.conv1d(x.reshape(1, 1, -1), y.reshape(1, 1, -1)).reshape(-1)"),
        ("np.cov(x)", "np.var(x, ddof=1)"),
        ("np.ediff1d(x)", "np.diff(np.ravel(x))"),
        ("np.extract(x > 1, x)", "x[x > 1]"),
        ("np.float_power(x, 2)", "x.astype(float) ** 2"),
        ("np.fmax(x, y)", "np.where(np.isnan(y), x, np.where(np.isnan(x), y, np.maximum(x, y)))"),
        ("np.fmin(x, y)", "np.where(np.isnan(y), x, np.where(np.isnan(x), y, np.minimum(x, y)))"),
        ("np.geomspace(x, y, 5)", "np.exp(np.log(x) + np.linspace(0, 1, 5)[:, None] * (np.log(y) - np.log(x)))"),
        ("np.gradient(x)", "np.concatenate([x[1:2] - x[:1], (x[2:] - x[:-2]) / 2, x[-1:] - x[-2:-1]])"),
        ("np.heaviside(x, 0.5)", "np.where(x == 0, 0.5, np.where(x > 0, 1.0, 0.0))"),
        ("np.insert(x, 1, 5.0)", "np.concatenate([x[:1], [5.0], x[1:]])"),
        ("np.ldexp(x, 3)", "x * 2.0**3"),
        ("np.linalg.diagonal(A)", "np.diagonal(A, axis1=-2, axis2=-1)"),
        ("np.linalg.matrix_norm(A)", "np.linalg.norm(A, axis=(-2, -1))"),
        ("np.linalg.matrix_power(A, 2)", "A @ A"),
        ("np.linalg.trace(A)", "np.trace(A, axis1=-2, axis2=-1)"),
        ("np.linalg.vector_norm(x)", "np.linalg.norm(x)"),
        ("np.linspace(x, y, 5)", "x + np.linspace(0, 1, 5)[:, None] * (y - x)"),
        ("np.logaddexp2(x, y)", "np.logaddexp(x * np.log(2), y * np.log(2)) / np.log(2)"),
        ("np.logspace(x, y, 5)", "10 ** (x + np.linspace(0, 1, 5)[:, None] * (y - x))"),
        ("np.matvec(A, x)", "A @ x"),
        ("np.modf(x)", "(x - np.trunc(x), np.trunc(x))"),
        ("np.nanmax(x)", "np.max(np.where(np.isnan(x), -np.inf, x))"),
        ("np.nanmean(x)", "np.sum(np.where(np.isnan(x), 0, x)) / np.sum(np.logical_not(np.isnan(x)))"),
        ("np.nanmedian(x)", "np.median(x[np.logical_not(np.isnan(x))])"),
        ("np.nanmin(x)", "np.min(np.where(np.isnan(x), np.inf, x))"),
        ("np.nanprod(x)", "np.prod(np.where(np.isnan(x), 1, x))"),
        ("np.nanstd(x)", "np.std(x[np.logical_not(np.isnan(x))])"),
        ("np.nansum(x)", "np.sum(np.where(np.isnan(x), 0, x))"),
        ("np.nanvar(x)", "np.var(x[np.logical_not(np.isnan(x))])"),
        ("np.nancumsum(x)", "np.cumsum(np.where(np.isnan(x), 0, x))"),
        ("np.nancumprod(x)", "np.cumprod(np.where(np.isnan(x), 1, x))"),
        ("np.nanquantile(x, 0.3)", "np.quantile(x[np.logical_not(np.isnan(x))], 0.3)"),
        ("np.nanpercentile(x, 30)", "np.percentile(x[np.logical_not(np.isnan(x))], 30)"),
        ("np.partition(x, 1)", "np.sort(x)"),
        ("np.piecewise(x, [x < 1, x >= 1], [np.negative, np.exp])", "np.where(x < 1, -x, np.exp(x))"),
        ("np.polyval([2.0, 1.0], x)", "2.0 * x + 1.0"),
        ("np.resize(x, (2, 3))", "np.tile(x, 2).reshape(2, 3)"),
        ("np.rollaxis(A, 1)", "np.moveaxis(A, 1, 0)"),
        ("np.select([x < 1, x < 2], [x, 0 * x], 5.0)", "np.where(x < 1, x, np.where(x < 2, 0 * x, 5.0))"),
        ("np.sinc(x)", "np.sin(np.pi * x) / (np.pi * x)"),
        ("np.trapezoid(y, x)", "np.sum((y[1:] + y[:-1]) / 2 * np.diff(x))"),
        ("np.trim_zeros(x)", "x[np.flatnonzero(x)[0] : np.flatnonzero(x)[-1] + 1]"),
        ("np.union1d(x, y)", "np.sort(np.concatenate([x, y]))"),
        ("np.unique(x)", "np.sort(x)"),
        ("np.unique_values(x)", "np.sort(x)"),
        ("np.unstack(x)", "list(x)"),
        ("np.vander(x)", "x[:, None] ** np.arange(2, -1, -1)"),
        ("np.vecmat(x, A)", "x @ A"),
    )
}
"""By the function's name: a call of it on vectors x and y, a matrix A or indices i, and what to write for it."""

REASONS = {
    "np.fft.": "Fourier transforms are not recorded",
    "np.linalg.": "decompositions, inverses and determinants of matrices are not recorded",
    **dict.fromkeys(
        ("np.angle", "np.conj", "np.imag", "np.real", "np.sort_complex"), "parts of complex numbers are not recorded"
    ),
}
"""Why, by how the name begins, where nothing can be written instead."""


def instead_of(called: str) -> str:
    """What to say of a function of NumPy that is not recorded.

    >>> instead_of("np.cbrt"), instead_of("np.fft.fft"), instead_of("np.unwrap")
    ('np.cbrt(x) is np.sign(x) * np.abs(x) ** (1 / 3)', 'Fourier transforms are not recorded', 'it is not recorded')
    """
    if called in INSTEAD:
        theirs, ours = INSTEAD[called]
        return f"{theirs} is {ours}"
    return next((why for name, why in REASONS.items() if called.startswith(name)), "it is not recorded")
