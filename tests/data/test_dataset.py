import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import h5py
import numpy as np
import pytest
from PIL import Image

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.data.pictures import Target
from stylegan_cli.data.prepare import Preparation, prepare
from stylegan_cli.data.sources import open_sources
from stylegan_cli.errors import DataError
from tests.data.pictures import blocks, encoded, folder_of, zip_of


@pytest.fixture(params=["zip", "h5"])
def made(request, tmp_path):
    files = {f"{'ab'[n % 2]}/{n}.png": blocks(n, 16, 16) for n in range(8)}
    path = tmp_path / f"x.{request.param}"
    with open_sources([folder_of(tmp_path / "f", files)]) as sources:
        for _ in prepare(sources, Preparation(destination=path, target=Target(resolution=16))):
            pass
    return path


def test_labels_are_empty_unless_wanted(made):
    with closing(open_dataset(made, resolution=16)) as dataset:
        assert (dataset.c_dim, dataset.classes) == (0, ())
        assert dataset.read(0)[1].shape == (0,)
    with closing(open_dataset(made, resolution=16, labels=True)) as dataset:
        assert (dataset.c_dim, dataset.classes) == (2, ("a", "b"))
        assert [int(dataset.read(n)[1].argmax()) for n in range(8)] == [0] * 4 + [1] * 4


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"resolution": 64}, "`data.resolution=16`"),
        ({"resolution": 16, "channels": 1}, "`data.channels=3`"),
    ],
)
def test_another_size_is_refused_with_the_remedy(made, options, remedy):
    with pytest.raises(DataError, match=remedy):
        open_dataset(made, **options)


def test_unprepared_archives_are_refused_with_the_remedy(tmp_path):
    zip_of(tmp_path / "x.zip", {"a.png": encoded(blocks(0, 17, 20))})
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["images"] = np.zeros((2, 12, 12), np.uint8)
    for name in ("x.zip", "x.h5"):
        with pytest.raises(DataError, match=r"sgtool data prepare .*x\."):
            open_dataset(tmp_path / name, resolution=16)


def test_a_single_image_is_refused_by_its_name(tmp_path):
    folder_of(tmp_path, {"a.png": blocks(0, 17, 20)})
    with pytest.raises(DataError, match=r"a\.png: not prepared.*prepare .*a\.png -o"):
        open_dataset(tmp_path / "a.png", resolution=16)


def test_a_later_image_of_another_size_is_named(tmp_path):
    files = {"a.png": encoded(blocks(0, 16, 16)), "b.png": encoded(blocks(0, 8, 8))}
    path = zip_of(tmp_path / "x.zip", files)
    with (
        closing(open_dataset(path, resolution=16)) as dataset,
        pytest.raises(DataError, match=r"b\.png: 8×8 RGB, not 16×16 RGB"),
    ):
        dataset.read(1)


def test_a_damaged_image_of_a_prepared_zip_is_named_with_the_way_out(tmp_path):
    files = {f"{name}.png": encoded(blocks(0, 16, 16)) for name in "ab"}
    path = zip_of(tmp_path / "x.zip", files | {"b.png": files["b.png"][:60]})
    with (
        closing(open_dataset(path, resolution=16)) as dataset,
        pytest.raises(DataError, match=r"b\.png: damaged.*data prepare` makes a set without it"),
    ):
        dataset.read(1)


def test_zips_written_by_other_tools_are_read(tmp_path):
    files = {f"00000/img0000000{n}.png": encoded(blocks(n, 16, 16)) for n in range(3)}
    pairs = ", ".join(f'["{name}", {n}]' for n, name in enumerate(files))
    files["dataset.json"] = f'{{"labels": [{pairs}]}}'.encode()
    with closing(
        open_dataset(zip_of(tmp_path / "x.zip", files), resolution=16, labels=True)
    ) as dataset:
        assert dataset.c_dim == 3
        np.testing.assert_array_equal(dataset.read(2)[0], np.asarray(blocks(2, 16, 16)))
        assert dataset.read(2)[1].tolist() == [0, 0, 1]


def test_a_label_that_is_missing_is_an_error_not_a_zero(tmp_path):
    files = {f"{n}.png": encoded(blocks(n, 16, 16)) for n in range(2)}
    files["dataset.json"] = b'{"labels": [["0.png", 1]]}'
    with pytest.raises(DataError, match=r"1\.png has none"):
        open_dataset(zip_of(tmp_path / "x.zip", files), resolution=16, labels=True)


def test_an_unpacked_data_set_is_taken_as_it_is(tmp_path):
    folder_of(tmp_path, {"00000/img00000000.png": blocks(0, 16, 16)})
    (tmp_path / "dataset.json").write_text(
        '{"labels": [["00000/img00000000.png", [0.5, 2]]], "prepared": {"resolution": 16}}'
    )
    with closing(open_dataset(tmp_path, resolution=16, labels=True)) as dataset:
        assert dataset.read(0)[1].tolist() == [0.5, 2.0]
    with pytest.raises(DataError, match=r"data\.resolution=16"):
        open_dataset(tmp_path, resolution=32)


def test_a_plain_folder_is_fitted_on_the_fly(tmp_path):
    folder_of(tmp_path, {"a.jpg": blocks(0, 40, 20), "b.png": blocks(0, 9, 9, "P")})
    with closing(open_dataset(tmp_path, resolution=8, fit="fit")) as dataset:
        assert [dataset.read(n)[0].shape for n in range(2)] == [(8, 8, 3)] * 2
        assert (dataset.read(0)[0][:2] == 255).all()


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="holds no images"):
        open_dataset(tmp_path, resolution=8)


