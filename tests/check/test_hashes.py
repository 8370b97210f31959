"""Pictures that show the same have near hashes, and pairs are found as by comparing all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_sample_images

from augpipe.check.hashes import groups_of_alike, perceptual_hash, thumbnail
from augpipe.data.decode import open_image
from encoded import encode, smooth

PHOTOS = load_sample_images().images
NO_THUMBNAILS = np.zeros((200, 8, 8, 3), np.uint8)


def differing(a, b) -> int:
    return (perceptual_hash(a) ^ perceptual_hash(b)).bit_count()


def as_jpeg(image):
    return open_image(encode(image, "JPEG", quality=30), "photo").decode().image


@pytest.mark.parametrize(
    "change",
    [
        as_jpeg,
        lambda image: cv2.resize(image, (200, 133), interpolation=cv2.INTER_AREA),
        lambda image: cv2.convertScaleAbs(image, alpha=0.9, beta=10),
        lambda image: cv2.GaussianBlur(image, (5, 5), 1),
    ],
)
@pytest.mark.parametrize("photo", PHOTOS)
def test_another_size_quality_and_light_leave_it_near(photo, change):
    assert differing(photo, change(photo)) <= 4


def test_other_pictures_are_far():
    pictures = [*PHOTOS, *(smooth(90, 120, seed=seed) for seed in range(8))]
    assert min(differing(a, b) for i, a in enumerate(pictures) for b in pictures[:i]) > 12


def test_the_mean_is_no_bit():
    assert perceptual_hash(np.full((40, 40, 3), 200, np.uint8)) >> 63 == 0


def test_thumbnails_keep_colours():
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :48] = 10, 200, 30
    assert thumbnail(image)[3].tolist() == [[10, 200, 30]] * 4 + [[0, 0, 0]] * 4


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.sets(st.integers(0, 63), max_size=6)), max_size=30),
    st.integers(0, 15),
)
def test_groups_are_those_of_comparing_all(bases, flips, distance):
    hashes = list(bases)
    for at, bits in flips:
        hashes.append(bases[at % len(bases)] ^ sum(1 << bit for bit in bits))
    found = groups_of_alike(np.array(hashes, np.uint64), NO_THUMBNAILS[: len(hashes)], distance)
    assert sorted(map(tuple, found)) == sorted(by_comparing_all(hashes, distance))


def by_comparing_all(hashes, distance):
    group = list(range(len(hashes)))
    for i, a in enumerate(hashes):
        for j, b in enumerate(hashes[:i]):
            if (a ^ b).bit_count() <= distance and group[i] != group[j]:
                group = [group[j] if name == group[i] else name for name in group]
    members = {name: tuple(i for i, own in enumerate(group) if own == name) for name in group}
    return [some for some in members.values() if len(some) > 1]


def test_thumbnails_that_differ_keep_equal_hashes_apart():
    hashes = np.zeros(2, np.uint64)
    thumbnails = np.stack([np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 50, np.uint8)])
    assert groups_of_alike(hashes, thumbnails, 4) == []
    assert groups_of_alike(hashes, thumbnails // 10, 4) == [[0, 1]]


def test_many_equal_hashes_take_no_square_of_time():
    count = 200_000
    hashes = np.zeros(count, np.uint64)
    (group,) = groups_of_alike(hashes, np.zeros((count, 8, 8, 3), np.uint8), 4)
    assert len(group) == count
