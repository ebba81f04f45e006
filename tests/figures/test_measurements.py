"""Measurements: what is read, and what is refused in one clear line."""

import numpy as np
import pytest

from figures.measurements import bundled, load_measurements, standardise


def test_bundled_measurements_are_standardised_without_loss():
    values, name = load_measurements()
    raw = bundled()
    assert values.shape == raw.shape == (442, 4) and name.startswith("diabetes")
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(values.var(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(np.corrcoef(values.T), np.corrcoef(raw.T), atol=1e-12)
    assert raw[:, 0].min() >= 18 and raw[:, 2].max() < 60  # years, kg / m^2: units of the measurements


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_files_of_any_units_are_read(tmp_path, scale):
    table = np.random.default_rng(0).normal(size=(20, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0.2], [0, 0, 1]])
    np.save(tmp_path / "table.npy", scale * table)
    np.savetxt(tmp_path / "table.csv", scale * table, delimiter=",", header="p,q,r", comments="", fmt="%.17g")
    for file in ("table.npy", "table.csv"):
        values, name = load_measurements(tmp_path / file)
        np.testing.assert_allclose(values, (table - table.mean(0)) / table.std(0), rtol=1e-9, atol=1e-9)
        assert name == file


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.ones((9, 2)) * [1, 2] + np.outer(np.arange(9), [1, 0]), "constant column 2"),
        (np.zeros((9, 1)), "constant column 1"),
        (np.random.default_rng(0).normal(size=(5, 4)), "at least 6 rows for 4 columns, got 5"),
        (np.outer(np.arange(9.0), [1, 2]), "column 2"),
        (np.random.default_rng(0).normal(size=(30, 2)) @ [[1, 0, 1], [0, 1, 1]], "column 3"),
    ],
)
def test_what_has_no_covariance_factor_is_refused(table, message):
    with pytest.raises(ValueError, match=message) as caught:
        standardise(table, "some.csv")
    assert str(caught.value).startswith("some.csv: expected") and "\n" not in str(caught.value)


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"nothing\.csv"):
        load_measurements(tmp_path / "nothing.csv")
    (tmp_path / "words.csv").write_text("a,b\n1,2\n3,four\n5,6\n")
    with pytest.raises(ValueError, match=r"words\.csv: expected a finite number, got 'four' in row 3, column 2"):
        load_measurements(tmp_path / "words.csv")
