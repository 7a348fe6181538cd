import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_cli.errors import DataError, OutputError, UsageError
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.sampling import PLAIN
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.studies.projection import search, workshop
from stylegan_cli.studies.projection.options import ProjectionOptions, settle
from stylegan_cli.studies.projection.pictures import Album, Framing
from stylegan_cli.studies.projection.projection import Projection
from stylegan_cli.studies.projection.search import PictureBatch, Search
from stylegan_cli.studies.projection.spaces import make_space, statistics
from stylegan_cli.studies.projection.workshop import Workshop
from tests.networks.families import small
from tests.tiny import STYLEGAN3, tiny, write_network, write_untrained

QUICK = ProjectionOptions(steps=8, init="best-of:4")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.RandomState(1)
    for i in range(3):
        pixels = random.randint(0, 256, (2, 2, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((20, 16), Image.Resampling.BILINEAR).save(
            folder / f"p{i}.png"
        )
    return sorted(folder.iterdir())


def open_projection(network, folder, given, options=QUICK, *, batch_size=2, **album):
    pictures = Album(network, given, Framing(), **album)
    workshop = Workshop(network, pictures, options, detector="alex", batch_size=batch_size)
    return Projection(workshop, folder)


def projected(network, folder, given, options=QUICK, **more):
    projection = open_projection(network, folder, given, options, **more)
    for _ in projection.steps():
        pass
    projection.finish()
    return projection


@pytest.fixture(scope="module")
def finished(network, pictures, tmp_path_factory):
    """All pictures, projected; not to be changed."""
    return projected(network, tmp_path_factory.mktemp("finished") / "out", pictures)


def codes(projection):
    return {record.name: record.cells["/"]["ws"] for record in projection.records}


def test_pictures_come_nearer_and_are_all_there(finished):
    assert [record.name for record in finished.records] == ["p0", "p1", "p2"]
    for record in finished.records:
        assert record.measures["lpips_alex"] < record.measures["lpips_alex_start"]
    folder = finished.folder.hdf5.parent
    assert sorted(path.name for path in folder.iterdir()) == [
        *("images", "projected.h5", "projected.png", "w.npz")
    ]
    assert sorted(path.stem for path in (folder / "images").iterdir()) == ["p0", "p1", "p2"]


def test_the_same_again_is_done(network, pictures, finished):
    file = finished.folder.hdf5
    before = file.stat().st_mtime_ns
    again = projected(network, file.parent, pictures)
    assert (again.missing, again.total) == (0, 0)
    assert file.stat().st_mtime_ns == before


def test_one_process_at_a_time_projects_into_a_folder(network, tmp_path, pictures):
    steps = open_projection(network, tmp_path / "out", pictures).steps()
    next(steps)
    with pytest.raises(OutputError, match="is projecting here; wait"):
        projected(network, tmp_path / "out", pictures)
    steps.close()
    assert len(projected(network, tmp_path / "out", pictures).records) == 3


def test_further_pictures_are_added_and_the_others_stay(network, tmp_path, pictures):
    first = codes(projected(network, tmp_path / "out", pictures[:2]))
    more = projected(network, tmp_path / "out", pictures)
    assert more.missing == 1
    assert list(codes(more)) == ["p0", "p1", "p2"]
    for name, ws in first.items():
        np.testing.assert_array_equal(codes(more)[name], ws)


def test_a_picture_alone_comes_to_what_it_comes_to_in_company(
    network, tmp_path, pictures, finished
):
    alone = projected(network, tmp_path / "one", pictures[1:2])
    np.testing.assert_allclose(codes(finished)["p1"], codes(alone)["p1"], atol=1e-3)
    lpips = [each.records[at].measures["lpips_alex"] for each, at in ((finished, 1), (alone, 0))]
    assert abs(lpips[0] - lpips[1]) < 1e-3


def test_stopped_anywhere_it_goes_on_to_the_same_bits(
    network, tmp_path, pictures, finished, monkeypatch
):
    monkeypatch.setattr(search, "SAVED_EVERY", 0.0)
    for stop in (3, 11):
        steps = open_projection(network, tmp_path / "cut", pictures).steps()
        for _ in range(stop):
            next(steps)
        steps.close()
    cut = codes(projected(network, tmp_path / "cut", pictures))
    for name, ws in codes(finished).items():
        np.testing.assert_array_equal(cut[name], ws)


def test_what_is_no_picture_is_left_out_and_named(network, tmp_path, pictures):
    junk = tmp_path / "junk.png"
    junk.write_bytes(b"no picture")
    found = projected(network, tmp_path / "out", [junk, tmp_path / "nowhere", pictures[0]])
    assert len(found.records) == 1
    assert [each.name for each in found.unusable()] == [str(junk), str(tmp_path / "nowhere")]


def test_without_any_picture_nothing_is_written(network, tmp_path):
    with pytest.raises(DataError, match="no picture"):
        projected(network, tmp_path / "out", [tmp_path / "nowhere"])
    assert not (tmp_path / "out").exists()


def test_another_request_is_refused(network, pictures, finished):
    folder = finished.folder.hdf5.parent
    with pytest.raises(OutputError, match="steps is 8, not 13"):
        open_projection(network, folder, pictures[:1], ProjectionOptions(steps=13))


def test_the_own_image_of_a_seed_knows_its_code(network, tmp_path):
    found = projected(network, tmp_path / "out", [3])
    assert found.records[0].measures["w_error"] > 0


def test_a_search_can_begin_at_a_seed(network, tmp_path):
    options = ProjectionOptions(steps=2, init="3", noise="const")
    found = projected(network, tmp_path / "out", [3], options)
    assert found.records[0].measures["lpips_alex_start"] == 0


def test_equal_pictures_in_other_forms_are_one(network, tmp_path):
    square = Image.effect_noise((16, 16), 60).quantize(16)
    square.save(tmp_path / "a.png")
    square.convert("RGB").save(tmp_path / "b.png")
    square.convert("RGBA").save(tmp_path / "c.png")
    turned = square.convert("RGB").transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "d.png", exif=exif)
    album = Album(network, [tmp_path / f"{name}.png" for name in "abcd"], Framing())
    assert [subject.name for subject in album.subjects] == ["a"]


def test_what_a_mask_hides_does_not_count(network, tmp_path, pictures):
    mask = np.zeros((16, 16), np.uint8)
    mask[:, :8] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    pixels = np.asarray(Image.open(pictures[0]).convert("RGB").crop((2, 0, 18, 16))).copy()
    paths = []
    for name, colour in (("x", 0), ("y", 255)):
        pixels[:, 8:] = colour
        paths.append(tmp_path / f"{name}.png")
        Image.fromarray(pixels).save(paths[-1])
    found = []
    for path in paths:
        album = Album(network, [path], Framing(mask=tmp_path / "mask.png"))
        options = ProjectionOptions(steps=6, init="mean", noise="const", prior=0.0)
        prepared = Workshop(network, album, options, detector="alex")
        found.append(Projection(prepared, tmp_path / path.stem))
        for _ in found[-1].steps():
            pass
        found[-1].finish()
    first, second = (each.records[0].cells["/"]["loss"] for each in found)
    assert abs(first[0] - second[0]) < 0.2 * first[0]


def test_of_several_beginnings_one_goes_on(network, tmp_path, pictures):
    options = ProjectionOptions(steps=20, init="best-of:8", restarts=3)
    found = open_projection(network, tmp_path / "out", pictures[:1], options)
    taken = list(found.steps())
    found.finish()
    assert sum(taken) == found.total
    assert max(taken) == 3
    assert taken[-2] == 1
    assert len(found.records) == 1


def test_the_networks_own_images_are_measured_beside(network, tmp_path, pictures):
    found = projected(network, tmp_path / "out", pictures[:1], checks=2)
    assert len(found.records) == 1
    assert len(found.checks) == 2
    again = open_projection(network, tmp_path / "out", pictures[:1], checks=2)
    assert again.missing == 0
    assert len(again.checks) == 2


def test_the_nearest_class_is_taken(network_with_classes, tmp_path, monkeypatch):
    monkeypatch.setattr(workshop, "TRIAL_STEPS", 2)
    network = network_with_classes
    options = ProjectionOptions(steps=8, init="best-of:4", class_name="auto")
    found = projected(network, tmp_path / "out", [1], options)
    assert found.records[0].cells["/"]["labels"].sum() == 1


@pytest.mark.parametrize("kind", ["progan", "traditional", "stylegan1"])
def test_other_families_are_projected(tmp_path, kind, pictures):
    network = load_network(write_untrained(tmp_path / "net.safetensors", small(kind)))
    found = projected(network, tmp_path / "out", pictures[:1])
    record = found.records[0]
    if network.G.has_noise:
        assert "noise/00" in record.cells["/"]
    if not network.G.has_w:
        z = record.cells["/"]["z"]
        assert np.linalg.norm(z) == pytest.approx(np.sqrt(len(z)), rel=1e-5)


def test_stylegan3_is_projected_without_noise(tmp_path, pictures):
    network = load_network(write_untrained(tmp_path / "net.safetensors", tiny(*STYLEGAN3)))
    found = projected(network, tmp_path / "out", pictures[:1])
    assert "noise/00" not in found.records[0].cells["/"]
    assert found.records[0].measures["lpips_alex"] < found.records[0].measures["lpips_alex_start"]


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent_networks_are_projected(tmp_path, channels, pictures):
    network = load_network(write_network(tmp_path / "net.safetensors", channels=channels))
    record = projected(network, tmp_path / "out", pictures[:1]).records[0]
    assert record.cells["/"]["images"].shape == (16, 16, channels)
    assert record.measures["lpips_alex"] < record.measures["lpips_alex_start"]


def test_a_damaged_result_file_is_not_taken_for_one(network, tmp_path, pictures):
    projected(network, tmp_path / "out", pictures[:1])
    shutil.copy(pictures[0], tmp_path / "out/projected.h5")
    with pytest.raises(OutputError, match="overwrite"):
        open_projection(network, tmp_path / "out", pictures[:1])


def test_the_protocol_of_stylegan2_keeps_the_last_step(network):
    choices = settle(network, ProjectionOptions(protocol="stylegan2"), "alex")
    assert (choices.space, choices.steps, choices.prior) == ("w", 1000, 0)
    assert (choices.keep_best, choices.pixel_weight, str(choices.start)) == (False, 0, "mean")


def test_a_search_that_comes_to_no_numbers_begins_anew_and_then_ends(network):
    choices = settle(network, ProjectionOptions(steps=3, init="mean"), "alex")
    batch = PictureBatch(
        keys=("a",), targets=torch.zeros(1, 3, 16, 16), label=np.zeros((1, 0), np.float32)
    )
    found = statistics(network.G, batch.label)
    broken = Search(network.G, choices, lambda x: x.flatten(1) * torch.nan, batch, statistics=found)
    assert sum(broken.run()) == 2
    assert not list(broken.found())


def test_the_last_step_counts_by_protocol_and_resumes(network, tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(search, "SAVED_EVERY", 0.0)
    options = ProjectionOptions(steps=4, protocol="stylegan2")
    found = projected(network, tmp_path / "out", pictures[:1], options)
    assert found.records[0].measures["steps"] == 4
    ws = found.records[0].cells["/"]["ws"]
    assert (ws == ws[0]).all()


def test_the_search_is_filmed(network, tmp_path, pictures):
    found = projected(network, tmp_path / "out", pictures[:2])
    assert [path.name for path in found.films()] == ["p0.mp4", "p1.mp4"]
    assert (tmp_path / "out/videos/p0.mp4").stat().st_size > 1000


def test_an_aligned_face_goes_back_into_its_picture(network, tmp_path):
    pixels = np.random.RandomState(2).randint(0, 256, (40, 50, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "face.png")
    (tmp_path / "points.csv").write_text("face.png,20,15,30,15,21,25,29,25\n")
    framing = Framing(points=tmp_path / "points.csv")
    with Album(network, [tmp_path / "face.png"], framing) as album:
        found = Projection(Workshop(network, album, QUICK, detector="alex"), tmp_path / "out")
        for _ in found.steps():
            pass
        found.finish()
        (path,) = found.pasted()
    pasted = np.asarray(Image.open(path))
    assert pasted.shape == pixels.shape
    np.testing.assert_array_equal(pasted[:2, :2], pixels[:2, :2])
    assert (pasted[20, 25] != pixels[20, 25]).any()


def test_out_of_memory_fewer_pictures_are_searched_at_once(network):
    def embed(images):
        if len(images) > 2 and embed.full:
            raise MemoryError
        return images.flatten(1)

    embed.full = False
    choices = settle(network, ProjectionOptions(steps=3, init="mean"), "alex")
    batch = PictureBatch(
        keys=("a", "b", "c"), targets=torch.zeros(3, 3, 16, 16), label=np.zeros((1, 0), np.float32)
    )
    halved = Search(network.G, choices, embed, batch, statistics=statistics(network.G, batch.label))
    embed.full = True
    assert sum(halved.run()) == 9
    assert [each.key for each in halved.found()] == ["a", "b", "c"]


def test_noise_alone_is_fitted_to_a_picture_and_the_code_stays(network, tmp_path, pictures):
    options = ProjectionOptions(space="noise", steps=30, init="3")
    found = projected(network, tmp_path / "out", pictures[:1], options).records[0]
    start = codes_of_picks(network, [3], PLAIN).codes.ws[0]
    np.testing.assert_array_equal(found.cells["/"]["ws"], start)
    losses = found.cells["/"]["loss"]
    # the first step only brings the maps to unit variance
    assert losses[-5:].mean() < losses[1:6].mean()
    with pytest.raises(UsageError, match="noise maps alone"):
        settle(network, ProjectionOptions(space="noise", noise="const"), "alex")


def test_nothing_is_overwritten_when_no_picture_can_be_used(network, tmp_path, pictures):
    found = projected(network, tmp_path / "out", pictures[:1])
    (tmp_path / "junk.png").write_bytes(b"no picture")
    album = Album(network, [tmp_path / "junk.png"], Framing())
    with pytest.raises(DataError, match=r"stays as it is: .*junk\.png"):
        Projection(
            Workshop(network, album, QUICK, detector="alex"), tmp_path / "out", overwrite=True
        )
    assert found.folder.hdf5.exists()


def test_a_folder_without_pictures_is_named(network, tmp_path):
    (found,) = Album(network, [tmp_path], Framing()).unusable
    assert (found.name, found.reason) == (str(tmp_path), "holds no pictures")


def test_names_leave_room_for_suffixes_and_differ_in_more_than_case(network, tmp_path, pictures):
    for picture, name in zip(pictures, ("CASE", "case", 125 * "ü"), strict=True):
        shutil.copy(picture, tmp_path / f"{name}.png")
    with Album(network, [tmp_path], Framing()) as album:
        names = [subject.name for subject in album.subjects]
    assert names == ["CASE", "case-2", 100 * "ü"]


def test_differences_of_layers_are_searched_and_stay_small(network, tmp_path, pictures):
    options = ProjectionOptions(space="w-delta", steps=8, init="best-of:4")
    found = projected(network, tmp_path / "out", pictures[:2], options)
    for record in found.records:
        assert record.measures["lpips_alex"] < record.measures["lpips_alex_start"]
        # the search begins at one w for all layers
        path = record.cells["/"]["trajectory"]
        assert np.ptp(path[0], axis=0).max() < 1e-4
        assert np.ptp(record.cells["/"]["ws"], axis=0).max() > 1e-3


def test_codes_with_differences_keep_their_ws(network):
    G = network.G
    label = torch.zeros(1, G.c_dim)
    space = make_space("w-delta", G, label, statistics(G, label.numpy()), 0.02)
    ws = codes_of_picks(network, (0, 1, 2), PLAIN).codes.ws
    mixed = torch.from_numpy(np.concatenate([ws[:, :2], ws[[1, 2, 0], 2:]], axis=1))
    code = space.coordinates(mixed, None)
    assert (space.ws(code) - mixed).abs().max() < 1e-3
    alike = code.clone()
    alike[:, 1:] = 0
    assert np.ptp(space.ws(alike).numpy(), axis=1).max() == 0
    assert (space.penalty(alike) < space.penalty(code)).all()


def test_differences_of_layers_need_layers_and_a_prior(tmp_path, network):
    plain = load_network(write_untrained(tmp_path / "net.safetensors", small("traditional")))
    with pytest.raises(UsageError, match="one code for all layers"):
        settle(plain, ProjectionOptions(space="w-delta"), "alex")
    with pytest.raises(UsageError, match=r"w\+"):
        settle(network, ProjectionOptions(space="w-delta", prior=0.0), "alex")
