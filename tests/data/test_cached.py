import multiprocessing
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import PIL
import pytest

import cache_workers
from augpipe import Pipeline
from augpipe.data.arrays import ArrayDataset
from augpipe.data.cached import CachedDataset, default_folder
from augpipe.data.coco import CocoDataset
from augpipe.data.files import FileDataset
from augpipe.data.folder import FolderDataset
from augpipe.data.mapped import MappedDataset
from augpipe.data.sample import Picture, Row, Targets
from augpipe.data.table import TableDataset
from augpipe.errors import DataError, DecodeError
from augpipe.execute.cv2 import image as cv2_image
from augpipe.region import Region
from cache_workers import pictures
from encoded import encode, smooth

SAMPLES = Path(__file__).parents[2] / "samples"


def age(root):
    """Let all files be an hour old."""
    for file in root.rglob("*.*"):
        then = file.stat().st_mtime_ns - 3600 * 10**9
        os.utime(file, ns=(then, then))


@pytest.fixture
def folder(tmp_path):
    """Pictures of every kind and orientation there is."""
    root = shutil.copytree(SAMPLES / "odd", tmp_path / "pictures" / "odd").parent
    (root / "plain").mkdir()
    (root / "plain" / "large.jpg").write_bytes(encode(smooth(200, 300), "JPEG"))
    (root / "plain" / "small.png").write_bytes(encode(smooth(20, 30), "PNG"))
    age(root)
    return root


@pytest.fixture
def source(folder):
    return FolderDataset(folder)


@pytest.fixture(params=["ram", "disk"])
def cached(request, source, tmp_path):
    return CachedDataset(source, "ram" if request.param == "ram" else tmp_path / "cache")


@pytest.fixture
def no_reading(monkeypatch):
    """From its call on, reading a picture's file is an error."""

    def forbid():
        def read(_, index, where):
            raise AssertionError(f"{where} was read")

        for kind in (FileDataset, *FileDataset.__subclasses__()):
            monkeypatch.setattr(kind, "_read", read)

    return forbid


def same(first, second):
    assert first.source.size == second.source.size
    for scale in (1, 2, 4, 8):
        ours, theirs = first.source.decode(scale), second.source.decode(scale)
        np.testing.assert_array_equal(ours.image, theirs.image)
        np.testing.assert_array_equal(ours.matrix, theirs.matrix)


def test_a_cache_changes_no_pixel_and_then_reads_no_file(cached, source, no_reading):
    expected = pictures(source)
    assert pictures(cached) == expected
    no_reading()
    assert pictures(cached) == expected
    assert cached.nbytes > 0


def test_any_region_may_be_asked_for(cached, source, no_reading):
    row = next(row for row in range(len(source)) if "large" in source.where(row))
    part = Region(32, 64, 48, 80)
    for scale in (1, 2):
        whole = source.row(row).source.decode(scale)
        for region in (part, None, part):
            found = cached.row(row).source.decode(scale, region)
            np.testing.assert_array_equal(found.image, whole.image)
            np.testing.assert_array_equal(found.matrix, whole.matrix)
    no_reading()
    assert cached.row(row).source.decode(2, Region(0, 0, 1, 1)).image.shape == (100, 150, 3)


def test_what_is_found_is_a_view_and_what_is_shown_may_be_written_to(cached):
    pictures(cached)
    assert not cached.row(0).source.decode().image.flags.writeable
    for index in (0, -1):
        before = cached[index].image.copy()
        cached[index].image[:] = 99
        np.testing.assert_array_equal(cached[index].image, before)


def test_transforms_of_others_may_write_into_its_pictures(cached):
    def blacken(image):
        image[:5] = 0
        return image

    pictures(cached)
    row = cached.row(0)
    plan = Pipeline([blacken]).plan(row.source.size, seed=0, epoch=0, index=0)
    for _ in range(2):
        decoded = row.source.decode()
        assert decoded.image[:5].any()
        sample = cv2_image.run(plan, 0, [Picture(decoded, row.targets)])
        assert not sample.image[:5].any()


def test_it_looks_like_its_source(cached, source):
    assert len(cached) == len(source)
    assert cached.classes == source.classes
    assert cached.fingerprint == source.fingerprint
    assert cached.where(3) == source.where(3)
    np.testing.assert_array_equal(cached.labels, source.labels)
    with pytest.raises(DataError, match="no column 'w'"):
        cached.column("w")
    assert cached.row(3).targets == source.row(3).targets
    assert [sample.label for sample in cached] == [sample.label for sample in source]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_what_a_worker_adds_its_parent_and_other_workers_find(source, tmp_path, method, no_reading):
    expected, context = pictures(source), multiprocessing.get_context(method)
    caches = [CachedDataset(source), CachedDataset(source, tmp_path / "cache")]
    done = context.Event()
    filler = context.Process(target=cache_workers.fill_both, args=(caches, range(len(source))))
    finder = context.Process(target=cache_workers.find_both, args=(caches, expected, done))
    filler.start()
    finder.start()
    filler.join()
    assert filler.exitcode == 0
    done.set()
    finder.join()
    assert finder.exitcode == 0
    no_reading()
    for cached in caches:
        assert pictures(cached) == expected


