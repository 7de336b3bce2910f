"""``brain keys``: secrets for the settings."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Draw secrets for the settings.")


@app.callback()
def keys() -> None:
    """Draw secrets for the settings."""


@app.command()
def new() -> None:
    """Print a fresh signing key and a fresh encryption key, as lines for the environment; nothing is kept."""
    import secrets

    from cryptography.fernet import Fernet

    typer.echo(f"BRAIN_SIGNING_KEYS={secrets.token_urlsafe(32)}")
    typer.echo(f"BRAIN_ENCRYPTION_KEYS={Fernet.generate_key().decode()}")
