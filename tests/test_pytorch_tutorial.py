"""What PyTorch's tutorials do first, word for word: only the imports are ours, and the numbers are PyTorch's."""

import re

import numpy as np
import pytest

import micrograd_tensor as mt

OURS = """
import micrograd_tensor as torch
from micrograd_tensor import nn, optim
from micrograd_tensor.data import DataLoader, Dataset, TensorDataset, random_split
from micrograd_tensor.nn import functional as F
"""
THEIRS = """
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split
"""

LINEAR_BY_HAND = """
x = torch.linspace(-1, 1, steps=20).double().view(-1, 1)
y = 3 * x - 2
w = torch.zeros(1, 1, requires_grad=True, dtype=torch.float64)
b = torch.zeros(1, requires_grad=True, dtype=torch.float64)
for epoch in range(30):
    loss = ((x.mm(w) + b - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.3 * w.grad
        b -= 0.3 * b.grad
        w.grad.zero_()
        b.grad.zero_()
    losses.append(loss.item())
found = [w, b]
"""

LINEAR_BY_GRAD = """
x = torch.arange(12).double().unsqueeze(1) / 12
y = torch.sin(x)
coefficients = torch.full((4, 1), 0.1, dtype=torch.float64, requires_grad=True)
powers = torch.cat([x ** k for k in range(4)], dim=1)
for t in range(50):
    y_pred = powers @ coefficients
    loss = (y_pred - y).pow(2).sum()
    (gradient,) = torch.autograd.grad(loss, coefficients)
    coefficients = (coefficients - 1e-2 * gradient).detach().requires_grad_()
    losses.append(loss.item())
found = [coefficients]
"""

NET_BY_HAND = """
net = nn.Sequential(nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3))
start(net)
x, y = torch.from_numpy(images).flatten(1), torch.tensor(labels)
for epoch in range(10):
    loss = F.cross_entropy(net(x), y)
    net.zero_grad()
    loss.backward()
    with torch.no_grad():
        for param in net.parameters():
            param -= 0.1 * param.grad
    losses.append(loss.item())
for epoch in range(10):
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    for param in net.parameters():
        param.data -= 0.1 * param.grad
        param.grad = None
    losses.append(loss.item())
found = net.parameters()
"""

MLP = """
class Digits(Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        return torch.from_numpy(self.images[idx]), int(self.labels[idx])

class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(4 * 4, 12),
            nn.ReLU(),
            nn.Linear(12, 3),
        )

    def forward(self, x):
        x = self.flatten(x)
        return self.linear_relu_stack(x)

train_dataloader = DataLoader(Digits(images, labels), batch_size=7, shuffle=False)
test_dataloader = DataLoader(Digits(images[:10], labels[:10]), batch_size=7)
model = NeuralNetwork().to("cpu")
start(model)
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)

def train(dataloader, model, loss_fn, optimizer):
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        X, y = X.to("cpu"), y.to("cpu")
        pred = model(X)
        loss = loss_fn(pred, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        current = batch * len(X)
        assert current < size

def test(dataloader, model, loss_fn):
    size = len(dataloader.dataset)
    num_batches = len(dataloader)
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad():
        for X, y in dataloader:
            pred = model(X)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    losses.append(test_loss / num_batches)
    losses.append(correct / size)

for t in range(4):
    train(train_dataloader, model, loss_fn, optimizer)
    test(test_dataloader, model, loss_fn)
    scheduler.step()

torch.save(model.state_dict(), folder + "/model.pt")
model2 = NeuralNetwork()
model2.load_state_dict(torch.load(folder + "/model.pt"))
with torch.no_grad():
    found = [model2(torch.from_numpy(images)), *model.parameters()]
"""

CNN = """
class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 4, kernel_size=3, stride=1, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 6, 2)
        self.dropout = nn.Dropout2d(0.0)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.max_pool2d(x, 2)
        x = self.dropout(torch.tanh(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = x.view(x.size(0), -1)
        return F.log_softmax(self.fc(x), dim=1)

full = TensorDataset(torch.from_numpy(images).unsqueeze(1), torch.tensor(labels))
train_loader = DataLoader(full, batch_size=8, drop_last=True)
model = Net()
start(model)
optimizer = optim.Adam(model.parameters(), lr=0.01, betas=(0.9, 0.99), weight_decay=1e-4)
for epoch in range(3):
    model.train()
    for batch_idx, (data, target) in enumerate(train_loader):
        optimizer.zero_grad()
        output = model(data)
        loss = F.nll_loss(output, target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
model.eval()
correct = 0
test_loss = 0
with torch.no_grad():
    for data, target in train_loader:
        output = model(data)
        test_loss += F.nll_loss(output, target, reduction="sum").item()
        pred = output.argmax(dim=1, keepdim=True)
        correct += pred.eq(target.view_as(pred)).sum().item()
losses += [test_loss / len(train_loader.dataset), correct]
assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 171
found = [*model.parameters(), model.bn1.running_mean, model.bn1.running_var]
"""

