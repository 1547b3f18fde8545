"""Reading a matrix: what is read, and that what is refused is refused in one line that names the place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from micrograd_tensor.cli.matrix_file import read_matrix
from micrograd_tensor.cli.unusable import UnusableError

finite = st.floats(-1e30, 1e30, allow_nan=False)
matrices = arrays(np.float64, st.tuples(st.integers(2, 6), st.integers(1, 5)), elements=finite)


@given(matrices, st.booleans(), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_a_csv_file_is_read_to_the_last_digit(tmp_path_factory, values, header, newline, bom):
    lines = [",".join(map(repr, row)) for row in values.tolist()]
    if header:
        lines.insert(0, ",".join(f"column {i}" for i in range(values.shape[1])))
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_bytes((("\ufeff" if bom else "") + newline.join(lines) + newline).encode())
    read, names = read_matrix(path)
    assert read.tobytes() == values.tobytes()
    assert names == ([f"column {i}" for i in range(values.shape[1])] if header else None)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "uint8", "bool"])
def test_an_npy_file_is_read(tmp_path, dtype):
    values = np.array([[1, 0], [3, 4], [0, 1]]).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    read, names = read_matrix(tmp_path / "x.npy", "float32")
    assert read.dtype == np.float32
    assert np.array_equal(read, values.astype(np.float32))
    assert names is None


def test_quoted_cells_spaces_and_blank_lines_do_no_harm(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('"a, b", c\n\n "1", 2\n\n3,"4"\n\n')
    values, names = read_matrix(path)
    assert values.tolist() == [[1, 2], [3, 4]]
    assert names == ["a, b", "c"]


CSV = {
    "a word among numbers": ("1,2\n3,x\n", r"row 2, column 2: 'x' is not a number"),
    "a word under a header": ("a,b\n1,2\n3,x\n", r"row 3, column 2 \('b'\): 'x' is not a number"),
    "half a header": ("1,b\n1,2\n", r"row 1, column 2: 'b' is not a number"),
    "an empty cell": ("1,2\n3,\n", r"row 2, column 2: '' is not a number"),
    "Python's underscores": ("1,2\n3,1_000\n", r"row 2, column 2: '1_000' is not a number"),
    "a short row": ("1,2\n3\n", r"row 2: 1 columns, where others have 2"),
    "a long row": ("1,2\n\n3,4,5\n", r"row 3: 3 columns, where others have 2"),
    "a header of another width": ("a,b,c\n1,2\n", r"row 2: 2 columns, where others have 3"),
    "NaN": ("1,2\n3,nan\n", r"row 2, column 2: nan is not a finite"),
    "infinity": ("a,b\n1,2\n-inf,4\n", r"row 3, column 1 \('a'\): -inf is not a finite"),
    "overflow": ("1,2\n3,1e999\n", r"row 2, column 2: inf is not a finite"),
    "nothing": ("", r"has no rows"),
    "a header alone": ("a,b\n", r"has no rows"),
    "blank lines alone": ("\n\n", r"has no rows"),
    "one row": ("1,2\n", r"one row only"),
    "semicolons": ("1;2\n3;4\n", r"has no rows|is not a number"),
}


@pytest.mark.parametrize("case", CSV)
def test_an_unusable_csv_file_is_refused_naming_row_and_column(tmp_path, case):
    text, said = CSV[case]
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(UnusableError, match=said) as caught:
        read_matrix(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_too_large_for_float32_is_refused_only_there(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("1,2\n3,1e300\n")
    read_matrix(path, "float64")
    with pytest.raises(UnusableError, match=r"row 2, column 2: 1e\+300 is not a finite float32"):
        read_matrix(path, "float32")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"1,2\n3,\xff\xfe\n")
    with pytest.raises(UnusableError, match="not UTF-8"):
        read_matrix(path)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros(3), r"has shape \(3,\)"),
        (np.zeros((2, 2, 2)), r"has shape"),
        (np.zeros((0, 3)), "has no rows"),
        (np.zeros((3, 0)), "has no columns"),
        (np.zeros((1, 3)), "one row only"),
        (np.array([["a", "b"], ["c", "d"]]), "not real numbers"),
        (np.ones((2, 2)) * 1j, "not real numbers"),
        (np.array([[1.0, np.nan], [0, 0]]), "row 1, column 2: nan"),
    ],
)
def test_an_unusable_npy_file_is_refused(tmp_path, values, said):
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(UnusableError, match=said) as caught:
        read_matrix(tmp_path / "x.npy")
    assert "\n" not in str(caught.value)


def test_pickles_and_garbage_are_not_opened(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[{}]]), allow_pickle=True)
    (tmp_path / "y.npy").write_bytes(b"not numpy at all")
    (tmp_path / "z.npy").write_bytes(b"")
    for name in ("x.npy", "y.npy", "z.npy"):
        with pytest.raises(UnusableError, match="is not a NumPy file"):
            read_matrix(tmp_path / name)


@pytest.mark.parametrize("rows", [2**40, 2**62, 2**70])
def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path, rows):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 2)}\n" % rows
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(UnusableError, match=r"a\.npy is not a NumPy file of numbers: "):
        read_matrix(tmp_path / "a.npy")


def test_a_cut_zip_file_is_refused(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UnusableError, match=r"a\.npy is not a NumPy file of numbers: "):
        read_matrix(tmp_path / "a.npy")


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for path, said in (
        (tmp_path / "missing.csv", "cannot be read"),
        (tmp_path / "folder.csv", "is a directory"),
        (tmp_path / "x.txt", "suffix '.txt' is unknown"),
        (tmp_path / "x", "suffix '' is unknown"),
        (tmp_path, "suffix '' is unknown"),
    ):
        with pytest.raises(UnusableError, match=said):
            read_matrix(path)
