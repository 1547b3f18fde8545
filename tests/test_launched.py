"""What happens to Ctrl-C while the command is being imported, and that nobody else's is touched."""

import signal
import subprocess
import sys
import threading

import pytest

from micrograd_tensor import launched

STARTED = {
    "the launcher": (["/usr/bin/micrograd-tensor", "draw"], ["python", "/usr/bin/micrograd-tensor", "draw"], True),
    "that of Windows": (["micrograd-tensor.exe"], ["python.exe", "micrograd-tensor.exe"], True),
    "python -m": (["-m", "draw"], ["python", "-X", "dev", "-m", "micrograd_tensor", "draw"], True),
    "python -m of the folder": (["-m"], ["python", "-m", "micrograd_tensor.cli"], True),
    "another module": (["-m", "micrograd_tensor"], ["python", "-m", "pytest", "micrograd_tensor"], False),
    "a program": (["train.py"], ["python", "train.py"], False),
    "a statement": (["-c"], ["python", "-c", "import micrograd_tensor"], False),
    "a notebook": ([""], ["python"], False),
    "none": ([], [], False),
}


@pytest.fixture
def handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("case", STARTED)
def test_ctrl_c_is_the_systems_where_the_command_is_imported(monkeypatch, handler, case):
    argv, whole, command = STARTED[case]
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", whole)
    launched.leave_to_the_system()
    assert signal.getsignal(signal.SIGINT) is (signal.SIG_DFL if command else signal.default_int_handler)
    with launched.interruptible():
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is (signal.SIG_DFL if command else signal.default_int_handler)


@pytest.mark.parametrize("found", [signal.SIG_IGN, lambda number, frame: None])
def test_what_somebody_has_set_stays(monkeypatch, handler, found):
    monkeypatch.setattr(sys, "argv", ["micrograd-tensor"])
    signal.signal(signal.SIGINT, found)
    launched.leave_to_the_system()
    with launched.interruptible():
        assert signal.getsignal(signal.SIGINT) is found


def test_a_thread_may_import_it(monkeypatch, handler):
    monkeypatch.setattr(sys, "argv", ["micrograd-tensor"])
    failed = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    thread = threading.Thread(target=launched.leave_to_the_system)
    thread.start()
    thread.join()
    assert failed == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_an_interrupted_import_is_silent(tmp_path):
    """A stand-in for NumPy, which the package imports, presses Ctrl-C."""
    (tmp_path / "numpy.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['micrograd-tensor']; import micrograd_tensor"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
    code = code.replace("'micrograd-tensor'", "'program.py'")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "KeyboardInterrupt" in done.stderr
