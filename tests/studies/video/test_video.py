import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.figures.png import tile
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.latents.sampling import Sampling, map_latents, z_of_seeds
from stylegan_cli.rendering.render import render
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.mixing import mix
from stylegan_cli.studies.video.images import codes_between, noise_between
from stylegan_cli.studies.video.motion import Motion, Screen, Tracks
from stylegan_cli.studies.video.video import Image, footage, video

INTERPS = ("lerp-w", "lerp-z", "slerp-z", "slerp-w", "cubic-w")
SHORT = {"seconds": 0.1, "fps": 40.0}  # four frames from keyframe to keyframe


def film(network, seeds, screen=None, tracks=None, **motion):
    return video(
        network,
        Tracks(seeds=seeds, **(tracks or {})),
        Motion(**SHORT | motion),
        screen or Screen(),
    )


def frames(network, found, batch_size=None):
    return np.stack(list(footage(network, found).draw(range(found.frames), batch_size)))


def pictures(network, plan):
    return np.stack([cell.pixels for cell in render(network.G, plan)])


def ws_of(network, found, *numbers):
    moments = found.moments([Image(number, 0) for number in numbers])
    return codes_between(network.G, found.keyframes, found.motion, moments).ws


@pytest.mark.parametrize(("loop", "count"), [(True, 12), (False, 9)])
def test_a_loop_has_a_segment_for_each_keyframe_else_one_less_and_the_end(network, loop, count):
    found = film(network, [1, 2, 3], loop=loop)
    assert found.frames == count == len(frames(network, found))


@pytest.mark.parametrize("interp", INTERPS)
def test_frames_at_keyframes_are_the_images_of_a_grid_to_the_bit(network, interp):
    found = film(network, [1, 2, 3], interp=interp, loop=False)
    stills = frames(network, found)[::4]
    assert np.array_equal(stills, pictures(network, grid(network, [1, 2, 3])))


@pytest.mark.parametrize("interp", INTERPS)
def test_the_way_leads_from_keyframe_to_keyframe(network, interp):
    found = film(network, [1, 2, 3], interp=interp, seconds=25.0)
    nearly = ws_of(network, found, 1, 999)
    assert np.allclose(nearly, found.stills.codes.ws[[0, 1], 0], atol=0.02)


def test_a_loop_ends_one_step_before_its_first_frame(network):
    found = film(network, [1, 2, 3])
    last = found.moments([Image(found.frames - 1, 0)])
    assert (last.keyframe[0], last.following[0], last.share[0]) == (2, 0, 0.75)


def test_a_circle_goes_through_both_codes_and_their_opposites_and_closes(network):
    found = film(network, [1, 2], interp="circle-z")
    z = found.keyframes.main.codes.z[:, 0]
    assert np.array_equal(z[2:], -z[:2])
    assert found.moments([Image(found.frames - 1, 0)]).following[0] == 0


def test_streams_get_the_codes_in_turn(network):
    found = film(network, range(6), Screen(cols=3, rows=1), loop=False)
    expected = pictures(network, grid(network, range(6)))
    shown = frames(network, found)
    assert np.array_equal(shown[0], tile(expected[:3], 3))
    assert np.array_equal(shown[-1], tile(expected[3:], 3))


def test_a_size_enlarges_every_picture(network):
    found = film(network, [1, 2], Screen(side=20))
    assert frames(network, found).shape == (8, 20, 20, 3)


def test_batch_size_changes_pixels_by_one_at_most(network):
    found = film(network, [1, 2, 3], interp="cubic-w")
    one, many = (frames(network, found, size).astype(int) for size in (1, 32))
    assert np.abs(one - many).max() <= 1


def test_a_psi_track_goes_through_the_mean_of_w(network):
    found = film(network, [5], tracks={"psi": (1.0, 0.0, -1.0)}, loop=False)
    assert np.allclose(ws_of(network, found, 4), np.linspace(-1, 1, 8), atol=1e-6)
    halfway = Sampling(psi=0.5)
    assert np.allclose(
        ws_of(network, found, 2)[0], grid(network, [5], halfway).codes.ws[0], atol=1e-6
    )


