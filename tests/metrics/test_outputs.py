import h5py
import numpy as np

from stylegan_cli.metrics.outputs import write_features


def test_tables_come_back_with_what_is_said_of_them(tmp_path):
    features = np.random.RandomState(0).randn(600, 3).astype(np.float32)
    facts = {"detector": "alex", "images": {"seed": 1}}
    tables = iter([("alex/fake", features, facts)])
    write_features(tmp_path / "f.h5", tables, {"metrics": ["fid"]})
    with h5py.File(tmp_path / "f.h5") as file:
        assert np.array_equal(file["alex/fake"][:], features)
        assert file["alex/fake"].attrs["detector"] == "alex"
        assert file["alex/fake"].attrs["images"] == '{"seed": 1}'
        assert file.attrs["metrics"] == '["fid"]'
