"""The staged-rate claim, small: its verdicts, and controls that must fail."""

from dataclasses import replace

import numpy as np
import pytest

import analysis
from figures.papers.crossing_the_curl.staged_rate import (
    exponent_check,
    ratio_holds,
    reading_check,
    run,
)
from figures.papers.crossing_the_curl.staged_readings import (
    DESIGNS,
    READINGS,
    Size,
    data_law,
    dimension_exponent,
    measure_series,
    relative_errors,
)
from figures.papers.crossing_the_curl.staged_tables import design_table, error_table, k_table, n_table
from figures.registry import Settings

SMALL = {1: Size((1000, 2000, 4000, 8000, 16000), 1024, 512), 4: Size((1000, 2000, 4000, 8000, 16000), 128, 128)}


@pytest.fixture(scope="module")
def series():
    return {n: measure_series(n, size, seed=3) for n, size in SMALL.items()}


def test_law_is_the_one_of_the_caption():
    factor = data_law(16).cholesky
    assert np.all(np.diag(factor) == 1) and not np.any(np.triu(factor, 1))
    assert factor[np.tril_indices(16, -1)].std() == pytest.approx(0.3, rel=0.15)  # 120 entries, 2.3 sigma


def test_exponent_of_k_is_minus_one_and_others_are_detected(series):
    one = series[1]
    assert exponent_check(one).passed
    for power in (-0.15, 0.15):
        assert not exponent_check(replace(one, errors=one.errors * one.k**power)).passed


def test_exponents_of_n_tell_the_readings_apart(series):
    runs = [each.last for each in series.values()]
    for reading in READINGS:
        measured, predicted = dimension_exponent(reading, runs)
        assert abs(measured.value - predicted) < 3.3 * measured.se + 0.05
    held, refused = READINGS[0], READINGS[-1]
    assert reading_check(held, runs).passed
    assert not reading_check(replace(refused, holds=True), runs).passed
    assert not reading_check(replace(refused, floor=lambda law: float(law.dim)), runs).passed


def test_every_design_meets_its_multiple_of_the_floor_and_no_other():
    for design in DESIGNS:
        ratio = relative_errors(design, 4, 40_000, 256, seed=8)
        assert ratio_holds(ratio, design.multiple(4)), (design.label, str(ratio))
        for wrong in (0.7, 1.4):
            assert not ratio_holds(ratio, wrong * design.multiple(4))


def numbers(cells):
    """A value, a standard error and an interval that were printed."""
    value, se, interval = cells
    return float(value), float(se), *(float(end) for end in interval.strip("[]").split(", "))


def test_tables_hold_every_rate_with_its_interval(series):
    listed = list(series.values())
    table = k_table([*listed, replace(listed[0], n=64, k=listed[0].k[:1])])
    rows = {(row[0], row[1], row[3]): row for row in table.rows}
    assert len(rows) == len(table.rows) == 2 * len(READINGS) * len(series) and "N = 64: one budget" in table.note
    for n, size in SMALL.items():
        row = rows["covariance, |AAᵀ - Σ|²", str(n), "power"]
        estimate = series[n].exponent
        expected = (estimate.value, estimate.se, *estimate.interval)
        assert numbers(row[4:7]) == pytest.approx(expected, abs=estimate.se / 15)
        assert row[7] == str(size.replicates)
    for reading, row in zip(READINGS, n_table([each.last for each in listed]).rows, strict=True):
        measured, predicted = dimension_exponent(reading, [each.last for each in listed])
        assert row[0] == reading.name and float(row[1]) == pytest.approx(predicted, abs=6e-4)
        expected = (measured.value, measured.se, *measured.interval)
        assert numbers(row[2:5]) == pytest.approx(expected, abs=measured.se / 15)


def test_tables_of_errors(series):
    ratio = analysis.normal_estimate(2.0, 0.01, n=9, level=0.999, dof=8)
    (row,) = design_table({DESIGNS[0]: {4: ratio}}).rows
    assert row[1:5] == ("4", "80000", "9", "8") and numbers(row[5:])[:2] == (2.0, 0.01)
    rows = error_table(list(series.values())).rows
    assert len(rows) == sum(len(size.multiples) for size in SMALL.values())
    for row in rows:
        value, se, low, high = numbers(row[4:])
        each = series[int(row[0])]
        errors = each.errors[:, list(each.k).index(int(row[1]))]
        assert value == pytest.approx(errors.mean(), abs=se / 10) and low < value < high
        assert se == pytest.approx(errors.std(ddof=1) / np.sqrt(int(row[2])), rel=0.1)


def test_ratio_holds_needs_the_interval():
    estimate = analysis.normal_estimate(2.0, 0.01, n=9)
    assert ratio_holds(estimate, 2.05) and not ratio_holds(estimate, 2.3)


@pytest.mark.slow
def test_claim():
    assert all(row.passed for row in run(Settings(seed=4)).checks)