def change(file, image, seconds=0):
    """Write other pixels, an hour ago and so many seconds."""
    before = file.stat().st_mtime_ns
    file.write_bytes(encode(image, "BMP"))
    os.utime(file, ns=(before, before + seconds * 10**9))


def test_a_file_that_changed_is_decoded_again(tmp_path):
    file = tmp_path / "pictures" / "a" / "1.bmp"
    file.parent.mkdir(parents=True)
    file.write_bytes(encode(smooth(20, 30), "BMP"))
    age(tmp_path)
    source = FolderDataset(tmp_path / "pictures")
    caches = [CachedDataset(source), CachedDataset(source, tmp_path / "cache")]
    for seed, (height, seconds) in enumerate([(20, 0), (20, 1), (20, -2), (25, 0), (25, 1)]):
        change(file, smooth(height, 30, seed=seed), seconds)
        for cached in caches:
            for _ in range(2):
                same(cached.row(0), source.row(0))


def test_any_history_of_changes_and_questions_gives_what_the_files_hold(tmp_path):
    """Against decoding itself: the cache is not there to be seen."""
    root = tmp_path / "pictures"
    (root / "a").mkdir(parents=True)
    files = [root / "a" / f"{number}.bmp" for number in range(3)]
    for file in files:
        file.write_bytes(encode(smooth(6, 8), "BMP"))
    age(root)
    source, random = FolderDataset(root), np.random.default_rng(0)
    cached = CachedDataset(source, tmp_path / "cache")
    for step in range(400):
        number = int(random.integers(3))
        match random.integers(5):
            case 0:
                change(
                    files[number], smooth(6, int(random.integers(7, 10)), seed=step), 1 + step % 3
                )
            case 1 if step % 7 == 0:
                cached = CachedDataset(source, tmp_path / "cache")
            case _:
                scale = int(2 ** random.integers(4))
                ours = cached.row(number).source.decode(scale)
                theirs = source.row(number).source.decode(scale)
                np.testing.assert_array_equal(ours.image, theirs.image)


def test_a_file_that_is_too_young_is_decoded_each_time(folder, source):
    os.utime(folder / "plain" / "small.png")
    cached = CachedDataset(source)
    pictures(cached)
    (row,) = (row for row in range(len(source)) if "small" in source.where(row))
    with_it = len(cached.store)
    age(folder / "plain")
    pictures(cached, [row])
    assert len(cached.store) == with_it + 1


def test_a_file_that_changes_between_header_and_pixels_is_an_error(tmp_path, source, folder):
    cached = CachedDataset(source)
    (row,) = (row for row in range(len(source)) if "small" in source.where(row))
    pictures(cached, [row], [1])
    opened = cached.row(row)
    change(folder / "plain" / "small.png", smooth(21, 30), 5)
    assert opened.source.decode(1).image.shape == (20, 30, 3)  # what the plan was made for
    with pytest.raises(DataError, match=r"^.*small\.png: the file changed while it was being read"):
        opened.source.decode(4)


def test_errors_are_those_of_the_source(cached, source, folder):
    pictures(cached)
    (folder / "plain" / "small.png").unlink()
    (folder / "plain" / "large.jpg").write_bytes(b"no picture")
    for index in range(len(source)):
        if "plain" in source.where(index):
            with pytest.raises(DataError) as theirs:
                source.row(index)
            with pytest.raises(type(theirs.value)) as ours:
                cached.row(index)
            assert str(ours.value) == str(theirs.value)
    with pytest.raises(ValueError, match="scale is 1, 2, 4 or 8, not 3"):
        cached.row(0).source.decode(3)


class _DamagedBelow:
    """A picture of which the upper half can be decoded."""

    size = (10, 10)

    def decode(self, scale=1, region=None):
        if region is None or region.bottom > 5:
            raise DecodeError("is damaged")
        return cache_workers.numbered(7, 5, 10)


def test_a_region_that_can_be_decoded_is_shown_also_of_a_damaged_picture(source, monkeypatch):
    row = Row(_DamagedBelow(), Targets())
    monkeypatch.setattr(FolderDataset, "row", lambda *_: row)
    opened = CachedDataset(source).row(0).source
    assert (opened.decode(1, Region(0, 0, 5, 10)).image == 7).all()
    for region in (None, Region(0, 0, 6, 10)):
        with pytest.raises(DecodeError, match="is damaged"):
            opened.decode(1, region)


def test_objects_come_with_pictures_that_are_found(no_reading):
    source = CocoDataset(SAMPLES / "scenes.json")
    cached = CachedDataset(source)
    expected = [source.row(index).targets for index in range(len(source))]
    pictures(cached)
    no_reading()
    for index, targets in enumerate(expected):
        found = cached.row(index).targets
        for name in ("boxes", "box_labels", "masks", "keypoints"):
            np.testing.assert_array_equal(getattr(found, name), getattr(targets, name))


