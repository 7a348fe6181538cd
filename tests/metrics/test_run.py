"""The one evaluation, with a metric of its own that counts what it measures."""

from dataclasses import replace
from functools import partial

import h5py
import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.metrics.features import Workplace
from stylegan_cli.metrics.metric import (
    OF_CODES,
    Conclusion,
    Found,
    Metric,
    OnCodes,
    OnFeatures,
    Remark,
    Request,
    Series,
    Steps,
)
from stylegan_cli.metrics.outputs import read_records
from stylegan_cli.metrics.run import evaluate


def counting(measured):
    """A metric on codes whose numbers are those of its samples."""

    def series(network, seed):
        def measure(part):
            measured.append(part)
            return {"numbers": np.array(part, np.float32) + 10 * seed}

        def conclude(columns):
            mean = float(columns["numbers"].mean())
            yield Conclusion(values={"mean": mean}, arrays={"doubled": 2 * columns["numbers"]})

        request = {"metric": "count", "num": 6, "seed": seed, "network_sha256": network.sha256}
        yield Series(
            name="count",
            request=request,
            columns={"numbers": ()},
            measure=measure,
            conclude=conclude,
            batch_size=2,
        )

    def prepare(network, request, place):
        yield Remark(text="ready")
        return series

    return Metric(
        name="count", about="Count.", examples=(), work=OnCodes(prepare=prepare), takes=OF_CODES
    )


@pytest.fixture
def place(tmp_path):
    return Workplace(folder=tmp_path / "cache")


@pytest.fixture
def request_(network_file, tmp_path):
    return Request(network=network_file, output=tmp_path / "out")


def run(request, place, measured=None, metric=None):
    measured = [] if measured is None else measured
    events = list(evaluate(metric or counting(measured), request, place))
    (found,) = [event for event in events if isinstance(event, Found)]
    told = "\n".join(event.text for event in events if isinstance(event, Remark))
    return found, told


def lines(folder):
    return [record["results"] for record in read_records(folder / "metrics.jsonl")]


def test_the_numbers_the_record_and_the_file_are_there(request_, place):
    found, told = run(request_, place)
    records, file = found.files
    assert (found.values, found.metric, found.case) == ({"mean": 2.5}, "count", "")
    assert lines(request_.output) == [{"mean": 2.5}]
    assert "ready" in told
    assert f"wrote {records}, {file}" in told
    with h5py.File(file) as opened:
        assert opened["doubled"][:].tolist() == [0, 2, 4, 6, 8, 10]


def test_the_same_again_measures_and_records_nothing(request_, place):
    run(request_, place)
    measured = []
    found, told = run(request_, place, measured)
    assert (found.values, measured) == ({"mean": 2.5}, [])
    assert "all images exist already" in told
    assert lines(request_.output) == [{"mean": 2.5}]


def test_an_interrupted_evaluation_resumes(request_, place):
    measured = []
    for event in evaluate(counting(measured), request_, place):
        if isinstance(event, Steps):
            assert next(event.counts) == 2
            break
    found, told = run(request_, place, measured)
    assert measured == [range(2), range(2, 4), range(4, 6)]
    assert "resuming, 2 images exist" in told
    assert found.values == {"mean": 2.5}


def test_killed_before_the_file_has_its_name_it_ends_the_same(request_, place):
    found, _ = run(request_, place)
    records, file = found.files
    file.rename(file.with_name(f".{file.name}.partial"))
    records.unlink()
    again, _ = run(request_, place)
    assert (again.values, again.files) == (found.values, found.files)
    assert file.exists()
    assert lines(request_.output) == [{"mean": 2.5}]


def test_killed_before_the_record_it_is_written_then(request_, place):
    found, _ = run(request_, place)
    found.files[0].unlink()
    run(request_, place)
    assert lines(request_.output) == [{"mean": 2.5}]


def test_half_a_record_is_written_again(request_, place):
    found, _ = run(request_, place)
    whole = found.files[0].read_bytes()
    found.files[0].write_bytes(whole[: len(whole) // 2])
    run(request_, place)
    assert lines(request_.output) == [{"mean": 2.5}]


def test_a_damaged_unfinished_file_is_started_over(request_, place):
    found, _ = run(request_, place)
    file = found.files[1]
    file.unlink()
    file.with_name(f".{file.name}.partial").write_bytes(b"\x89HDF")
    again, told = run(request_, place)
    assert again.values == found.values
    assert "damaged" in told
    assert "starting over" in told


def test_repeats_have_a_line_each_and_a_deviation(request_, place):
    found, _ = run(replace(request_, repeat=2), place)
    assert found.values == {"mean": 7.5}
    assert found.spread["mean"] == pytest.approx(np.std([2.5, 12.5], ddof=1))
    assert lines(request_.output) == [{"mean": 2.5}, {"mean": 12.5}]


def test_what_a_metric_does_not_take_is_refused(request_, place):
    with pytest.raises(UsageError, match="`psi`: count does not use it"):
        run(replace(request_, psi=0.5), place)


@pytest.mark.parametrize("left", ["nothing", "half a line", "no file"])
def test_a_metric_on_features_loses_no_line(left, request_, place, image_folder):
    metric = Metric(
        name="count",
        about="Count.",
        examples=(),
        work=OnFeatures(measure=lambda samples: {"count": float(len(samples.fake))}),
    )
    request = replace(request_, data=str(image_folder), num=4, detector="alex")
    again = partial(run, request, place, metric=metric)
    found, _ = again()
    records = request.output / "metrics.jsonl"
    whole = records.read_bytes()
    {
        "nothing": lambda: None,
        "half a line": lambda: records.write_bytes(whole[:100]),
        "no file": records.unlink,
    }[left]()
    assert again()[0].values == found.values == {"count_alex": 4}
    assert lines(request.output) == [{"count_alex": 4}]
