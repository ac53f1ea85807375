"""What all pages share: the style sheet, the frame, tables. A page needs nothing but itself.

Its content policy lets a browser load nothing at all, so a page stays what it was when it was
written. Names of jobs, tenants and sites come from elsewhere: all text goes through `svg.text`.
"""

from collections.abc import Sequence

from hutong.sim.reports.svg import text

_LIGHT = (
    "--page:#f6f7f9;--card:#fff;--ink:#1c2430;--soft:#5b6675;--grid:#dfe3e8;--bed:#eef1f4;"
    "--s0:#2563b0;--s1:#d9730d;--s2:#2f8f5b;--s3:#8250c4;--s4:#c8383f;--s5:#0f8b8d;--s6:#8a6d3b;"
    "--s7:#6b7280"
)
_DARK = (
    "--page:#12161c;--card:#1a2029;--ink:#e4e8ee;--soft:#98a3b3;--grid:#323b48;--bed:#232b36;"
    "--s0:#6aa6f0;--s1:#f0a04b;--s2:#63c493;--s3:#b794f0;--s4:#f07b80;--s5:#4fc3c5;--s6:#cdb07a;"
    "--s7:#9ca3af"
)
_STYLE = f"""
:root{{color-scheme:light dark;{_LIGHT}}}
@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--page);color:var(--ink);
font:14px/1.45 system-ui,"Noto Sans","Noto Sans CJK SC","Microsoft YaHei",sans-serif}}
main{{max-width:1320px;margin:0 auto;padding:20px 24px 40px}}
h1{{font-size:22px;margin:0 0 2px;overflow-wrap:anywhere}}
h2{{font-size:16px;margin:0 0 8px}}
p{{margin:4px 0}}.soft,small{{color:var(--soft)}}small{{font-size:12px}}
.cards{{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;
margin:16px 0}}
.cards div{{background:var(--card);border:1px solid var(--grid);border-radius:8px;
padding:10px 14px}}
.cards b{{display:block;font-size:20px;font-variant-numeric:tabular-nums}}
.cards span{{color:var(--soft);font-size:12px}}
.grid2{{display:grid;grid-auto-flow:dense;grid-template-columns:repeat(auto-fit,minmax(min(540px,100%),1fr));gap:14px}}
section{{background:var(--card);border:1px solid var(--grid);border-radius:8px;padding:14px 16px;
min-width:0}}
section.wide{{grid-column:1/-1}}section.wide svg{{max-width:800px}}
main>section{{margin-bottom:14px}}
svg{{display:block;width:100%;height:auto;margin-top:6px}}
svg text{{fill:var(--soft);font-size:12px}}svg text.v{{fill:var(--ink);font-size:11px}}
svg .grid{{stroke:var(--grid)}}svg .mark{{stroke:var(--ink);stroke-dasharray:4 3}}
svg .bed{{fill:var(--bed)}}svg .span{{stroke:var(--s7);stroke-width:3;stroke-linecap:round}}
svg circle{{fill:var(--s7)}}svg circle.good{{fill:var(--s2)}}svg circle.bad{{fill:var(--s4)}}
svg .span.good{{stroke:var(--s2)}}svg .span.bad{{stroke:var(--s4)}}
.legend{{margin:0;color:var(--soft);font-size:12px}}
.legend span{{margin-right:14px;white-space:nowrap}}
.legend i{{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}}
.scroll{{overflow-x:auto}}
table{{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}}
th,td{{text-align:right;padding:4px 8px;border-bottom:1px solid var(--grid);white-space:nowrap}}
th{{color:var(--soft);font-weight:600;font-size:12px}}
th:first-child,td:first-child{{text-align:left;white-space:normal;overflow-wrap:anywhere;
min-width:7.5em}}
td.good{{color:var(--s2)}}td.bad{{color:var(--s4)}}td.soft{{color:var(--soft)}}
ul{{margin:6px 0;padding-left:18px}}
@media print{{:root{{color-scheme:light}}@page{{margin:12mm}}body{{background:#fff;font-size:11px}}
*{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}main{{padding:0;max-width:none}}
section,.cards div{{break-inside:avoid}}section.long{{break-inside:auto}}tr{{break-inside:avoid}}
.scroll{{overflow:visible}}section.wide svg{{max-height:140mm}}th,td{{padding:3px 5px}}
h2,thead{{break-after:avoid}}
.grid2{{grid-template-columns:1fr 1fr;gap:8px}}.cards{{grid-template-columns:repeat(6,1fr);gap:6px}}
.cards b{{font-size:15px}}}}
"""
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)


def frame(title: str, lead: str, body: Sequence[str]) -> str:
    """A whole page. `lead` and `body` are HTML that is safe already."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{text(title)}</h1>\n{lead}\n{''.join(part for part in body if part)}"
        "</main>\n</body>\n</html>\n"
    )


def cards(pairs: Sequence[tuple[str, str]]) -> str:
    """The few figures that come first: what, and how much."""
    items = "".join(
        f"<div><b>{text(value)}</b><span>{text(name)}</span></div>" for name, value in pairs
    )
    return f'<div class="cards">{items}</div>\n'


def section(title: str, content: str, *, note: str = "", kind: str = "") -> str:
    """A box with a heading; nothing where there is nothing to show. `content` is safe HTML."""
    if not content:
        return ""
    said = f"<p><small>{text(note)}</small></p>" if note else ""
    mark = f' class="{kind}"' if kind else ""
    return f"<section{mark}><h2>{text(title)}</h2>{content}{said}</section>\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str | tuple[str, str]]]) -> str:
    """A table, its first column words, the others numbers. A cell may be text and a class."""
    if not rows:
        return ""
    names = "".join(f'<th scope="col">{text(name)}</th>' for name in head)
    top = f"<thead><tr>{names}</tr></thead>" if any(head) else ""
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>\n" for row in rows)
    return f'<div class="scroll"><table>{top}\n<tbody>{body}</tbody></table></div>'


def sentences(notes: Sequence[str]) -> str:
    """Sentences as a list."""
    return f"<ul>{''.join(f'<li>{text(note)}</li>' for note in notes)}</ul>" if notes else ""


def _cell(cell: str | tuple[str, str]) -> str:
    if isinstance(cell, str):
        return f"<td>{text(cell)}</td>"
    words, kind = cell
    return f'<td class="{kind}">{text(words)}</td>' if kind else f"<td>{text(words)}</td>"
