import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from augpipe.data.table import LABEL_NAMES, PATH_NAMES, TableDataset
from augpipe.errors import DataError, DecodeError
from encoded import encode

FILES = ("a.png", "b.png", "two words.png", "with, comma.png", "ü.png")


@pytest.fixture
def write(tmp_path):
    """Write a table beside five pictures, each of a grey of its own, and say where it is."""
    for number, name in enumerate(FILES):
        (tmp_path / name).write_bytes(encode(np.full((2, 3), 10 * number, np.uint8)))

    def to(text, name="table.csv", encoding="utf-8"):
        (tmp_path / name).write_text(text, encoding=encoding, newline="")
        return tmp_path / name

    return to


def test_rows_keep_the_tables_order(write):
    table = 'path,label\nb.png,dog\n"with, comma.png",cat\ntwo words.png,dog\nü.png,ant\n'
    dataset = TableDataset(write(table))
    assert dataset.classes == ("ant", "cat", "dog")
    assert [sample.label for sample in dataset] == [2, 1, 2, 0]
    assert [sample.image[0, 0, 0] for sample in dataset] == [10, 30, 20, 40]


def test_csv_tsv_and_parquet_say_the_same(write, tmp_path):
    rows = [("b.png", "dog"), ("a.png", "cat"), ("two words.png", "dog")]
    text = ["path,label", *(f"{path},{label}" for path, label in rows)]
    csv = TableDataset(write("\n".join(text)))
    tsv = TableDataset(write("\r\n".join(text).replace(",", "\t"), "table.tsv"))
    bom = TableDataset(write("\n".join(text), "bom.csv", "utf-8-sig"))
    kinds = {"plain": pa.string(), "dictionary": pa.dictionary(pa.int8(), pa.string())}
    others = [tsv, bom]
    for name, kind in kinds.items():
        columns = {
            "path": [path for path, _ in rows],
            "label": pa.array([r[1] for r in rows], kind),
        }
        parquet.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
        others.append(TableDataset(tmp_path / f"{name}.parquet"))
    for other in others:
        assert other.fingerprint == csv.fingerprint
        assert [sample.label for sample in other] == [1, 0, 1]


@pytest.mark.parametrize("name", PATH_NAMES)
def test_the_usual_names_of_path_columns_are_known(write, name):
    assert len(TableDataset(write(f"label,{name}\n7,a.png\n"))) == 1


@pytest.mark.parametrize("name", LABEL_NAMES)
def test_the_usual_names_of_label_columns_are_known(write, name):
    dataset = TableDataset(write(f"path,note,{name}\na.png,x,7\n"))
    assert dataset[0].label == 7


def test_without_usual_names_the_first_two_columns_count(write):
    dataset = TableDataset(write("which,what,more\na.png,7,8\n"))
    assert dataset[0].label == 7


def test_columns_can_be_chosen_by_name_and_number(write):
    table = write("path,label,other,third\nno.png,0,b.png,3\n")
    for path, label in (("other", "third"), (2, 3), ("other", 3)):
        dataset = TableDataset(table, path=path, label=label)
        assert (dataset[0].image[0, 0, 0], dataset[0].label) == (10, 3)


def test_a_table_of_paths_alone_has_no_labels(write):
    dataset = TableDataset(write("path\na.png\n\nb.png\n"))
    assert dataset.classes == ()
    assert [sample.label for sample in dataset] == [None, None]
    assert dataset.where(1).startswith("row 4 of ")
    with pytest.raises(DataError, match="no column of labels for label_transform or classes"):
        TableDataset(dataset.table, classes=["a"])


def test_the_root_may_lie_elsewhere_and_paths_may_be_absolute_inside(write, tmp_path):
    relative = TableDataset(write("path,label\na.png,0\n"))
    (tmp_path / "tables").mkdir()
    table = write(f"path,label\n{tmp_path / 'a.png'},0\n", "tables/absolute.csv")
    absolute = TableDataset(table, root=tmp_path)
    assert absolute.fingerprint == relative.fingerprint
    (tmp_path / "link").symlink_to(tmp_path)
    through_link = write(f"path,label\n{tmp_path / 'link' / 'a.png'},0\n", "tables/link.csv")
    dataset = TableDataset(through_link, root=tmp_path / "link")
    np.testing.assert_array_equal(dataset[0].image, relative[0].image)


def test_the_fingerprint_does_not_depend_on_place_but_on_rows(write, tmp_path):
    table = write("path,label\na.png,0\nb.png,1\n")
    shutil.copytree(tmp_path, tmp_path / "copy")
    assert TableDataset(tmp_path / "copy/table.csv").fingerprint == TableDataset(table).fingerprint
    swapped = write("path,label\nb.png,1\na.png,0\n", "other.csv")
    relabelled = write("path,label\na.png,1\nb.png,1\n", "third.csv")
    prints = {TableDataset(file).fingerprint for file in (table, swapped, relabelled)}
    assert len(prints) == 3


