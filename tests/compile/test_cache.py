"""The cache of machine code: found by the next process, and never run unless this user alone can have written it."""

import ast
import errno
import hashlib
import os
import pickle
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from micrograd_tensor.compile import cache, kernels

pytest.importorskip("llvmlite")
if not cache._CHECKABLE:
    pytest.skip("nobody can tell here whose a file is", allow_module_level=True)

DOUBLE = (
    "def kernel(x, y, k):\n    n = x.shape[0]\n    for i in range(n):\n        y[i] = x[i] + x[i]\n    return True\n"
)
CANARY = DOUBLE.replace("x[i] + x[i]", "F(666.0)")
KIND = np.dtype("float64")


def run(text=DOUBLE):
    """What a kernel makes of 1 and 2, and where it comes from; it is known to no memory."""
    made, origin = kernels._by_llvm(text, "kernel", KIND, [(KIND, 1, True), (KIND, 1, False)])
    y = np.zeros(2)
    assert made(np.array([1.0, 2.0]), y, np.zeros(0)) is True
    return y.tolist(), origin


@pytest.fixture(name="at")
def folder(tmp_path, monkeypatch):
    at = tmp_path / "of me" / "cache"
    monkeypatch.setenv(cache.VARIABLE, str(at))
    return at


def only_file(at):
    (path,) = at.iterdir()
    return path


def test_what_is_stored_is_found_and_nothing_else(at):
    assert cache.load("a") is None
    assert not at.exists()
    for key, code in {"a": b"code of a", "ab": b"", "": b"\0"}.items():
        cache.store(key, code)
        assert cache.load(key) == code
    assert cache.load("b") is None
    cache.store("a", b"other")
    assert cache.load("a") == b"other"
    assert stat.S_IMODE(at.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in at.iterdir()] == [0o600] * 3


def test_what_is_compiled_is_found_on_the_disk(at):
    assert run() == ([2.0, 4.0], "compiled")
    assert run() == ([2.0, 4.0], "disk")
    assert run(CANARY) == ([666.0, 666.0], "compiled")


@pytest.fixture(name="planted")
def planted(at, monkeypatch):
    """A folder with a file that is all right, but in which there is other machine code, so that one sees it run."""
    keys = []
    monkeypatch.setattr(cache, "store", lambda key, code: keys.append((key, code)))
    run()
    run(CANARY)
    monkeypatch.undo()
    monkeypatch.setenv(cache.VARIABLE, str(at))
    (key, _), (_, code) = keys
    cache.store(key, code)
    return at


def test_the_canary_sings(planted):
    assert run() == ([666.0, 666.0], "disk")


def by_mode(mode, of_folder=False):
    def spoil(at, _away):
        (at if of_folder else only_file(at)).chmod(mode)

    return spoil


def cut(count):
    def spoil(at, _away):
        path = only_file(at)
        path.write_bytes(path.read_bytes()[:count])

    return spoil


def flipped(place):
    def spoil(at, _away):
        path = only_file(at)
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)

    return spoil


def linked(how):
    def spoil(at, away):
        path = only_file(at)
        path.rename(away)
        how(path, away)

    return spoil


def folder_linked(at, away):
    at.rename(away)
    at.symlink_to(away)


def pipe(at, _away):
    path = only_file(at)
    path.unlink()
    os.mkfifo(path, 0o600)


def in_a_folder(at, _away):
    path = only_file(at)
    path.unlink()
    path.mkdir(0o700)


def of_another_kernel(at, _away):
    """The file of another text, under the name of ours."""
    path = only_file(at)
    path.write_bytes(path.read_bytes().replace(b"double", b"float"))
    content = path.read_bytes()
    start = len(cache._MARK) + cache._DIGEST
    path.write_bytes(cache._MARK + hashlib.sha256(content[start:]).digest() + content[start:])


def of_another_version(at, _away):
    path = only_file(at)
    path.write_bytes(path.read_bytes().replace(b"machine code 1", b"machine code 2", 1))


