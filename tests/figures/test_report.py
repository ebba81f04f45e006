"""The report: what it writes, what it refuses, and that no half of it ever appears."""

import inspect
import io
import json
import os
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest

from figures import catalogue, registry, report
from figures.progress import Announcer
from figures.registry import Check, Outcome, Table
from figures.style import new_figure, style
from figures.table import CUT, WIDTH, grid, layout, measured_text


def outcome(*passed: bool, caption: str = "What <was> done.") -> Outcome:
    figure, axes = new_figure()
    axes[0, 0].plot([0, 1], [0, 1])
    checks = [
        Check(f"check {i}", "1", np.float64(1.01), (np.float64(0.98), 1.04), np.bool_(p)) for i, p in enumerate(passed)
    ]
    return Outcome(figure, tuple(checks), caption)


@dataclass
class Claims:
    """A registry of claims made for a test, and the settings that they were run with."""

    runs: dict
    seen: list

    def listed(self):
        def recorded(run):
            return lambda settings: (self.seen.append(settings), run(settings))[1]

        return {n: registry.Claim(n, f"Title of {n}", "Paper, 1", recorded(run)) for n, run in self.runs.items()}


@pytest.fixture
def claims(monkeypatch):
    def crash(settings):
        raise RuntimeError("the simulation\nblew up")

    made = Claims({"good": lambda s: outcome(True, True), "bad": lambda s: outcome(True, False), "crash": crash}, [])
    monkeypatch.setattr(catalogue, "claims", made.listed)
    return made


def read(folder):
    return json.loads((folder / "report.json").read_text())


def test_all_claims_hold(claims, tmp_path, capsys):
    assert report.reproduce(only=["good"], out=tmp_path / "a" / "b", seed=3, full=True) == 0
    folder = tmp_path / "a" / "b"
    assert sorted(os.listdir(folder)) == ["good.png", "report.html", "report.json"]
    (entry,) = read(folder)["claims"]
    assert {k: entry[k] for k in ("name", "source", "predicted", "measured", "interval", "verdict", "figure")} == {
        "name": "good", "source": "Paper, 1", "predicted": "1", "measured": 1.01, "interval": [0.98, 1.04],
        "verdict": "passed", "figure": "good.png",
    }  # fmt: skip
    facts = read(folder)["provenance"]
    assert facts["seed"] == 3 and facts["size"] == "full" and facts["versions"]["numpy"] == np.__version__
    assert claims.seen[0].seed == 3 and claims.seen[0].full
    printed = capsys.readouterr()
    assert "1 of 1 claims hold" in printed.out and "1.010 ± 0.030" in printed.out
    assert printed.err == ""  # no terminal, no progress


def test_a_failed_check_fails_the_claim_and_stands_for_it(claims, tmp_path, capsys):
    assert report.reproduce(only="bad", out=tmp_path) == 1
    (entry,) = read(tmp_path)["claims"]
    assert entry["verdict"] == "failed" and entry["check"] == "check 1"
    assert [c["verdict"] for c in entry["checks"]] == ["passed", "failed"]
    assert "0 of 1 claims hold" in capsys.readouterr().out


def test_a_claim_that_raises_has_failed_and_the_others_still_run(claims, tmp_path, capsys):
    assert report.reproduce(out=tmp_path) == 1
    entries = {e["name"]: e for e in read(tmp_path)["claims"]}
    assert [entries[n]["verdict"] for n in ("good", "bad", "crash")] == ["passed", "failed", "failed"]
    assert entries["crash"]["error"] == "RuntimeError: the simulation blew up"
    assert entries["crash"]["figure"] is None and not (tmp_path / "crash.png").exists()
    assert "RuntimeError" in capsys.readouterr().out


def test_nothing_checked_is_no_pass(claims, tmp_path):
    claims.runs["empty"] = lambda s: outcome()
    assert report.reproduce(only=["empty"], out=tmp_path) == 1
    assert read(tmp_path)["claims"][0]["measured"] == "nothing was checked"


