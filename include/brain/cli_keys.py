"""``brain keys``: secrets for the settings."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Draw secrets for the settings.")


@app.callback()
def keys() -> None:
    """Draw secrets for the settings."""


@app.command()
def new(
    ed25519: Annotated[
        bool, typer.Option("--ed25519", help="A pair, of which scoring may be given the half that cannot sign.")
    ] = False,
) -> None:
    """Print a fresh signing key and a fresh encryption key, as lines for the environment; nothing is kept.

    Of a pair the public half is printed as a comment, with a secret of its own for the rows that scoring stages.
    """
    import secrets

    from cryptography.fernet import Fernet

    from brain.core.signing_keys import new_pair

    private, public = new_pair() if ed25519 else (secrets.token_urlsafe(32), "")
    typer.echo(f"BRAIN_SIGNING_KEYS={private}")
    typer.echo(f"BRAIN_ENCRYPTION_KEYS={Fernet.generate_key().decode()}")
    if ed25519:
        typer.echo("# For scoring and publishing, which then verify models and cannot sign any:")
        typer.echo(f"# BRAIN_SIGNING_KEYS={public}")
        typer.echo(f"# BRAIN_STAGING_KEYS={secrets.token_urlsafe(32)}")


@app.command()
def public() -> None:
    """Print the halves of BRAIN_SIGNING_KEYS that only verify, as a line for the environment of scoring."""
    from brain.core.errors import SettingsError
    from brain.core.settings import Settings
    from brain.core.signing_keys import public_half

    halves = [public_half(key.get_secret_value()) for key in Settings.load().signing_keys]
    if shared := halves.count(None):
        raise SettingsError(
            "BRAIN_SIGNING_KEYS",
            found=f"{shared} shared secrets among {len(halves)} keys: who verifies with them can sign",
            expected="keys of `brain keys new --ed25519` only",
            remedy="Put such a key first and `brain keys renew`; then the shared secrets are of no more use.",
        )
    typer.echo(f"BRAIN_SIGNING_KEYS={','.join(half for half in halves if half)}")


@app.command()
def renew() -> None:
    """Sign every model, champion and snapshot anew with the first key, so that the keys behind it can be dropped.

    What no key of BRAIN_SIGNING_KEYS vouches for stays as it is. What a key has signed that others may
    know is not to be renewed but trained anew.
    """
    from datetime import UTC, datetime

    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.renewing import renew as renew_signatures
    from brain.workspace import open_workspace

    workspace = open_workspace(Settings.load())
    workspace.settings.models_signer.require_signing()
    for line in renew_signatures(workspace, Moment(datetime.now(UTC))):
        typer.echo(line)
