import io

import numpy as np
from PIL import Image

from stylegan_cli.data.decoding import Upright
from stylegan_cli.data.duplicates import checksum, difference_hash, exact_pairs, near_pairs
from tests.data.pictures import blocks, encoded


def hashes(images):
    found = (difference_hash(Upright(image)) for image in images)
    return np.stack([np.frombuffer(bits, np.uint8) for bits in found])


def checksum_of(image):
    return checksum(Upright(image))


def test_equal_pixels_have_equal_checksums():
    assert checksum_of(blocks(1)) == checksum_of(blocks(1)) != checksum_of(blocks(2))
    assert checksum_of(Image.new("L", (4, 2))) != checksum_of(Image.new("L", (2, 4)))


def test_every_copy_points_to_the_first():
    pairs = exact_pairs(np.array([5, 7, 5, 5, 7, 1], np.uint64))
    assert pairs.tolist() == [[0, 2], [0, 3], [1, 4]]


def test_small_jpeg_copies_are_near_and_others_are_not():
    # 4×4 random colours with soft edges
    images = [blocks(seed, 32, 32).resize((128, 128)) for seed in range(40)]
    small = [image.resize((100, 100), Image.Resampling.LANCZOS) for image in images[:5]]
    copies = [Image.open(io.BytesIO(encoded(image, "jpeg", quality=80))) for image in small]
    assert near_pairs(hashes([*images, *copies])).tolist() == [[n, 40 + n] for n in range(5)]


def test_few_images_have_no_pairs():
    for count in (0, 1):
        empty = np.zeros((count, 24), np.uint8)
        assert near_pairs(empty).shape == (0, 2)
        assert exact_pairs(np.zeros(count, np.uint64)).shape == (0, 2)


def test_dark_pictures_of_16_bits_look_as_different_as_their_bytes_do():
    values = [np.asarray(blocks(seed, 64, 64, "L")).astype(np.uint16) for seed in range(6)]
    assert len(near_pairs(hashes([Image.fromarray(each * 10) for each in values]))) == 0
    again = [Image.fromarray(each * factor) for each in values[:2] for factor in (10, 200)]
    assert len(near_pairs(hashes(again))) == 2
