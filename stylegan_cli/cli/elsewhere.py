"""Commands and options of other programs, and the form they have here: docs/coming-from.md.

The programs are stylegan2-ada-pytorch, stylegan3, stylegan3-fun, rosinality's stylegan2-pytorch and
lucidrains' stylegan2-pytorch.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stylegan_cli import api

Form = str | Mapping[str, str] | Callable[[str], str]
"""Our words for an option: for a switch; by its value, "*" for any other; made from its value.

Text with {} takes a value. Words after # are a note; no words mean that nothing is needed.
"""

UNNEEDED: Form = {"*": ""}
COMMANDS = {
    "dataset-tool": "data prepare",
    "prepare-data": "data prepare",
    "generate": "grid",
    "generate images": "grid",
    "generate random-video": "video",
    "generate circular-video": "video --interp circle-z",
    "gen-images": "grid",
    "gen-video": "video",
    "style-mixing": "mix",
    "style-mixing grid": "mix",
    "projector": "project",
    "calc-metrics": "eval",
    "metrics": "eval",
    "fid": "eval fid",
    "calc-inception": "eval fid",
    "ppl": "eval ppl",
    "legacy": "convert",
    "convert-weight": "convert",
    "closed-form-factorization": "discover sefa",
    "apply-factor": "edit",
}
METRICS = {
    **dict.fromkeys(("fid50k-full", "fid50k"), "fid"),
    **dict.fromkeys(("kid50k-full", "kid50k"), "kid"),
    **dict.fromkeys(("pr50k3-full", "pr50k3"), "pr"),
    **dict.fromkeys(("is50k",), "is"),
    **dict.fromkeys(("ppl2-wend", "ppl-wend"), "ppl --sampling end"),
    **dict.fromkeys(("ppl-wfull",), "ppl"),
    **dict.fromkeys(("ppl-zend",), "ppl --space z --sampling end"),
    **dict.fromkeys(("ppl-zfull",), "ppl --space z"),
    **dict.fromkeys(("eqt50k-int", "eqt50k-frac", "eqr50k"), "equivariance"),
}
COMMANDS |= {f"eval {name}": f"eval {ours}" for name, ours in METRICS.items()}

GPUS: Form = {
    "1": "",
    "*": "# for several GPUs, write torchrun --nproc-per-node {} -m stylegan_cli for sgtool",
}
STEPS: Form = {"*": "# {} steps are {} · batch size / 1000 kimg: --set train.total_kimg=KIMG"}


def _network(path: str) -> str:
    if not path.endswith((".pkl", ".pt")):
        return f"--network {path}"
    ours = _safetensors(path)
    return f"--network {ours} # first run sgtool convert {path} {ours}"


def _safetensors(path: str) -> str:
    return str(Path(path).with_suffix(".safetensors"))


DRAWING: Mapping[str, Form] = {
    "outdir": "-o {}",
    "trunc": "--psi {}",
    "truncation": "--psi {}",
    "trunc-psi": "--psi {}",
    "truncation-psi": "--psi {}",
    "ckpt": _network,
    "network": _network,
    "name": "--network runs/{}",
    **dict.fromkeys(
        ("image-size", "network-capacity", "truncation-mean", "channel-multiplier"), UNNEEDED
    ),
}


def _kimg(images: str) -> str:
    return f"{float(images) / 1000:g}"


def _first(count: str) -> str:
    return f"--seeds 0-{int(count) - 1}"


def _side(size: str) -> str:
    return f"--resolution {size.lower().split('x')[0].split(',')[0]}"


def _metrics(names: str) -> str:
    found = {METRICS.get(_plain(name), "all") for name in names.split(",")}
    return found.pop() if len(found) == 1 else "all"


OPTIONS: Mapping[str, Mapping[str, Form]] = {
    "train": {
        "outdir": {"runs": "", "*": "-o {}"},
        "cfg": {
            **{name: f"ada-{name}" for name in ("paper256", "paper512", "paper1024", "cifar")},
            "stylegan2-ext": "stylegan2",
            "*": "{}",
        },
        "gpus": GPUS,
        "multi-gpus": "# for several GPUs, write torchrun --nproc-per-node N -m stylegan_cli for "
        "sgtool",
        "gamma": "--set loss.r1_gamma={}",
        "r1": "--set loss.r1_gamma={}",
        "kimg": "--set train.total_kimg={}",
        "iter": STEPS,
        "num-train-steps": STEPS,
        "batch": "--set train.batch_size={}",
        "batch-size": "--set train.batch_size={}",
        "batch-gpu": "--set train.batch_per_device={}",
        "snap": "--set report.snapshot_ticks={}",
        "save-every": {"*": "# how often networks are written: --set report.snapshot_ticks=TICKS"},
        "evaluate-every": {"*": "# how often fakes are drawn: --set report.image_ticks=TICKS"},
        "tick": "--set report.tick_kimg={}",
        "wandb": "--set report.tensorboard=true",
        "log": "--set report.tensorboard=true",
        "seed": "--set seed={}",
        "mirror": {"0": "", "false": "", "*": "--set data.mirror=true"},
        "cond": {"0": "", "false": "", "*": "--set data.labels=true"},
        "subset": "--set data.max_images={}",
        "size": "--set data.resolution={}",
        "image-size": "--set data.resolution={}",
        "transparent": "--set data.channels=4",
        "aug": {"noaug": "--set augment.mode=none", "*": "--set augment.mode={}"},
        "augpipe": "--set augment.pipe={}",
        "p": "--set augment.p={}",
        "target": "--set augment.target={}",
        "augment": "--set augment.mode=ada",
        "augment-p": {"0": "", "*": "--set augment.mode=fixed --set augment.p={}"},
        "aug-prob": {"0": "", "*": "--set augment.mode=fixed --set augment.p={}"},
        "aug-types": UNNEEDED,
        "ada-target": "--set augment.target={}",
        "ada-length": lambda images: f"--set augment.ada_kimg={_kimg(images)}",
        "resume": {"noresume": "", "*": "--init-from {} # to resume a run, repeat its command"},
        "ckpt": "--init-from {} # to resume a run, repeat its command",
        "load-from": {"*": "# a run resumes from its newest state; repeat its command"},
        "new": "--overwrite",
        "freezed": "--freeze-d {}",
        "metrics": {"none": "", "*": "--set metrics.every_ticks=50"},
        "calculate-fid-every": {"*": "--set metrics.every_ticks=50"},
        "cbase": "--set generator.channel_base={}",
        "cmax": "--set generator.channel_max={}",
        "channel-multiplier": {
            "1": "--set generator.channel_base=16384",
            "*": "--set generator.channel_base=32768",
        },
        "network-capacity": {"*": "# widths: --set generator.channel_base=N"},
        "map-depth": "--set generator.mapping_layers={}",
        "mbstd-group": "--set discriminator.mbstd_group_size={}",
        "glr": "--set train.lr_g={}",
        "dlr": "--set train.lr_d={}",
        "lr": "--set train.lr_g={} --set train.lr_d={}",
        "learning-rate": "--set train.lr_g={} --set train.lr_d={}",
        "path-regularize": "--set loss.pl_weight={}",
        "path-batch-shrink": "--set loss.pl_batch_shrink={}",
        "no-pl-reg": "--set loss.pl_weight=0",
        "d-reg-every": "--set loss.r1_interval={}",
        "g-reg-every": "--set loss.pl_interval={}",
        "mixing": "--set loss.style_mixing_prob={}",
        "mixed-prob": "--set loss.style_mixing_prob={}",
        "fp32": {"0": "", "false": "", "*": "--set train.precision=fp32"},
        "fp16": "--set train.precision=bf16",
        "name": "-o runs/{}",
        **dict.fromkeys(
            ("desc", "workers", "num-workers", "nobench", "allow-tf32", "nhwc", "n-sample"),
            UNNEEDED,
        ),
        **dict.fromkeys(("results-dir", "models-dir", "local-rank", "arch"), UNNEEDED),
    },
    "grid": {
        **DRAWING,
        "projected-w": "--seeds {}",
        "pics": _first,
        "sample": UNNEEDED,
        "size": UNNEEDED,
        "data": UNNEEDED,
        "num-image-tiles": lambda side: _first(str(int(side) ** 2)),
        "generate": "",
    },
    "video": {
        **DRAWING,
        "outdir": "-o {}/video.mp4",
        "w-frames": lambda frames: f"--seconds {int(frames) / 60:g} --fps 60",
        "num-keyframes": UNNEEDED,
        "shuffle-seed": UNNEEDED,
        "duration-sec": {"*": "# --seconds is the time from one keyframe to the next"},
        "generate-interpolation": "",
        "interpolation-num-steps": lambda frames: f"--seconds {int(frames) / 30:g}",
        "num-image-tiles": "--grid {}x{}",
        "save-frames": "--frames",
    },
    "mix": {**DRAWING, "styles": "--layers {}", "col-styles": "--layers {}"},
    "project": {
        **DRAWING,
        "target": "{}",
        "size": UNNEEDED,
        "num-steps": "--steps {}",
        "step": "--steps {}",
        "save-video": {"0": "", "false": "", "*": "--video"},
        "project-in-wplus": "--space w+",
        "w-plus": "--space w+",
        **dict.fromkeys(("lr", "lr-rampup", "lr-rampdown", "noise-ramp", "mse"), UNNEEDED),
    },
    "eval": {
        **DRAWING,
        "metrics": _metrics,
        "size": UNNEEDED,
        "n-sample": "--num {}",
        "gpus": GPUS,
        **dict.fromkeys(("mirror", "inception", "verbose", "eps"), UNNEEDED),
    },
    "data prepare": {
        "source": "{}",
        "dest": "-o {}",
        "out": lambda path: f"-o {Path(path).with_suffix('.zip')}",
        "resolution": _side,
        "size": _side,
        "width": "--resolution {}",
        "height": UNNEEDED,
        "transform": {"center-crop-wide": "--fit wide", "*": ""},
        "resize-filter": {"box": "--filter box", "*": "--filter lanczos"},
        "max-images": {"*": "# train on a part of the images: --set data.max_images={}"},
        "n-worker": "--workers {}",
    },
    "convert": {"source": "{}", "dest": _safetensors, "repo": UNNEEDED},
    "discover sefa": {"out": lambda path: f"-o {Path(path).with_suffix('.h5')}"},
    "edit": {
        **DRAWING,
        "i": "# one of its directions: --direction FILE:{}",
        "index": "# one of its directions: --direction FILE:{}",
        "d": "--strength=-{},0,{}",
        "degree": "--strength=-{},0,{}",
        "n": _first,
    },
}
BARE_WORDS: Mapping[str, Form] = {
    **dict.fromkeys(("discover sefa", "eval fid", "eval ppl"), _network),
    "edit": "--direction {}",
}
"""Our words for a word that is no option."""

WITHOUT_COMMAND = {"generate": "grid", "generate-interpolation": "video", "data": "train"}
"""Commands of a program that has options only."""


@dataclass(frozen=True)
class Answer:
    """A command line of ours, and notes on what it does not say.

    Attributes:
        unneeded: Options of the other program that have no counterpart and need none.
    """

    words: tuple[str, ...]
    notes: tuple[str, ...] = ()
    unneeded: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [shlex.join(("sgtool", *self.words)), *self.notes]
        if self.unneeded:
            lines.append(f"not needed: {', '.join(self.unneeded)}")
        return "\n".join(f"  {line}" for line in lines)


def in_our_words(typed: Sequence[str], wrong: str) -> Answer | None:
    """Translate a command line of another program; None if what is wrong in it is not theirs.

    Args:
        wrong: The option, with its dashes, or the command that sgtool does not have.
    """
    command, rest = _command(typed)
    forms = OPTIONS.get(command) or OPTIONS.get(command.partition(" ")[0]) or {}
    ours = typed[0] in (*command.split(), command)
    if not command or (wrong.startswith("-") and ours and _plain(wrong) not in forms):
        return None
    found = _Found()
    for option, value in _options(rest, forms):
        if value is None:
            found.keep(option, BARE_WORDS.get(command))
        else:
            found.take(option, value, forms[_plain(option)])
    words = (*command.split(), *_usual(command, found), *found.options)
    if words == tuple(typed):
        return None
    return Answer(words, tuple(found.notes), tuple(found.unneeded))


def _command(typed: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return our command, empty if it is unknown, and the words after theirs."""
    for count in (2, 1):
        theirs = " ".join(map(_plain, typed[:count]))
        ours = theirs if theirs in OPTIONS else COMMANDS.get(theirs)
        if ours and len(typed) >= count and not typed[0].startswith("-"):
            return ours, typed[count:]
    given = {_plain(word.partition("=")[0]) for word in typed if word.startswith("--")}
    ours = next((ours for theirs, ours in WITHOUT_COMMAND.items() if theirs in given), "")
    return (ours, typed) if typed and typed[0].startswith("-") else ("", typed)


