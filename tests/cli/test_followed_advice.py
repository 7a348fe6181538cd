"""Whoever follows the advice of a refusal gets what the command was for.

Each situation is refused or warned about. The advice in the message is read as a user would, every
alternative of it is applied to the command in a fresh copy of the folder, and must succeed.
"""

import json
import re
import shlex
import shutil
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.recipe.validation import key_types
from tests.networks.families import small
from tests.tiny import TINY, write_network, write_untrained

TRAIN = "train stylegan2 -o run " + " ".join(f"--set {key}" for key in TINY if "title" not in key)
QUICK = TRAIN.replace("total_kimg=0.064", "total_kimg=0.016")
SITUATIONS = {
    # data
    "labels for some": "data prepare some-labels -o new.zip --resolution 16",
    "a loose picture": "data prepare loose -o new.zip --resolution 16",
    "no labels at all": "data prepare flat -o new.zip --resolution 16 --labelled-only",
    "twelve bits": "data prepare twelve-bits -o new.zip --resolution 16",
    "floating-point pixels": "data prepare floats -o new.zip --resolution 16",
    "an existing data set": "data prepare flat -o grey.zip --resolution 16",
    "an existing sheet": "data inspect grey.zip --sheet flat.png",
    "a style misspelled": "data sample portraits --style personnas --count 2 -o new.zip",
    # recipes
    "a key misspelled": f"{QUICK} --data flat --set train.batchsize=8",
    "a recipe misspelled": "train stylgan2 --dry-run",
    "a value misspelled": "train stylegan2 --dry-run --set augment.mode=adda",
    "no power of two": "train stylegan2 --dry-run --set data.resolution=48",
    "too few channels": "train stylegan2 --dry-run --set generator.channel_base=128",
    "a growing key that does nothing": "train stylegan2 -n --set growing.training_kimg=1",
    "a family's fixed key": "train stylegan2 -n --set generator.noise=false",
    "no such family": "train stylegan2 -n --set generator.family=stylegan4",
    "blur without blur": "train stylegan2 -n --set loss.blur_fade_kimg=1",
    "path lengths that never come": "train stylegan2 -n --set loss.pl_interval=0",
    "a growing start": "train progan -n --set growing.initial_resolution=12",
    "a key without value": "train stylegan2 -n --set train.batch_size",
    # training
    "no images": QUICK,
    "images of another size": f"{QUICK} --data flat.zip --set data.resolution=32",
    "images of other channels": f"{QUICK} --data grey.zip",
    "labels that are wanted": f"{QUICK} --data flat --set data.labels=true",
    "one picture for health checks": f"{QUICK} --data one --set health.every_ticks=1",
    "weights that do not fit": f"{QUICK} --data flat --init-from wide.safetensors",
    "a network with classes to start from": f"{QUICK} --data flat --init-from classes.safetensors",
    "another run there": f"{QUICK} --data flat -o run-before",
    "kernels of a GPU": f"{QUICK} --data flat --backend triton --device cpu",
    # drawing
    "crossover out of range": "mix --rows 0 --cols 1 --crossover 99 --network net.safetensors",
    "layers out of range": "mix --rows 0 --cols 1 --layers 0-40 --network net.safetensors",
    "layers misspelled": "mix --rows 0 --cols 1 --layers corse --network net.safetensors",
    "crossover and layers": "mix --rows 0 --cols 1 --crossover 2 --layers 2- "
    "--network net.safetensors",
    "no styles to mix": "mix --rows 0 --cols 1 --network progan.safetensors",
    "a seed out of range": "grid --seeds 5000000000 --network net.safetensors",
    "psi of no network": "grid --seeds 0 --psi 0.5 --network progan.safetensors",
    "cutoff without layers": "grid --seeds 0 --cutoff 2 --network progan.safetensors",
    "cutoff out of range": "grid --seeds 0 --cutoff 99 --psi 0.5 --network net.safetensors",
    "noise of no network": "grid --seeds 0 --noise-mode none --network progan.safetensors",
    "fresh noise of no network": "grid --seeds 0 --noise-seeds 0-1 --network progan.safetensors",
    "a class of none": "grid --seeds 0 --class 1 --network net.safetensors",
    "a class misspelled": "grid --seeds 0 --class cet --network classes.safetensors",
    "classes of none": "grid --seeds 0 --per-class --network net.safetensors",
    "a class and all": "grid --seeds 0 --per-class --class cat --network classes.safetensors",
    "a collage of rows": "grid --seeds 0 --per-class --collage --network classes.safetensors",
    "noise layers alone": "grid --seeds 0 --noise-layers coarse --network net.safetensors",
    "noise mask alone": "grid --seeds 0 --noise-mask mask.png --network net.safetensors",
    "codes of more layers": "grid --seeds deep.npz --network net.safetensors",
    "another study there": "grid --seeds 0 -o pictures --network net.safetensors",
    "no noise to study": "noise --seeds 0 --draws 2 --network progan.safetensors",
    "a crop beyond the image": "noise --seeds 0 --draws 2 --crop 8,8,20 --network net.safetensors",
    "no w to truncate": "truncation --seeds 0 --network progan.safetensors",
    "a network that is not there": "grid --seeds 0 --network nets.safetensors",
    "a network of another program": "grid --seeds 0 --network other.pt",
    # video
    "a crossover without styles": "video --seeds 0,1 --crossover 2 --seconds 0.1 -o new.webp "
    "--network net.safetensors",
    "style seeds without styles": "video --seeds 0,1 --style-seeds 2,3 --interp lerp-z "
    "--seconds 0.1 -o new.webp --network progan.safetensors",
    "a GIF of 100 frames a second": "video --seeds 0,1 --fps 100 --seconds 0.1 -o new.gif "
    "--network net.safetensors",
    "an odd size": "video --seeds 0,1 --size 15 --seconds 0.1 -o new.mp4 --network net.safetensors",
    "a format of no video": "video --seeds 0,1 --seconds 0.1 -o new.mov --network net.safetensors",
    "no direction": "video --interp direction --seeds 0 --seconds 0.1 -o new.webp "
    "--network net.safetensors",
    "a direction to interpolate": "video --direction found.h5:sefa/0 --seeds 0 --seconds 0.1 "
    "-o new.webp --network net.safetensors",
    "noise of no film": "video --interp noise --seeds 0-2 --seconds 0.1 -o new.webp "
    "--network progan.safetensors",
    "a circle of three": "video --interp circle-z --seeds 0-3 --seconds 0.1 -o new.webp "
    "--network net.safetensors",
    "an empty grid of streams": "video --seeds 0-11 --grid 0x1 --seconds 0.1 -o new.webp "
    "--network net.safetensors",
    "another video there": "video --seeds 0,1 --seconds 0.1 -o film.webp --network net.safetensors",
    # directions, metrics and the rest
    "half of the examples": "discover attribute --with 0-9 --name more --network net.safetensors",
    "other directions of this name": "discover sefa -o found.h5 --count 3 --measured-on 2 "
    "--network net.safetensors",
    "directions of another network": "edit --direction found.h5:sefa/0 --seeds 0 "
    "--network twin.safetensors",
    "a direction misspelled": "edit --direction found.h5:sefra/0 --seeds 0 "
    "--network net.safetensors",
    "style channels of no network": "discover channels brightness --network progan.safetensors",
    "no data to compare with": "eval fid --num 8 --network net.safetensors",
    "pictures without data": "eval fid --images flat",
    "classes to measure": "eval fid --num 8 --per-class --data flat --network net.safetensors",
    "paths without w": "project flat/0.png --space w --steps 1 --network progan.safetensors",
    "a protocol and a space": "project flat/0.png --protocol stylegan2 --space w+ --steps 1 "
    "--network net.safetensors",
    "noise to project without": "project flat/0.png --noise const --steps 1 --space z "
    "--network progan.safetensors",
    "another report there": "report pictures -o notes.html",
    "a converted file there": "convert other.pt net.safetensors",
    "our own format to convert": "convert net.safetensors new.safetensors",
    "weights that nobody knows": "weights add nothing.pt",
}
SLOW = {
    "style channels of no network",
    "a protocol and a space",
    "directions of another network",
    "noise to project without",
    "a growing start",
    "no power of two",
    "too few channels",
    "paths without w",
}
VALUES = {
    "--output": "another",
    "--data": "flat",
    "--class": "0",
    "--seeds": "0-1",
    "--style-seeds": "2,3",
    "--noise-seeds": "0-1",
    "--noise-scale": "0.5",
    "--direction": "found.h5:sefa/0",
    "--with": "0-9",
    "--without": "10-19",
    "--name": "further",
    "--crossover": "2",
    "--size": "16",
    "--fps": "20",
    "--grid": "2x1",
    "--interp": "lerp-z",
    "--scores": "scores.csv",
    "--attributes": "attributes.csv",
}
"""Of options that an advice leaves open."""

