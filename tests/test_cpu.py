import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from effviz import cpu
from effviz.explain.engines.openvino_engine import OpenVinoEngine
from effviz.zoo import catalogue
from effviz.zoo.loading import load


def numpys_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["internal_api"] == "openblas"}


@pytest.fixture
def two_threads():
    with threadpool_limits(2, "blas"):
        assert numpys_threads() == {2}
        yield


def test_numpy_leaves_the_cores_to_an_engine(two_threads, monkeypatch):
    monkeypatch.delenv(cpu.OPENBLAS_VARIABLE, raising=False)
    OpenVinoEngine.of(load(catalogue.parse_model("lite0@64")).weights, 64)
    assert numpys_threads() == {1}


def test_who_says_how_many_threads_numpy_has_is_heard(two_threads, monkeypatch):
    monkeypatch.setenv(cpu.OPENBLAS_VARIABLE, "2")
    cpu.limit_numpy_threads()
    assert numpys_threads() == {2}