def test_html_needs_no_other_file_and_escapes(claims, tmp_path):
    report.reproduce(out=tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert "What &lt;was&gt; done." in html and "<was>" not in html
    assert not re.search(r"(src|href)=\"(?!data:|#)", html)
    assert html.count("data:image/png;base64,") == 2
    assert "✗ failed" in html and "✓ passed" in html  # readable without colour


@pytest.mark.parametrize("only", [["good", "nonsense"], "nonsense", []])
def test_unknown_claims_are_refused_before_anything_runs(claims, tmp_path, only):
    with pytest.raises(ValueError, match=r"^only: expected claims among good, bad, crash; got [^\n]+$"):
        report.reproduce(only=only, out=tmp_path / "new")
    assert not claims.seen and not (tmp_path / "new").exists()


@pytest.mark.parametrize("arguments, name", [({"data": "no/such.csv"}, "data"), ({"seed": -1}, "seed")])
def test_bad_arguments_are_refused(claims, tmp_path, arguments, name):
    with pytest.raises(ValueError, match=f"^{name}: expected [^\n]+$"):
        report.reproduce(out=tmp_path, **arguments)
    assert not claims.seen


def test_data_that_no_chosen_claim_reads_are_refused(claims, monkeypatch, tmp_path):
    listed = claims.listed()
    listed["bad"] = replace(listed["bad"], reads_data=True)
    monkeypatch.setattr(catalogue, "claims", lambda: listed)
    data = tmp_path / "i.npy"
    np.save(data, np.arange(9.0))
    with pytest.raises(ValueError, match=r"^data: expected a claim that reads it, bad; got good$"):
        report.reproduce(only=["good"], data=data, out=tmp_path / "new")
    assert not claims.seen and not (tmp_path / "new").exists()
    assert report.reproduce(only=["good", "bad"], data=data, out=tmp_path / "new") == 1
    assert [settings.data for settings in claims.seen] == [data, data]


def test_the_claims_that_say_so_read_data():
    for claim in catalogue.claims().values():
        assert claim.reads_data == ("settings.data" in inspect.getsource(claim.run)), claim.name


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_is_refused_first(claims, tmp_path, place):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ValueError, match=r"^out: expected a folder that can be written, got [^\n]+$"):
        report.reproduce(out=tmp_path / place)
    assert not claims.seen and (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_is_refused_first(claims, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(ValueError, match=r"^out: expected a folder that can be written"):
        report.reproduce(out=tmp_path / "locked")
    assert not claims.seen


def test_an_interrupted_run_leaves_the_last_report_whole(claims, tmp_path):
    report.reproduce(only=["good"], out=tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def interrupt(settings):
        raise KeyboardInterrupt

    claims.runs["bad"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        report.reproduce(out=tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    with pytest.raises(KeyboardInterrupt):
        report.reproduce(out=tmp_path / "new" / "deep")
    assert not (tmp_path / "new").exists()


def test_figures_writes_only_pictures(claims, tmp_path, capsys):
    assert report.figures(["bad"], out=tmp_path) == 0  # drawn, whatever it says of its claim
    assert os.listdir(tmp_path) == ["bad.png"]
    assert report.figures(["crash"], out=tmp_path) == 1
    assert "RuntimeError" in capsys.readouterr().out


def test_pictures_are_large_enough_and_settings_stay_as_they_were(claims, tmp_path):
    before = dict(matplotlib.rcParams)
    report.reproduce(only=["good"], out=tmp_path)
    assert dict(matplotlib.rcParams) == before
    header = (tmp_path / "good.png").read_bytes()[:24]
    assert int.from_bytes(header[16:20], "big") >= 9 * 150
    with style():
        assert matplotlib.rcParams["savefig.dpi"] >= 150


def test_numbers_beyond_json_are_text(claims, tmp_path):
    def endless(settings):
        made = outcome(True)
        return Outcome(made.figure, (Check("c", "inf", np.inf, (1.0, np.inf), True),), "")

    claims.runs["endless"] = endless
    report.reproduce(only=["endless"], out=tmp_path)
    assert read(tmp_path)["claims"][0]["interval"] == [1.0, "inf"]


def test_ascii_output(claims, tmp_path, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    report.reproduce(only=["good"], out=tmp_path)
    stream.flush()
    assert b"1.010 +- 0.030" in stream.buffer.getvalue()


# -------------------------------------------------------------------- detailed tables

LONG = "Re(lambda) |v|^2 = <v, S v> > 0; " * 40
DETAIL = (
    Table(
        "short <rows>", ("map", "answer"), (("F_cc'", "proved"), ("J^T F", "refuted & checked")), "How to read <it>."
    ),
    Table("long rows", ("map", "certificate"), (("F", LONG), ("F_con", "a^2 > 0"), ("F_eg", "x + y " * 49 + "x + y^"))),
)


@pytest.fixture
def detailed(claims):
    claims.runs["detailed"] = lambda s: replace(outcome(True), tables=DETAIL)
    claims.runs["detailed-bad"] = lambda s: replace(outcome(False), tables=DETAIL)
    return claims


def columns(text: str) -> list[str]:
    """Contents of the columns of the last table of a text, without spaces, as its ruler of dashes says."""
    lines = text.splitlines()
    top = max(i for i, line in enumerate(lines) if line.startswith("--"))
    bottom = next((i for i, line in enumerate(lines) if i > top and not line), len(lines))
    spans = [match.span() for match in re.finditer("-+", lines[top])]
    body = [[line[a:b] for a, b in spans] for line in lines[top + 1 : bottom]]
    return ["".join("".join(cells).split()) for cells in zip(*body, strict=True)]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_cell_is_printed_whole_or_cut(width):
    for table in DETAIL:
        text = grid(table.header, table.rows, width)
        assert max(map(len, text.splitlines())) <= width
        for printed, cells in zip(columns(text), zip(*table.rows, strict=True), strict=True):
            shown = [cell if len(cell) <= CUT else cell[:CUT].rstrip() + "..." for cell in cells]
            assert printed == "".join("".join(shown).split())


def test_details_are_printed_for_claims_asked_for_and_announced_otherwise(detailed, tmp_path, capsys):
    report.reproduce(only=["detailed", "good"], out=tmp_path)
    asked = capsys.readouterr().out
    assert asked.index("1.010 ± 0.030") < asked.index("detailed in detail") < asked.index("long rows (3 rows)")
    assert "How to read <it>." in asked and "refuted & checked" in asked and "5 rows of detail" in asked
    assert LONG.strip() not in " ".join(asked.split()) and "..." in asked
    report.reproduce(out=tmp_path)
    everything = capsys.readouterr().out
    assert "in detail" not in everything and "10 rows of detail" in everything
    report.reproduce(only=["good"], out=tmp_path)
    assert "of detail" not in capsys.readouterr().out


def test_a_failing_claim_prints_its_details_too(detailed, tmp_path, capsys):
    assert report.reproduce(only=["detailed-bad", "crash"], out=tmp_path) == 1
    printed = capsys.readouterr().out
    assert "detailed-bad in detail" in printed and "F_eg" in printed and "RuntimeError" in printed
    assert "crash in detail" not in printed


def test_json_holds_the_tables_whole(detailed, tmp_path):
    report.reproduce(only=["detailed", "good"], out=tmp_path)
    entries = {entry["name"]: entry for entry in read(tmp_path)["claims"]}
    back = [
        Table(t["title"], tuple(t["header"]), tuple(map(tuple, t["rows"])), t["note"])
        for t in entries["detailed"]["tables"]
    ]
    assert tuple(back) == DETAIL and entries["good"]["tables"] == []


class Page(HTMLParser):
    """Checks that elements close in order, and collects the cells inside each details element."""

    VOID = frozenset({"meta", "br", "img"})

    def __init__(self):
        super().__init__()
        self.open, self.tables = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "details":
            self.tables.append([])
        elif tag in ("td", "summary") and "details" in self.open:
            self.tables[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "details" in self.open and self.open[-1] in ("td", "summary"):
            self.tables[-1][-1] += data


def test_html_holds_the_tables_whole_and_is_well_formed(detailed, tmp_path):
    report.reproduce(out=tmp_path)
    page = Page()
    page.feed((tmp_path / "report.html").read_text())
    page.close()
    assert page.open == [] and len(page.tables) == 4
    for cells, table in zip(page.tables, DETAIL * 2, strict=True):
        assert cells == [f"{table.title} ({len(table.rows)} rows)", *(cell for row in table.rows for cell in row)]
    with pytest.raises(AssertionError):
        Page().feed("<p><b></p></b>")


def test_rows_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"^rows: expected 2 cells in each, got 1 in [^\n]+$"):
        Table("t", ("a", "b"), (("1",),))


# -------------------------------------------------------------------- table and progress


def test_table_fits_and_loses_no_word():
    long = "a rather long statement about the stationary covariance of a game " * 3
    rows = [("claim", long, "", "", "failed"), ("  " + long, "", "0.1 " * 20, "1.000 ± 0.001", "passed")]
    text = layout(rows)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert sorted(text.split()).count("covariance") == 6
    assert all(len(line.split()) for line in text.splitlines())


@pytest.mark.parametrize(
    "measured, interval, text",
    [
        (1.0, None, "1"), ("1/k", None, "1/k"), (np.nan, (0.0, 1.0), "nan [0, 1]"), (1.0, (1.0, 1.0), "1 [1, 1]"),
        (2.0, (1.5, np.inf), "2 [1.5, inf]"), (1234567.0, (1234000.0, 1235134.0), "1234567 ± 567"),
        (8.53e-4, (8.49e-4, 8.57e-4), "0.0008530 ± 0.0000040"), (3e-12, (2e-12, 4e-12), "3e-12 ± 1e-12"),
    ],
)  # fmt: skip
def test_measured_text(measured, interval, text):
    assert measured_text(measured, interval) == text


def test_progress_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal, calls = Terminal(), []
    announcer = Announcer(["one", "two"], stream=terminal)
    announcer.begin()
    announcer.end("two")
    announcer.end("one")
    begun, first, second = terminal.getvalue().splitlines()
    assert begun == "2 claims, first one"
    assert first.startswith("1 of 2 claims done: two") and "left" in first
    assert second.startswith("2 of 2 claims done: one") and "left" not in second
    called = Announcer(["one", "two"], lambda *numbers: calls.append(numbers), terminal)
    called.begin()
    called.end("one")
    assert calls == [(0, 2), (1, 2)]


def test_long_claims_run_when_named_or_in_full(monkeypatch, tmp_path, capsys):
    made = {
        "short": registry.Claim("short", "T", "P", lambda settings: outcome(True)),
        "long": registry.Claim("long", "T", "P", lambda settings: outcome(True), long=True),
    }
    monkeypatch.setattr(catalogue, "claims", lambda: made)
    for options, names, said in (
        ({}, ["short"], True), ({"only": ["long"]}, ["long"], False), ({"full": True}, ["short", "long"], False),
    ):  # fmt: skip
        report.reproduce(out=tmp_path, **options)
        assert [claim["name"] for claim in read(tmp_path)["claims"]] == names
        assert ("Left out, for they take minutes: long" in capsys.readouterr().out) == said


def test_two_jobs_bring_what_one_brings(tmp_path):
    """Whole claims in two processes: the same verdicts, numbers and pictures as one after the other."""
    names = ["lq-gan-regions", "mean-stage-rate"]
    for jobs in (1, 2):
        assert report.reproduce(only=names, out=tmp_path / str(jobs), jobs=jobs) == 0
    one, two = (read(tmp_path / str(jobs)) for jobs in (1, 2))
    for entry in (*one["claims"], *two["claims"]):
        assert entry.pop("seconds") > 0
    assert one["claims"] == two["claims"] and [c["name"] for c in two["claims"]] == [
        n for n in catalogue.claims() if n in names
    ]
    for name in names:
        first, second = ((tmp_path / jobs / f"{name}.png").read_bytes() for jobs in "12")
        assert first == second


@pytest.mark.parametrize("jobs", [0, 1.5, True])
def test_bad_number_of_jobs(claims, tmp_path, jobs):
    with pytest.raises(ValueError, match="jobs: expected an integer >= 1"):
        report.reproduce(out=tmp_path, jobs=jobs)


def test_groups_stand_for_the_claims_of_a_paper():
    known = catalogue.claims()
    everything = catalogue.expand(catalogue.GROUPS, known)
    assert sorted(everything) == sorted(known)
    assert catalogue.expand(["coupled-sdes"], known) == [
        n for n, c in known.items() if ".coupled_sdes." in c.run.__module__
    ]
    assert catalogue.expand(["weak-order", "coupled-sdes", "nothing"], known)[-1] == "nothing"
    assert not catalogue.GROUPS.keys() & known.keys()
