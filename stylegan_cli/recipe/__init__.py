"""The typed recipe: sections, defaults, load, override, dump."""

from stylegan_cli.recipe.automatic import Choice, Machine
from stylegan_cli.recipe.files import (
    choices,
    dumps,
    find,
    header,
    load,
    loads,
    override,
    shipped,
    values,
)
from stylegan_cli.recipe.sections import (
    SCHEMA,
    AugmentSection,
    BandsSection,
    DataSection,
    DiscriminatorSection,
    GeneratorSection,
    GrowingSection,
    InitSection,
    LossSection,
    ReportSection,
    Settled,
    TrainSection,
)

__all__ = [
    "SCHEMA",
    "AugmentSection",
    "BandsSection",
    "Choice",
    "DataSection",
    "DiscriminatorSection",
    "GeneratorSection",
    "GrowingSection",
    "InitSection",
    "LossSection",
    "Machine",
    "ReportSection",
    "Settled",
    "TrainSection",
    "choices",
    "dumps",
    "find",
    "header",
    "load",
    "loads",
    "override",
    "shipped",
    "values",
]
