import json

import numpy as np
import pytest
import torch

from stylegan_cli import api
from stylegan_cli.networks.family import count_parameters
from tests.interop.export.networks import opened, recipe

onnx = pytest.importorskip("onnx", reason="needs pip install '.[export]'")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

CLASSES = ("cat", "dog", "owl")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return opened(tmp_path_factory.mktemp("network"), recipe("progan", channels=4), classes=CLASSES)


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    (file,) = api.export_network(network, tmp_path_factory.mktemp("onnx") / "pets.onnx")
    return file


@pytest.fixture(scope="module")
def model(exported):
    return onnx.load(exported.path)


def test_onnxruntime_gives_the_images_of_the_network(network, exported):
    z = torch.randn(5, network.G.z_dim, generator=torch.Generator().manual_seed(1))
    c = torch.eye(3)[[0, 2, 1, 1, 0]]
    session = onnxruntime.InferenceSession(exported.path)
    images, ws = session.run(["images", "ws"], {"z": z.numpy(), "c": c.numpy()})
    with torch.no_grad():
        w = network.G.mapping(z, c)
        expected = network.G.synthesis(w[:, None], "const")
    assert images.shape == (5, 4, 8, 8)
    assert np.abs(images - expected.numpy()).max() < 1e-4
    assert np.abs(ws[:, 0] - w.numpy()).max() < 1e-5


def test_the_report_tells_the_inputs_of_the_file(exported, model):
    sizes = {
        value.name: tuple(
            size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim
        )
        for value in (*model.graph.input, *model.graph.output)
    }
    assert sizes == {port.name: port.shape for port in (*exported.inputs, *exported.outputs)}


def test_operations_are_those_of_the_opset_alone(exported, model):
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", exported.opset)]
    assert not model.functions


def test_the_file_tells_where_it_came_from(network, model):
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told["network_sha256"] == network.sha256
    assert told["licence"] == "made up"
    assert json.loads(told["classes"]) == list(CLASSES)
    assert json.loads(told["inputs"])[1]["name"] == "c"


def test_the_file_holds_weights_and_no_traces_of_the_exporter(network, exported):
    content = exported.path.read_bytes()
    assert b"site-packages" not in content
    assert b"forward" not in content
    assert len(content) < 1.2 * 4 * count_parameters(network.G) + 20_000


def test_weights_are_not_computed_when_it_runs(model):
    constants = {tensor.name for tensor in model.graph.initializer}
    assert [node.name for node in model.graph.node if constants.issuperset(node.input)] == []
