from dataclasses import replace

import pytest
import torch

from stylegan_cli.networks.family import build_discriminator, build_generator, count_parameters
from stylegan_cli.networks.stylegan2 import SynthesisLayer
from tests.networks.families import ARCHITECTURES, paper

# G synthesis orig, skip, resnet; D orig, skip, resnet
COUNTS = {
    (16_384, 1024): (21_495_044, 22_799_516, 22_456_068, 23_077_137, 23_087_249, 24_038_161),
    (16_384, 512): (21_471_730, 22_759_687, 22_432_242, 23_070_241, 23_080_225, 24_030_753),
    (16_384, 256): (21_411_280, 22_666_210, 22_369_744, 23_042_625, 23_052_353, 24_001_089),
    (16_384, 128): (21_235_086, 22_423_965, 22_185_358, 22_932_097, 22_941_313, 23_882_369),
    (16_384, 64): (20_661_516, 21_718_296, 21_579_020, 22_489_857, 22_498_049, 23_407_361),
    (16_384, 32): (18_629_642, 19_422_227, 19_416_074, 20_720_641, 20_726_785, 21_507_073),
    (16_384, 16): (13_384_712, 13_913_102, 13_909_000, 16_001_025, 16_005_121, 16_525_313),
    (16_384, 8): (8_139_782, 8_403_977, 8_401_926, 11_281_409, 11_283_457, 11_543_553),
    (32_768, 1024): (26_716_660, 28_268_812, 27_939_316, 27_789_857, 27_801_889, 29_012_513),
    (32_768, 512): (26_656_210, 28_175_335, 27_876_818, 27_762_241, 27_774_017, 28_982_849),
    (32_768, 256): (26_480_016, 27_933_090, 27_692_432, 27_651_713, 27_662_977, 28_864_129),
    (32_768, 128): (25_906_446, 27_227_421, 27_086_094, 27_209_473, 27_219_713, 28_389_121),
    (32_768, 64): (23_874_572, 24_931_352, 24_923_148, 25_440_257, 25_448_449, 26_488_833),
    (32_768, 32): (18_629_642, 19_422_227, 19_416_074, 20_720_641, 20_726_785, 21_507_073),
    (32_768, 16): (13_384_712, 13_913_102, 13_909_000, 16_001_025, 16_005_121, 16_525_313),
    (32_768, 8): (8_139_782, 8_403_977, 8_401_926, 11_281_409, 11_283_457, 11_543_553),
}

# progan and stylegan1: traditional synthesis; that of configurations C, D, E/F; D
COUNTS_BEFORE_STYLEGAN2 = {
    1024: (23_079_115, 28_299_403, 24_113_291, 24_118_379, 23_087_249),
    512: (23_072_120, 28_259_576, 24_073_464, 24_078_520, 23_080_225),
    256: (23_044_309, 28_166_101, 23_979_989, 23_984_981, 23_052_353),
    128: (22_933_394, 27_923_858, 23_737_746, 23_742_610, 22_941_313),
    64: (22_490_383, 27_218_191, 23_032_079, 23_036_687, 22_498_049),
    32: (20_719_628, 24_922_124, 20_736_012, 20_740_108, 20_726_785),
    16: (15_998_473, 19_150_345, 14_964_233, 14_967_305, 16_005_121),
    8: (11_277_318, 13_378_566, 9_192_454, 9_194_502, 11_283_457),
}
CONFIGURATIONS = {
    "A": {"input": "latent", "styles": False, "noise": False, "mapping_layers": 0},
    "C": {"input": "latent", "noise": False},
    "D": {"noise": False},
    "F": {},
}

every_count = pytest.mark.parametrize(
    ("channel_base", "resolution", "counts"),
    [(*key, counts) for key, counts in COUNTS.items()],
    ids=lambda value: "" if isinstance(value, tuple) else str(value),
)


def older(resolution, *, family="stylegan1", configuration="F"):
    asked = paper(resolution, g="progressive", d="progressive", channel_base=16_384)
    changes = CONFIGURATIONS[configuration]
    return replace(asked, generator=replace(asked.generator, family=family, **changes))


@every_count
def test_synthesis_has_the_originals_parameters(channel_base, resolution, counts):
    with torch.device("meta"):
        built = [
            build_generator(paper(resolution, g=g, channel_base=channel_base), c_dim=0)
            for g in ARCHITECTURES
        ]
    assert tuple(count_parameters(G.synthesis) for G in built) == counts[:3]


@every_count
def test_discriminators_have_the_originals_parameters(channel_base, resolution, counts):
    with torch.device("meta"):
        built = [
            build_discriminator(paper(resolution, d=d, channel_base=channel_base), c_dim=0)
            for d in ARCHITECTURES
        ]
    assert tuple(count_parameters(D) for D in built) == counts[3:]