def test_a_style_track_gives_the_layers_from_the_crossover_on(network):
    tracks = {"style_seeds": [7, 8], "crossover": [2]}
    shown = frames(network, film(network, [3], tracks=tracks, loop=False))
    mixed = mix(network, [3], [7, 8], crossover=[2]).codes.ws[0]
    found = film(network, [3], tracks=tracks, loop=False)
    assert np.array_equal(found.stills.codes.ws[:, 0], mixed)
    assert not np.array_equal(shown[0], shown[-1])


def test_a_crossover_track_changes_one_layer_after_the_other(network):
    found = film(network, [3], tracks={"style_seeds": [7], "crossover": [0, 4]}, loop=False)
    ws = ws_of(network, found, 2)[0]
    main, style = grid(network, [3, 7]).codes.ws
    taken = [np.array_equal(layer, style[i]) for i, layer in enumerate(ws)]
    kept = [np.array_equal(layer, main[i]) for i, layer in enumerate(ws)]
    assert (taken, kept) == ([False] * 2 + [True] * 4, [True] * 2 + [False] * 4)


def test_a_class_track_shows_each_class_at_its_keyframe(network_with_classes):
    found = film(network_with_classes, [4], tracks={"classes": ("cat", "2")}, loop=False)
    for k, name in enumerate(("cat", "owl")):
        expected = grid(network_with_classes, [4], Sampling(class_name=name)).codes.ws[0]
        assert np.array_equal(found.stills.codes.ws[k, 0], expected)


def test_on_the_way_between_classes_a_label_in_z_is_between_theirs(network_with_classes):
    tracks = {"classes": ("cat", "owl")}
    found = film(network_with_classes, [4], tracks=tracks, interp="lerp-z", loop=False)
    z = z_of_seeds([4], network_with_classes.G.z_dim)
    label = np.array([[0.75, 0, 0.25]], np.float32)
    w = map_latents(network_with_classes.G, z, label).numpy()
    assert np.allclose(ws_of(network_with_classes, found, 1)[:, 0], w, atol=1e-6)


def test_on_the_way_between_classes_a_w_is_between_theirs(network_with_classes):
    found = film(network_with_classes, [4], tracks={"classes": ("cat", "owl")}, loop=False)
    cat, owl = found.stills.codes.ws[:, 0]
    assert np.allclose(ws_of(network_with_classes, found, 1)[0], cat + (owl - cat) / 4, atol=1e-6)


def test_codes_that_have_a_class_already_do_not_go_through_others(network_with_classes, tmp_path):
    np.save(tmp_path / "w.npy", np.zeros((2, network_with_classes.G.w_dim), np.float32))
    codes = parse_picks(f"{tmp_path}/w.npy:w")
    with pytest.raises(UsageError, match="have a class in them already"):
        film(network_with_classes, codes, tracks={"classes": ("cat", "owl")})


def test_moving_noise_leaves_the_style_alone(network):
    found = film(network, [1, 2], interp="noise", loop=False)
    assert np.array_equal(ws_of(network, found, 1, 3), np.repeat(ws_of(network, found, 0), 2, 0))
    shown = frames(network, found)
    assert np.array_equal(
        shown[0], pictures(network, grid(network, [1], Sampling(noise_mode="random")))[0]
    )
    assert len(np.unique(shown.reshape(5, -1), axis=0)) == 5


def test_moving_noise_keeps_its_variance(network):
    found = film(network, range(40), interp="noise")
    moments = found.moments([Image(4 * i + 2, 0) for i in range(40)])
    finest = noise_between(network.G, found.keyframes.main.codes, moments)[-1]
    assert abs(float(finest.var()) - 1) < 0.05


@pytest.mark.parametrize("loop", [True, False])
def test_noise_can_wander_while_the_style_stands_still(network, loop):
    found = film(network, [1], interp="noise", noise_walk=0.1, loop=loop)
    shown = frames(network, found)
    assert len(np.unique(shown.reshape(len(shown), -1), axis=0)) == len(shown) == found.frames
    later = list(footage(network, found).draw(range(3, found.frames), None))
    assert np.array_equal(shown[3:], later)
    assert found.stills.request["noise_walk"] == 0.1


