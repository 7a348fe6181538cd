"""Offsets of style channels that were found with a code go with it wherever the code goes."""

import json
from itertools import pairwise

import h5py
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.directions.direction import Move, moved_codes
from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.latents.codes import join_codes
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.latents.sampling import PLAIN, Sampling, mean_code
from stylegan_cli.networks.execution import open_for_drawing
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.networks.styles import moved_styles, style_indices, styles_of
from stylegan_cli.rendering.render import draw_images, to_pixels
from stylegan_cli.studies.discovery.judging import codes_of_pole
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.mixing import mix
from stylegan_cli.studies.projection import search as search_of_batches
from stylegan_cli.studies.projection.options import ProjectionOptions, settle
from stylegan_cli.studies.projection.pictures import Album, Framing
from stylegan_cli.studies.projection.spaces import make_space, statistics
from stylegan_cli.studies.projection.states import Record
from stylegan_cli.studies.projection.tuning import Tuning
from stylegan_cli.studies.projection.workshop import Workshop
from stylegan_cli.studies.truncation import truncation
from stylegan_cli.studies.video.images import codes_between
from stylegan_cli.studies.video.motion import Motion, Tracks
from stylegan_cli.studies.video.video import Image, footage, video
from tests.directions.vectors import reference_generator
from tests.networks.families import small
from tests.studies.projection.test_own_noise import QUICK, drawn, images, picks
from tests.studies.test_editing import made
from tests.tiny import write_untrained


@pytest.fixture(scope="module")
def place(tmp_path_factory, network_file):
    """A folder with two images of the network, projected into S, and the network."""
    folder = tmp_path_factory.mktemp("offsets")
    words = ("project", "5", "6", "--network", str(network_file), "-o", str(folder / "projected"))
    done = CliRunner().invoke(app, [*words, "--space", "s", "--video", "--json", *QUICK])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["pictures"][0]["style_distance"] > 0
    return folder, open_for_drawing(network_file)


def codes(place, index="all", sampling=PLAIN):
    return codes_of_picks(place[1], picks(place, index), sampling).codes


def test_codes_are_read_with_their_offsets(place):
    offsets = codes(place).style_offsets
    assert offsets.shape == (2, len(style_indices(place[1].G))) and offsets.any(axis=1).all()
    with h5py.File(place[0] / "projected/projected.h5") as file:
        np.testing.assert_array_equal(offsets, file["style_offsets"])
    beside = parse_picks(f"{place[0]}/projected/w.npz:0")
    again = codes_of_picks(place[1], beside, PLAIN).codes
    np.testing.assert_array_equal(again.style_offsets[0], offsets[0])


def test_every_study_shows_the_projected_pictures_to_the_bit(place):
    network, both, last = place[1], picks(place, "0-1"), place[1].G.num_ws
    found = drawn(network, grid(network, [*both, 3]))
    usual = drawn(network, grid(network, [3]))
    np.testing.assert_array_equal(found[(2,)], usual[(0,)])
    mixed = drawn(network, mix(network, both[:1], [*both, 3], crossover=(last, 0)))
    swept = drawn(network, truncation(network, both, [1.0, 0.5]))
    for i, expected in enumerate(images(place)):
        np.testing.assert_array_equal(found[(i,)], expected)
        np.testing.assert_array_equal(swept[(i, 0)], expected)
        np.testing.assert_array_equal(mixed[(1, 0, i)], expected)
        np.testing.assert_array_equal(mixed[(0, 0, i)], images(place)[0])
    (subject,) = Album(network, picks(place, "0"), Framing()).subjects
    np.testing.assert_array_equal(subject.load(), images(place)[0])


def test_the_offsets_make_a_difference(place):
    network, code = place[1], codes(place, "0")
    with_them, without = (
        to_pixels(draw_images(network.G, torch.from_numpy(code.ws), "const", offsets))
        for offsets in (code.style_offsets, None)
    )
    assert (with_them != without).any()


def test_offsets_mix_by_the_layer_of_their_channel(place):
    table = mix(place[1], picks(place, "0"), picks(place, "1"), crossover=(3,)).codes
    row, col = codes(place).style_offsets
    taken = style_indices(place[1].G) >= 3
    np.testing.assert_array_equal(table.style_offsets[0, 0], np.where(taken, col, row))


def test_psi_scales_the_offsets_of_truncated_layers(place):
    whole, half = codes(place), codes(place, sampling=Sampling(psi=0.5, cutoff=2))
    moves = style_indices(place[1].G) < 2
    expected = np.where(moves, 0.5, 1) * whole.style_offsets
    np.testing.assert_allclose(half.style_offsets, expected, rtol=1e-6)
    nothing = codes(place, sampling=Sampling(psi=0.0))
    assert not nothing.style_offsets.any()
    np.testing.assert_array_equal(nothing.ws[0], mean_code(place[1]).ws)