class Bomb:
    """Creates a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def a_pickle(at, away):
    only_file(at).write_bytes(pickle.dumps(Bomb(away)))
    for suffix in (".nbi", ".1.nbc"):
        (at / f"kernel{suffix}").write_bytes(pickle.dumps(Bomb(away)))


def foreign(of_folder):
    def spoil(at, _away):
        if os.geteuid():
            pytest.skip("only root can give a file away")
        os.chown(at if of_folder else only_file(at), 12345, -1)

    return spoil


SPOILED = {
    **{f"first {n} bytes": cut(n) for n in (0, 1, 31, 32, 64, 71, 72, 200, -1000, -1)},
    **{f"byte {n} flipped": flipped(n) for n in (0, 40, 66, 80, -3000, -1)},
    **{f"file {mode:o}": by_mode(mode) for mode in (0o620, 0o602, 0o666, 0o777)},
    **{f"folder {mode:o}": by_mode(mode, True) for mode in (0o770, 0o720, 0o702, 0o777, 0o1777)},
    "a link to it": linked(lambda path, away: path.symlink_to(away)),
    "another name of it": linked(lambda path, away: path.hardlink_to(away)),
    "a link to the folder": folder_linked,
    "a pipe": pipe,
    "a folder": in_a_folder,
    "another kernel": of_another_kernel,
    "another version": of_another_version,
    "a pickle": a_pickle,
    "a foreign file": foreign(False),
    "a foreign folder": foreign(True),
}


@pytest.mark.parametrize("how", SPOILED)
def test_what_is_not_to_be_trusted_is_not_run(planted, tmp_path, how):
    away = tmp_path / "away"
    SPOILED[how](planted, away)
    assert run() == ([2.0, 4.0], "compiled")
    assert run()[0] == [2.0, 4.0]  # and it does not become trusted
    assert how != "a pickle" or not away.exists()


def test_a_pickle_would_have_done_harm(tmp_path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "harm")))  # noqa: S301 -- to see that the one above could have
    assert (tmp_path / "harm").exists()


def test_what_belongs_to_another_user_is_not_run(planted, monkeypatch):
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    assert run() == ([2.0, 4.0], "compiled")
    assert only_file(planted).stat().st_uid == me


@pytest.mark.parametrize("value", ["", "0"])
def test_it_can_be_turned_off(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(cache.VARIABLE, value)
    for _ in range(2):
        assert run() == ([2.0, 4.0], "compiled")
    assert not [*tmp_path.iterdir()]


def test_it_is_in_the_folder_of_the_user(tmp_path, monkeypatch):
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache.folder() == tmp_path / (
        "Library/Caches/micrograd-tensor" if sys.platform == "darwin" else ".cache/micrograd-tensor"
    )
    monkeypatch.setenv("XDG_CACHE_HOME", "not/from/the/root")
    assert cache.folder().is_relative_to(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache.folder() == tmp_path / "elsewhere" / "micrograd-tensor"
    assert run()[1] == "compiled"
    assert run()[1] == "disk"


def no_home(monkeypatch, _tmp):
    def expanded(_path):
        raise RuntimeError("Could not determine home directory.")

    for name in (cache.VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", expanded)


def below_a_file(monkeypatch, tmp):
    (tmp / "file").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(tmp / "file" / "cache"))


def a_file(monkeypatch, tmp):
    (tmp / "file").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(tmp / "file"))


def read_only(monkeypatch, tmp):
    real = os.open

    def opened(path, flags, *args, **settings):
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *args, **settings)

    monkeypatch.setenv(cache.VARIABLE, str(tmp))
    monkeypatch.setattr(os, "open", opened)


def full(monkeypatch, tmp):
    def filled(descriptor, mode):
        class Full:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                os.close(descriptor)

            def write(self, content):
                os.write(descriptor, content[: len(content) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")

        return Full() if mode == "wb" else real(descriptor, mode)

    real = os.fdopen
    monkeypatch.setenv(cache.VARIABLE, str(tmp))
    monkeypatch.setattr(os, "fdopen", filled)


@pytest.mark.parametrize("how", [no_home, below_a_file, a_file, read_only, full])
def test_where_nothing_can_be_kept_nothing_is(monkeypatch, tmp_path, how):
    how(monkeypatch, tmp_path)
    for _ in range(2):
        assert run() == ([2.0, 4.0], "compiled")
    assert [path.name for path in tmp_path.iterdir()] in ([], ["file"])


def test_a_write_that_is_interrupted_leaves_nothing(at, monkeypatch):
    def interrupted(*_args, **_settings):
        raise KeyboardInterrupt

    with monkeypatch.context() as here:
        here.setattr(os, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert not [*at.iterdir()]
    assert run() == ([2.0, 4.0], "compiled")


def test_the_older_half_goes_when_there_are_too_many(at, monkeypatch):
    monkeypatch.setattr(cache, "KEPT", 4)
    for k in range(5):
        cache.store(str(k), b"code")
        os.utime(at / cache._name(str(k).encode()), (k, k))
        if k == 4:
            cache.store("4", b"code")
    assert [cache.load(str(k)) for k in range(5)] == [None, None, b"code", b"code", b"code"]


def test_threads_that_compile_at_once_do_not_disturb_each_other(at):
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda k: run((DOUBLE, CANARY)[k % 2]), range(16))]
    assert [y for y, _ in answers] == [[2.0, 4.0], [666.0, 666.0]] * 8
    assert len([*at.iterdir()]) == 2


def test_files_of_others_in_the_folder_stay(at, monkeypatch):
    monkeypatch.setattr(cache, "KEPT", 2)
    at.mkdir(parents=True, mode=0o700)
    others = ["thesis.txt", ".profile", "0" * 63, ".tmp", "x" * 64, f".{'0' * 64}"]
    for name in others:
        (at / name).write_text("mine")
        os.utime(at / name, (0, 0))
    for k in range(9):
        cache.store(str(k), b"code")
    assert all((at / name).read_text() == "mine" for name in others)
    assert len([*at.iterdir()]) - len(others) <= 2


# --------------------------------------------------------------------------------------------------------- processes

SCRIPT = """
import os, signal
import numpy as np
import micrograd_tensor as mt

