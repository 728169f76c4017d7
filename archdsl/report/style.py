"""The style of report pages: layout and colours in light and dark mode."""

from __future__ import annotations

from archdsl.render.svg import BAND, COLOURS, FAINT, FONT, GRID, INK, PAPER

_MONO = "ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', monospace"
_NIGHT = ("#7fb2f0", "#ff9b85", "#6fd3a8", "#c9a6f2", "#e3b341", "#66cfe0")
_DARK = {
    PAPER: "#171c23", INK: "#e4eaf0", FAINT: "#9ba8b5", GRID: "#2b333d", BAND: "#22344a",
    **dict(zip(COLOURS, _NIGHT, strict=True)),
}  # fmt: skip
"""The colours that replace the colours of charts in dark mode."""


def style() -> str:
    """The CSS style sheet of report pages.

    Charts have their colours as SVG attributes, which the rules for dark mode override.
    """
    rules = (
        f'figure svg [fill="{light}"] {{ fill: {dark} }}\nfigure svg [stroke="{light}"] {{ stroke: {dark} }}'
        for light, dark in _DARK.items()
    )
    return f"{_LAYOUT}@media (prefers-color-scheme: dark) {{\n{_AT_NIGHT}" + "\n".join(rules) + "\n}\n"


_AT_NIGHT = f"""\
:root {{
  --ground: #0e1217; --paper: {_DARK[PAPER]}; --ink: {_DARK[INK]}; --faint: {_DARK[FAINT]};
  --rule: {_DARK[GRID]}; --link: {_NIGHT[0]};
}}
"""
_LAYOUT = f"""
:root {{
  --ground: #f4f6f8; --paper: #fff; --ink: {INK}; --faint: {FAINT}; --rule: {GRID}; --link: {COLOURS[0]};
}}
* {{ box-sizing: border-box }}
body {{
  font: 15px/1.5 {FONT}; color: var(--ink); background: var(--ground);
  max-width: 76rem; margin: 0 auto; padding: 2rem 1.2rem;
}}
h1 {{ font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em }}
h2 {{ font-size: 1.2rem; margin: 2.4rem 0 .5rem }}
p {{ margin: .1rem 0; max-width: 48rem; color: var(--faint) }}
section > p {{ margin-bottom: .7rem }}
nav {{ display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin-top: .8rem; font-size: 14px }}
a {{ color: var(--link); text-decoration: none }}
a:hover {{ text-decoration: underline }}
.cards div, figure, .scrolled, .facts, details {{
  background: var(--paper); border: 1px solid var(--rule); border-radius: 8px;
}}
.cards {{
  display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .8rem; margin: 0;
}}
.cards div {{ padding: .7rem 1rem }}
dt {{ color: var(--faint); font-size: 13px }}
dd {{ margin: 0; font-size: 1.55rem; font-weight: 600; line-height: 1.25 }}
small {{ display: block; font-size: 12px; font-weight: 400; color: var(--faint) }}
.wide {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); gap: .8rem }}
.narrow {{ display: flex; flex-wrap: wrap; gap: .8rem }}
.narrow figure {{ flex: 1 1 auto; max-width: 100% }}
figure {{ margin: 0; padding: .8rem .9rem .5rem; min-width: 0 }}
figcaption b {{ display: block; font-size: 14px }}
figcaption span {{ display: block; font-size: 13px; color: var(--faint) }}
figure svg {{ display: block; max-width: 100%; height: auto; margin-top: .4rem }}
.wide figure svg {{ width: 100% }}
.scrolled {{ overflow: auto; max-height: 38rem }}
.diagram {{ background: #fff; padding: .6rem }}
.diagram svg {{ display: block; margin: 0 auto }}
pre {{ font: 12.5px/1.5 {_MONO}; margin: 0; padding: .8rem 1rem }}
details {{ margin-top: .8rem; overflow: auto }}
summary {{ cursor: pointer; padding: .6rem 1rem }}
.facts {{ border-spacing: 0; margin-top: .8rem; padding: .4rem .5rem; font-size: 14px; width: 100% }}
.facts th {{
  text-align: left; font-weight: 400; color: var(--faint); vertical-align: top;
  padding: .15rem .5rem; white-space: nowrap; width: 1%;
}}
.facts td {{ padding: .15rem .5rem; overflow-wrap: anywhere }}
.rows {{ border-collapse: collapse; font-size: 13px; width: 100% }}
.rows th, .rows td {{ padding: .15rem .7rem; border-bottom: 1px solid var(--rule); text-align: left }}
.rows th {{ color: var(--faint); font-weight: 400 }}
.rows td.n {{ text-align: right; font-variant-numeric: tabular-nums }}
.seen {{
  display: grid; grid-template-columns: repeat(3, 1fr); gap: .4rem .8rem;
  font-size: 13px; color: var(--faint);
}}
.seen img {{ width: 100%; display: block; border-radius: 4px }}
.seen .classes {{ image-rendering: pixelated }}
.seen h3 {{ grid-column: 1 / -1; font-size: 13px; margin: .5rem 0 0; color: var(--ink) }}
.legend {{
  display: flex; flex-wrap: wrap; gap: .2rem 1rem; list-style: none; padding: 0; margin: .2rem 0 .8rem;
  font-size: 13px;
}}
.legend i {{
  display: inline-block; width: .9em; height: .9em; margin-right: .4em; vertical-align: -.1em;
  border: 1px solid var(--rule); border-radius: 3px;
}}
@media print {{
  body {{ background: #fff; max-width: none }}
  nav {{ display: none }}
  figure, .cards div {{ break-inside: avoid }}
  .scrolled {{ max-height: none }}
}}
"""
