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
    read, names, _ = read_matrix(path)
    assert read.tobytes() == values.tobytes()
    assert names == ([f"column {i}" for i in range(values.shape[1])] if header else None)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "uint8", "bool"])
def test_an_npy_file_is_read(tmp_path, dtype):
    values = np.array([[1, 0], [3, 4], [0, 1]]).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    read, names, _ = read_matrix(tmp_path / "x.npy", "float32")
    assert read.dtype == np.float32
    assert np.array_equal(read, values.astype(np.float32))
    assert names is None


def test_quoted_cells_spaces_and_blank_lines_do_no_harm(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('"a, b", c\n\n "1", 2\n\n3,"4"\n\n')
    values, names, _ = read_matrix(path)
    assert values.tolist() == [[1, 2], [3, 4]]
    assert names == ["a, b", "c"]


PEOPLES = {
    "semicolons": ("a;b\n1;2\n3;4\n", ["a", "b"], "separated by semicolons"),
    "German Excel": ("a;b\n1,5;2\n3;4,25\n", ["a", "b"], "separated by semicolons, decimal commas"),
    "tabs": ("a\tb\n1\t2\n3\t4\n", ["a", "b"], "separated by tabs"),
    "an index of pandas": (",a,b\n0,1,2\n1,3,4\n", ["a", "b"], "without the first column, which has no name"),
    "an index of R": ("a,b\nr1,1,2\nr2,3,4\n", ["a", "b"], "without the first column, which has no name"),
    "comments": ("# measured in June\na,b\n1,2\n# doubtful\n3,4\n", ["a", "b"], ""),
    "a separator at the end": ("a,b,\n1,2,\n3,4,\n", ["a", "b"], ""),
    "and no header": ("1,2,\n3,4,\n", None, ""),
    "truth": ("a,b\nTrue,2\nfalse,4\n", ["a", "b"], ""),
    "a quoted separator": ('"a;1";b\n1;2\n3;4\n', ["a;1", "b"], "separated by semicolons"),
    "one column": ("a\n1\n3\n", ["a"], ""),
}


@pytest.mark.parametrize("case", PEOPLES)
def test_files_as_people_have_them(tmp_path, case):
    text, expected, said = PEOPLES[case]
    path = tmp_path / "x.csv"
    path.write_text(text)
    values, names, notes = read_matrix(path)
    whole = {"German Excel": [[1.5, 2], [3, 4.25]], "truth": [[1, 2], [0, 4]], "one column": [[1], [3]]}
    assert values.tolist() == whole.get(case, [[1, 2], [3, 4]])
    assert (names, ", ".join(notes)) == (expected, said)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.tsv", "1\t2\n3\t4\n"),
        ("x.txt", "1 2\n3   4\n"),
        ("x.txt", "  1,2\n3,4\n"),
        ("x.TXT", "1\t2\n3\t4"),
    ],
)
def test_other_text_tables(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read_matrix(tmp_path / name).values.tolist() == [[1, 2], [3, 4]]


def test_a_header_of_numbers_has_to_be_said(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("2019,2020\n1,2\n3,4\n")
    assert len(read_matrix(path).values) == 3
    values, names, _ = read_matrix(path, header=True)
    assert (values.tolist(), names) == ([[1, 2], [3, 4]], ["2019", "2020"])
    path.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(UnusableError, match=r"row 1, column 1: 'a' is not a number"):
        read_matrix(path, header=False)


@pytest.mark.parametrize(
    ("columns", "expected"), [("b,a", [1, 0]), ("1", [0]), ("2-3", [1, 2]), (" c , 1 ", [2, 0]), ("1-3", [0, 1, 2])]
)
def test_columns_are_chosen_by_name_and_number(tmp_path, columns, expected):
    path = tmp_path / "x.csv"
    path.write_text("a,b,c,kind\n1,2,3,cat\n4,5,6,dog\n")
    values, names, _ = read_matrix(path, columns=columns)
    assert values.tolist() == np.array([[1, 2, 3], [4, 5, 6]])[:, expected].tolist()
    assert names == ["abc"[k] for k in expected]


@pytest.mark.parametrize("columns", ["d", "0", "5", "3-2", "1-9", ",", "a-c", "-1"])
def test_a_column_that_is_not_there_is_refused_by_those_that_are(tmp_path, columns):
    path = tmp_path / "x.csv"
    path.write_text("a,b,c,kind\n1,2,3,cat\n4,5,6,dog\n")
    with pytest.raises(UnusableError, match=r"--columns: there is no column .*; there are a, b, c, kind, or 1 to 4"):
        read_matrix(path, columns=columns)


@pytest.mark.parametrize("missing", ["", " ", "NA", "nan", "null", "?", "N/A"])
def test_rows_without_a_number_are_left_out_on_request(tmp_path, missing):
    path = tmp_path / "x.csv"
    path.write_text(f"a,b\n1,2\n{missing},7\n3,4\n")
    with pytest.raises(UnusableError, match=r"row 3, column 1 \('a'\): a number is missing"):
        read_matrix(path)
    values, _, notes = read_matrix(path, drop_missing=True)
    assert (values.tolist(), notes) == ([[1, 2], [3, 4]], ["without 1 rows in which a number is missing"])
    path.write_text(f"a,b\n1,2\n{missing},7\n3,{missing}\n")
    with pytest.raises(UnusableError, match="one row only"):
        read_matrix(path, drop_missing=True)


def test_arrays_of_one_axis_and_archives_of_one_array(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3.0))
    assert read_matrix(tmp_path / "x.npy").values.tolist() == [[0], [1], [2]]
    np.savez(tmp_path / "x.npz", data=np.ones((2, 3)))
    assert read_matrix(tmp_path / "x.npz").values.tolist() == [[1, 1, 1]] * 2
    np.savez(tmp_path / "y.npz", a=np.ones(2), b=np.ones(2))
    with pytest.raises(UnusableError, match="holds 2 arrays"):
        read_matrix(tmp_path / "y.npz")


def test_parquet_where_its_library_is(tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(UnusableError, match="install pyarrow; or save it as"):
        read_matrix(path)


CSV = {
    "a word among numbers": ("1,2\n3,x\n", r"row 2, column 2: 'x' is not a number"),
    "a word under a header": ("a,b\n1,2\n3,x\n", r"row 3, column 2 \('b'\): 'x' is not a number"),
    "half a header": ("1,b\n1,2\n", r"row 1, column 2: 'b' is not a number"),
    "an empty cell": ("1,2\n3,\n4,5\n", r"row 2, column 2: a number is missing \(NaN\); --drop-missing leaves"),
    "Python's underscores": ("1,2\n3,1_000\n", r"row 2, column 2: '1_000' is not a number"),
    "a short row": ("1,2\n3\n", r"row 2: 1 columns, where others have 2"),
    "a long row": ("1,2\n\n3,4,5\n", r"row 3: 3 columns, where others have 2"),
    "a header of another width": ("a,b,c\n1,2\n", r"row 2: 2 columns, where others have 3"),
    "NaN": ("1,2\n3,nan\n", r"row 2, column 2: a number is missing"),
    "infinity": ("a,b\n1,2\n-inf,4\n", r"row 3, column 1 \('a'\): -inf is not a finite"),
    "overflow": ("1,2\n3,1e999\n", r"row 2, column 2: inf is not a finite"),
    "nothing": ("", r"has no rows"),
    "a header alone": ("a,b\n", r"has no rows"),
    "blank lines alone": ("\n\n", r"has no rows"),
    "one row": ("1,2\n", r"one row only"),
    "a word between semicolons": ("1;2\n3;x\n", r"row 2, column 2: 'x' is not a number"),
    "comments alone": ("# 1,2\n# 3,4\n", r"has no rows"),
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
        (np.zeros((2, 2, 2)), r"has shape"),
        (np.zeros((0, 3)), "has no rows"),
        (np.zeros((3, 0)), "has no columns"),
        (np.zeros((1, 3)), "one row only"),
        (np.array([["a", "b"], ["c", "d"]]), "not real numbers"),
        (np.ones((2, 2)) * 1j, "not real numbers"),
        (np.array([[1.0, np.nan], [0, 0]]), "row 1, column 2: a number is missing"),
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
        (tmp_path / "x.xls", "suffix '.xls' is unknown"),
        (tmp_path / "x", "suffix '' is unknown"),
        (tmp_path, "suffix '' is unknown"),
    ):
        with pytest.raises(UnusableError, match=said):
            read_matrix(path)
