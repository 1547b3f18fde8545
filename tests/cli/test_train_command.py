"""``micrograd-tensor train``: what it prints and writes, and what it says of wrong input."""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import re
import sys

import numpy as np
import pytest
from rich.console import Console

from micrograd_tensor import saving
from micrograd_tensor.cli import train
from micrograd_tensor.cli.unusable import UnusableError
from micrograd_tensor.compile import compiled
from micrograd_tensor.training.digits import Settings, build

pytest.importorskip("safetensors")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")


def command(*arguments):
    parser = argparse.ArgumentParser(prog="micrograd-tensor train")
    train.add_options(parser)
    given = parser.parse_args(["digits", *map(str, arguments)])
    return given.run(given)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    assert command("--quick", "--out", folder, "--save", folder / "net.safetensors") == 0
    return folder


def test_it_writes_checkpoint_picture_and_net(trained):
    assert {path.name for path in trained.iterdir()} == {"digits-mlp.safetensors", "digits-mlp.png", "net.safetensors"}
    assert (trained / "digits-mlp.png").read_bytes().startswith(b"\x89PNG")
    state = saving.load_checkpoint(trained / "digits-mlp.safetensors")
    assert len(state["history"]) == 2
    assert state["settings"]["epochs"] == 2
    net = saving.load(trained / "net.safetensors")
    assert net.keys() == state["model"].keys()
    assert all(np.array_equal(net[name], state["model"][name]) for name in net)


def test_it_learns_and_says_so(tmp_path, capsys):
    assert command("--epochs", 5, "--no-twin", "--out", tmp_path) == 0
    printed = capsys.readouterr().out
    assert "mlp of 26,378 numbers, adamw, 5 epochs; 1437 digits to learn from, 360 held out" in printed
    history = saving.load_checkpoint(tmp_path / "digits-mlp.safetensors")["history"]
    accuracy = history[-1]["with batch norm"]["held_out_accuracy"]
    assert accuracy > 0.95
    assert f"{accuracy:.2%} of the held-out digits recognized" in printed
    assert [list(entry) for entry in history] == [["with batch norm"]] * 5


def test_the_report_for_programs_has_its_history(tmp_path, capsys):
    arguments = ("--epochs", 1, "--no-twin", "--out", tmp_path)
    assert command(*arguments, "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    history = saving.load_checkpoint(tmp_path / "digits-mlp.safetensors")["history"]
    assert found["epochs"] == json.loads(json.dumps(history))
    assert (found["finished"], found["parameters"], found["net"]) == (True, 26378, None)
    assert found["picture"] == str(tmp_path / "digits-mlp.png")
    with pytest.raises(UnusableError, match=r"digits-mlp\.safetensors itself"):
        command(*arguments, "--json", tmp_path / "digits-mlp.safetensors")


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_every_optimizer_learns(tmp_path, optimizer):
    assert command("--epochs", 3, "--optimizer", optimizer, "--no-twin", "--out", tmp_path) == 0
    history = saving.load_checkpoint(tmp_path / "digits-mlp.safetensors")["history"]
    assert history[-1]["with batch norm"]["held_out_accuracy"] > 0.9


def test_the_convolutional_net_learns(tmp_path):
    assert command("--model", "cnn", "--epochs", 1, "--no-twin", "--out", tmp_path) == 0
    history = saving.load_checkpoint(tmp_path / "digits-cnn.safetensors")["history"]
    assert history[-1]["with batch norm"]["held_out_accuracy"] > 0.8
    assert len(history[-1]["with batch norm"]["activations"]) == 3


@pytest.mark.parametrize("model", ["mlp", pytest.param("cnn", marks=pytest.mark.slow)])
def test_compiled_steps_learn_the_same(tmp_path, capsys, model):
    found = []
    for options in ((), ("--compile",)):
        assert command("--quick", "--model", model, *options, "--out", tmp_path / str(len(found))) == 0
        found.append(saving.load_checkpoint(tmp_path / str(len(found)) / f"digits-{model}.safetensors")["history"])
    for eager, fast in zip(*found, strict=True):
        for name in eager:
            assert fast[name]["loss"] == pytest.approx(eager[name]["loss"], rel=1e-3)
            assert fast[name]["held_out_accuracy"] == pytest.approx(eager[name]["held_out_accuracy"], abs=0.01)
    printed = capsys.readouterr().out
    backend = "NumPy" if importlib.util.find_spec("numba") is None else "Numba"
    assert printed.count(f"steps: compiled with {backend} in ") == 1
    assert "would without --compile" not in printed


def test_a_compiled_run_is_resumed_as_such_bit_for_bit(tmp_path, capsys):
    def stopped(self, path):
        save(self, path)
        if len(self.history) == 1:
            raise KeyboardInterrupt

    save = train.Run.save
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.Run, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            command("--quick", "--compile", "--no-twin", "--out", tmp_path / "first")
    checkpoint = tmp_path / "first" / "digits-mlp.safetensors"
    assert command("--resume", checkpoint) == 0
    assert "steps: compiled with" in capsys.readouterr().out
    command("--quick", "--compile", "--no-twin", "--out", tmp_path / "whole")
    whole = saving.load_checkpoint(tmp_path / "whole" / "digits-mlp.safetensors")
    assert repr(saving.load_checkpoint(checkpoint)) == repr(whole)


def test_without_numba_compiled_steps_run_numpy_and_this_is_said(tmp_path, capsys, monkeypatch):
    find = importlib.util.find_spec
    for module in (train, compiled):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name == "numba" else find(name))
    assert command("--quick", "--compile", "--no-twin", "--out", tmp_path) == 0
    printed = capsys.readouterr().out
    assert "Numba is not installed, so compiled steps run NumPy: pip install 'micrograd-tensor[compile]'" in printed
    assert "steps: compiled with NumPy in" in printed


