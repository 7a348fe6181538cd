import importlib
import sys

import pytest
import torch


@pytest.fixture(scope="session")
def fused():
    """The Triton kernels: on a GPU where there is one, else in Triton's interpreter."""
    pytest.importorskip("triton")
    with pytest.MonkeyPatch.context() as patch:
        if not torch.cuda.is_available():
            patch.setenv("TRITON_INTERPRET", "1")
        # Triton reads the source of its programs, which must not have been wrapped in type checks
        plain = [finder for finder in sys.meta_path if "jaxtyping" not in type(finder).__module__]
        patch.setattr(sys, "meta_path", plain)
        importlib.import_module("stylegan_cli.ops.triton_programs")
    return importlib.import_module("stylegan_cli.ops.triton")


@pytest.fixture
def empty_is_nan():
    """New tensors are full of NaN, so that what nobody writes is found."""
    torch.use_deterministic_algorithms(True)
    assert torch.empty(3).isnan().all()
    assert torch.ones(1).new_empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)
