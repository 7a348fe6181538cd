import h5py
import numpy as np

from stylegan_cli.metrics.saved_features import Table, write_features


def test_tables_come_back_with_what_is_said_of_them(tmp_path):
    features = np.random.RandomState(0).randn(600, 3).astype(np.float32)
    table = Table(features=features, facts={"detector": "alex", "images": {"seed": 1}})
    write_features(tmp_path / "f.h5", {"alex/fake": table}, {"metrics": ["fid"]})
    with h5py.File(tmp_path / "f.h5") as file:
        assert np.array_equal(file["alex/fake"][:], features)
        assert file["alex/fake"].attrs["detector"] == "alex"
        assert file["alex/fake"].attrs["images"] == '{"seed": 1}'
        assert file.attrs["metrics"] == '["fid"]'
