"""What a type checker knows of a user's file: ops, methods and operators give Tensors, and wrong calls are errors."""

RIGHT = [
    "x.named('x').exp()",
    "mt.exp(x)",
    "mt.sum(x, 0, keepdims=True)",
    "x.sum(axis=0)",
    "x.mean()",
    "x.var(axis=(0, 1), correction=1)",
    "x.reshape(2, 3).T",
    "x.clip(0, 1).sqrt()",
    "x @ w",
    "2.0 * x - w / 3",
    "1 - x",
    "-x ** 2",
    "x > 0",
    "(x > 0) & ~(x == 1)",
    "x[0, 1:]",
    "mt.where(x > 0, x, 0)",
    "mt.concatenate([x, w], axis=1)",
    "mt.einsum('ij,jk->ik', x, w)",
    "mt.softmax(x, axis=1)",
    "mt.batch_norm(x, w[0], w[1])",
    "mt.grad(x.sum(), [x], create_graph=True)[0] or x",
    "x.sum(dim=1)",
    "x.mean(dim=(0, 1), keepdim=True)",
    "x.max(1, keepdim=True)",
    "x.amax(dim=0)",
    "x.var(dim=0)",
    "x.softmax(dim=1)",
    "x.argmax(dim=1)",
    "mt.sum(x, dim=0)",
    "mt.softmax(x, dim=1)",
    "mt.logsumexp(x, dim=1, keepdim=True)",
    "mt.cat([x, w], dim=1)",
    "mt.stack([x, w], dim=1)",
    "mt.flip(x, dim=0)",
    "mt.all(x > 0, dim=0)",
]
WRONG = ["mt.exp(x, 2, 3)", "mt.sum(x, foo=1)", "x.sum(foo=1)", "x.no_such_method()", "mt.no_such_op(x)", "x.exp(1)"]
WRONG += ["x.sum(dim='a')", "mt.exp(x, dim=1)", "mt.softmax(x, dim=1, dtype=int)"]


def test_a_users_file_is_checked(mypy):
    lines = [
        "import micrograd_tensor as mt",
        "x = mt.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)",
        "w = x.detach()",
    ]
    lines += [f"assert_{i}: mt.Tensor = {line}" for i, line in enumerate(RIGHT)]
    first_wrong = len(lines) + 1
    lines += WRONG
    lines += [f"reveal_type({line})" for line in RIGHT]
    printed = mypy("user", lines)
    refused = {int(line.split(":")[1]) for line in printed.splitlines() if " error: " in line}
    assert refused == set(range(first_wrong, first_wrong + len(WRONG))), printed
    assert printed.count('Revealed type is "micrograd_tensor.engine.tensor.Tensor"') == len(RIGHT), printed
