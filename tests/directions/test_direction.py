import numpy as np
import pytest

from stylegan_cli.directions.direction import Direction, in_all_layers, moved_by, moved_to
from stylegan_cli.errors import UsageError
from tests.directions.vectors import reference


def direction(unit, layers=(0, 1), num_ws=2, **facts):
    vector = in_all_layers(unit, layers, num_ws)
    return Direction(
        name="d",
        space="w",
        vector=vector,
        method="made",
        network_sha256="",
        **{"sigma": 1.0, **facts},
    )


def unit_of(dim=24):
    row = np.random.default_rng(0).normal(size=dim)
    return row / np.linalg.norm(row)


def test_walks_equal_the_reference():
    code, boundary = reference()["walk/code"], reference()["svm/boundary"].astype(np.float64)
    steps = np.linspace(-3, 3, 7)
    made = direction(boundary / np.linalg.norm(boundary))
    ws = reference()["walk/w_plus"][3:4]
    relative = np.concatenate([ws + moved_by(ws, made, k) for k in steps])
    np.testing.assert_allclose(relative, reference()["walk/w_plus"], atol=1e-5)
    ws = np.repeat(code[None], 2, axis=1)
    absolute = np.concatenate([ws + moved_to(ws, made, k) for k in steps])
    np.testing.assert_allclose(absolute[:, 0], reference()["walk/one_code"], atol=1e-5)


def test_a_step_and_its_opposite_return_the_code():
    ws = np.random.default_rng(1).normal(size=(3, 2, 24)).astype(np.float32)
    made = direction(unit_of(), sigma=2.5)
    np.testing.assert_allclose(
        ws + moved_by(ws, made, 3.0) + moved_by(ws, made, -3.0), ws, atol=1e-12
    )


def test_layers_left_alone_do_not_move():
    ws = np.random.default_rng(1).normal(size=(3, 4, 24)).astype(np.float32)
    made = direction(unit_of(), layers=(1, 2), num_ws=4, sigma=2.0, mean_coordinate=1.0)
    for offset in (moved_by(ws, made, 2.0), moved_to(ws, made, 2.0)):
        assert not offset[:, [0, 3]].any() and offset[:, [1, 2]].all()


def test_a_coordinate_is_reached_from_anywhere():
    ws = np.random.default_rng(1).normal(size=(3, 2, 24)).astype(np.float32)
    made = direction(unit_of(), sigma=2.0, mean_coordinate=1.0)
    along = (ws + moved_to(ws, made, -1.5)) @ made.unit
    np.testing.assert_allclose(along, 1.0 - 1.5 * 2.0, atol=1e-6)


def test_a_direction_of_one_vector_moves_to_other_layers():
    made = direction(unit_of(), layers=(0,), num_ws=4)
    assert made.at_layers([2, 3]).layers == (2, 3)


def test_a_direction_of_z_has_no_layers():
    made = Direction(
        name="d", space="z", vector=np.ones(3, np.float32), sigma=1.0, method="", network_sha256=""
    )
    with pytest.raises(UsageError, match="no layers"):
        made.at_layers([0])