def _options(words: Sequence[str], forms: Mapping[str, Form]) -> Iterator[tuple[str, str | None]]:
    """Yield options with their values; other words, and options that we know, as they are."""
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        form = forms.get(_plain(name)) if word.startswith("-") else None
        if form is None:
            yield word, None
        elif equals:
            yield name, value
        elif _takes_value(form) and left and not left[0].startswith("--"):
            yield name, left.pop(0)
        else:
            yield name, ""


def _takes_value(form: Form) -> bool:
    return not isinstance(form, str) or "{}" in form


@dataclass(frozen=True)
class _Found:
    positionals: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unneeded: list[str] = field(default_factory=list)

    def has(self, option: str) -> bool:
        return any(word.partition("=")[0] == option for word in self.options)

    def keep(self, word: str, form: Form | None) -> None:
        """Add an option that we know as well, its value, or a word that is no option."""
        last = self.options[-1] if self.options else ""
        is_value = last.startswith("-") and "=" not in last
        if word.startswith("-") or is_value:
            self.options.append(word)
        elif form:
            self.take(word, word, form)
        else:
            self.positionals.append(word)

    def take(self, option: str, value: str, form: Form) -> None:
        """Add our form of an option."""
        words, _, note = _words(form, value).partition("#")
        filled = [word.replace("{}", value) for word in words.split()]
        (self.options if words.startswith("-") else self.positionals).extend(filled)
        if note:
            self.notes.append(f"{option}:{note.replace('{}', value)}")
        elif not filled and value:
            self.unneeded.append(option)


def _words(form: Form, value: str) -> str:
    if callable(form):
        return form(value)
    return form if isinstance(form, str) else form.get(value.lower(), form["*"])


def _usual(command: str, found: _Found) -> Sequence[str]:
    """Return the words that are no options, with what those programs do by default."""
    words = found.positionals
    if command == "train":
        recipes = [word for word in words if word in api.recipe_names() or word.endswith(".toml")]
        data = [part for word in words if word not in recipes for part in ("--data", word)]
        with_data = bool(data) or found.has("--data")
        # without a recipe, a network to start from brings its own
        auto = [] if recipes or found.has("--init-from") or not with_data else ["auto"]
        return [*auto, *recipes, *data]
    if command == "convert" and len(words) == 1:
        return [*words, _safetensors(words[0])]
    if command == "project" and not found.has("--space"):
        return [*words, "--space", "w"]
    if command == "grid" and not found.has("--seeds"):
        return [*words, "--seeds", "0-15"]
    return words


def _plain(name: str) -> str:
    return name.lstrip("-").removesuffix(".py").replace("_", "-").lower()
