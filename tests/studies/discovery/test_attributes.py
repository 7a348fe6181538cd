from dataclasses import replace

import numpy as np
import pytest
import torch

from stylegan_cli.directions.population import cluster_centres, write_centres
from stylegan_cli.errors import DataError, MetricError, UsageError
from stylegan_cli.sizes import square
from stylegan_cli.studies.discovery.attributes import (
    find_attributes,
    find_difference,
)
from stylegan_cli.studies.discovery.channels import (
    channel_maps,
    find_channels,
    find_local_channels,
    live_channels,
)
from stylegan_cli.studies.discovery.findings import compare_directions
from stylegan_cli.studies.discovery.judging import (
    PROPERTIES,
    Properties,
    Scored,
    codes_of_pole,
    join_scored,
    scored,
    scores_of_csv,
)
from stylegan_cli.studies.noise.variations import read_mask


@pytest.fixture(scope="module")
def found(network):
    judge = Properties(names=("brightness", "warmth"))
    return join_scored(list(scored(network, judge, 400)))


def picture(**painted):
    """A white image with a dark square in its upper left."""
    image = torch.ones(1, 3, 16, 16)
    image[:, :, 2:6, 2:6] = -1
    return image


def test_properties_are_what_their_names_say():
    judge = Properties(names=tuple(PROPERTIES))
    plain = dict(zip(judge.names, judge.logits(picture())[0].tolist(), strict=True))
    mirrored = dict(zip(judge.names, judge.logits(picture().flip(3))[0].tolist(), strict=True))
    dark = dict(zip(judge.names, judge.logits(picture() / 2 - 0.5)[0].tolist(), strict=True))
    assert plain["center-x"] < 0.5 < mirrored["center-x"]
    assert plain["center-y"] == pytest.approx(mirrored["center-y"])
    assert plain["size"] == pytest.approx(16 / 256)
    assert dark["brightness"] < plain["brightness"]
    assert plain["saturation"] == plain["warmth"] == 0


def test_a_misspelt_property_leads_to_the_one_meant():
    with pytest.raises(UsageError, match="brightness"):
        Properties(names=("brightnes",))


def test_a_brighter_direction_makes_images_brighter(network, found):
    (direction, _) = find_attributes(network, found, ratio=0.2).directions
    assert direction.facts["accuracy"] > 0.6
    along = found.codes @ direction.unit
    assert np.corrcoef(along, found.scores[:, 0])[0, 1] > 0.3


def test_held_attributes_are_no_directions_of_their_own(network, found):
    discovery = find_attributes(network, found, ratio=0.2, hold=("warmth",), method="mean")
    assert [each.name for each in discovery.directions] == ["attribute/brightness"]


def test_scores_are_chosen_by_their_names(found):
    swapped = found.chosen(("warmth", "brightness"))
    np.testing.assert_array_equal(swapped.scores, found.scores[:, ::-1])
    with pytest.raises(UsageError, match="there is"):
        found.chosen(("c",))


def test_differences_of_means_need_enough_codes(network, network_with_classes):
    have, lack = (codes_of_pole(network, text) for text in ("0-11", "20-31"))
    (direction,) = find_difference(network, have, lack, name="odd").directions
    assert direction.unit @ (have.mean(axis=0) - lack.mean(axis=0)) > 0
    with pytest.raises(UsageError, match="at least 10"):
        find_difference(network, have[:5], lack)
    cats = codes_of_pole(network_with_classes, "class:cat")
    assert cats.shape[1] == network_with_classes.G.w_dim


def test_channels_of_an_attribute_are_ranked(network, found):
    discovery = find_channels(network, found, "brightness", count=3)
    thetas = [each.facts["theta"] for each in discovery.directions]
    assert thetas == sorted(thetas, reverse=True)
    assert all(np.count_nonzero(each.vector) == 1 for each in discovery.directions)


def test_codes_without_a_score_are_no_examples_of_channels(network, found):
    some = slice(0, 100)
    whole = replace(found, codes=found.codes[some], scores=found.scores[some])
    scores = found.scores.copy()
    scores[100:] = np.nan
    one, other = (
        find_channels(network, each, "brightness", count=1).directions[0].facts["channel"]
        for each in (whole, replace(found, scores=scores))
    )
    assert one == other
    with pytest.raises(MetricError, match="too few"):
        _ = find_channels(network, replace(found, scores=scores * np.nan), "brightness").directions


def test_networks_without_styles_have_no_channels(growing_networks, found):
    with pytest.raises(UsageError, match="no style channels"):
        find_channels(growing_networks["progan"], found, "brightness")


def test_local_channels_change_a_part_of_the_image(network, tmp_path):
    channels, live = live_channels(network)
    maps = list(channel_maps(network, channels, live[:12], 8))
    assert [each.channel for each in maps] == list(live[:12])
    assert all(0.1 <= each.locality <= 1 for each in maps)
    discovery = find_local_channels(network, channels, maps, count=2)
    assert [each.name for each in discovery.directions] == ["channels/0", "channels/1"]


def test_masks_are_pictures(tmp_path):
    from PIL import Image

    pixels = np.zeros((32, 32), np.uint8)
    pixels[:16] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png", square(8))
    assert mask[:4].min() == 1 and not mask[4:].any()
    Image.fromarray(pixels * 0).save(tmp_path / "black.png")
    for name in ("black.png", "missing.png"):
        with pytest.raises(DataError, match=name):
            read_mask(tmp_path / name, square(8))


def test_scores_in_a_table_belong_to_seeds(network, tmp_path):
    path = tmp_path / "smile.csv"
    path.write_text("seed,smile,age\n" + "".join(f"{i},{i % 7},\n" for i in range(12)))
    table = scores_of_csv(network, path).made
    assert table.names == ("smile", "age") and np.isnan(table.scores[:, 1]).all()
    assert table.codes.shape == (12, network.G.w_dim)


@pytest.mark.parametrize("text", ["", "seed\n1\n", "seed,smile\nx,1\n", "seed,smile\n1\n"])
def test_tables_of_another_form_end_in_words(network, tmp_path, text):
    (tmp_path / "smile.csv").write_text(text)
    with pytest.raises(DataError, match=r"smile\.csv"):
        scores_of_csv(network, tmp_path / "smile.csv")


def test_styles_are_codes_that_studies_take(network, tmp_path):
    from stylegan_cli.latents.references import parse_picks
    from stylegan_cli.studies.mixing import mix

    centres, shares = cluster_centres(network, 3, samples=500)
    assert shares.sum() == pytest.approx(1) and shares[0] >= shares[-1]
    write_centres(tmp_path / "styles.h5", network, centres)
    plan = mix(network, [0], parse_picks(f"{tmp_path}/styles.h5:centres"), layers=["coarse"])
    np.testing.assert_array_equal(plan.codes.ws[0, :, 0], centres)


def test_a_direction_compares_as_itself(network, tmp_path):
    from stylegan_cli.directions.file import write_discovery
    from stylegan_cli.directions.references import parse_direction
    from stylegan_cli.studies.discovery.finding import find_sefa

    path = tmp_path / "directions.h5"
    write_discovery(path, find_sefa(network, count=3))
    pick = parse_direction(f"{path}:sefa")
    cosines = compare_directions(network, pick, pick).cosines
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-6)


def test_scored_codes_are_the_same_every_time(network):
    judge = Properties(names=("brightness",))
    one, other = (join_scored(list(scored(network, judge, 40, batch_size=8))) for _ in range(2))
    np.testing.assert_array_equal(one.codes, other.codes)
    np.testing.assert_array_equal(one.scores, other.scores)
    assert isinstance(one, Scored)
