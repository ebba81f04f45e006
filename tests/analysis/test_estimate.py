import numpy as np
import pytest
from scipy import stats

from analysis import Estimate, normal_estimate


@pytest.mark.parametrize(
    ("value", "se", "text"),
    [
        (0.98123, 0.01234, "0.981 ± 0.012 (95 % 0.957 … 1.005, n = 7)"),
        (-1234.5, 56.7, "-1234 ± 57 (95 % -1346 … -1123, n = 7)"),
        (2.0, 0.0, "2 ± 0 (95 % 2 … 2, n = 7)"),
        (1e-9, 1e-11, "1.000e-09 ± 1.0e-11 (95 % 9.80e-10 … 1.020e-09, n = 7)"),
        (0.5, float("nan"), "0.5 ± nan (95 % nan … nan, n = 7)"),
    ],
)
def test_text_rounds_to_the_error(value, se, text):
    assert str(normal_estimate(value, se, n=7)) == text


def test_format_pads_like_a_string():
    estimate = normal_estimate(1.0, 0.1, n=3)
    assert f"{estimate:>60}" == str(estimate).rjust(60)


def test_interval_is_gaussian_or_student():
    assert np.allclose(normal_estimate(1.0, 2.0, n=5, level=0.9).interval, stats.norm(1, 2).interval(0.9))
    student = normal_estimate(1.0, 2.0, n=5, level=0.9, dof=4).interval
    assert np.allclose(student, stats.t(4, 1, 2).interval(0.9))
    assert student[1] > normal_estimate(1.0, 2.0, n=5, level=0.9).interval[1]


def test_arrays_entry_by_entry():
    estimate = normal_estimate(np.array([0.0, 1.0]), np.array([0.1, 0.2]), n=np.array([10.0, 20.0]))
    assert estimate.contains(np.array([0.5, 1.1])).tolist() == [False, True]
    assert isinstance(estimate[1], Estimate) and estimate[1].dof is None
    student = normal_estimate(np.zeros(2), np.ones(2), n=5, dof=np.array([3.0, np.inf]))
    assert student[0].dof == 3 and student[1].interval[1] == pytest.approx(stats.norm.ppf(0.975))
    assert str(estimate[1]) == "1.00 ± 0.20 (95 % 0.61 … 1.39, n = 20)"
    assert str(estimate).startswith("[0] 0.00 ± 0.10")


@pytest.mark.parametrize("level", [0.0, 1.0, -1, "x", None])
def test_refuses_levels(level):
    with pytest.raises(ValueError, match=r"^level: expected a number in \(0, 1\), got"):
        normal_estimate(0.0, 1.0, n=1, level=level)