def test_a_video_passes_through_the_pictures_and_offsets_go_on_lines(place):
    film = video(place[1], Tracks(seeds=[*picks(place, "0-1"), 3]), Motion(seconds=0.1, fps=30.0))
    frames = list(footage(place[1], film).draw(range(film.frames), None))
    np.testing.assert_array_equal(frames[0], images(place)[0])
    np.testing.assert_array_equal(frames[film.motion.segment], images(place)[1])
    steps = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(frames)]
    assert max(steps) < 4 * np.mean(steps)
    moments = film.moments([Image(4, 0), Image(5, 0)])
    found = codes_between(place[1].G, film.keyframes, film.motion, moments).style_offsets
    end = codes(place, "1").style_offsets[0]
    np.testing.assert_allclose(found, [end * 2 / 3, end / 3], rtol=1e-5, atol=1e-7)


def test_style_tracks_of_a_video_bring_their_offsets(place):
    tracks = Tracks(seeds=[3, 4], style_seeds=picks(place, "0"), crossover=[2])
    still = video(place[1], tracks, Motion(seconds=0.1)).stills.codes.style_offsets[0, 0]
    taken = style_indices(place[1].G) >= 2
    np.testing.assert_array_equal(still, np.where(taken, codes(place, "0").style_offsets[0], 0))


@pytest.mark.parametrize("absolute", [False, True])
def test_edits_of_styles_add_to_the_offsets(place, absolute):
    code, network = codes(place, "0"), place[1]
    move = Move(direction=made(network, "s", sigma=0.5), steps=4.0)
    moved = moved_codes(network, code, [move], PLAIN, absolute=absolute).style_offsets[0]
    others = np.arange(len(moved)) != 5
    np.testing.assert_array_equal(moved[others], code.style_offsets[0, others])
    # at a coordinate of 2, or 2 farther than it was
    start = -styles_of(network.G, torch.from_numpy(code.ws))[0, 5] if absolute else 0.0
    before = 0.0 if absolute else code.style_offsets[0, 5]
    assert moved[5] == pytest.approx(float(start + before + 2.0), rel=1e-4)


def test_noise_is_studied_under_the_picture_with_its_offsets(place, tmp_path, network_file):
    code = f"{place[0]}/projected/projected.h5:0"
    words = ("noise", "--seeds", code, "--draws", "2", "--layers", "none", "--layers", "all")
    place_of_it = ("-o", str(tmp_path / "noise"), "--network", str(network_file), "-q")
    done = CliRunner().invoke(app, [*words, *place_of_it])
    assert done.exit_code == 0, done.output
    with h5py.File(tmp_path / "noise/noise.h5") as file:
        measured, drawn_so = file["variation/mean"][0, 0], file["images"][0, 0]
    assert np.abs(measured - drawn_so).max() <= 1


def test_codes_without_offsets_join_those_with_them(place):
    joined = join_codes([codes_of_picks(place[1], [3], PLAIN).codes, codes(place, "0")])
    assert not joined.style_offsets[0].any() and joined.style_offsets[1].any()


