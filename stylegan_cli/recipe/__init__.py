"""Recipes: `Recipe` is what somebody wrote, `Settled` what runs."""

# ruff: noqa: F401 - the names are imported for others

from stylegan_cli.recipe.automatic import Choice, Machine
from stylegan_cli.recipe.files import (
    change,
    dumps,
    find,
    header,
    load,
    loads,
    parse,
    read,
    shipped,
    values,
    written,
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
from stylegan_cli.recipe.validation import Recipe
