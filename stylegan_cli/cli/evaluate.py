"""`sgtool eval`: a command for every metric there is, and one for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from inspect import Parameter, cleandoc
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from stylegan_cli import api
from stylegan_cli.cli import completion, console
from stylegan_cli.cli.network import execution_of, find_network
from stylegan_cli.cli.options import (
    CutoffFlag,
    NetworkFlags,
    add_command,
    command_group,
    options_of,
    with_flags,
)
from stylegan_cli.ranges import parse_floats

COMPUTING = {f.name for f in fields(NetworkFlags)} - {"network", "output", "overwrite"}
"""Flags of every metric, which change no number."""

DIGITS = 6
TOGETHER = """Measure all there is: features, path lengths, separability.

    Everything that detector, protocol and network allow: fid, kid, is and pr, ppl in w and z (or
    all of the protocol), and separability where there are classifiers of attributes. --num counts
    images, pairs and judged images alike; without it each takes its own: 50000 images, 5000 pairs
    (or the protocol's), 200000 judged images.

    Examples:
        sgtool eval all --network runs/people --num 5000
        sgtool eval all --num 2000 --repeat 5
        sgtool eval all --num 2000 --psi-curve 0.5:1:6
        sgtool eval all --protocol stylegan2
    """


@dataclass(frozen=True, kw_only=True)
class EvalFlags(NetworkFlags):
    """Options of a measurement: its subject, its reference, repeats and the output.

    Attributes:
        all_snapshots (RUN): Measure every network of a run.
        images (PATH): Measure a folder or zip of images, no network.
        data (PATH): Real images; those of the training if not given.
        seed (N): Images have the seeds from 1000000 · N on.
        repeat (K): Seeds to measure: mean and deviation.
        output (PATH): Folder for metrics.jsonl and pictures. Default: the run's, or results.
        class_name (CLASS): Measure one class, by name or number.
        psi_curve (LIST): Truncations, such as 0.5:1:6; a plot.
        per_class: Measure every class by itself.
        per_label (NAME[:BINS]): Measure images by a number of their labels, in 4 or BINS bins.
        detector (NAME): inception, vgg16, mobilenet, or alex, which is in the package; paths take
            vgg16 or alex.
        protocol (NAME): Measure as published: stylegan1, stylegan2 or ada.
        save_features: Write all features to an HDF5 file.
    """

    all_snapshots: Path | None = None
    images: Path | None = None
    data: str | None = None
    num: int | None = None
    seed: Annotated[int, typer.Option(min=0)] = 0
    repeat: Annotated[int, typer.Option(min=1)] = 1
    output: Annotated[Path | None, typer.Option("--output", "-o")] = None
    psi: float = 1.0
    cutoff: CutoffFlag = None
    class_name: Annotated[
        str | None, typer.Option("--class", autocompletion=completion.classes)
    ] = None
    psi_curve: str | None = None
    per_class: bool = False
    per_label: str | None = None
    detector: Annotated[str | None, typer.Option(autocompletion=completion.feature_detectors)] = (
        None
    )
    protocol: Annotated[str | None, typer.Option(autocompletion=completion.protocols)] = None
    save_features: bool = False


class MetricCommands(TyperGroup):
    """A group with a command for every metric, those of other packages included."""

    _built: "tuple[Mapping[str, api.Metric], dict[str, Any]] | None" = None

    @property
    def commands(self) -> dict[str, Any]:
        # importing metrics costs what `sgtool --help` should not wait for
        found = api.metrics()
        if self._built is None or self._built[0] != found:
            self._built = (found, _commands(found))
        return self._built[1]

    @commands.setter
    def commands(self, value: object) -> None:
        """Ignore commands that typer assigns: the metrics are the commands."""


eval_app = command_group(
    "Measure how good and how varied a network's images are.",
    "sgtool eval fid --network runs/people --num 5000",
    "sgtool eval all --num 5000 --repeat 5",
    cls=MetricCommands,
)


def _commands(metrics: Mapping[str, "api.Metric"]) -> dict[str, Any]:
    app = typer.Typer(rich_markup_mode=None)
    for metric in metrics.values():
        add_command(app, _command(metric), metric.name)
    add_command(app, _command_of_all([each for each in metrics.values() if each.in_all]), "all")
    return dict(typer.main.get_group(app).commands)


def _command(metric: "api.Metric") -> Any:
    def command(*, flags: Any) -> None:
        options = _options(metric, flags) if metric.options else None
        request = _request(flags, options=options)
        with api.workplace(flags.device, execution_of(flags)) as place:
            found = _measured(api.evaluate(metric, request, place), request, place, flags.json)
        if found and metric.details and not flags.json and not request.along:
            headings, *rows = metric.details([record for each in found for record in each.records])
            console.echo_table(headings, rows)

    shown = (f"    sgtool eval {metric.name} {console.flags(each)}" for each in metric.examples)
    command.__doc__ = "\n".join((cleandoc(metric.about), "", "Examples:", *shown))
    command.__annotations__["flags"] = flags_of(metric)
    return with_flags(command)


def _command_of_all(metrics: "list[api.Metric]") -> Any:
    def command(*, flags: Any) -> None:
        options = {each.name: _options(each, flags) for each in metrics if each.options}
        request = _request(flags)
        with api.workplace(flags.device, execution_of(flags)) as place:
            _measured(api.evaluate_all(request, options, place), request, place, flags.json)

    command.__doc__ = TOGETHER
    command.__annotations__["flags"] = flags_of_all(metrics)
    return with_flags(command)


def _request(flags: Any, **further: Any) -> "api.EvaluationRequest":
    given = {f.name for f in fields(EvalFlags)} & {f.name for f in fields(api.EvaluationRequest)}
    values = {name: getattr(flags, name) for name in given if hasattr(flags, name)}
    if values.get("psi_curve") is not None:
        values["psi_curve"] = tuple(parse_floats(flags.psi_curve, parameter="psi_curve"))
    has_subject = values.get("images") is not None or values.get("all_snapshots") is not None
    if flags.network is not None or not has_subject:
        values["network"] = find_network(flags.network)
    return api.EvaluationRequest(**values, **further)


def _options(metric: "api.Metric", flags: Any) -> Any:
    assert metric.options is not None
    names = (f.name for f in fields(metric.options))
    return metric.options(**{name: getattr(flags, name) for name in names if hasattr(flags, name)})


def _measured(
    events: Iterable[object],
    request: "api.EvaluationRequest",
    place: "api.Workplace",
    as_json: bool,
) -> "list[api.Found]":
    """Report events on stderr, and print the results."""
    if not place.world.is_first:
        console.set_level("quiet")
    console.detail(f"features are kept in {place.folder}")
    found: list[api.Found] = []
    best = None
    for event in events:
        if isinstance(event, api.Remark):
            (console.warn if event.is_warning else console.note)(event.text)
        elif isinstance(event, api.Steps):
            for _ in console.track(event.counts, label=event.label, total=event.total, count=int):
                pass
        elif isinstance(event, api.Best):
            best = str(event.link)
            value = f"{event.value:.{DIGITS}g}"
            console.note(f"best by {event.name}: {event.network} ({value}), linked as {best}")
        elif isinstance(event, api.Found):
            found.append(event)
    if place.world.is_first:
        _show(found, best, request.along, as_json)
    return found


def _show(found: "Sequence[api.Found]", best: str | None, along: str, as_json: bool) -> None:
    """Print the numbers, a row each, or all of it as JSON."""
    if as_json:
        records = [record for each in found for record in each.records]
        files = list(dict.fromkeys(str(file) for each in found for file in each.files))
        console.echo_json({"records": records, "files": files, "best": best})
        return
    rows = [
        (each.case, name, f"{value:.{DIGITS}g}", _spread(each.spread.get(name)))
        for each in found
        for name, value in each.values.items()
    ]
    # elsewhere than on a terminal there are no headings to tell columns by
    first = 0 if along else 1
    console.echo_table((along, "metric", "value", "±")[first:], [row[first:] for row in rows])


def _spread(value: float | None) -> str:
    return "" if value is None else f"{value:.{DIGITS}g}"


def flags_of(metric: "api.Metric") -> type:
    """Make the class of the flags that a metric has: its own options, then those it takes."""
    own = options_of(metric.options) if metric.options else []
    return _class_of([*own, *_shared(metric.takes, metric.num)])


def flags_of_all(metrics: "list[api.Metric]") -> type:
    """Make the class of the flags of all metrics together, without what makes sense alone only."""
    own = {}
    for metric in metrics:
        options = options_of(metric.options) if metric.options else []
        own.update({option.name: option for option in options if option.name not in metric.alone})
    names = frozenset(f.name for f in fields(EvalFlags)) - {"overwrite"}
    words = "Samples of each metric, its usual number if not given."
    return _class_of([*own.values(), *_shared(names, words)])


def _class_of(options: list[Parameter]) -> type:
    flags = [(each.name, each.annotation, field(default=each.default)) for each in options]
    return make_dataclass("Flags", flags, kw_only=True)


def _shared(names: frozenset[str], num: str) -> list[Parameter]:
    number = Annotated[int | None, typer.Option("--num", metavar="N", min=1, help=num)]
    return [
        option.replace(annotation=number) if option.name == "num" else option
        for option in options_of(EvalFlags)
        if option.name in names | COMPUTING
    ]
