"""Reading a matrix: what is read, and that what is refused is refused in one line that names the place."""

from __future__ import annotations

import io
import os
import pickle
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from micrograd_tensor.cli import matrix_file, text_matrix
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
    "vertical bars": ("a|b\n1|2\n3|4\n", ["a", "b"], "separated by vertical bars"),
    "blanks": ("a b\n1   2\n3 4\n", ["a", "b"], "separated by blanks"),
    "blanks within cells": ("the a, the b\n1, 2\n3, 4\n", ["the a", "the b"], ""),
    "decimal commas without a header": ("1,5;2,5\n3,0;4,25\n", None, "separated by semicolons, decimal commas"),
    "decimal commas and tabs": (
        "a\tb\n1,5\t2,5\n3,0\t4,25\n",
        ["a", "b"],
        "separated by tabs, decimal commas",
    ),
}


@pytest.mark.parametrize("case", PEOPLES)
def test_files_as_people_have_them(tmp_path, case):
    text, expected, said = PEOPLES[case]
    path = tmp_path / "x.csv"
    path.write_text(text)
    values, names, notes = read_matrix(path)
    commas = {key: [[1.5, 2.5], [3, 4.25]] for key in PEOPLES if key.startswith("decimal commas")}
    whole = {**commas, "German Excel": [[1.5, 2], [3, 4.25]], "truth": [[1, 2], [0, 4]], "one column": [[1], [3]]}
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
    assert (values.tolist(), notes) == ([[1, 2], [3, 4]], ["without 1 row in which a number is missing"])
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
    "a short row": ("1,2\n3\n", r"row 2: 1 column, where others have 2$"),
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


