from contextlib import closing

import numpy as np
import pytest

from stylegan_cli.data.sources import content_sha256, open_source
from stylegan_cli.errors import DataError
from tests.data.pictures import blocks, encoded, image_of

PIXELS = np.random.RandomState(0).randint(0, 256, (3, 3, 16, 16)).astype(np.uint8)


def masked(content):
    """The checksum of a record as TensorFlow writes it: CRC-32C, bit by bit, and masked."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")


def varint(number):
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def feature(key, content):
    return field(1, field(1, key.encode()) + field(2, content))


def packed_shape(shape):
    return field(3, field(1, b"".join(map(varint, shape))))


def plain_shape(shape):
    return field(3, b"".join(b"\x08" + varint(size) for size in shape))


def example(image, shape_of=packed_shape):
    data = field(1, field(1, image.tobytes()))
    return field(1, feature("shape", shape_of(image.shape)) + feature("data", data))


def encoded_example(picture):
    return field(1, feature("image/encoded", field(1, field(1, encoded(picture)))))


def record(payload, *, crc=True):
    head = len(payload).to_bytes(8, "little")
    checksums = [masked(head), masked(payload)] if crc else [bytes(4)] * 2
    return head + checksums[0] + payload + checksums[1]


def write(path, images, **options):
    path.write_bytes(b"".join(record(example(image), **options) for image in images))
    return path


def read_all(path):
    with closing(open_source(path)) as source:
        return [np.asarray(image_of(source, entry)) for entry in source.entries()]


@pytest.mark.parametrize("crc", [True, False])
def test_a_file_gives_its_images_in_order(tmp_path, crc):
    path = write(tmp_path / "x-r04.tfrecords", PIXELS, crc=crc)
    np.testing.assert_array_equal(read_all(path), PIXELS.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("name", ["x", "x[1]", "my-robots"])
def test_a_folder_gives_the_largest_size_with_its_labels(tmp_path, name):
    write(tmp_path / f"{name}-r03.tfrecords", PIXELS[:, :, ::2, ::2])
    write(tmp_path / f"{name}-r04.tfrecords", PIXELS)
    write(tmp_path / "validation-x-r05.tfrecords", PIXELS.repeat(2, 2).repeat(2, 3))
    with (tmp_path / f"{name}-rxx.labels").open("wb") as file:
        np.save(file, np.eye(3, dtype=np.float32)[[2, 0, 2]])
    np.testing.assert_array_equal(read_all(tmp_path), PIXELS.transpose(0, 2, 3, 1))
    with closing(open_source(tmp_path)) as source:
        assert [entry.label for entry in source.entries()] == ["2", "0", "2"]
        assert source.tally().images == 3


def test_what_is_not_taken_of_a_folder_is_counted(tmp_path):
    for name in ("x-r03", "y-r04"):
        write(tmp_path / f"{name}.tfrecords", PIXELS[:, :, ::2, ::2])
    write(tmp_path / "x-r04.TFRECORDS", PIXELS)
    write(tmp_path / "validation-r04.tfrecords", PIXELS)
    (tmp_path / "._x-r04.tfrecords").write_bytes(b"of a Mac")
    (tmp_path / "z.tfrecords").mkdir()
    with closing(open_source(tmp_path)) as source:
        passed = {reason: group.count for reason, group in source.tally().passed.items()}
    assert passed == {"other splits than train": 1, "not of the set x-r04.TFRECORDS": 2}


def test_shards_of_encoded_images_are_all_taken(tmp_path):
    pictures = [blocks(seed, 8, 8) for seed in range(5)]
    for number, part in enumerate((pictures[:2], pictures[2:3], pictures[3:])):
        content = b"".join(record(encoded_example(picture)) for picture in part)
        (tmp_path / f"train-{number:05d}-of-00003").with_suffix(".tfrecord").write_bytes(content)
    (tmp_path / "test-00000.tfrecord").write_bytes(record(encoded_example(pictures[0])))
    np.testing.assert_array_equal(read_all(tmp_path), list(map(np.asarray, pictures)))


@pytest.mark.parametrize("name", ["y-rxx.labels", "x-hq-rxx.labels"])
def test_labels_of_another_set_are_left_alone(tmp_path, name):
    write(tmp_path / "x-r04.tfrecords", PIXELS)
    (tmp_path / name).write_bytes(b"")
    with closing(open_source(tmp_path)) as source:
        assert [entry.label for entry in source.entries()] == [None] * 3


def test_grey_images_and_unpacked_numbers_are_read(tmp_path):
    grey = PIXELS[0, :1]
    (tmp_path / "x.tfrecords").write_bytes(record(example(grey, plain_shape)))
    np.testing.assert_array_equal(read_all(tmp_path / "x.tfrecords"), grey)


def test_encoded_images_are_read(tmp_path):
    (tmp_path / "x.tfrecord").write_bytes(record(encoded_example(blocks(0, 8, 8))))
    np.testing.assert_array_equal(read_all(tmp_path / "x.tfrecord")[0], np.asarray(blocks(0, 8, 8)))


def test_a_flipped_byte_is_noticed(tmp_path):
    path = write(tmp_path / "x.tfrecords", PIXELS)
    content = bytearray(path.read_bytes())
    content[900] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged: its checksum"):
        read_all(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no records"),
        (record(example(PIXELS[0]))[:-9], "no whole record at byte 12"),
        (b"\x1f\x8b" + bytes(30), "packed or damaged"),
        (record(b"\xff\xff"), "not a tf.train.Example"),
        (record(field(1, feature("text", field(1, field(1, b"words"))))), "hold \\['text'\\]"),
    ],
)
def test_unusable_records_are_refused_in_words(tmp_path, content, words):
    (tmp_path / "x.tfrecords").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_all(tmp_path / "x.tfrecords")


@pytest.mark.parametrize("labels", [np.zeros((4, 2)), np.array(3)])
def test_labels_of_other_images_are_refused(tmp_path, labels):
    write(tmp_path / "x-r04.tfrecords", PIXELS)
    with (tmp_path / "x-rxx.labels").open("wb") as file:
        np.save(file, labels)
    with pytest.raises(DataError, match="labels of 3 images"):
        open_source(tmp_path)


@pytest.mark.parametrize("crc", [True, False])
def test_content_is_known_by_its_checksums(tmp_path, crc):
    first = content_sha256(write(tmp_path / "x.tfrecords", PIXELS, crc=crc))
    assert content_sha256(write(tmp_path / "x.tfrecords", PIXELS, crc=crc)) == first
    assert content_sha256(write(tmp_path / "x.tfrecords", PIXELS[::-1], crc=crc)) != first


def test_zeros_after_the_last_record_are_no_records(tmp_path):
    write(tmp_path / "a.tfrecords", PIXELS)
    with (tmp_path / "a.tfrecords").open("ab") as file:
        file.write(bytes(64))
    with pytest.raises(DataError, match=r"a\.tfrecords: no whole record at byte"):
        open_source(tmp_path / "a.tfrecords")
