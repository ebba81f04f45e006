"""The report as one HTML page that needs no other file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

from figures.registry import Table
from figures.result import Result
from figures.table import measured_text

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #1c1c1c; background: #fff;
       max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 3rem 0 .2rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
p { margin: .4rem 0; }
a { color: #00558b; }
.muted { color: #555; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-size: .92rem;
        font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #e2e2e2; }
th { font-weight: 600; border-bottom: 2px solid #999; }
.verdict { white-space: nowrap; font-weight: 600; }
.passed { color: #00664a; }
.failed { color: #a93a00; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; display: block; }
figcaption { font-size: .92rem; color: #333; margin-top: .5rem; max-width: 60rem; }
pre { white-space: pre-wrap; background: #f6f6f6; padding: .7rem .9rem; font-size: .85rem; }
details { margin: .5rem 0; }
summary { cursor: pointer; font-weight: 600; padding: .25rem 0; }
.detail table { font-size: .85rem; margin-top: .5rem; }
.detail td, .detail th { padding-right: 1.2rem; }
.detail td:not(:last-child) { min-width: 5rem; }
.detail td { overflow-wrap: anywhere; }
@media print { section { break-inside: avoid; } body { padding: 0; } }
"""


def page(results: Sequence[Result], provenance: dict[str, Any], images: dict[str, bytes]) -> str:
    """Write the page.

    Parameters
    ----------
    results
        The claims that were run.
    provenance
        Facts about the run, shown at the end.
    images
        PNG files by name; they are embedded.
    """
    held = sum(result.passed for result in results)
    parts = [
        "<h1>Stochastic dynamics of games: the claims, checked</h1>",
        f'<p class="muted">{held} of {len(results)} claims hold · {escape(provenance["date"])} · '
        f"seed {provenance['seed']} · {escape(provenance['size'])} size</p>",
        _summary(results),
        *(_section(result, images) for result in results),
        _facts(provenance),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Claims, checked</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _summary(results: Sequence[Result]) -> str:
    rows = [
        [
            f'<a href="#{escape(r.claim.name)}">{escape(r.claim.name)}</a><br>'
            f'<span class="muted">{escape(r.headline.name)}</span>',
            escape(r.claim.source),
            escape(r.headline.predicted),
            escape(measured_text(r.headline.measured, r.headline.interval)),
            _verdict(r.passed),
        ]
        for r in results
    ]
    return _table(("claim", "source", "predicted", "measured", "verdict"), rows)


def _section(result: Result, images: dict[str, bytes]) -> str:
    claim, outcome = result.claim, result.outcome
    parts = [
        f'<section id="{escape(claim.name)}"><h2>{escape(claim.title)}</h2>',
        f'<p class="muted">{escape(claim.source)} · {result.seconds:.0f} s · {_verdict(result.passed)}</p>',
    ]
    if result.error:
        parts.append(f"<pre>{escape(result.error)}</pre>")
    if outcome is not None and result.picture is not None:
        source = "data:image/png;base64," + b64encode(images[result.picture]).decode()
        parts.append(
            f'<figure><img src="{source}" alt="{escape(claim.title)}">'
            f"<figcaption>{escape(outcome.caption)}</figcaption></figure>"
        )
    if outcome is not None:
        rows = [
            [
                escape(check.name),
                escape(check.predicted),
                escape(measured_text(check.measured, check.interval)),
                _verdict(check.passed),
            ]
            for check in outcome.checks
        ]
        parts.append(_table(("check", "predicted", "measured", "verdict"), rows))
        parts += ["<h3>In detail</h3>"] * bool(outcome.tables) + [_details(table) for table in outcome.tables]
    return "\n".join([*parts, "</section>"])


def _details(table: Table) -> str:
    """A detailed table, whole, behind its title; how to read it stands before, for it may serve later tables too."""
    note = f'<p class="muted">{escape(table.note)}</p>' if table.note else ""
    rows = [[escape(cell) for cell in row] for row in table.rows]
    title = f"{escape(table.title)} ({len(rows)} rows)" if len(rows) != 1 else f"{escape(table.title)} (1 row)"
    return f'{note}<details class="detail"><summary>{title}</summary>\n{_table(table.header, rows)}</details>'


def _facts(provenance: dict[str, Any]) -> str:
    flat = {k.replace("_", " "): v for k, v in provenance.items() if k != "versions"}
    flat["versions"] = ", ".join(f"{k} {v}" for k, v in provenance["versions"].items())
    rows = [[escape(str(k)), escape(str(v))] for k, v in flat.items()]
    return f"<h2>How it was computed</h2>\n{_table(('fact', 'value'), rows)}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _verdict(passed: bool) -> str:
    """Word, sign and colour: readable without any one of them."""
    return '<span class="verdict passed">✓ passed</span>' if passed else '<span class="verdict failed">✗ failed</span>'