def test_reads_from_many_threads_agree(made):
    with closing(open_dataset(made, resolution=16)) as dataset, ThreadPoolExecutor(8) as pool:
        alone = [dataset.read(n)[0] for n in range(8)]
        for n, (pixels, _) in enumerate(pool.map(dataset.read, list(range(8)) * 20)):
            np.testing.assert_array_equal(pixels, alone[n % 8])


def fingerprint(path, **options):
    with closing(open_dataset(path, resolution=16, **options)) as dataset:
        return dataset.fingerprint


def test_fingerprint_tells_images_and_labels_apart(tmp_path):
    first = {"a/1.png": encoded(blocks(0, 16, 16)), "b/2.png": encoded(blocks(1, 16, 16))}
    other = {**first, "b/2.png": encoded(blocks(2, 16, 16))}
    paths = [zip_of(tmp_path / f"{n}.zip", files) for n, files in enumerate((first, first, other))]
    same, again, changed = map(fingerprint, paths)
    assert same == again != changed
    assert fingerprint(paths[0], labels=True) != same


def test_a_part_is_that_of_the_original_releases(made):
    with closing(open_dataset(made, resolution=16, labels=True)) as dataset:
        order = np.arange(len(dataset))
        np.random.RandomState(5).shuffle(order)
        part = dataset.part(3, seed=5)
        assert part.names == tuple(dataset.names[i] for i in sorted(order[:3]))
        for place, index in enumerate(sorted(order[:3].tolist())):
            np.testing.assert_array_equal(part.read(place)[0], dataset.read(index)[0])
            np.testing.assert_array_equal(part.label(place), dataset.label(index))


def test_a_part_keeps_the_classes_and_has_a_fingerprint_of_its_own(made):
    with closing(open_dataset(made, resolution=16, labels=True)) as dataset:
        part, larger = dataset.part(1, seed=0), dataset.part(2, seed=0)
        assert (part.c_dim, part.classes) == (dataset.c_dim, dataset.classes)
        assert len({dataset.fingerprint, part.fingerprint, larger.fingerprint}) == 3
        assert (len(part), part.whole) == (1, dataset)


def test_a_part_that_is_not_smaller_is_the_whole(made):
    with closing(open_dataset(made, resolution=16)) as dataset:
        assert dataset.part(len(dataset), seed=0) is dataset


def test_classes_without_images_have_no_members(made):
    with closing(open_dataset(made, resolution=16, labels=True)) as dataset:
        assert dataset.members() == [[0, 1, 2, 3], [4, 5, 6, 7]]
        assert dataset.part(1, seed=0).members() == [[0]]


def test_without_classes_there_are_no_members(made):
    with (
        closing(open_dataset(made, resolution=16)) as dataset,
        pytest.raises(DataError, match="no classes to balance"),
    ):
        dataset.members()


def test_damaged_pictures_of_a_plain_folder_are_left_out_before_the_first_is_drawn(tmp_path):
    good = encoded(blocks(0, 64, 64))
    files = {"a/1.png": good, "a/2.png": good[: len(good) // 2], "b/3.png": good, "b.heic": b"x"}
    folder_of(tmp_path, {**files, "notes.txt": b""})
    with closing(open_dataset(tmp_path, resolution=8)) as dataset:
        assert dataset.names == ("a/1.png", "b/3.png")
        account = dataset.account
    assert (account.taken, account.classes) == (2, {"a": 1, "b": 1})
    assert {reason: group.example for reason, group in account.left_out.items()} == {
        "damaged": f"{tmp_path}/a/2.png",
        "HEIC is not read here; save it as PNG or JPEG": f"{tmp_path}/b.heic",
    }
    assert account.passed["not images (.txt)"].count == 1


def test_a_prepared_set_has_no_account(made):
    with closing(open_dataset(made, resolution=16)) as dataset:
        assert dataset.account is None


def test_changed_pixels_of_the_same_size_change_the_fingerprint(tmp_path):
    def h5(pixels):
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file["images"] = pixels
        return fingerprint(tmp_path / "x.h5")

    def bmp(pixels):
        folder_of(tmp_path / "f", {"x.bmp": Image.fromarray(pixels[0])})
        return fingerprint(tmp_path / "f")

    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
    for stored in (h5, bmp):
        assert stored(pixels) == stored(pixels) != stored(255 - pixels)


def test_large_files_are_known_by_their_start_middle_and_end(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    prints = set()
    for row in (None, 0, 256, 511):
        changed = pixels.copy()
        if row is not None:
            changed[row] = 0
        folder_of(tmp_path, {"x.bmp": Image.fromarray(changed)})
        prints.add(fingerprint(tmp_path))
    assert len(prints) == 4


@pytest.mark.slow
@pytest.mark.parametrize("command", ["inspect photos", "prepare photos -o o.zip --resolution 64"])
def test_photographs_of_48_megapixels_take_200_mb_a_worker(tmp_path, command):
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in range(3):
        photo = Image.new("RGB", (8000, 6000), (9, 99, 200 + number))
        folder_of(tmp_path / "photos", {f"{number}.jpg": encoded(photo, "jpeg", exif=exif)})

    def peak_kib(words, cores):
        code = (
            "import os, resource, sys; from stylegan_cli.cli.app import app\n"
            f"os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cores}])\n"
            "try: app(sys.argv[1:])\n"
            "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "data", *words.split(), "--overwrite"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout.split()[-1])

    idle = peak_kib("sample portraits -o idle.zip --count 1 --resolution 8", 1)
    cores = min(2, len(os.sched_getaffinity(0)))
    assert peak_kib(command, cores) - idle < cores * 200e6 / 1024
