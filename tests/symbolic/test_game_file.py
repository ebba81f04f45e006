"""Games from TOML files, tables of numbers: the same game as in symbols, one clear line for bad input."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from gan_sde.symbolic.distributions import Bernoulli, Deterministic, Empirical, Normal, Uniform
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.game_file import load_game
from gan_sde.symbolic.number_table import read_matrix

ZERO_SUM = """
name = "toy"
payoff = "w*(y - t) - 0.5*w**2"
symbols = ["mu", "sigma"]

[minimiser]
generator = ["t"]

[maximiser]
discriminator = ["w"]

[data]
y = {normal = ["mu", "sigma"]}

[x0]
t = -1
w = 0.5

[bounds]
t = [-2.0, inf]

[defaults]
mu = 0.25
sigma = 1
"""

GENERAL_SUM = """
symbols = ["lam"]

[losses]
p = "(p1 - q1)**2/2 + lam*p2*u*s"
q = "q1*p1 + q1*c*v"

[parameters]
p = ["p1", "p2"]
q = ["q1"]

[data]
u = {uniform = [0, "2*lam"]}
s = {bernoulli = 0.25}
c = {deterministic = ["lam"]}
v = {empirical = [1, 2, 4.5]}
"""


def write(folder, text, name="game.toml"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_zero_sum_file_is_the_game_in_symbols(tmp_path):
    w, t, y, mu, sigma = sympy.symbols("w t y mu sigma")
    expected = Game.zero_sum(
        w * (y - t) - w**2 / 2,
        maximiser={"discriminator": [w]},
        minimiser={"generator": [t]},
        data={y: Normal(mu, sigma)},
    )
    game = Game.from_file(write(tmp_path, ZERO_SUM))
    assert game.name == "toy"
    assert game.players == {"discriminator": (w,), "generator": (t,)}
    assert game.payoff == expected.payoff
    assert game.field == expected.field
    assert game.noise_modes == expected.noise_modes
    assert game.x0 == (0.5, -1.0)
    assert game.defaults == {"mu": 0.25, "sigma": 1.0}
    assert game.bounds == {t: (-2.0, np.inf)}


def test_a_general_sum_file_reads_every_law(tmp_path):
    game = load_game(write(tmp_path, GENERAL_SUM))
    lam = sympy.Symbol("lam")
    laws = {s.name: law for s, law in game.data.items()}
    assert laws["u"] == Uniform(0, 2 * lam)
    assert laws["s"] == Bernoulli(sympy.Rational(1, 4))
    assert laws["c"] == Deterministic(lam)
    assert isinstance(laws["v"], Empirical) and laws["v"].values.tolist() == [[1.0], [2.0], [4.5]]
    assert [s.name for s in game.parameters] == ["p1", "p2", "q1"]
    assert game.name == "game" and game.x0 is None
    p1 = sympy.Symbol("p1")
    # d/dq1 of the mean of q1 p1 + q1 c v, with c = lam and mean v = 2.5
    assert sympy.expand(game.field[2] - p1 - lam * sympy.Rational(5, 2)).evalf() == 0
    # d/dp2 of lam p2 u s: means lam and 1/4
    assert sympy.expand(game.field[1] - lam**2 / 4) == 0


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("1,2\n3,5\n4,4\n", [0, 1]),
        ("p,q\n1,2\n3,5\n4,4\n", [0, 1]),
        ("q,weight,p\n2,9,1\n5,9,3\n4,9,4\n", [0, 1]),
        ("first,second\n1,2\n3,5\n\n4,4\n", [0, 1]),
        ("\ufeff1, 2\r\n3, 5\r\n4, 4\r\n", [0, 1]),
    ],
)
def test_joint_empirical_data_from_csv(tmp_path, content, columns):
    (tmp_path / "pairs.csv").write_text(content, encoding="utf-8", newline="")
    text = ZERO_SUM.replace('y = {normal = ["mu", "sigma"]}', '"p, q" = {empirical = "pairs.csv"}')
    game = load_game(write(tmp_path, text.replace("(y - t)", "(p*q - t)")))
    ((symbols, law),) = game.data.items()
    assert [s.name for s in symbols] == ["p", "q"]
    assert law.values.tolist() == [[1, 2], [3, 5], [4, 4]]


def test_empirical_data_from_npy(tmp_path):
    np.save(tmp_path / "y.npy", np.array([1, 2, 6]))
    text = ZERO_SUM.replace('y = {normal = ["mu", "sigma"]}', 'y = {empirical = "y.npy"}')
    game = load_game(write(tmp_path, text))
    ((_, law),) = game.data.items()
    assert law.values.tolist() == [[1.0], [2.0], [6.0]]


BAD_FILES = [
    ("payoff", "payof", ["payof", "did you mean 'payoff'"]),
    ('name = "toy"', "name = 3", ["name", "text", "3"]),
    ('name = "toy"', "name = ", ["valid TOML"]),
    ('name = "toy"', "name = " + "[" * 5000, ["valid TOML"]),
    ('name = "toy"', "name = " + "9" * 5000, ["valid TOML"]),
    ("0.5*w**2", "z", ["payoff", "declared name", "'z'"]),
    ("0.5*w**2", "w**17", ["payoff", "at most 16"]),
    ('payoff = "w*(y - t) - 0.5*w**2"', "payoff = 3", ["payoff", "formula as text"]),
    ('payoff = "w*(y - t) - 0.5*w**2"\n', "", ["payoff", "expected this key"]),
    ('[minimiser]\ngenerator = ["t"]', "", ["minimiser", "expected this key"]),
    ('symbols = ["mu", "sigma"]', 'symbols = ["mu"]', ["data.y", "declared name", "'sigma'"]),
    ('symbols = ["mu", "sigma"]', 'symbols = ["mu", "mu"]', ["symbols", "'mu' twice"]),
    ('symbols = ["mu", "sigma"]', 'symbols = ["mu", "sigma", "w"]', ["symbols", "'w' twice"]),
    ('symbols = ["mu", "sigma"]', 'symbols = ["mu", "sigma", "exp"]', ["symbols", "'exp'"]),
    ('symbols = ["mu", "sigma"]', 'symbols = ["mu", "sigma", "lambda"]', ["symbols", "'lambda'"]),
    ('symbols = ["mu", "sigma"]', 'symbols = ["mu", "sigma", "a b"]', ["symbols", "'a b'"]),
    ('symbols = ["mu", "sigma"]', 'symbols = ["mu", "sigma", "eta__"]', ["symbols", "'eta__'"]),
    ('symbols = ["mu", "sigma"]', 'symbols = "mu"', ["symbols", "list of names"]),
    ('discriminator = ["w"]', 'discriminator = "w"', ["maximiser.discriminator", "list of names"]),
    ('discriminator = ["w"]', "discriminator = []", ["maximiser.discriminator", "at least one"]),
    ('discriminator = ["w"]', 'discriminator = ["w"]\nsecond = ["v"]', ["maximiser", "one entry"]),
    ('["mu", "sigma"]}', '["mu"]}', ["data.y.normal", "mean, standard deviation"]),
    ('["mu", "sigma"]}', '["mu", true]}', ["data.y.normal", "number", "True"]),
    ('["mu", "sigma"]}', '["mu", -1]}', ["standard_deviation", "-1"]),
    ('["mu", "sigma"]}', '["mu", nan]}', ["data.y.normal", "finite"]),
    ('["mu", "sigma"]}', '["w", "sigma"]}', ["data.y.normal", "'w'"]),
    ('{normal = ["mu", "sigma"]}', '{gaussian = ["mu", "sigma"]}', ["data.y", "normal", "'gaussian'"]),
    ('{normal = ["mu", "sigma"]}', "{normal = [0, 1], uniform = [0, 1]}", ["data.y", "expected one of"]),
    ('{normal = ["mu", "sigma"]}', "3", ["data.y", "expected one of", "got 3"]),
    ("y = {normal", '"y, v" = {normal', ["empirical", "normal"]),
    ('{normal = ["mu", "sigma"]}', '{empirical = "none.csv"}', ["none.csv", "readable file"]),
    ('{normal = ["mu", "sigma"]}', '{empirical = "wide.csv"}', ["data.y.empirical", "1 column", "got 2"]),
    ('{normal = ["mu", "sigma"]}', '{empirical = "word.csv"}', ["word.csv", "'oops'", "row 2, column 1"]),
    ('{normal = ["mu", "sigma"]}', '{empirical = "nan.csv"}', ["nan.csv", "'nan'", "row 3, column 1"]),
    ('{normal = ["mu", "sigma"]}', '{empirical = ["a"]}', ["Empirical"]),
    ('{normal = ["mu", "sigma"]}', "{empirical = []}", ["Empirical", "empty"]),
    ("t = -1\n", "", ["x0", "nothing for t"]),
    ("t = -1\n", 't = "a"\n', ["x0.t", "number", "'a'"]),
    ("t = -1\n", "t = true\n", ["x0.t", "number", "True"]),
    ("t = -1\n", "t = nan\n", ["x0.t", "finite"]),
    ("t = -1\n", f"t = 1{'0' * 400}\n", ["x0.t", "finite"]),
    ("t = -1\n", "t = -1\nv = 2\n", ["x0", "v"]),
    ("t = [-2.0, inf]", "t = [2.0, -2.0]", ["bounds", "low < high"]),
    ("t = [-2.0, inf]", "t = 2.0", ["bounds.t", "[low, high]"]),
    ("t = [-2.0, inf]", "tt = [0, 1]", ["bounds", "'tt'"]),
    ("mu = 0.25", "m = 0.25", ["defaults", "'m'", "did you mean 'mu'"]),
    ("mu = 0.25", 'mu = "one"', ["defaults.mu", "number"]),
    ("[x0]", "[losses]", ["either payoff", "losses"]),
    ("[x0]\nt = -1\nw = 0.5", 'x0 = "origin"', ["x0"]),
]


@pytest.mark.parametrize(("old", "new", "words"), BAD_FILES)
def test_bad_files_are_refused_in_one_line(tmp_path, old, new, words):
    write(tmp_path, "1,2\n3,4\n", "wide.csv")
    write(tmp_path, "1\noops\n", "word.csv")
    write(tmp_path, "y\n1\nnan\n", "nan.csv")
    assert old in ZERO_SUM
    path = write(tmp_path, ZERO_SUM.replace(old, new, 1))
    with pytest.raises(ValueError) as caught:
        load_game(path)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(f"{tmp_path}")
    assert all(word in message for word in words), message


def test_the_file_itself_is_checked(tmp_path):
    with pytest.raises(ValueError, match=r"absent.toml: expected a readable TOML file, got none"):
        load_game(tmp_path / "absent.toml")
    with pytest.raises(ValueError, match=r"expected a readable TOML file, got something else"):
        load_game(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ValueError, match=r"latin.toml: expected TOML in UTF-8"):
        load_game(tmp_path / "latin.toml")
    write(tmp_path, "#" * 1_000_001, "big.toml")
    with pytest.raises(ValueError, match=r"big.toml: expected at most 1000000 bytes"):
        load_game(tmp_path / "big.toml")


def test_a_general_sum_file_needs_a_loss_for_each_player(tmp_path):
    text = GENERAL_SUM.replace('q = "q1*p1 + q1*c*v"\n', "")
    with pytest.raises(ValueError, match=r"losses: expected one a player"):
        load_game(write(tmp_path, text))


# -------------------------------------------------------------------- tables of numbers


def test_read_matrix_reads_headers_and_plain_numbers(tmp_path):
    expected = np.array([[1.5, -2.0], [3.0, 4e-3]])
    for name, text in [
        ("a.csv", "1.5,-2\n3,4e-3\n"),
        ("b.csv", "u,v\n1.5,-2\n3,4e-3"),
        ("c.txt", "1.5 , -2\n3 , 4e-3\n"),
    ]:
        got = read_matrix(write(tmp_path, text, name))
        assert got.dtype == np.float64 and np.array_equal(got, expected)
    np.save(tmp_path / "d.npy", expected.astype(np.float32))
    assert np.allclose(read_matrix(tmp_path / "d.npy"), expected, rtol=1e-7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["at least one row"]),
        ("u,v\n", ["at least one row"]),
        ("u,v\nu,v\n1,2\n", ["'u'", "row 2, column 1"]),
        ("1,a\n", ["'a'", "row 1, column 2"]),
        ("1,2\n3\n", ["2 columns", "got 1", "row 2"]),
        ("1,2\n3,\n", ["''", "row 2, column 2"]),
        ("1,inf\n", ["'inf'", "row 1, column 2"]),
        ("1,1_0\n", ["'1_0'", "row 1, column 2"]),
        ('1,"2\n', ["comma-separated"]),
        ("1.o\n2\n", ["'1.o'", "row 1, column 1"]),
        ("+x\n2\n", ["'+x'", "row 1, column 1"]),
        ("u,-v\n2,3\n", ["'u'", "row 1, column 1"]),
        (".5.\n2\n", ["'.5.'", "row 1, column 1"]),
        ("y\n1\n\n2\n", ["''", "row 3, column 1"]),
        ("1\n \n\n2\n", ["''", "row 2, column 1"]),
        ("1,2\n,\n3,4\n", ["''", "row 2, column 1"]),
    ],
)
def test_read_matrix_names_the_cell(tmp_path, text, words):
    path = write(tmp_path, text, "table.csv")
    with pytest.raises(ValueError) as caught:
        read_matrix(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert all(word in message for word in words), message


def test_empty_lines_around_a_column_are_no_values(tmp_path):
    for text in ("\n1\n2\n\n \n", "y\n\n1\n2\n", "\ny 1\n1\n2"):
        assert read_matrix(write(tmp_path, text, "column.csv")).tolist() == [[1], [2]]


@pytest.mark.parametrize("size", [1e308, 1e160, 1e100])
def test_data_whose_moments_overflow_are_refused(tmp_path, size):
    write(tmp_path, f"{size}\n{-size}\n0.5\n", "y.csv")
    text = ZERO_SUM.replace('y = {normal = ["mu", "sigma"]}', 'y = {empirical = "y.csv"}')
    payoff = "(y**2 - t)" if size == 1e100 else "(y - t)"  # the fourth power of 1e100 is beyond floating point
    with pytest.raises(ValueError, match=r"finite mean and variance.*values up to 1e\+") as error:
        _ = load_game(write(tmp_path, text.replace("(y - t)", payoff))).noise_covariance
    assert "\n" not in str(error.value)
    # negative control: half the exponent is within range
    write(tmp_path, f"{size**0.4}\n{-(size**0.4)}\n0.5\n", "y.csv")
    covariance = load_game(write(tmp_path, text.replace("(y - t)", payoff))).noise_covariance
    assert all(entry.is_finite is not False for entry in covariance)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([1.0, np.nan]), ["finite", "nan", "row 2, column 1"]),
        (np.array(["a"]), ["real numbers"]),
        (np.array([1j]), ["real numbers"]),
        (np.zeros((2, 2, 2)), ["1 or 2 axes", "(2, 2, 2)"]),
        (np.array(3.0), ["1 or 2 axes", "()"]),
        (np.zeros((0, 2)), ["at least one row"]),
    ],
)
def test_read_matrix_refuses_other_arrays(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError) as caught:
        read_matrix(tmp_path / "a.npy")
    assert all(word in str(caught.value) for word in words), caught.value


def test_read_matrix_never_unpickles(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    for content in (None, b"", b"\x93NUMPY", b"not an array", b"PK\x03\x04"):
        if content is not None:
            (tmp_path / "a.npy").write_bytes(content)
        with pytest.raises(ValueError, match="expected an NPY array"):
            read_matrix(tmp_path / "a.npy")
