"""All figures, drawn from inputs that are hard to draw, on pages to look at.

python -m slackanalysis.figures.contact_sheet OUTPUT
"""

import html
import tempfile
from pathlib import Path

import click
import matplotlib as mpl

from slackanalysis.figures import style
from slackanalysis.figures.examples import examples
from slackvm.cli.failures import reported
from slackvm.formats.files import atomic_write

WIDTHS_IN = (7.0, 3.5)
"""Widths at which each figure is drawn: a page's, and a column's."""

_DPI = 110
_PAGE = "index.html"
_STYLE = """
body { font: 15px sans-serif; margin: 2em; color: #222 }
figure { display: inline-block; vertical-align: top; margin: 0 1.5em 2em 0 }
img { border: 1px solid #ddd; display: block }
"""


@click.command(epilog="Example: python -m slackanalysis.figures.contact_sheet debug/contact-sheet")
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option("--figure", "only", help="Draw this figure alone, such as memory.")
def main(output: Path, only: str | None) -> None:
    """Draw every figure of made-up inputs into the folder OUTPUT, with a page that shows them all.

    Look at them after a change of how figures look: open OUTPUT/index.html in a browser.
    """
    with reported():
        click.echo(f"wrote {write_contact_sheet(output, only)}", err=True)


def write_contact_sheet(output: Path, only: str | None = None) -> Path:
    """Draw every figure of every example at each width, and return the page that shows them.

    Args:
        output: the folder of the page and its pictures.
        only: name of the one figure to draw.

    Raises:
        ValueError: there is no such figure.
        OSError: a file cannot be written.
    """
    parts: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as scratch, mpl.rc_context(style.FONTS):
        every = list(examples(Path(scratch)))
        names = sorted({example.figure for example in every})
        if only is not None and only not in names:
            raise ValueError(f"no figure {only!r}; there are: {', '.join(names)}")
        for example in every:
            if only not in (None, example.figure):
                continue
            for width_in in WIDTHS_IN:
                words = f"{example.figure} {example.input} {width_in:g}".replace(",", "")
                name = f"{words.replace(' ', '-')}.png"
                with atomic_write(output / name) as file:
                    example.draw(width_in).savefig(file, format="png", dpi=_DPI)
                caption = html.escape(f"{example.input}, {width_in:g} in")
                parts.setdefault(example.figure, []).append(
                    f'<figure><figcaption>{caption}</figcaption><img src="{html.escape(name)}"'
                    f' alt="{caption}"></figure>'
                )
    sections = (f"<h2>{name}</h2>\n" + "\n".join(parts[name]) for name in sorted(parts))
    page = output / _PAGE
    with atomic_write(page) as file:
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Figures</title>'
        file.write_text(
            f"{head}<style>{_STYLE}</style>\n" + "\n".join(sections) + "\n</html>\n",
            encoding="utf-8",
        )
    return page


if __name__ == "__main__":
    main()