LSTM = """
text = "the quick brown fox jumps over the lazy dog " * 3
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
codes = torch.tensor([stoi[c] for c in text], dtype=torch.long)

class CharLSTM(nn.Module):
    def __init__(self, vocabulary, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.embedding = nn.Embedding(vocabulary, 5)
        self.lstm = nn.LSTM(5, hidden_size, num_layers=2, batch_first=True)
        self.out = nn.Linear(hidden_size, vocabulary)

    def forward(self, x, state=None):
        output, state = self.lstm(self.embedding(x), state)
        return self.out(output), state

    def init_hidden(self, batch):
        return (torch.zeros(2, batch, self.hidden_size), torch.zeros(2, batch, self.hidden_size))

net = CharLSTM(len(chars), 6)
start(net)
criterion = nn.CrossEntropyLoss()
optimizer = optim.RMSprop(net.parameters(), lr=0.01)
state = net.init_hidden(2)
for i in range(0, 96, 12):
    x = torch.stack([codes[i : i + 12], codes[i + 6 : i + 18]])
    y = torch.stack([codes[i + 1 : i + 13], codes[i + 7 : i + 19]])
    h, c = state
    logits, state = net(x, (h.detach(), c.detach()))
    loss = criterion(logits.view(-1, len(chars)), y.view(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), max_norm=1.0)
    optimizer.step()
    losses.append(loss.item())
probabilities = F.softmax(net(codes[:10].unsqueeze(0))[0][0, -1], dim=-1)
found = [probabilities, *net.parameters()]
"""

TUTORIALS = {
    "linear regression by hand": LINEAR_BY_HAND,
    "polynomial by grad": LINEAR_BY_GRAD,
    "net by hand": NET_BY_HAND,
    "perceptron": MLP,
    "convolutions": CNN,
    "characters": LSTM,
}


def run(preamble, text, folder):
    """The losses and the final tensors of a tutorial."""
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(30, 4, 4)).astype(np.float32), rng.integers(3, size=30)

    def start(model):
        draw = np.random.default_rng(1)
        module = namespace["torch"]
        state = {k: draw.normal(0, 0.4, tuple(v.shape)) for k, v in model.state_dict().items() if "running" not in k}
        state = {k: module.tensor(v.astype(np.float32)) for k, v in state.items() if "num_batches" not in k}
        model.load_state_dict(state, strict=False)

    namespace = {"losses": [], "images": images, "labels": labels, "start": start, "folder": str(folder)}
    exec(preamble + text, namespace)  # noqa: S102 -- the texts above
    return namespace["losses"], [x.detach().numpy() for x in namespace["found"]]


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_runs_with_our_imports(name, tmp_path):
    pytest.importorskip("torch")
    losses, found = run(OURS, edited(TUTORIALS[name]), tmp_path)
    expected, others = run(THEIRS, TUTORIALS[name], tmp_path)
    np.testing.assert_allclose(losses, expected, rtol=2e-4)
    assert len(losses) > 7
    for a, b in zip(found, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-4)


EDITS = {
    "torch.autograd.grad(": "torch.grad(",
    "torch.nn.utils.clip_grad_norm_(": "optim.clip_grad_norm_(",
    "nn.utils.clip_grad_norm_(": "optim.clip_grad_norm_(",
    "/model.pt": "/model.safetensors",
}
"""The lines that cannot stand, and what the error says to write."""


def edited(text):
    for theirs, ours in EDITS.items():
        text = text.replace(theirs, ours)
    return text


@pytest.mark.parametrize(("theirs", "ours"), list(EDITS.items())[:3])
def test_the_error_of_a_line_that_cannot_stand_says_what_to_write(theirs, ours):
    name = theirs.removesuffix("(")
    with pytest.raises(AttributeError, match=re.escape(ours.replace("torch", "mt"))):
        eval(name, {"torch": mt, "nn": mt.nn})  # noqa: S307 -- the names above


def test_a_file_of_the_wrong_name_is_mentioned(tmp_path):
    with pytest.warns(UserWarning, match="Name it .safetensors"):
        mt.save(mt.nn.Linear(1, 1).state_dict(), tmp_path / "model.pt")