@pytest.mark.parametrize(("resolution", "counts"), COUNTS_BEFORE_STYLEGAN2.items())
def test_older_networks_have_the_originals_parameters(resolution, counts):
    with torch.device("meta"):
        built = [
            build_generator(older(resolution, configuration=name), c_dim=0).synthesis
            for name in CONFIGURATIONS
        ]
        built.append(build_discriminator(older(resolution), c_dim=0))
    assert tuple(count_parameters(network) for network in built) == counts


def test_progan_has_the_parameters_of_configuration_a():
    asked = older(1024, family="progan", configuration="A")
    with torch.device("meta"):
        G, D = build_generator(asked, c_dim=0), build_discriminator(asked, c_dim=0)
    assert (count_parameters(G), count_parameters(D)) == (23_079_115, 23_087_249)


@pytest.mark.parametrize("channel_base", [16_384, 32_768])
def test_progressive_networks_of_stylegan2_have_the_parameters_of_skip_ones(channel_base):
    progressive, skip = (
        paper(64, g=name, d=name, channel_base=channel_base) for name in ("progressive", "skip")
    )
    with torch.device("meta"):
        counts = [
            [
                count_parameters(build(asked, c_dim=0))
                for build in (build_generator, build_discriminator)
            ]
            for asked in (progressive, skip)
        ]
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("family", "configuration", "g_adds", "d_adds"),
    [
        ("stylegan1", "F", 512 * 10 + 512 * 512, 513 * 9),
        ("progan", "A", 8192 * 10, 513 * 10),
    ],
)
def test_labels_of_older_networks_add_the_originals_parameters(
    family, configuration, g_adds, d_adds
):
    asked = older(32, family=family, configuration=configuration)
    with torch.device("meta"):
        added = [
            count_parameters(build(asked, c_dim=10)) - count_parameters(build(asked, c_dim=0))
            for build in (build_generator, build_discriminator)
        ]
    assert added == [g_adds, d_adds]


@pytest.mark.parametrize(("resolution", "elements"), [(1024, 2_796_192), (64, 10_912), (32, 2_720)])
def test_noise_maps_of_stylegan1_have_the_originals_elements(resolution, elements):
    with torch.device("meta"):
        synthesis = build_generator(older(resolution), c_dim=0).synthesis
    assert sum(buffer.numel() for buffer in synthesis.buffers()) == elements


@pytest.mark.parametrize(
    ("layers", "classes", "count"),
    [
        (8, 0, 2_101_248),
        (2, 0, 525_312),
        (8, 1, 2_363_392 + 512 + 512),
        (8, 10, 2_369_024),
        (2, 10, 793_088),
    ],
)
def test_mapping_has_the_originals_parameters(layers, classes, count):
    with torch.device("meta"):
        G = build_generator(paper(mapping_layers=layers), c_dim=classes)
    assert count_parameters(G.mapping) == count


def test_labels_add_their_network_and_wider_outputs():
    with torch.device("meta"):
        plain, labelled = (build_discriminator(paper(), c_dim=classes) for classes in (0, 10))
    added = count_parameters(labelled) - count_parameters(plain)
    assert added == 513 * 511 + 2_106_880
    assert count_parameters(labelled.mapping) == 2_106_880


@pytest.mark.parametrize(
    ("resolution", "channel_base", "layers", "d", "classes", "totals"),
    [
        (1024, 32_768, 8, "resnet", 0, (30_370_060, 29_012_513)),  # configuration F
        (1024, 16_384, 8, "resnet", 0, (24_900_764, 24_038_161)),  # configuration E
        (256, 16_384, 8, "resnet", 0, (24_767_458, 24_001_089)),  # paper256
        (256, 16_384, 2, "resnet", 0, (23_191_522, 24_001_089)),  # auto
        (32, 32_768, 2, "orig", 0, (19_947_539, 20_720_641)),  # cifar
        (32, 32_768, 2, "orig", 10, (20_215_315, 23_089_664)),
    ],
)
def test_whole_networks_have_the_originals_parameters(
    resolution, channel_base, layers, d, classes, totals
):
    asked = paper(resolution, channel_base=channel_base, mapping_layers=layers, d=d)
    with torch.device("meta"):
        G = build_generator(asked, c_dim=classes)
        D = build_discriminator(asked, c_dim=classes)
    assert (count_parameters(G), count_parameters(D)) == totals


@pytest.mark.parametrize(
    ("resolution", "elements"),
    [
        (1024, 2_796_176),
        (512, 699_024),
        (256, 174_736),
        (128, 43_664),
        (64, 10_896),
        (32, 2_704),
    ],
)
def test_noise_maps_have_the_originals_elements(resolution, elements):
    with torch.device("meta"):
        synthesis = build_generator(paper(resolution), c_dim=0).synthesis
    stored = [m.noise_const for m in synthesis.modules() if isinstance(m, SynthesisLayer)]
    assert sum(noise.numel() for noise in stored) == elements
    assert [noise.shape for noise in stored] == [size.shape for size in synthesis.noise_sizes]
    assert sum(buffer.numel() for buffer in synthesis.buffers()) == elements
