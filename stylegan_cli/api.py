"""The public names of the package; the command line uses the same ones.

A name is imported when it is first used, so `import stylegan_cli.api` costs nothing.
"""

# ruff: noqa: F401 - the names are imported for others, and by `__getattr__`

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from stylegan_cli.errors import SgtoolError

if TYPE_CHECKING:
    from stylegan_cli.benchmark import BenchmarkCase, BenchmarkForm, benchmark
    from stylegan_cli.benchmark import Result as BenchmarkResult
    from stylegan_cli.benchmark import cases as benchmark_cases
    from stylegan_cli.benchmark import forms as benchmark_forms
    from stylegan_cli.benchmark import step_count as benchmark_steps
    from stylegan_cli.benchmark.summary import document as benchmark_document
    from stylegan_cli.benchmark.summary import environment as machine_facts
    from stylegan_cli.benchmark.summary import run_hours
    from stylegan_cli.benchmark.summary import summaries as benchmark_summaries
    from stylegan_cli.benchmark.summary import write_document as write_benchmark
    from stylegan_cli.data import Group, Source, printable
    from stylegan_cli.data.account import Account
    from stylegan_cli.data.dataset import Dataset, open_dataset
    from stylegan_cli.data.label_files import read_labels
    from stylegan_cli.data.pictures import Target
    from stylegan_cli.data.prepare import (
        Preparation,
        account,
        first_usual_resolution,
        is_prepared,
        prepare,
    )
    from stylegan_cli.data.relabelled import labelled, numbered
    from stylegan_cli.data.samples import KINDS as SAMPLE_KINDS
    from stylegan_cli.data.samples import drawn as draw_samples
    from stylegan_cli.data.samples import style_names
    from stylegan_cli.data.sheet import sample_sheet, write_sheet
    from stylegan_cli.data.sources import open_sources
    from stylegan_cli.data.survey import Duplicates, Survey, SurveyReport, examine
    from stylegan_cli.describe import describe, describe_foreign
    from stylegan_cli.detectors import default_detector, detector_note
    from stylegan_cli.detectors.adding import Added, add_weights, fetch_weights
    from stylegan_cli.detectors.registry import open_detector
    from stylegan_cli.detectors.weights import weights_facts
    from stylegan_cli.directions.file import Discovery
    from stylegan_cli.directions.file import check_discovery as check_directions
    from stylegan_cli.directions.file import write_discovery as write_directions
    from stylegan_cli.directions.population import cluster_centres, write_centres
    from stylegan_cli.directions.references import HDF5_SUFFIXES as DIRECTIONS_SUFFIXES
    from stylegan_cli.directions.references import export_direction, parse_direction
    from stylegan_cli.download import Fetched, address_of
    from stylegan_cli.download import fetch as fetch_network
    from stylegan_cli.interop.export import Exported, export_network
    from stylegan_cli.interop.foreign import CC_BY_NC, Foreign, NoGeneratorError, save_foreign
    from stylegan_cli.interop.reading import is_foreign, read_foreign
    from stylegan_cli.interop.rosinality2 import rosinality_checkpoint, save_checkpoint
    from stylegan_cli.latents.labels import chosen_class, expand_labels, mean_label
    from stylegan_cli.latents.references import Pick, parse_picks
    from stylegan_cli.latents.sampling import Sampling, check_possible
    from stylegan_cli.metrics.features import Workplace
    from stylegan_cli.metrics.in_training import train
    from stylegan_cli.metrics.metric import (
        Best,
        Conclusion,
        Found,
        Metric,
        OnCodes,
        OnFeatures,
        Remark,
        Series,
        Steps,
    )
    from stylegan_cli.metrics.metric import Request as EvaluationRequest
    from stylegan_cli.metrics.registry import metrics
    from stylegan_cli.metrics.registry import register as register_metric
    from stylegan_cli.metrics.run import evaluate, evaluate_all, workplace
    from stylegan_cli.metrics.separability import SeparabilityOptions
    from stylegan_cli.metrics.separability.classifier import (
        read_published_classifier,
        save_classifier,
    )
    from stylegan_cli.metrics.separability.panel import open_classifiers
    from stylegan_cli.networks.execution import Execution, open_for_drawing
    from stylegan_cli.networks.header import (
        EXPORT_SUFFIXES,
        export_paths,
        has_discriminator,
        read_header,
    )
    from stylegan_cli.networks.snapshot import Network, load_network, versions
    from stylegan_cli.ops import BACKENDS, BackendName
    from stylegan_cli.recipe import Recipe, Settled, change
    from stylegan_cli.recipe import dumps as dump_recipe
    from stylegan_cli.recipe import header as recipe_header
    from stylegan_cli.recipe import load as load_recipe
    from stylegan_cli.recipe import read as read_recipe
    from stylegan_cli.recipe import shipped as recipe_names
    from stylegan_cli.recipe.automatic import Choice, Machine
    from stylegan_cli.recipe.keys import recipe_keys
    from stylegan_cli.recipe.rules import idle_batch_size
    from stylegan_cli.rendering.pdf import write_pdfs
    from stylegan_cli.rendering.plan import Cell, Plan
    from stylegan_cli.rendering.recording import Recording, default_folder
    from stylegan_cli.rendering.render import render
    from stylegan_cli.rendering.store import open_study
    from stylegan_cli.report import write_page as write_report
    from stylegan_cli.report.inputs import Report, open_report
    from stylegan_cli.runtime import (
        World,
        keep_freed_memory,
        pick_device,
        pick_dtype,
        process_count,
        repeatable,
        world,
    )
    from stylegan_cli.shipped import network_at, shipped_names, shipped_network
    from stylegan_cli.sizes import parse_size
    from stylegan_cli.studies.discovery.attributes import (
        find_attributes,
        find_difference,
    )
    from stylegan_cli.studies.discovery.channels import (
        channel_maps,
        check_styles,
        find_channels,
        find_local_channels,
        live_channels,
    )
    from stylegan_cli.studies.discovery.finding import component_layer, find_components, find_sefa
    from stylegan_cli.studies.discovery.findings import (
        Standing,
        compare_directions,
        kept_discovery,
        standings,
        without_repeats,
    )
    from stylegan_cli.studies.discovery.judging import (
        PROPERTIES,
        Judge,
        Judges,
        Properties,
        Scored,
        Scoring,
        codes_of_pole,
        join_scored,
        plain_name,
        score_position,
        scored,
        scores_of_csv,
    )
    from stylegan_cli.studies.discovery.measuring import Effects
    from stylegan_cli.studies.discovery.study import discovery
    from stylegan_cli.studies.editing import EditOptions, edit
    from stylegan_cli.studies.editing import reaches as edit_reaches
    from stylegan_cli.studies.grid import GridOptions, grid
    from stylegan_cli.studies.mixing import mix
    from stylegan_cli.studies.noise.figures import LayerNoise, NoiseShare, noise_findings
    from stylegan_cli.studies.noise.study import NoiseOptions, noise_variation
    from stylegan_cli.studies.noise.variations import NoiseChange, read_mask
    from stylegan_cli.studies.projection.options import ProjectionOptions
    from stylegan_cli.studies.projection.options import settle as settle_projection
    from stylegan_cli.studies.projection.pictures import Album, Framing, Unusable
    from stylegan_cli.studies.projection.projection import Projection
    from stylegan_cli.studies.projection.states import Measures
    from stylegan_cli.studies.projection.workshop import Workshop
    from stylegan_cli.studies.truncation import truncation
    from stylegan_cli.studies.video.filming import Filming, Footage, default_video, is_video
    from stylegan_cli.studies.video.films import film_of_edit, film_of_run
    from stylegan_cli.studies.video.motion import Motion, Screen, Tracks
    from stylegan_cli.studies.video.video import Video, footage, video
    from stylegan_cli.training.acceleration import Acceleration, EngineName
    from stylegan_cli.training.alarms import Alarm
    from stylegan_cli.training.estimate import Estimate, estimate
    from stylegan_cli.training.events import Begun, Event, Measured, News, Stepped, Ticked
    from stylegan_cli.training.run_folder import RunFolder, newest_network, snapshots
    from stylegan_cli.training.schedule import Stage, is_growing, stages
    from stylegan_cli.training.settling import Run, Settlement, settle, training_data
    from stylegan_cli.training.settling import recipe_of as recipe_of_network
    from stylegan_cli.training.transfer import Transfer, plan_transfer
    from stylegan_cli.training.trial import Threads, forecast


def _homes() -> dict[str, tuple[str, str]]:
    """Return module and name of each import that type checkers see above."""
    block = next(
        n for n in ast.parse(Path(__file__).read_text("utf-8")).body if isinstance(n, ast.If)
    )
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


_HOMES = _homes()
_NAMES = sorted([*_HOMES, "SgtoolError"])
if not TYPE_CHECKING:
    __all__ = _NAMES

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, attribute = _HOMES[name]
        value = globals()[name] = getattr(import_module(module), attribute)
        return value


def __dir__() -> list[str]:
    return _NAMES
