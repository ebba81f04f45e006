"""The property table's claim: it passes on the right table and fails on broken ones."""

from dataclasses import replace

import pytest

from figures.papers.crossing_the_curl import property_table as table
from figures.registry import Settings
from gan_sde.symbolic.certificates import Proved, Quasimonotone, Unknown


@pytest.fixture(scope="module")
def rows():
    return table.build((1,))


def test_cells_and_statements(rows):
    assert table.valid_check(rows).passed
    assert all(table.section_check(rows, section).passed for section in table.EXPECTED)
    assert all(table.words_check(rows, *words).passed for words in table.STATEMENTS)


def test_mutants_are_noticed_and_non_mutants_too(rows):
    assert table.mutation_check(rows).passed
    assert not table.mutation_check(rows, changed=lambda map_: map_).passed


def test_an_unknown_or_broken_cell_fails(rows):
    k = next(i for i, r in enumerate(rows) if r.section == table.VARIANCE and r.map == "F_cc" and r.answer == "yes")
    certificate = rows[k].certificate
    assert isinstance(certificate, Proved)
    unknown = replace(rows[k], certificate=Unknown(certificate.problem, Quasimonotone(), 10, 0.1))
    broken = replace(
        rows[k], certificate=replace(certificate, problem=certificate.problem.with_map(-certificate.problem.map))
    )
    for bad in (unknown, broken):
        changed = [*rows[:k], bad, *rows[k + 1 :]]
        assert not table.valid_check(changed).passed
    assert not table.section_check([*rows[:k], unknown, *rows[k + 1 :]], table.VARIANCE).passed
    assert not table.words_check(rows[:1], *table.STATEMENTS[0]).passed


def test_missing_stages_fail(rows):
    assert not table.stage_check(rows).passed  # dimension 1 has none
    assert not table.joint_check(rows).passed


def test_picture(rows):
    figure = table.draw(rows)
    assert len(figure.axes) == 4
    assert len(figure.axes[1].patches) == 50  # ten maps, five properties


@pytest.mark.slow
def test_the_whole_claim():
    outcome = table.run(Settings())
    assert all(check.passed for check in outcome.checks)
