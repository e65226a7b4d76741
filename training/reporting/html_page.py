"""Pieces of the pages that commands write: frame and style sheet, tables, pictures. Everything
given is escaped here.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from training.reporting.charts import CHART_STYLE, COLOUR_STYLE

_LOSSLESS_BYTES = 150_000


_STYLE = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 2.5rem) 4rem; }
h1 { font-size: clamp(1.6rem, 4.5vw, 2.3rem); line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 .75rem; text-wrap: balance; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 3rem 0 .75rem; padding-top: 1.25rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
p { max-width: 44rem; margin: 0 0 .9rem; overflow-wrap: anywhere; }
.kind { color: var(--soft); font-size: .9rem; margin: 0 0 .35rem; }
.lead { font-size: 1.1rem; }
.note { color: var(--soft); font-size: .9rem; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: .86em; }
pre { background: var(--panel); border: 1px solid var(--rule); border-radius: 6px; padding: .8rem 1rem; margin: 0 0 .75rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.missing { border-left: 3px solid var(--c4); padding: .1rem 0 .1rem .8rem; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.5rem; margin: 1.5rem 0 0; }
dl.facts dt { color: var(--soft); } dl.facts dd { margin: 0; overflow-wrap: anywhere; }
.row { display: grid; grid-template-columns: repeat(var(--columns), minmax(0, 16rem)); gap: .75rem; margin: 0 0 1.5rem; }
.row figure, .zoom figure, figure.chart { margin: 0; }
figure img { display: block; width: 100%; height: auto; border-radius: 3px; background: var(--rule); }
figcaption { font-size: .85rem; color: var(--soft); padding-top: .3rem; }
.zoom { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0 0 1.5rem; }
.zoom img { width: auto; max-width: 100%; image-rendering: pixelated; border-radius: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1.75rem 2rem; margin-top: 1.25rem; }
.chart figcaption { color: var(--ink); font-size: 1rem; font-weight: 600; padding: 0 0 .4rem; }
.chart > svg { display: block; width: 100%; height: auto; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; } .curve.raw { stroke-width: 1; opacity: .22; }
.dashed { stroke-dasharray: 6 3; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: .25rem 0 0; padding: 0; font-size: .85rem;
  font-variant-numeric: tabular-nums; }
.legend svg { width: 24px; height: 8px; margin-right: .4rem; vertical-align: middle; }
.scroll { overflow-x: auto; margin: .75rem 0 1rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem 1.1rem .45rem 0; text-align: right; vertical-align: bottom; border-bottom: 1px solid var(--rule); }
th { color: var(--soft); font-weight: 500; line-height: 1.3; } td { white-space: nowrap; }
th:first-child, td:first-child, tbody th { text-align: left; } tbody th { color: var(--ink); line-height: inherit; white-space: nowrap; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 36rem) { .row { grid-template-columns: repeat(3, 1fr); gap: .5rem; } dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: .6rem; } }
@media print { body { background: #fff; } .scroll { overflow: visible; } figure { break-inside: avoid; } }
"""


def page(title: str, body: str) -> str:
    """A whole document around the sections."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{COLOUR_STYLE}{_STYLE}{CHART_STYLE}\n</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def section(name: str, title: str, *parts: str) -> str:
    """A titled section whose id is `name`; empty parts fall away."""
    return (
        f'<section id="{name}">\n<h2>{escape(title)}</h2>\n'
        + "\n".join(part for part in parts if part)
        + "\n</section>"
    )


def paragraph(text: str, kind: str = "") -> str:
    return f"<p{_class(kind)}>{escape(text)}</p>"


def missing(texts: Sequence[str]) -> str:
    """Sentences on what is not there; a command after the last ': ' is set as code."""
    lines = []
    for text in texts:
        said, colon, command = text.rpartition(": ")
        is_command = command.startswith("python -m ")
        lines.append(
            f'<p class="missing">{escape(said)}: <code>{escape(command)}</code></p>'
            if colon and is_command
            else f'<p class="missing">{escape(text)}</p>'
        )
    return "\n".join(lines)


def definitions(facts: Sequence[tuple[str, str]]) -> str:
    """Names and what they stand for."""
    return (
        '<dl class="facts">'
        + "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in facts)
        + "</dl>"
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """Rows of text; the first cell of each names the row. Wide ones scroll by themselves."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    lines = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption, quote=True)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def picture_row(name: str, pictures: Mapping[str, np.ndarray], kind: str, what: str) -> str:
    """A row of captioned pictures, label to uint8 RGB [H, W, 3].

    kind: "row", or "zoom" for those shown pixel by pixel. `what` and `name` begin the alt texts.
    """
    figures = [
        f"<figure>{picture_element(picture, f'{what} {name}: {label}')}<figcaption>{escape(label)}</figcaption></figure>"
        for label, picture in pictures.items()
    ]
    return f'<div class="{kind}" style="--columns: {len(figures)}">{"".join(figures)}</div>'


def picture_element(picture: np.ndarray, alt: str) -> str:
    """uint8 RGB [H, W, 3] as an <img> that holds its data."""
    height, width = picture.shape[:2]
    return f'<img src="{data_uri(picture)}" alt="{escape(alt, quote=True)}" width="{width}" height="{height}">'


def data_uri(image: np.ndarray) -> str:
    """uint8 RGB [H, W, 3] as a WebP data URI: lossless, or of quality 92 where that takes over 150
    kB.
    """
    from PIL import Image

    for settings in ({"lossless": True, "quality": 60}, {"quality": 92}):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "WEBP", method=4, **settings)
        if buffer.tell() <= _LOSSLESS_BYTES:
            break
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def code(lines: Sequence[str]) -> str:
    """Commands, each in a block of its own."""
    return "\n".join(f"<pre><code>{escape(line)}</code></pre>" for line in lines)


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
