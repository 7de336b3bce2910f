"""What each command looks like when it is typed: the end of its ``--help``, and of its part of docs/commands.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

HEAD = "Examples:"
EXAMPLES = {
    "approve": ("models approve GOLD 25", "models approve GOLD 25 --version 7"),
    "backcast": ("models backcast GOLD 25", "models backcast VIX 5 --last 60"),
    "backup": ("backup /backups/2026-01-31",),
    "decisions": ("models decisions", "models decisions GOLD VIX"),
    "delete": ("models delete GOLD 25 --version 3", "models delete GOLD 25"),
    "demo": ("demo", "demo --next-day", "demo GOLD SP500 --as-of 2012-06-29", "demo customers"),
    "diff": ("models diff GOLD 25 1 2",),
    "doctor": ("doctor",),
    "down": ("down",),
    "evaluate": ("evaluate", "evaluate --full"),
    "explain": ("explain GOLD 25", "explain GOLD 25 --as-of 2012-12-03"),
    "export": ("models export VIX 5 --to exported",),
    "extract": ("extract", "extract GOLD VIX --full"),
    "hindcast": (
        "hindcast --from 2018-01-31 --to 2018-12-31 --every month",
        "hindcast GOLD --from 2018-01-31 --to 2018-12-31 --every month --against other.yaml",
    ),
    "history": ("models history GOLD 25",),
    "list": ("models list", "models list GOLD VIX", "models list --all"),
    "new": ("keys new", "keys new --ed25519"),
    "outcomes": ("outcomes --last 50",),
    "public": ("keys public",),
    "publish": ("publish", "publish --until 2012-12-31"),
    "reject": ("models reject GOLD 25",),
    "read": ("bars read",),
    "renew": ("keys renew",),
    "repair": ("repair --after 2026-01-31", "repair --after 2026-01-31 --yes"),
    "replay": ("replay GOLD 25 --as-of 2012-12-03", "replay shop for_you"),
    "restore": ("restore /backups/2026-01-31 --check", "restore /backups/2026-01-31 --replace"),
    "rewind": ("bars rewind INTRADAY_GOLD",),
    "rollback": ("models rollback GOLD 25 1 --reason 'better live'",),
    "run": ("run", "run --until 2012-12-31T22:00:00 --workers 2"),
    "score": ("score", "score GOLD"),
    "send": ("bars send bars.csv",),
    "show": ("models show VIX 5", "models show VIX 5 --version 1 --json"),
    "sql": ("sql", "sql 'SELECT * FROM probabilities_long WHERE has_skill'"),
    "status": ("status",),
    "tables": ("tables",),
    "tidy": ("tidy",),
    "train": ("train", "train GOLD --target 25 --force"),
    "up": ("up",),
    "verify": ("models verify", "models verify GOLD"),
    "waiting": ("models waiting",),
}


def with_examples(app: typer.Typer) -> typer.Typer:
    """Put the examples below the help of every command of the app and of its groups; gives the app back."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        if name in EXAMPLES:
            command.epilog = "\n\n".join((HEAD, *(f"brain {words}" for words in EXAMPLES[name])))
    for group in app.registered_groups:
        if group.typer_instance is not None:
            with_examples(group.typer_instance)
    return app
