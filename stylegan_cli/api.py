"""The public names of the package; the command line uses the same ones."""

from stylegan_cli.benchmark.measuring import Result as BenchmarkResult
from stylegan_cli.benchmark.measuring import benchmark
from stylegan_cli.benchmark.measuring import step_count as benchmark_steps
from stylegan_cli.benchmark.steps import Case as BenchmarkCase
from stylegan_cli.benchmark.steps import Form as BenchmarkForm
from stylegan_cli.benchmark.steps import cases as benchmark_cases
from stylegan_cli.benchmark.steps import forms as benchmark_forms
from stylegan_cli.benchmark.summary import document as benchmark_document
from stylegan_cli.benchmark.summary import environment as machine_facts
from stylegan_cli.benchmark.summary import run_hours
from stylegan_cli.benchmark.summary import summaries as benchmark_summaries
from stylegan_cli.benchmark.summary import write_document as write_benchmark
from stylegan_cli.data.dataset import Dataset, open_dataset
from stylegan_cli.describe import describe, describe_foreign
from stylegan_cli.detectors import detector_note, open_detector
from stylegan_cli.detectors.adding import Added, add_weights, fetch_weights, weights_facts
from stylegan_cli.directions.clusters import cluster_centres, write_centres
from stylegan_cli.directions.file import Discovery
from stylegan_cli.directions.file import check_discovery as check_directions
from stylegan_cli.directions.file import write_discovery as write_directions
from stylegan_cli.directions.foreign import export_direction
from stylegan_cli.directions.references import parse_direction
from stylegan_cli.errors import SgtoolError
from stylegan_cli.interop.export.exporting import export_network, export_paths
from stylegan_cli.interop.foreign import Foreign, save_foreign
from stylegan_cli.interop.reading import is_foreign, read_foreign
from stylegan_cli.interop.to_rosinality2 import rosinality_checkpoint, save_checkpoint
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.latents.sampling import Sampling, chosen_class
from stylegan_cli.metrics.features import Workplace
from stylegan_cli.metrics.in_training import train
from stylegan_cli.metrics.metric import (
    Best,
    Conclusion,
    Flag,
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
from stylegan_cli.metrics.separability.options import SeparabilityOptions
from stylegan_cli.metrics.separability.panel import open_classifiers
from stylegan_cli.networks.snapshot import Network, has_discriminator, load_network
from stylegan_cli.recipe import Recipe, Settled
from stylegan_cli.recipe import load as load_recipe
from stylegan_cli.recipe import read as read_recipe
from stylegan_cli.rendering.pdf import write_pdfs
from stylegan_cli.rendering.plan import Plan
from stylegan_cli.rendering.recording import Recording, default_folder
from stylegan_cli.rendering.render import Cell, render
from stylegan_cli.report.inputs import open_report
from stylegan_cli.report.page import write_page as write_report
from stylegan_cli.report.sections import Report
from stylegan_cli.runtime import pick_device
from stylegan_cli.studies.discovery.attributes import (
    check_styles,
    find_attributes,
    find_channels,
    find_difference,
    plain_name,
    scores_of_csv,
)
from stylegan_cli.studies.discovery.comparing import compare_directions
from stylegan_cli.studies.discovery.finding import (
    component_layer,
    find_components,
    find_sefa,
    without_repeats,
)
from stylegan_cli.studies.discovery.findings import standings, with_measures
from stylegan_cli.studies.discovery.judging import (
    both_judges,
    chosen_scores,
    codes_of_pole,
    join_scored,
    properties,
    property_names,
    score_position,
    scored,
)
from stylegan_cli.studies.discovery.local_channels import (
    channel_maps,
    find_local_channels,
    live_channels,
)
from stylegan_cli.studies.discovery.study import DiscoveryOptions, discovery
from stylegan_cli.studies.editing.edit import EditOptions, edit
from stylegan_cli.studies.editing.findings import reaches as edit_reaches
from stylegan_cli.studies.grid import GridOptions, grid
from stylegan_cli.studies.masks import read_mask
from stylegan_cli.studies.mixing import mix
from stylegan_cli.studies.noise.study import NoiseOptions, noise_variation
from stylegan_cli.studies.noise.variations import NoiseChange
from stylegan_cli.studies.projection.findings import Measures
from stylegan_cli.studies.projection.options import ProjectionOptions
from stylegan_cli.studies.projection.options import settle as settle_projection
from stylegan_cli.studies.projection.pictures import Album, Framing, Unusable
from stylegan_cli.studies.projection.projection import Projection
from stylegan_cli.studies.projection.starts import parse_start
from stylegan_cli.studies.projection.workshop import means_of as projection_means
from stylegan_cli.studies.truncation import truncation
from stylegan_cli.studies.video.filming import Drawing, Filming, default_video
from stylegan_cli.studies.video.keyframes import Tracks
from stylegan_cli.studies.video.video import Motion, Screen, Video, video
from stylegan_cli.training.data import training_data
from stylegan_cli.training.estimate import Estimate, estimate
from stylegan_cli.training.events import Begun, Event, Measured, News, Ticked
from stylegan_cli.training.run_folder import snapshots
from stylegan_cli.training.schedule import Stage, is_growing, stages
from stylegan_cli.training.settling import Run, settle
from stylegan_cli.training.settling import recipe_of as recipe_of_network
from stylegan_cli.training.transfer import plan_transfer

__all__ = [
    "Added",
    "Album",
    "Begun",
    "BenchmarkCase",
    "BenchmarkForm",
    "BenchmarkResult",
    "Best",
    "Cell",
    "Conclusion",
    "Dataset",
    "Discovery",
    "DiscoveryOptions",
    "Drawing",
    "EditOptions",
    "Estimate",
    "EvaluationRequest",
    "Event",
    "Filming",
    "Flag",
    "Foreign",
    "Found",
    "Framing",
    "GridOptions",
    "Measured",
    "Measures",
    "Metric",
    "Motion",
    "Network",
    "News",
    "NoiseChange",
    "NoiseOptions",
    "OnCodes",
    "OnFeatures",
    "Plan",
    "Projection",
    "ProjectionOptions",
    "Recipe",
    "Recording",
    "Remark",
    "Report",
    "Run",
    "Sampling",
    "Screen",
    "SeparabilityOptions",
    "Series",
    "Settled",
    "SgtoolError",
    "Stage",
    "Steps",
    "Ticked",
    "Tracks",
    "Unusable",
    "Video",
    "Workplace",
    "add_weights",
    "benchmark",
    "benchmark_cases",
    "benchmark_document",
    "benchmark_forms",
    "benchmark_steps",
    "benchmark_summaries",
    "both_judges",
    "channel_maps",
    "check_directions",
    "check_styles",
    "chosen_class",
    "chosen_scores",
    "cluster_centres",
    "codes_of_pole",
    "compare_directions",
    "component_layer",
    "default_folder",
    "default_video",
    "describe",
    "describe_foreign",
    "detector_note",
    "discovery",
    "edit",
    "edit_reaches",
    "estimate",
    "evaluate",
    "evaluate_all",
    "export_direction",
    "export_network",
    "export_paths",
    "fetch_weights",
    "find_attributes",
    "find_channels",
    "find_components",
    "find_difference",
    "find_local_channels",
    "find_sefa",
    "grid",
    "has_discriminator",
    "is_foreign",
    "is_growing",
    "join_scored",
    "live_channels",
    "load_network",
    "load_recipe",
    "machine_facts",
    "metrics",
    "mix",
    "noise_variation",
    "open_classifiers",
    "open_dataset",
    "open_detector",
    "open_report",
    "parse_direction",
    "parse_picks",
    "parse_start",
    "pick_device",
    "plain_name",
    "plan_transfer",
    "projection_means",
    "properties",
    "property_names",
    "read_foreign",
    "read_mask",
    "read_recipe",
    "recipe_of_network",
    "register_metric",
    "render",
    "rosinality_checkpoint",
    "run_hours",
    "save_checkpoint",
    "save_foreign",
    "score_position",
    "scored",
    "scores_of_csv",
    "settle",
    "settle_projection",
    "snapshots",
    "stages",
    "standings",
    "train",
    "training_data",
    "truncation",
    "video",
    "weights_facts",
    "with_measures",
    "without_repeats",
    "workplace",
    "write_benchmark",
    "write_centres",
    "write_directions",
    "write_pdfs",
    "write_report",
]