def test_a_subset_keeps_rows_order_and_classes(write):
    table = write("path,label\nb.png,dog\na.png,cat\ntwo words.png,ant\nb.png,cat\n")
    names = write("two words.png\n\n  b.png\n", "subset.txt")
    dataset = TableDataset(table, subset=names)
    assert [dataset.where(index) for index in range(len(dataset))] == [
        f"row {row} of {table} ({path})"
        for row, path in [(2, "b.png"), (4, "two words.png"), (5, "b.png")]
    ]
    assert dataset.classes == TableDataset(table).classes
    assert [sample.label for sample in dataset] == [2, 0, 1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("a.png\ntwo word.png\n", "the table has no 'two word.png'; did you mean 'two words.png'"),
        ("something/else.jpg", "it wants paths as the table spells them"),
        ("\n \n", "is empty; give one path on each line"),
    ],
)
def test_a_subset_with_unknown_or_no_names_is_refused(write, names, message):
    table = write("path,label\na.png,0\ntwo words.png,1\n")
    with pytest.raises(DataError, match=message):
        TableDataset(table, subset=write(names, "subset.txt"))


def test_a_missing_file_is_named_with_its_line_when_it_is_read(write, tmp_path):
    table = write('path,label,note\na.png,0,"two\nlines"\n\nb.png,1,x\ngone.png,1,x\n')
    dataset = TableDataset(table)
    assert [dataset.where(index)[:6] for index in range(3)] == ["row 2 ", "row 5 ", "row 6 "]
    with pytest.raises(DataError) as caught:
        dataset.row(2)
    assert str(caught.value) == (
        f"row 6 of {table} (gone.png): no such file: {tmp_path / 'gone.png'}"
    )


def test_a_damaged_file_is_named_with_its_line(write, tmp_path):
    dataset = TableDataset(write("path,label\na.png,0\nb.png,1\n"))
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:60])
    with pytest.raises(DecodeError, match=r"^row 3 of .*table\.csv \(b\.png\): is a damaged"):
        dataset[1]


def test_parquet_counts_rows_from_one(write, tmp_path):
    parquet.write_table(pa.table({"path": ["a.png", "gone.png"]}), tmp_path / "table.parquet")
    with pytest.raises(DataError, match=r"row 2 of .* \(gone\.png\): no such file"):
        TableDataset(tmp_path / "table.parquet")[1]


@pytest.mark.parametrize("path", ["../a.png", "x/../../a.png", "/etc/passwd", "..", "x/../.."])
def test_a_path_that_leaves_the_root_is_refused_with_its_row(write, path):
    with pytest.raises(DataError, match=r"table\.csv: row 3: .* lies outside the image root"):
        TableDataset(write(f"path,label\na.png,0\n{path},1\n"))


def test_dots_that_stay_inside_are_fine(write):
    dataset = TableDataset(write("path,label\n./a.png,0\nx/../b.png,1\n..png,0\n...,1\n"))
    assert len(dataset) == 4
    assert dataset[0].image[0, 0, 0] == 0


