import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.ops.traced import OPERATIONS

every_operation = pytest.mark.parametrize("name", OPERATIONS)
# trace_autograd_ops came with torch 2.11
pytestmark = pytest.mark.skipif(
    not hasattr(torch._dynamo.config, "trace_autograd_ops"), reason="an older torch"
)


@pytest.fixture(scope="module")
def results():
    repository = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.ops.traced"]
    done = subprocess.run(command, cwd=repository, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


@every_operation
def test_a_compiled_operation_has_the_gradient_of_the_plain_one(results, name):
    assert results[name]["compiled error"] < 1e-12


@every_operation
def test_tracing_gradients_is_refused(results, name):
    assert "gives wrong second derivatives" in results[name]["gradients traced"]


@every_operation
def test_functional_transforms_are_refused(results, name):
    assert "autograd.Function with functorch" in results[name]["functional"]