BEFORE = (
    "data prepare flat -o flat.zip --resolution 16",
    "data prepare flat -o grey.zip --resolution 16 --channels 1",
    "data inspect flat.zip --sheet flat.png",
    f"{QUICK} --data flat -o run-before --set seed=1",
    "grid --seeds 1 -o pictures --network net.safetensors",
    "video --seeds 2,3 --seconds 0.1 -o film.webp --network net.safetensors",
    "discover sefa -o found.h5 --count 2 --measured-on 2 --network net.safetensors",
    "convert net.safetensors other.pt",
)


def sgtool(command, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SGTOOL_CACHE", str(folder / "cache"))
        return CliRunner().invoke(app, shlex.split(command))


@pytest.fixture(scope="module")
def materials(tmp_path_factory):
    folder = tmp_path_factory.mktemp("materials")
    random = np.random.RandomState(0)
    for source in ("flat", "loose/cat", "loose/dog", "some-labels", "twelve-bits", "floats", "one"):
        (folder / source).mkdir(parents=True)
        for i in range(1 if source == "one" else 4):
            pixels = random.randint(0, 256, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / source / f"{i}.png")
    shutil.copy(folder / "one" / "0.png", folder / "loose" / "cover.png")
    rows = [[f"{i}.png", i % 2] for i in range(3)]
    (folder / "some-labels" / "dataset.json").write_text(json.dumps({"labels": rows}))
    for i in range(4):
        deep = random.randint(0, 4096, (16, 16)).astype(np.uint16)
        Image.fromarray(deep).save(folder / "twelve-bits" / f"{i}.png")
        (folder / "floats" / f"{i}.png").unlink()
        Image.fromarray(random.rand(16, 16).astype(np.float32)).save(folder / "floats" / f"{i}.tif")
    Image.new("L", (16, 16), 255).save(folder / "mask.png")
    for name in ("notes.txt", "notes.html"):
        (folder / name).write_text("notes")
    torch.save({"numbers": torch.zeros(3)}, folder / "nothing.pt")
    np.savez(folder / "deep.npz", w=np.zeros((1, 18, 8), np.float32))
    np.savez(folder / "wide.npz", w=np.zeros((1, 6, 16), np.float32))
    write_network(folder / "net.safetensors")
    write_network(folder / "twin.safetensors", channels=1)
    write_network(folder / "classes.safetensors", classes=("cat", "dog"))
    write_network(folder / "wide.safetensors", resolution=32)
    write_untrained(folder / "progan.safetensors", small("progan"))
    for command in BEFORE:
        done = sgtool(command, folder)
        assert done.exit_code == 0, (command, done.stderr)
    return folder


def said(result):
    """Errors and warnings, a line each."""
    lines = [line.partition(": ") for line in result.stderr.splitlines()]
    return [text for kind, _, text in lines if kind in ("error", "Error", "warning")]


def options_of(command):
    """Options of a command, and whether they take a value."""
    found = get_command(app)
    for word in shlex.split(command):
        if word not in getattr(found, "commands", {}):
            break
        found = found.commands[word]
    return {
        name: not getattr(each, "is_flag", False)
        for each in found.params
        for name in (*each.opts, *each.secondary_opts)
    }


def without(command, option):
    words = shlex.split(command)
    at = next((i for i, word in enumerate(words) if word == option), None)
    if at is None:
        return None
    del words[at : at + 1 + options_of(command)[option]]
    return shlex.join(words)


def given(command, option, value=None):
    """The command with an option, in place of the same one if it is there."""
    key = value.partition("=")[0] if option == "--set" and value else ""
    words = shlex.split(command)
    # the last of several counts
    for i, word in reversed(list(enumerate(words))):
        same = words[i + 1].partition("=")[0] == key if word == "--set" and key else not key
        if word in (option, {"--output": "-o"}.get(option)) and same:
            return shlex.join([*words[:i], option, *([value] if value else []), *words[i + 2 :]])
    return shlex.join([*words, option, *([value] if value else [])])


def nearest(command, line, name):
    """The command with the word of the line that is most like a name replaced by it."""
    parts = {*re.findall(r"[^\s=,]+", command), *re.findall(r"[^\s=,:]+", command)} - {name}
    blamed = [part for part in parts if part in line] or parts
    word = max(
        blamed, key=lambda part: (SequenceMatcher(None, part, name).ratio(), line.rfind(part))
    )
    before, _, after = command.rpartition(word)
    return f"{before}{name}{after}"


def valued(command, line, value):
    """The command with another value for the option or key that the line begins with, or after."""
    key = re.search(r"(?:--set )?\b([a-z]\w*\.\w+)(?:=|:)", line)
    if key and key[1] in key_types():
        return given(command, "--set", f"{key[1]}={value}")
    if option := re.search(r"--[a-z-]+", line):
        return given(command, option[0], value)
    return nearest(command, line, value)


def cures(command, line):
    """Every command that the advice of a line leads to."""
    problem, _, advice = line.partition("; ")
    advice = advice or re.sub(r"^--[\w-]+( \S+)?:", "", problem)
    advice = advice.replace("FILE", problem.partition(", ")[0])
    for other in re.findall(r"`(sgtool [^`]+)`|: (sgtool convert .+)", advice):
        words = "".join(other).removeprefix("sgtool ")
        network = re.search(r"--network \S+", command)
        draws = network and "--network" in options_of(words) and "--network" not in words
        yield f"{words} {network[0]}" if draws else words
    advice = re.sub(r"`sgtool [^`]+`", "", advice)
    if name := re.search(r"did you mean (\S+)\?", advice):
        yield nearest(command, problem, name[1])
    if ends := re.search(r"valid range is (\d+)-(\d+)", advice):
        yield from (valued(command, problem, end) for end in ends.groups())
    if value := re.search(
        r"\b(?:write|use|such as)(?: at least| for example)? (\w[\w.:,/]*)(?=$| or | to )", advice
    ):
        yield valued(command, problem, value[1])
    if "give both" in advice:
        missing = [each for each in OPTION.findall(problem) if each not in command]
        yield from (given(command, each, VALUES[each]) for each in missing)
    if "one of them" in advice or "leave one out" in advice:
        yield from filter(None, (without(command, each) for each in OPTION.findall(problem)))
        return
    if left := re.search(r"leave (it|--.*?) out", advice):
        names = OPTION.findall(left[1]) or OPTION.findall(problem)[:1]
        yield from filter(None, (without(command, name) for name in names))
        return
    yield from _flagged(command, advice)


OPTION = re.compile(r"--[a-z][a-z0-9-]*")


def _flagged(command, advice):
    takes_value = options_of(command)
    for each in re.finditer(
        r"(?:--set \S+?=[^\s;]+ ?)+|(--[a-z][\w-]*)( with (another suffix|\.\w+).*)?( \S+)?", advice
    ):
        option, suffixes, value = each[1], each[2], (each[4] or "").strip(" ,:")
        if option is None:
            changed = command
            for setting in re.findall(r"--set (\S+)", each[0]):
                changed = given(changed, "--set", setting)
            yield changed
        elif suffixes:
            place = Path(re.search(r"(?:-o|--output) (\S+)", command)[1])
            for suffix in re.findall(r"\.\w+", suffixes):
                yield given(command, option, str(place.with_suffix(suffix)))
        elif not takes_value[option]:
            yield given(command, option)
        else:
            is_prose = value in ("", "or", "and", "to", "makes", "moves")
            value = VALUES[option] if is_prose else value
            if place := re.search(r"(?:-o|--output) \S+(\.\w+)", command):
                value += place[1] if option == "--output" else ""
            yield given(command, option, value)


@pytest.mark.parametrize(
    "situation",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in SITUATIONS],
)
def test_every_advice_leads_to_success(situation, materials, tmp_path):
    command = SITUATIONS[situation]
    lines = said(run(command, materials, tmp_path / "first"))
    found = [list(dict.fromkeys(cures(command, line))) for line in lines]
    found = [each for each in found if each]
    assert found, lines
    # lines are problems of their own, which one cure each solves together
    together = found[0] if len(found) == 1 else [merged(command, [each[0] for each in found])]
    for i, cure in enumerate(together):
        result = run(cure, materials, tmp_path / str(i))
        assert result.exit_code == 0, (cure, lines, said(result))


def run(command, materials, folder):
    shutil.copytree(materials, folder)
    return sgtool(command, folder)


def merged(command, changed):
    """The command with the words that each changed command adds."""
    words = shlex.split(command)
    for other in changed:
        settings = re.findall(r"--set (\S+)", other)
        for setting in settings:
            if f"--set {setting}" not in command:
                words = shlex.split(given(shlex.join(words), "--set", setting))
    return shlex.join(words) if words != shlex.split(command) else changed[0]
