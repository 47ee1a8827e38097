"""`slackvm-analysis compare`: whether placement policies differ, and by how much."""

import json
from pathlib import Path

import click
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from slackanalysis.commands.recorded import RecordedCommand, command_line
from slackanalysis.outputs.manifest import file_record, manifest_path, write_manifest
from slackanalysis.outputs.tables import check_ending, write_table
from slackanalysis.sweep.comparison import (
    FEWEST_PAIRS,
    compare_policies,
    effect_by_cell,
    pairs_over,
)
from slackanalysis.sweep.gains import read_sizings
from slackvm.cli.failures import reported
from slackvm.formats.files import refuse_overwriting

_EXAMPLES = """\b
Examples:
  slackvm-analysis sweep --output sweep.parquet --seeds 1-20 --policy first-fit --policy progress
  slackvm-analysis compare sweep.parquet
  slackvm-analysis compare sweep.parquet --value host_hours_shared --output cells.csv
"""


@click.command("compare", cls=RecordedCommand, epilog=_EXAMPLES)
@click.argument("table", type=click.Path(path_type=Path, exists=True), metavar="TABLE")
@click.option(
    "--value",
    "values",
    metavar="COLUMN",
    multiple=True,
    default=["hosts_shared"],
    show_default=True,
    help="What is compared; may be given several times.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the effect per provider, mix and number of VMs there: .parquet, .csv or .csv.gz.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@click.pass_context
def compare(
    context: click.Context,
    table: Path,
    values: tuple[str, ...],
    output: Path | None,
    as_json: bool,
) -> None:
    """Compare the policies of TABLE, which size or sweep wrote, pair by pair.

    Both policies of a pair had the same request lists. The command compares the sums over the lists
    of each seed, or single lists if there is one seed. p is that of Wilcoxon's signed-rank test,
    two-sided, corrected by Holm's method for all comparisons shown.
    """
    with reported():
        if output:
            check_ending(output)
            refuse_overwriting([output, manifest_path(output)], [table])
            record = file_record(table)
        sizings = read_sizings(table, keys=())
        try:
            compared = compare_policies(sizings, list(dict.fromkeys(values)))
            cells = effect_by_cell(sizings, list(dict.fromkeys(values)))
        except ValueError as error:
            raise ValueError(f"{table}: {error}") from error
        if output:
            write_table(
                output,
                cells,
                lambda written: write_manifest(
                    manifest_path(output),
                    command=command_line(context),
                    parameters=context.params,
                    inputs=[record],
                    outputs=written,
                ),
            )
    over = pairs_over(sizings)
    if as_json:
        rows = json.loads(compared.to_json(orient="records"))
        click.echo(json.dumps({"pairs_over": over, "comparisons": rows}, indent=2))
        return
    for value, rows in compared.groupby("value", sort=False):
        Console(highlight=False, markup=False).print(_shown(str(value), rows))
    pairs = int(compared["pairs"].min())
    click.echo(f"{pairs} pairs, each a {over}; Wilcoxon's signed-rank test, corrected by Holm.")
    if pairs < FEWEST_PAIRS:
        click.echo(f"Too few for a p below 0.05: take {FEWEST_PAIRS} seeds or more.")
    if output:
        click.echo(f"{output}: {len(cells)} rows")


def _shown(value: str, rows: pd.DataFrame) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, title=value, title_justify="left", padding=(0, 1, 0, 0))
    for heading in ("policy", "other", "sum", "other's", "change %", "interval", "p"):
        is_name = heading in ("policy", "other")
        shown.add_column(
            heading,
            justify="left" if is_name else "right",
            no_wrap=not is_name,
            overflow="fold",
            min_width=9 if is_name else None,
        )
    for row in rows.to_dict("records"):
        has_interval = pd.notna(row["percent_low"])
        shown.add_row(
            *(str(row[name]) for name in ("policy", "other")),
            *(f"{row[name]:.7g}" for name in ("sum", "sum_other")),
            f"{row['percent']:+.2f}",
            f"{row['percent_low']:+.1f} to {row['percent_high']:+.1f}" if has_interval else "",
            f"{row['p_holm']:.2g}",
        )
    return shown
