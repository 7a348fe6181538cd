import stylegan_cli.api as api


def test_public_names_are_sorted_and_there():
    assert api.__all__ == sorted(api.__all__)
    assert all(hasattr(api, name) for name in api.__all__)


def test_a_study_takes_four_calls(network_file, tmp_path):
    network = api.load_network(network_file)
    plan = api.mix(network, rows=[1], cols=[2], crossover=[3])
    pixels = [cell.pixels for cell in api.render(network.G, plan)]
    with api.Recording(network, plan, tmp_path / "out") as recording:
        kept = [cell.pixels for cell in recording.cells()]
    assert len(pixels) == len(kept) == 3
    assert all((a == b).all() for a, b in zip(pixels, kept, strict=True))