def test_a_link_that_leaves_the_root_is_refused_when_it_is_read(write, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.png").symlink_to(tmp_path / "a.png")
    dataset = TableDataset(write("path,label\nlink.png,0\n", "inside/table.csv"))
    with pytest.raises(
        DataError, match=r"row 2 of .*: a symbolic link leads out of the image root"
    ):
        dataset.row(0)
    assert len(TableDataset(dataset.table, root=tmp_path)) == 1


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "table.csv: is empty; a table begins"),
        ("\n\n", {}, "is empty"),
        ("path,label\n", {}, "has column names but no rows"),
        ("path,label\na.png,0\n", {"label": "lable"}, "no column 'lable' for label; did you mean"),
        (
            "path,label\na.png,0\n",
            {"path": "zz"},
            r"no column 'zz' for path.*\(columns: path, label",
        ),
        ("path,label\na.png,0\n", {"label": 2}, "no column 2 for label; columns are 0 to 1: path"),
        ("path,label\na.png,0\n", {"path": -1}, "no column -1 for path"),
        ("path,path\na.png,0\n", {}, "2 columns 'path'; rename all but the one of path"),
        ("path,label\na.png,0\nb.png,1,2\n", {}, "line 3 has 3 values, the header 2"),
        ("path,label\na.png\n", {}, "line 2 has 1 values, the header 2"),
        ('path,label\na.png,"0\nb.png,1\n', {}, "UTF-8 text or CSV|quotation marks"),
        ("path,label\na.png,0\n,1\n", {}, "row 3 has no path"),
        ("path,label\na.png,0\nb.png,\n", {}, "row 3 has no label"),
        (
            "path,label\na.png,cat\nb.png,dgo\n",
            {"classes": ["cat", "dog"]},
            "row 3.*did you mean 'dog'",
        ),
        ("path,label\na.png,0\nb.png,-1\n", {}, "row 3 has the unknown label -1"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(write, text, options, message):
    with pytest.raises(DataError, match=message):
        TableDataset(write(text), **options)


def test_text_that_is_not_utf_8_is_refused(write):
    table = write("path,label\na.png,caf\xe9\n", encoding="latin-1")
    with pytest.raises(DataError, match=r"table\.csv: .*UTF-8"):
        TableDataset(table)
    with pytest.raises(DataError, match="UTF-8"):
        TableDataset(write("path,label\na.png,0\n", encoding="utf-16"))


def test_parquet_errors(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 this is none PAR1")
    with pytest.raises(DataError, match=r"bad\.parquet: cannot be read"):
        TableDataset(tmp_path / "bad.parquet")
    for name, columns, message in [
        ("numbers", {"path": [1, 2]}, "the column of paths holds int64, not text"),
        ("null", {"path": ["a", None]}, "row 2 has no path"),
        ("rows", {"path": pa.array([], pa.string())}, "has columns but no rows"),
        ("none", {}, "has no columns"),
    ]:
        parquet.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
        with pytest.raises(DataError, match=f"{name}.parquet: {message}"):
            TableDataset(tmp_path / f"{name}.parquet")


def test_other_suffixes_are_refused(tmp_path):
    (tmp_path / "table.xlsx").touch()
    with pytest.raises(DataError, match=r"no.* a table by its suffix '\.xlsx'; known: \.csv"):
        TableDataset(tmp_path / "table.xlsx")


def test_line_numbers_are_an_editors(write):
    """Blank lines and values of several lines shift the lines; both ways of counting agree."""
    body = "".join(f"{'' if n % 3 else os.linesep}a.png,{n % 2},note {n}\n" for n in range(20))
    text = "path,label,note\n" + body
    dataset = TableDataset(write(text))
    lines = text.split("\n")
    for index in range(len(dataset)):
        number = int(dataset.where(index).split()[1])
        assert lines[number - 1].endswith(f"note {index}")


def test_values_of_several_lines_may_lie_across_the_blocks_that_arrow_reads(write):
    rows = [f'a.png,{n % 7},"{"a long remark" * 8}\n{n}"\n' for n in range(15_000)]
    dataset = TableDataset(write("path,label,note\n" + "".join(rows)))
    assert len(dataset) == 15_000
    assert dataset.row(14_999).targets.label == 14_999 % 7
    assert dataset.where(14_999).startswith("row 30000 of")


def test_numbers_come_from_any_column(write, tmp_path):
    lines = [
        "path,label,weight",
        "b.png,x,1",
        "a.png,x, 2.5 ",
        "ü.png,y,",
        '"with, comma.png",y,1e3',
    ]
    csv = TableDataset(write("\n".join(lines)))
    expected = [1, 2.5, np.nan, 1000]
    np.testing.assert_array_equal(csv.column("weight"), expected)
    tsv = "path\tlabel\tweight\n" + "".join(f"a.png\tx\t{value}\n" for value in (7, 8))
    assert TableDataset(write(tsv, "table.tsv")).column("weight").tolist() == [7, 8]
    for kind in (pa.float32(), pa.float64()):
        weights = pa.array([1, 2.5, None, 1000], kind)
        paths = ["b.png", "a.png", "ü.png", "a.png"]
        table = pa.table({"path": paths, "label": [0, 1, 0, 1], "weight": weights})
        parquet.write_table(table, tmp_path / "table.parquet")
        column = TableDataset(tmp_path / "table.parquet").column("weight")
        assert column.dtype == np.float64
        np.testing.assert_array_equal(column, expected)


def test_the_numbers_are_those_of_the_rows_that_a_subset_keeps(write):
    table = write("path,label,weight\na.png,x,1\n\nb.png,x,2\n\nü.png,y,3\ntwo words.png,y,4\n")
    subset = write("ü.png\nb.png\n", "subset.txt")
    dataset = TableDataset(table, subset=subset)
    assert dataset.column("weight").tolist() == [2, 3]
    assert dataset.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("path,w\na.png,1\nb.png,many\nü.png,some\n", "w", "row 3 holds 'many' where a number"),
        ("path,w\na.png,1\nb.png,1,2\n", "w", "line 3 has 3 values, the header 2"),
        ("path,w,w\na.png,1,2\n", "w", "has 2 columns 'w'"),
        ("path,weight\na.png,1\n", "wheight", "no column 'wheight' .*did you mean 'weight'"),
    ],
)
def test_a_column_without_numbers_is_an_error(write, text, name, message):
    with pytest.raises(DataError, match=rf"table\.csv: .*{message}"):
        TableDataset(write(text)).column(name)


def test_a_table_that_changes_under_a_dataset_is_noticed(write):
    dataset = TableDataset(write("path,w\na.png,1\nb.png,2\n"))
    write("path,w\na.png,1\n")
    with pytest.raises(DataError, match="has other rows than when it was opened"):
        dataset.column("w")


def test_a_column_of_another_type_is_an_error(tmp_path):
    table = pa.table({"path": ["a.png", "b.png"], "label": [0, 1], "w": [[1.0], [2.0]]})
    parquet.write_table(table, tmp_path / "table.parquet")
    with pytest.raises(DataError, match=r"row 1 holds \[1.0\] where a number is expected"):
        TableDataset(tmp_path / "table.parquet").column("w")
