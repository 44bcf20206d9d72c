"""`dualblock api`: providers verify senders and accounts before they send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.shell import answer, app_of, no, say, shell_of
from streams.errors import InputError

app = app_of("api", "")
app.info.no_args_is_help = False


@app.callback(invoke_without_command=True)
def api(ctx: typer.Context) -> None:
    """Serve the verification API until Ctrl-C or SIGTERM: POST /v1/verify, GET /v1/senders, GET /v1/accounts.

    It answers from a local replica, 503 until that is read; what it answered stands in the topic verifications before
    the answer leaves. The table "api" of the settings says where it listens and whose keys it knows.
    """
    if ctx.invoked_subcommand is not None:
        return
    shell = shell_of(ctx)
    settings = shell.settings
    shell.connection()
    from streams.service.verification import run_api

    def started(port: int) -> None:
        scheme = "https" if settings.api.certificate_file else "http"
        say(f"Verification on {scheme}://{settings.api.host}:{port}/v1/verify; Ctrl-C stops it.")

    try:
        code = run_api(settings, started)
    except OSError as error:
        raise InputError(f"{settings.api.host}:{settings.api.port} can't be listened on: {error}.") from error
    if code:
        no("Stopped by an error above: start it again.")


@app.command()
def key(
    relay: Annotated[str, typer.Option(help="The relay whose key it is.", metavar="RELAY")],
    name: Annotated[str, typer.Option("--id", help="What the audit log calls it.", metavar="ID")],
) -> None:
    """Make an API key: the secret for the relay, shown this once, and the entry for the keys file."""
    from streams.api.keys import new_key, read_keys

    secret, sha256 = new_key()
    entry = f"[[key]]\nid = {_quoted(name)}\nrelay = {_quoted(relay)}\nsha256 = {_quoted(sha256)}"
    read_keys(entry, "this key")
    say(f"Secret for {relay}, not shown again: {secret}")
    answer(entry)


def _quoted(text: str) -> str:
    if not text.isprintable() or '"' in text or "\\" in text:
        raise InputError(f"{text!r} can't stand in a keys file: use letters, digits and -_.:")
    return f'"{text}"'


@app.command()
def openapi(
    out: Annotated[Path | None, typer.Option(help="File to write; stdout otherwise.", metavar="FILE")] = None,
) -> None:
    """Print the API's description, OpenAPI 3.1."""
    import json

    from streams import __version__
    from streams.api.spec import document

    text = json.dumps(document(__version__), indent=2, sort_keys=True, ensure_ascii=False)
    if out is None:
        answer(text)
        return
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} can't be written ({error.strerror or error}): name another --out.") from error
