"""What came of a corpus, for people to read."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from keras_bigs.data.corpus.job import Job


def summarize(job: Job, manifest: dict, console: Console) -> None:
    """Prints the counts of a manifest: tokens are counted without padding."""
    table = Table(
        *("", "examples", "tokens without padding", "share of padding", "shards"),
        title=escape(job.directory),
    )
    for name, split in manifest["splits"].items():
        positions = split["num_examples"] * job.settings.sequence_length
        table.add_row(
            name,
            f"{split['num_examples']:,}",
            f"{split['num_tokens']:,}",
            f"{1 - split['num_tokens'] / positions:.0%}",
            f"{split['num_shards']:,}",
        )
    console.print(table)
    if counts := manifest["deduplication"]:
        share = counts["num_repeated_bytes"] / counts["num_bytes"]
        console.print(
            f"Left out {counts['num_repeated_paragraphs']:,} of "
            f"{counts['num_paragraphs']:,} paragraphs that came again, {share:.1%} of "
            "the text."
        )
