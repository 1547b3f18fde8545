"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from micrograd_tensor.engine import files
from micrograd_tensor.engine.files import atomic_write


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "a.bin"
    for content in (b"one", b"two"):
        assert atomic_write(path, content) == path
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a.bin")
    atomic_write(tmp_path / "link", b"x")
    assert (tmp_path / "a.bin").read_bytes() == b"x"
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("failing", ["fsync", "replace", "fdopen"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failing, error):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*args, **settings):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, fail)
        with pytest.raises(type(error)):
            atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    code = (
        "import os, signal; from micrograd_tensor.engine.files import atomic_write\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"atomic_write({str(path)!r}, b'new')"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(os.name != "posix", reason="the system has no such permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_file_that_is_replaced_passes_on_its_permissions(tmp_path, mode):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    path.chmod(mode)
    atomic_write(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.name != "posix", reason="the system has no such permissions")
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    atomic_write(tmp_path / "a.bin", b"x")
    assert (tmp_path / "a.bin").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_that_nobody_reads_from_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="Nobody reads from this pipe") as told:
        atomic_write(tmp_path / "pipe", b"nowhere")
    assert told.value.filename == str(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_stays(tmp_path, monkeypatch):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(files, "_PATIENCE", 600)  # on a machine that is busy
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        atomic_write(pipe, b"through")
        assert reader.communicate()[0] == b"through"
    assert pipe.is_fifo()


def test_a_folder_is_refused_and_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"directory|denied"):
        atomic_write(tmp_path / "folder", b"x")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127])
def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path, name):
    if os.name != "posix" or os.pathconf(tmp_path, "PC_NAME_MAX") < 255:
        pytest.skip("names are shorter here")
    atomic_write(tmp_path / name, b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["missing/a.bin", "file/a.bin", "long" * 100, "circle"])
def test_an_error_is_about_the_path_that_was_given(tmp_path, monkeypatch, name):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=name) as caught:
        atomic_write(name, b"x")
    assert caught.value.filename == name
    assert ".tmp" not in str(caught.value)


def test_what_a_killed_process_left_is_removed_but_nothing_else(tmp_path):
    old, new = time.time() - 7200, time.time()
    kept = {
        ".a.bin.0123456789ab.tmp": new,  # another process may be writing it
        ".b.bin.0123456789ab.tmp": old,
        ".a.bin.mine.tmp": old,
        "a.bin.0123456789ab.tmp": old,
    }
    for name, moment in {**kept, ".a.bin.fedcba987654.tmp": old}.items():
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (moment, moment))
    atomic_write(tmp_path / "a.bin", b"x")
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "a.bin"}
