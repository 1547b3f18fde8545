"""``micrograd-tensor completion``: what bash completes with its script, and what is said without shtab."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from micrograd_tensor.cli import main
from micrograd_tensor.cli.completion import SHELLS
from micrograd_tensor.cli.parser import COMMANDS


def completed(script, line, folder):
    """What bash offers for a line whose last word is being typed."""
    words = line.split(" ")
    array = " ".join(f"'{word}'" for word in words)
    text = f"{script}\nCOMP_WORDS=({array}); COMP_CWORD={len(words) - 1}\n"
    text += '_shtab_micrograd_tensor; printf "%s\\n" "${COMPREPLY[@]}"'
    command = ["bash", "--norc", "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return {word.strip() for word in done.stdout.splitlines()} - {""}


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_options_values_and_files(tmp_path, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    (tmp_path / "data.csv").write_text("")
    assert completed(script, "micrograd-tensor ", tmp_path) >= set(COMMANDS)
    assert completed(script, "micrograd-tensor batch", tmp_path) == {"batchnorm"}
    assert completed(script, "micrograd-tensor draw --th", tmp_path) == {"--theme"}
    assert completed(script, "micrograd-tensor draw --theme ", tmp_path) == {"auto", "light", "dark"}
    assert "data.csv" in completed(script, "micrograd-tensor batchnorm da", tmp_path)
    assert "data.csv" in completed(script, "micrograd-tensor draw mlp -o da", tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script_with_every_command(shell, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in COMMANDS)


def test_without_its_library_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert "pip install 'micrograd-tensor[completion]'" in capsys.readouterr().err
