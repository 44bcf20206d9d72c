"""`dualblock schemas`: JSON Schemas of every record, generated from the contracts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.shell import answer, no
from streams.errors import InputError


def schemas(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; end with 1 when a file is out of step.")
    ] = False,
    out_dir: Annotated[
        Path, typer.Option("--out", help="Directory of the schema files.", metavar="DIR", file_okay=False)
    ] = Path("schemas"),
) -> None:
    """Write the JSON Schema (2020-12) of every record on a topic, one file each; remove those of no record."""
    from streams.contracts.schemas import files, write

    try:
        if not check:
            changed = write(out_dir)
            answer(f"{len(files())} schemas in {out_dir}, {len(changed)} of them changed.")
            return
        wanted = files()
        held = {path.name: path.read_bytes() for path in out_dir.glob("*.v*.json")}
    except OSError as error:
        raise InputError(f"{out_dir} can't be used ({error.strerror or error}): name another --out.") from error
    differ = sorted(name for name in held.keys() | wanted.keys() if held.get(name) != wanted.get(name))
    if differ:
        no(f"{out_dir} is out of step with the contracts ({', '.join(differ)}): run `dualblock schemas`.")
    answer(f"{len(wanted)} schemas are in step.")
