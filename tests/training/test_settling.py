import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.networks.snapshot import file_sha256
from stylegan_cli.recipe import Machine, Recipe, dumps, parse, values, written
from stylegan_cli.training.run_folder import RunFolder
from stylegan_cli.training.settling import Run, recipe_of, settle
from tests.tiny import tiny, tiny_growing, tiny_run, write_untrained

CPU = Machine(has_gpu=False)
AUTOMATIC = parse('data.resolution = 64\ntrain.batch_size = "auto"')


def settled(recipe, folder, **options):
    return settle(written(recipe), folder, machine=CPU, **options).recipe


def begin(recipe, folder):
    """Files of a run that made progress."""
    files = RunFolder(folder)
    folder.mkdir(exist_ok=True)
    files.take(recipe, overwrite=False)
    files.append_stats({"cur_nimg": 8})


def test_keys_left_open_are_decided_for_the_machine(tmp_path):
    found = settle(AUTOMATIC, tmp_path, machine=CPU)
    assert found.recipe.train.batch_size == 16
    assert list(found.reasons) == ["train.batch_size"]


def test_a_run_keeps_the_values_it_began_with(tmp_path):
    begin(settle(AUTOMATIC, tmp_path, machine=CPU).recipe, tmp_path)
    on_gpus = Machine(processes=2)
    assert settle(AUTOMATIC, tmp_path, machine=on_gpus).recipe.train.batch_size == 16
    assert settle(AUTOMATIC, tmp_path, machine=on_gpus, anew=True).recipe.train.batch_size == 64


def test_a_run_without_progress_decides_nothing(tmp_path):
    RunFolder(tmp_path).take(settle(AUTOMATIC, tmp_path, machine=CPU).recipe, overwrite=False)
    assert settle(AUTOMATIC, tmp_path, machine=Machine()).recipe.train.batch_size == 32


def test_a_settled_recipe_settles_to_itself(tmp_path):
    recipe = tiny_growing("data.path=a.zip")
    assert settled(recipe, tmp_path) == recipe


def test_the_origin_is_known_by_its_hash(tmp_path):
    path = write_untrained(tmp_path / "network.safetensors", tiny())
    found = settle(written(tiny(f"init.network={path}")), tmp_path / "run", machine=CPU)
    assert found.recipe.init.sha256 == file_sha256(path)
    assert found.origin is not None and found.origin.path == path


def test_a_recipe_whose_origin_is_unknown_cannot_run(dataset, tmp_path):
    run = tiny_run(tiny(), dataset, tmp_path)
    with pytest.raises(UsageError, match="not settled"):
        Run(recipe=tiny("init.network=n"), dataset=dataset, folder=tmp_path, device=run.device)


@pytest.mark.parametrize(
    ("theirs", "lod", "ours", "first"),
    [(16, 0.0, 16, 16), (16, 0.5, 16, 8), (16, 1.0, 16, 8), (16, 0.0, 32, 16), (32, 0.0, 16, 16)],
)
def test_a_growing_run_starts_at_the_size_of_its_origin(tmp_path, theirs, lod, ours, first):
    source = tiny_growing(f"data.resolution={theirs}")
    path = write_untrained(tmp_path / "network.safetensors", source, lod=lod)
    recipe = tiny_growing(
        f"data.resolution={ours}", "growing.initial_resolution=4", f"init.network={path}"
    )
    assert settled(recipe, tmp_path / "run").growing.initial_resolution == first


def test_a_growing_run_may_start_larger_than_its_origin(tmp_path):
    path = write_untrained(tmp_path / "network.safetensors", tiny_growing(), lod=1.0)
    recipe = tiny_growing("growing.initial_resolution=16", f"init.network={path}")
    assert settled(recipe, tmp_path / "run").growing.initial_resolution == 16


def test_a_run_that_began_no_longer_needs_its_origin(tmp_path):
    path = write_untrained(tmp_path / "network.safetensors", tiny_growing())
    recipe = tiny_growing(f"init.network={path}")
    begun = settled(recipe, tmp_path / "run")
    begin(begun, tmp_path / "run")
    path.unlink()
    assert settled(recipe, tmp_path / "run") == begun


def test_nothing_is_taken_from_a_run_of_another_origin(tmp_path):
    one, other = (
        write_untrained(tmp_path / f"{seed}.safetensors", tiny(f"seed={seed}")) for seed in (1, 2)
    )
    begin(settled(tiny(f"init.network={one}"), tmp_path / "run"), tmp_path / "run")
    found = settled(tiny(f"init.network={other}"), tmp_path / "run")
    assert found.init.sha256 == file_sha256(other)


def test_the_recipe_of_a_network_leaves_the_speed_of_ada_open(tmp_path):
    source = tiny("augment.mode=ada", "augment.ada_kimg=300", "train.ema_rampup=0.05")
    path = write_untrained(tmp_path / "network.safetensors", source)
    recipe = recipe_of(str(path), tmp_path / "run")
    assert isinstance(recipe, Recipe)
    assert "augment.ada_kimg" not in recipe.values
    changed = Recipe(source="a", values={**recipe.values, "init.network": str(path)}).settle()
    assert (changed.augment.ada_kimg, changed.train.ema_rampup) == (100, 0)


def test_the_recipe_of_a_begun_run_needs_no_network(tmp_path):
    path = write_untrained(tmp_path / "network.safetensors", tiny())
    begin(settled(tiny(f"init.network={path}", "seed=5"), tmp_path / "run"), tmp_path / "run")
    path.unlink()
    assert recipe_of(str(path), tmp_path / "run").values["seed"] == 5


def test_an_emptied_recipe_of_a_run_is_written_anew(tmp_path):
    begin(tiny(), tmp_path)
    files = RunFolder(tmp_path)
    files.recipe.write_bytes(b"\0" * 500)
    files.check(tiny(), overwrite=False)
    files.take(tiny(), overwrite=False)
    assert files.recipe.read_text() == dumps(tiny())
    assert files.stats.exists()


def test_every_key_of_a_settled_recipe_has_a_value_or_means_none():
    unset = {key for key, value in values(tiny()).items() if value is None}
    assert unset == {
        "data.path", "data.max_images", "data.preview", "generator.conv_clamp",
        "discriminator.conv_clamp", "init.network", "init.sha256", "train.batch_per_device",
        "train.ema_decay", "metrics.detector",
    }  # fmt: skip