@mt.compile(backend="BACKEND")
def both(x):
    y = mt.softmax(x * 2)
    return y, mt.grad(y, x, np.ones((4, 3)) * x.detach())[0]

x = mt.tensor(np.linspace(-1, 1, 12).reshape(4, 3), requires_grad=True)
BEFORE
y, dx = both(x)
assert not both._eager, both._eager
print([made.origin for made in both.report().facts.made], y.numpy().tobytes().hex(), dx.numpy().tobytes().hex())
"""


def started(before="", backend="numba"):
    script = SCRIPT.replace("BEFORE", before).replace("BACKEND", backend)
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process):
    out, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    origins, *values = out.rsplit(" ", 2)
    return set(ast.literal_eval(origins)), values


@pytest.mark.parametrize("backend", ["numba", "c"])
def test_the_next_process_runs_the_same_code(at, backend, request):
    if backend == "c":
        request.getfixturevalue("c_compiler")
    first, second = said(started(backend=backend)), said(started(backend=backend))
    assert first[0] == {"compiled"}
    assert second == ({"disk"}, first[1])
    at.chmod(0o777)
    assert said(started(backend=backend)) == ({"compiled"}, first[1])


def test_processes_that_compile_at_once_do_not_disturb_each_other(at):
    answers = [said(process) for process in [started() for _ in range(3)]]
    assert len({tuple(values) for _, values in answers}) == 1
    assert all(not path.name.startswith(".") for path in at.iterdir())
    assert said(started()) == ({"disk"}, answers[0][1])


def test_a_process_that_is_killed_while_it_writes_leaves_the_cache_as_it_was(at):
    process = started("os.rename = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)")
    process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL
    (left,) = at.iterdir()
    assert left.name.startswith(".")
    assert said(started())[0] == {"compiled"}
    assert left.exists()  # somebody might still be writing it
    before = time.time() - 2 * cache._ABANDONED
    os.utime(left, (before, before))
    cache.store("another", b"code")
    assert not left.exists()


def test_a_fork_goes_on_with_what_its_parent_compiled(at):
    child = """
want = both(x)[0].numpy().tobytes()
if not (pid := os.fork()):
    again = both(x)[0].numpy().tobytes()
    other = mt.compile(lambda x: x * x + 1, backend="numba")
    os._exit(0 if again == want and np.allclose(other(x).numpy(), x.numpy() ** 2 + 1) else 1)
assert os.waitpid(pid, 0)[1] == 0
"""
    assert said(started(child))[0] == {"compiled"}


def test_a_fork_waits_for_what_another_thread_compiles(at):
    child = """
import threading, time
from micrograd_tensor.compile import cache

compiling = threading.Event()

def slow(key):
    compiling.set()
    time.sleep(0.3)

cache.load = slow
thread = threading.Thread(target=both, args=(x,))
thread.start()
compiling.wait()
if not (pid := os.fork()):
    signal.alarm(60)
    other = mt.compile(lambda x: x * x + 1, backend="numba")
    os._exit(0 if np.allclose(other(x).numpy(), x.numpy() ** 2 + 1) else 1)
thread.join()
assert os.waitpid(pid, 0)[1] == 0
"""
    assert said(started(child))[0] == {"compiled"}