def test_noise_wanders_in_each_stream_on_its_own_and_while_styles_move(network):
    found = film(network, [1, 2, 3, 4], Screen(cols=2), noise_walk=0.1)
    still = film(network, [1, 2, 3, 4], Screen(cols=2))
    assert found.frames == still.frames == 8
    assert not np.array_equal(frames(network, found)[0], frames(network, still)[0])


@pytest.mark.parametrize("kind", ["progan", "traditional", "stylegan1", "stylegan2"])
def test_every_family_is_filmed_at_full_size_while_it_grows(growing_networks, kind):
    network = growing_networks[kind]
    interps = ("slerp-z", "circle-z") if kind == "progan" else ("lerp-w", "slerp-z")
    for interp in interps:
        found = film(network, [1, 2], interp=interp, seconds=0.05)
        assert frames(network, found).shape[1:] == (16, 16, 3)


@pytest.mark.parametrize(
    ("seeds", "tracks", "motion", "words"),
    [
        ([1], {}, {}, "`seeds`: only one keyframe"),
        (
            [1, 2],
            {"psi": (1.0, 0.0, 1.0)},
            {},
            "`seeds`: 2 keyframes, where .* has 3",
        ),
        ([1, 2], {"crossover": [2]}, {}, "`crossover=2`: there is no second track"),
        ([1, 2], {"style_seeds": [3], "crossover": [7]}, {}, "the valid range is 0-6"),
        ([1, 2], {"classes": ("cat",)}, {}, "the network has no classes"),
        ([1, 2], {}, {"seconds": 0.0}, "`seconds=0`: must be a positive number"),
        ([1, 2], {}, {"fps": float("nan")}, "`fps=nan`: must be a positive number"),
        ([1, 2], {}, {"fps": 1000.0}, "`fps=1000`: out of range"),
        ([1, 2], {}, {"seconds": 1e300}, r"`seconds=1e\+300`: out of range"),
        ([1, 2], {}, {"interp": "circle-z", "loop": False}, "`loop=False`: a circle always closes"),
        ([1, 2, 3], {}, {"interp": "circle-z"}, "`seeds`: a circle goes through two codes"),
        ([1, 2], {"noise_mode": "none"}, {"interp": "noise"}, "there is no noise to move"),
        ([1, 2], {"noise_mode": "none"}, {"noise_walk": 1.0}, "there is no noise to move"),
        ([1, 2], {}, {"noise_walk": 0.0}, "`noise_walk=0`: must be a positive number"),
    ],
)
def test_what_cannot_be_filmed_is_said_in_words(network, seeds, tracks, motion, words):
    with pytest.raises(UsageError, match=words):
        film(network, seeds, tracks=tracks, **motion)


def test_codes_that_do_not_come_out_even_are_refused(network):
    with pytest.raises(UsageError, match="8 codes cannot be shared evenly among 6 streams"):
        film(network, range(8), Screen(cols=3, rows=2))


def test_codes_without_z_move_in_w_only(network, tmp_path):
    np.savez(tmp_path / "codes.npz", w=np.zeros((2, 8), np.float32))
    picks = parse_picks(f"{tmp_path}/codes.npz")
    assert film(network, picks).frames == 8
    with pytest.raises(UsageError, match="`seeds` holds codes that are no z"):
        film(network, picks, interp="slerp-z")


@pytest.mark.parametrize(
    ("kind", "tracks", "motion", "words"),
    [
        ("progan", {}, {"interp": "lerp-w"}, "has no w; use lerp-z"),
        ("progan", {}, {"interp": "noise"}, "`interp=noise`: this network has no noise"),
        (
            "progan",
            {},
            {"interp": "lerp-z", "noise_walk": 1.0},
            "`noise_walk=1.0`: this",
        ),
        ("traditional", {"style_seeds": [3]}, {}, "`style_seeds`: this network has one code"),
    ],
)
def test_what_a_family_lacks_is_said_in_words(growing_networks, kind, tracks, motion, words):
    with pytest.raises(UsageError, match=words):
        film(growing_networks[kind], [1, 2], tracks=tracks, **motion)