HOSTILE = {
    "another_table": np.zeros((3, 4), np.float32),
    "a_number": np.float32(1),
    "no_numbers": np.array([["a"], ["b"]]),
    "NaN": np.full((2, 4), np.nan, np.float32),
    "huge": np.full((2, 4), 1e300),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_offsets_are_refused(place, tmp_path, name):
    np.savez(tmp_path / "c.npz", ws=codes(place).ws, style_offsets=HOSTILE[name])
    with pytest.raises((DataError, UsageError), match=r"style_offsets: .*; write the file again"):
        codes_of_picks(place[1], parse_picks(f"{tmp_path}/c.npz"), PLAIN)


def test_offsets_for_another_network_are_refused(place, tmp_path):
    np.savez(tmp_path / "c.npz", ws=codes(place).ws, style_offsets=np.ones((2, 4), np.float32))
    with pytest.raises(UsageError, match=r"moves 4 style channels .*, and this network has \d+"):
        codes_of_picks(place[1], parse_picks(f"{tmp_path}/c.npz"), PLAIN)


def test_directions_of_w_are_not_learned_from_codes_with_offsets(place):
    with pytest.raises(UsageError, match=r"project in w\+"):
        codes_of_pole(place[1], f"{place[0]}/projected/projected.h5")


def prepared(place, subjects=(), **options):
    album = Album(place[1], subjects, Framing())
    return Workshop(place[1], album, ProjectionOptions(**options), detector="alex")


def begin(place, subjects, space="s", init="mean", state=None, **more):
    workshop = prepared(place, subjects, space=space, steps=3, init=init, **more)
    return workshop.search(workshop.album.subjects, None, state)


def search(*given, **more):
    found = begin(*given, **more)
    list(found.run())
    return list(found.found())


def offsets(record):
    return record.cells["/"]["style_offsets"]


def test_a_batch_finds_the_offsets_that_each_picture_has_alone(place):
    together = search(place, [5, 6])
    for number, seed in enumerate((5, 6)):
        (alone,) = search(place, [seed])
        np.testing.assert_allclose(offsets(together[number]), offsets(alone), atol=1e-4)


def test_a_search_resumes_to_the_same_offsets(place, tmp_path, monkeypatch):
    monkeypatch.setattr(search_of_batches, "SAVED_EVERY", 0.0)
    begun = begin(place, [5], state=tmp_path / "state.safetensors")
    steps = begun.run()
    next(steps), next(steps)
    steps.close()
    resumed = begin(place, [5], state=tmp_path / "state.safetensors")
    assert 0 < resumed.steps_done < 3
    list(resumed.run())
    (whole,), (cut,) = search(place, [5]), resumed.found()
    np.testing.assert_array_equal(offsets(cut), offsets(whole))
    np.testing.assert_array_equal(cut.cells["/"]["ws"], whole.cells["/"]["ws"])


def test_a_search_begins_at_given_offsets(place):
    start = f"{place[0]}/projected/projected.h5:0"
    (found,) = search(place, [5], init=start)
    expected = codes(place, "0")
    np.testing.assert_allclose(
        found.cells["/"]["style_trajectory"][0], expected.style_offsets[0], atol=1e-5
    )
    (noise,) = search(place, [5], "noise", init=start)
    np.testing.assert_array_equal(offsets(noise), expected.style_offsets[0])
    np.testing.assert_array_equal(noise.cells["/"]["ws"], expected.ws[0])
    with pytest.raises(UsageError, match="take `space=s`"):
        search(place, [5], "w+", init=start)


def test_free_offsets_have_no_prior(place):
    (found,) = search(place, [5], prior=0.0)
    assert offsets(found).any()


def test_a_tuned_network_draws_codes_with_their_offsets(place, tmp_path):
    record = Record(name="a", cells={"/": {}, "targets": {"images": images(place)[0]}})
    with h5py.File(place[0] / "projected/projected.h5") as file:
        noise = (f"noise/{name}" for name in file["noise"])
        record.cells["/"] |= {name: file[name][0] for name in ("ws", "style_offsets", *noise)}
    workshop, files = prepared(place), {"path": tmp_path / "tuned", "state": tmp_path / "state"}
    tuning = Tuning(workshop, [record], **files)
    near = next(tuning.steps())
    del record.cells["/"]["style_offsets"]
    without = Tuning(workshop, [record], **files)
    assert next(without.steps()) > near
    assert without.request != tuning.request


@pytest.mark.parametrize("name", ["sg1_32", "sg3_t_32", "sg2_g_resnet_32"])
def test_offsets_are_searched_in_every_family_with_styles(name):
    G = reference_generator(name)
    label = torch.zeros(1, G.c_dim)
    space = make_space("s", G, label, statistics(G, label.numpy()), 0.02)
    ws = torch.randn(2, G.num_ws, G.w_dim, generator=torch.Generator().manual_seed(0))
    code = space.coordinates(ws, None).requires_grad_()
    assert not space.offsets(code).any()
    torch.testing.assert_close(space.ws(code).detach(), ws, rtol=1e-2, atol=1e-2)
    with moved_styles(G, space.offsets(code)) as synthesis:
        images = synthesis(space.ws(code), "const" if G.has_noise else "none")
    (gradient,) = torch.autograd.grad(images.square().sum(), code)
    assert gradient[:, -len(style_indices(G)) :].ne(0).float().mean() > 0.9


def test_networks_without_styles_are_told_what_they_offer(tmp_path):
    plain = load_network(write_untrained(tmp_path / "net.safetensors", small("traditional")))
    with pytest.raises(UsageError, match="take `space="):
        settle(plain, ProjectionOptions(space="s"), "alex")


def test_shifted_pictures_keep_their_offsets():
    G = reference_generator("sg3_t_32")
    ws = torch.randn(1, G.num_ws, G.w_dim, generator=torch.Generator().manual_seed(0))
    offsets = 3 * np.ones((1, len(style_indices(G))), np.float32)
    still = np.zeros((1, 3), np.float32)
    here, shifted = (
        to_pixels(draw_images(G, ws, "none", offsets, motions)) for motions in (None, still)
    )
    assert np.abs(here.astype(int) - shifted).max() <= 1
    assert (here != to_pixels(draw_images(G, ws, "none"))).any()