def test_equal_seeds_give_equal_runs_and_others_do_not(tmp_path):
    found = []
    for i, seed in enumerate((3, 3, 4)):
        command("--quick", "--seed", seed, "--out", tmp_path / str(i))
        found.append(repr(saving.load_checkpoint(tmp_path / str(i) / "digits-mlp.safetensors")["history"]))
    assert found[0] == found[1] != found[2]


def test_a_finished_run_resumed_is_drawn_again(trained, tmp_path, capsys):
    assert command("--resume", trained / "digits-mlp.safetensors", "--out", tmp_path) == 0
    assert "from epoch 3" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["digits-mlp.png"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "transformer"], "invalid choice: 'transformer'"),
        (["--epochs", "0"], "'0' is not a whole number of at least 1"),
        (["--epochs", "two"], "'two' is not a whole number"),
        (["--batch", "1"], "'1' is not a whole number of at least 2, which batch normalization needs"),
        (["--lr", "nan"], "'nan' is not a finite number"),
        (["--lr", "-1"], "'-1' is not a finite number of at least 0"),
        (["--seed", "-1"], "'-1' is not a whole number of at least 0"),
        (["--optimizer", "lion"], "invalid choice: 'lion'"),
    ],
)
def test_wrong_options_are_quoted(arguments, says, capsys):
    with pytest.raises(SystemExit) as ended:
        command(*arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def model_alone(folder):
    return ["--resume", saving.save({"w": np.ones(2)}, folder / "w.safetensors")]


def other_checkpoint(folder):
    return ["--resume", saving.save_checkpoint(folder / "c.safetensors", settings={"model": "mlp", "wings": 2})]


def text(folder):
    (folder / "notes.txt").write_text("no checkpoint at all")
    return ["--resume", folder / "notes.txt"]


def changed_net(folder):
    command("--quick", "--no-twin", "--out", folder)
    path = folder / "digits-mlp.safetensors"
    state = saving.load_checkpoint(path)
    state["model"]["1.weight"] = np.zeros((3, 3), np.float32)
    del state["model"]["7.bias"]
    return ["--resume", saving.save_checkpoint(path, **state)]


def file_in_the_way(folder):
    (folder / "file").touch()
    return ["--out", folder / "file"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: ["--resume", folder / "none.safetensors"], "none.safetensors cannot be read: No such file"),
        (lambda folder: ["--resume", folder], "cannot be read: Is a directory"),
        (text, "notes.txt is not a checkpoint of this training: .*not a complete safetensors file"),
        (model_alone, "w.safetensors is not a checkpoint of this training: .*holds arrays, but no checkpoint"),
        (other_checkpoint, "c.safetensors is not a checkpoint of this training: .*wings"),
        (changed_net, r"1\.weight has shape \(3, 3\).*missing: 7\.bias"),
        (lambda folder: ["--resume", folder, "--epochs", 3, "--no-twin"], "leave out --epochs, --no-twin"),
        (lambda folder: ["--resume", folder, "--compile"], "leave out --compile"),
        (lambda folder: ["--resume", folder, "--quick"], "leave out --quick"),
        (file_in_the_way, "cannot be written to"),
        (lambda folder: ["--batch", 2000, "--out", folder], "--batch 2000 exceeds the 1437 samples"),
        (lambda folder: ["--quick", "--out", folder, "--save", folder], "is a folder; give a file in it"),
    ],
)
def test_unusable_input_is_told_in_one_line(tmp_path, make, says):
    with pytest.raises(UnusableError, match=says) as found:
        command(*make(tmp_path))
    assert "\n" not in str(found.value)


JUNK = {
    "sums": (None, [], {"with batch norm": [0.0, 0, 0]}, {"with batch norm": [0.0], "without": [0.0, 0, 0]}),
    "history": (None, 3, [3], [{}], [{"with batch norm": {}, "without": {}}]),
}


@pytest.mark.parametrize(("part", "junk"), [(part, junk) for part, several in JUNK.items() for junk in several])
def test_a_run_with_junk_for_a_memory_is_told(trained, tmp_path, part, junk):
    state = saving.load_checkpoint(trained / "digits-mlp.safetensors")
    path = saving.save_checkpoint(tmp_path / "c.safetensors", **{**state, part: junk})
    with pytest.raises(UnusableError, match="its sums or its history are not those of such a run"):
        command("--resume", path)


@pytest.mark.parametrize("figure", ["loss", "accuracy", "held_out_loss", "activations"])
@pytest.mark.parametrize("junk", [None, "x", [3], {"a": 1}, [["x", 1.0]], 10**400], ids=repr)
def test_a_run_with_junk_for_a_number_is_told(trained, tmp_path, figure, junk):
    state = saving.load_checkpoint(trained / "digits-mlp.safetensors")
    state["history"][0]["without"][figure] = junk
    path = saving.save_checkpoint(tmp_path / "c.safetensors", **state)
    with pytest.raises(UnusableError, match="its sums or its history are not those of such a run"):
        command("--resume", path)


@pytest.mark.parametrize("library", ["sklearn.datasets", "matplotlib", "safetensors"])
def test_a_missing_library_is_named_with_its_extra(tmp_path, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UnusableError, match=r"pip install 'micrograd-tensor\[train\]'"):
        command("--quick", "--out", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_progress_bar_shows_epoch_loss_and_accuracy():
    run = build(Settings(epochs=2, twin=False))
    text = io.StringIO()
    with train.progress(run, Console(file=text, force_terminal=True, width=160)) as advance:
        for _ in run.steps():
            advance()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.getvalue())
    assert re.search(r"epoch 2/2 .*loss 0\.\d{3}, accuracy +\d+\.\d%, held out +\d+\.\d%", shown)