WAYS = {
    "a column of words": ("a,kind,b\n1,cat,2\n3,dog,4\n", "--columns a,b leaves this column out"),
    "a column of dates": ("2024-01-01,1,2\n2024-01-02,3,4\n", "--columns 2-3 leaves this column out"),
    "separators at the ends": ("a,kind,b,\n1,cat,2,\n3,dog,4,\n", "--columns a,b leaves this column out"),
    "and no names": ("1,cat,2,\n3,dog,4,\n", "--columns 1,3 leaves this column out"),
    "an index": (",a,kind,b\n0,1,cat,2\n1,3,dog,4\n", "--columns a,b leaves this column out"),
    "words alone": ("kind\ncat\ndog\n", "'cat' is not a number"),
    "names for a shell": ("a b;kind;$c\n1;cat;2\n3;dog;4\n", "--columns 1,3 leaves this column out"),
    "thousands": ('a,b\n"1,234.5",2\n3,4\n', "write 1234.5"),
    "German thousands": ("a;b\n1,5;2\n1.234,5;4\n", "write 1234,5"),
    "percent": ("a,b\n12%,2\n3,4\n", "write 12"),
    "money": ("a,b\n$ 1.50,2\n3,4\n", "write 1.50"),
    "Python's underscores": ("a,b\n1_000,2\n3,4\n", "write 1000"),
    "points and commas": ("a;b\n1.5;2\n3,5;4\n", "write 3.5"),
    "a sign for a missing number": ("a,b\n1,2\n-,4\n", "where a number is missing, leave the cell empty"),
    "lines above the table": ("Lab 3\nJune\na,b\n1,2\n", "if the lines above are no rows, begin them with #"),
    "Latin-1": ("größe\n1\n2\n".encode("latin-1"), "iconv -f latin1 -t UTF-8"),
    "UTF-16": ("a\n1\n2\n".encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
}


@pytest.mark.parametrize("case", WAYS)
def test_a_refusal_names_a_way_out(tmp_path, case):
    content, way = WAYS[case]
    path = tmp_path / "x.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UnusableError) as caught:
        read_matrix(path)
    assert str(caught.value).endswith(way)


@pytest.mark.parametrize("case", [case for case, (_, way) in WAYS.items() if way.startswith("--columns")])
def test_the_columns_that_are_advised_can_be_read(tmp_path, case):
    text, way = WAYS[case]
    path = tmp_path / "x.csv"
    path.write_text(text)
    assert read_matrix(path, columns=way.split()[1]).values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("start", [0, 1])
def test_a_column_that_counts_rows_is_read_and_told(tmp_path, start):
    path = tmp_path / "x.csv"
    path.write_text("id,a\n" + "".join(f"{start + k},{k * k}\n" for k in range(3)))
    values, _, notes = read_matrix(path)
    assert (values.shape, notes) == ((3, 2), ["its first column only counts the rows"])
    assert read_matrix(path, columns="a").notes == []


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


def npy(descr="'<f8'", shape="(2, 2)", version=(1, 0), data=b"", order="False"):
    header = b"{'descr': %s, 'fortran_order': %s, 'shape': %s}\n" % (descr.encode(), order.encode(), shape.encode())
    return b"\x93NUMPY" + bytes(version) + len(header).to_bytes(2 if version == (1, 0) else 4, "little") + header + data


def archive(*members):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return made.getvalue()


HOSTILE = {
    "a header that promises 2**40 rows": ("a.npy", npy(shape=f"({2**40}, 2)"), "promises"),
    "a header that promises 2**62 rows": ("a.npy", npy(shape=f"({2**62}, 2)"), "promises"),
    "a header that promises 2**70 rows": ("a.npy", npy(shape=f"({2**70}, 2)"), "promises"),
    "a header that promises one row too many": ("a.npy", npy(shape="(3, 2)", data=bytes(40)), "promises 48 bytes"),
    "negative rows": ("a.npy", npy(shape="(-1, -2)", data=bytes(40)), "is not a NumPy file"),
    "a header of a hundred axes": ("a.npy", npy(shape=f"({'1,' * 100})", data=bytes(8)), "a.npy"),
    "a header that is code": ("a.npy", npy(shape="__import__('os')"), "is not a NumPy file"),
    "a header that is deep": ("a.npy", npy(shape="(" * 3000 + ")" * 3000), "is not a NumPy file"),
    "a header of a format to come": ("a.npy", npy(version=(9, 9)), "is not a NumPy file"),
    "a header that is cut": ("a.npy", npy()[:30], "is not a NumPy file"),
    "a header alone": ("a.npy", npy(), "promises 32 bytes"),
    "a pickle": ("a.npy", npy("'|O'", data=pickle.dumps(print)), "Python objects, which are not loaded"),
    "a pickle without a header": ("a.npy", pickle.dumps(print), "is not a NumPy file"),
    "records": ("a.npy", npy("[('a', '<f8'), ('b', '|O')]", data=bytes(64)), "Python objects"),
    "plain records": ("a.npy", npy("[('a', '<f8'), ('b', '<f8')]", data=bytes(64)), "not real numbers"),
    "dates": ("a.npy", npy("'<M8[s]'", data=bytes(32)), "not real numbers"),
    "a cut zip file": ("a.npy", b"PK\x03\x04 and no more", "is not a NumPy file"),
    "an archive of nothing": ("a.npz", archive(), "holds 0 arrays"),
    "an archive of two": ("a.npz", archive(("a.npy", b""), ("b.npy", b"")), "holds 2 arrays"),
    "an archive of a text": ("a.npz", archive(("a.npy", b"hello, this is text")), "is not a NumPy file"),
    "an archive of a lie": ("a.npz", archive(("a.npy", npy(shape=f"({2**40}, 2)"))), "promises"),
    "an archive of a pickle": ("a.npz", archive(("a.npy", npy("'|O'", data=pickle.dumps(print)))), "not loaded"),
    "an archive with a broken member": ("a.npz", archive(("a.npy", npy(data=bytes(32))))[:-40] + bytes(40), "a.npz"),
    "bytes in a table": ("a.csv", bytes(range(256)) * 40, "not UTF-8"),
    "zeros in a table": ("a.csv", bytes(4096), "a.csv"),
    "a field without an end": ("a.csv", b'1,2\n"' + b"3,4\n" * 100_000, "field larger than field limit"),
    "a long field": ("a.csv", b"1,2\n" + b"3" * 200_000 + b",4\n", "field larger than field limit"),
    "a long first field": ("a.csv", b"3" * 200_000 + b",4\n1,2\n", "field larger than field limit"),
    "a line without an end": ("a.csv", b"1," * (1 << 23), "line of more than 16,777,216 characters"),
    "no parquet": ("a.parquet", b"PAR1 and nothing more", "a.parquet"),
    "UTF-16": ("a.csv", "1,2\n3,4\n".encode("utf-16"), "not UTF-8"),
    "a long word": ("a.csv", b"1,2\n3," + b"x" * 1000 + b"\n", r"'xxxx.{40,60}…? is not a number"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_in_one_line_and_without_their_size_in_memory(tmp_path, case):
    name, content, said = HOSTILE[case]
    (tmp_path / name).write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(UnusableError, match=said) as caught:
            read_matrix(tmp_path / name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert peak < 200e6


def test_a_file_of_more_numbers_than_can_be_held_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix_file, "MOST", 1000)
    monkeypatch.setattr(text_matrix, "MOST", 1000)
    np.save(tmp_path / "x.npy", np.zeros((63, 2)))
    np.savez_compressed(tmp_path / "x.npz", np.zeros((63, 2)))
    (tmp_path / "x.csv").write_text("1,2\n" * 63)
    for name in ("x.npy", "x.npz", "x.csv"):
        with pytest.raises(UnusableError, match="take a part of its rows"):
            read_matrix(tmp_path / name)


@pytest.mark.parametrize("name", ["x.csv", "x.npy"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.write_text("1,2\n3,4\n") if name == "x.csv" else np.save(path, np.ones((2, 2)))
    fstat, asked = os.fstat, []

    def later(descriptor):
        asked.append(descriptor)
        found = fstat(descriptor)
        return found if len(asked) == 1 else os.stat_result((*found[:6], found.st_size + 1, *found[7:]))

    monkeypatch.setattr(text_matrix.os, "fstat", later)
    with pytest.raises(UnusableError, match="changes while it is read"):
        read_matrix(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_what_is_no_file_of_its_own_is_refused_unread(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "circle.csv").symlink_to("circle.csv")
    for path, said in (
        (tmp_path / "pipe.csv", "is not a file of its own"),
        (tmp_path / "zero.csv", "is not a file of its own"),
        (tmp_path / "circle.csv", "cannot be read"),
        (tmp_path / f"{'x' * 5000}.csv", "cannot be read"),
        (tmp_path / "a\0b.csv", "cannot be read"),
    ):
        with pytest.raises(UnusableError, match=said):
            read_matrix(path)


def test_whole_numbers_that_a_dtype_has_not_are_rounded_and_this_is_said(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[2**53 + 1], [0]]))
    assert read_matrix(tmp_path / "x.npy").notes == ["whole numbers rounded to float64"]
    np.save(tmp_path / "x.npy", np.array([[2**53], [-(2**24)]]))
    assert read_matrix(tmp_path / "x.npy").notes == []
    assert read_matrix(tmp_path / "x.npy", "float32").notes == ["whole numbers rounded to float32"]


def test_a_table_of_many_rows_is_read_in_parts_and_keeps_its_lines(tmp_path):
    values = np.random.default_rng(0).normal(size=(10_000, 3))
    (tmp_path / "x.csv").write_text("".join(f"{a!r},{b!r},{c!r}\n" for a, b, c in values.tolist()))
    assert np.array_equal(read_matrix(tmp_path / "x.csv").values, values)
    with (tmp_path / "x.csv").open("a") as file:
        file.write("1,2,x\n")
    with pytest.raises(UnusableError, match=r"row 10001, column 3: 'x' is not a number"):
        read_matrix(tmp_path / "x.csv")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
def test_a_table_may_have_more_columns_than_a_cell_has_characters(tmp_path, separator):
    values = np.random.default_rng(0).normal(size=(3, 30_000)).round(4)
    lines = [separator.join(f"gene{k}" for k in range(30_000)), *(separator.join(map(str, row)) for row in values)]
    (tmp_path / "x.txt").write_text("\n".join(lines))
    found = read_matrix(tmp_path / "x.txt")
    assert np.array_equal(found.values, values)
    assert found.names[-1] == "gene29999"


def test_a_parquet_file_is_read(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"a": [1.0, 2.0], "b": [3, 4], "c": ["x", "y"]}), tmp_path / "x.parquet")
    with pytest.raises(UnusableError, match=r"column 3 \('c'\) holds string, not numbers; leave it out with --columns"):
        read_matrix(tmp_path / "x.parquet")
    assert read_matrix(tmp_path / "x.parquet", columns="a,b").values.tolist() == [[1, 3], [2, 4]]
    parquet.write_table(pyarrow.table({"a": [1.0, 2.0], "b": [3, 4]}), tmp_path / "x.parquet")
    values, names, _ = read_matrix(tmp_path / "x.parquet", columns="b,a")
    assert (values.tolist(), names) == ([[3, 1], [4, 2]], ["b", "a"])


def test_a_small_parquet_file_of_more_numbers_than_can_be_held_is_refused_unread(tmp_path, monkeypatch):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(matrix_file, "MOST", 1000)
    parquet.write_table(pyarrow.table({"a": np.zeros(126)}), tmp_path / "x.parquet")
    with pytest.raises(UnusableError, match="take a part of its rows"):
        read_matrix(tmp_path / "x.parquet")


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