def test_annotations_of_another_size_are_the_same_error_when_found(no_reading):
    source = CocoDataset(SAMPLES / "scenes.json")
    cached = CachedDataset(source)
    pictures(cached)
    source._sizes[0] += 1
    with pytest.raises(DataError) as theirs:
        source.row(0)
    no_reading()
    with pytest.raises(DataError) as ours:
        cached.row(0)
    assert str(ours.value) == str(theirs.value)


def test_once_it_is_full_others_are_decoded_as_before(source, caplog):
    expected, begun = pictures(source), 4096 + 32 * len(source)
    cached = CachedDataset(source, max_bytes=begun + 20_000)
    for _ in range(2):
        assert pictures(cached) == expected
    assert 0 < cached.nbytes <= 20_000
    assert len(caplog.records) == 1
    assert "max_bytes is" in caplog.text
    assert cached.describe().endswith("in RAM; it is full, others are decoded each time")
    large = next(row for row in range(len(source)) if "large" in source.where(row))
    part = Region(0, 0, 16, 16)
    theirs, ours = (one.row(large).source.decode(1, part) for one in (source, cached))
    assert ours.image.shape == theirs.image.shape


def test_later_runs_find_it(source, tmp_path, no_reading):
    expected = pictures(source)
    pictures(CachedDataset(source, tmp_path / "cache"))
    no_reading()
    again = CachedDataset(FolderDataset(source.root), str(tmp_path / "cache"))
    assert pictures(again) == expected


def test_a_later_run_may_allow_more(source, tmp_path):
    full = CachedDataset(source, tmp_path / "cache", max_bytes=4096 + 32 * len(source) + 20_000)
    pictures(full)
    more = CachedDataset(source, tmp_path / "cache")
    pictures(more)
    assert len(more.store) == len(source)


def test_another_dataset_or_decoder_has_another_cache(source, folder, tmp_path, monkeypatch):
    def files():
        return {file.name for file in (tmp_path / "cache").glob("*.pictures")}

    moved = shutil.copytree(folder, tmp_path / "moved")
    table = folder / "table.csv"
    paths = [path.as_py() for path in source._paths]
    table.write_text("\n".join(["path", *paths[::-1]]))
    others = [
        lambda: source,
        lambda: FolderDataset(moved),
        lambda: FolderDataset(folder, background=(0, 0, 0)),
        lambda: TableDataset(table),
        lambda: monkeypatch.setattr(PIL, "__version__", "0") or source,
    ]
    for number, make in enumerate(others):
        dataset = make()
        assert pictures(CachedDataset(dataset, tmp_path / "cache")) == pictures(dataset)
        assert len(files()) == number + 1
    CachedDataset(FolderDataset(folder), tmp_path / "cache")
    assert len(files()) == len(others)


def test_columns_of_a_table_are_there(folder):
    table = folder / "table.csv"
    table.write_text("path,label,weight\nplain/small.png,0,2.5\n")
    assert CachedDataset(TableDataset(table)).column("weight").tolist() == [2.5]


def test_the_users_folder_for_caches(source, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    monkeypatch.setattr("sys.platform", "linux")
    assert default_folder(source) == tmp_path / "own" / "augpipe" / source.fingerprint
    pictures(CachedDataset(source, "disk"), [0])
    assert len(list(default_folder(source).iterdir())) == 2
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder(source).is_relative_to(tmp_path / ".cache" / "augpipe")
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_folder(source).is_relative_to(tmp_path / "Library" / "Caches" / "augpipe")


def test_datasets_without_files_are_refused(source):
    pixels = np.zeros((2, 4, 4), np.uint8)
    for dataset in (ArrayDataset(pixels), MappedDataset(list(pixels)), CachedDataset(source)):
        with pytest.raises(DataError, match=f"no cache for a {type(dataset).__name__}"):
            CachedDataset(dataset)


def test_it_says_what_it_holds(cached, source):
    assert cached.describe().startswith(f"cache: 0 MB of 0 of {len(source)} pictures in ")
    pictures(cached, [0, 1])
    assert f"of 2 of {len(source)} pictures" in cached.describe()
    pictures(cached)
    sizes = [source.row(row).source.size for row in range(len(source))]
    assert sum(3 * height * width for height, width in sizes) < cached.nbytes


def test_its_size_can_be_estimated(class_folders):
    dataset = FolderDataset(class_folders)
    assert CachedDataset(dataset).estimate() == 4 * 3 * 8 * 10


def test_a_pickle_of_a_cache_on_the_disk_finds_the_same(source, tmp_path):
    cached = CachedDataset(source, tmp_path / "cache")
    pictures(cached)
    again = pickle.loads(pickle.dumps(cached))  # noqa: S301 (our own bytes, as spawn does)
    assert len(again.store) == len(cached.store) == len(source)
    with pytest.raises(DataError, match="only while they are started"):
        pickle.dumps(CachedDataset(source))
