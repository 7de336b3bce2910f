"""Signing all that is stored anew with the newest key, so that the keys before it can be dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.core.errors import LakeError
from brain.store.renewing import renew_champions, renew_versions, renew_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brain.core.moment import Moment
    from brain.usecases.protocol import Run
    from brain.workspace import Workspace


def renew(workspace: Workspace, moment: Moment) -> Iterator[str]:
    """Renew each use case; tells in a line each what was signed, and how much no key vouches for.

    Staged rows are not renewed: a run that was scored and not published is to be scored again.
    """
    for run in workspace.runs(moment):
        run.settings.models_signer.require_signing()
        for what, found in (("versions", renew_versions(run.store)), ("champions", renew_champions(run.store))):
            yield _told(run, what, found.signed, found.refused)
        waiting = renew_waiting(run.store)
        if waiting.signed or waiting.refused:
            yield _told(run, "questions of approval", waiting.signed, waiting.refused)
        run.counters.keep()
        yield _told(run, "tables of the lake", *_renew_manifests(run))
        run.lake.keep_counters()


def _told(run: Run, what: str, signed: int, refused: int) -> str:
    left = f"; {refused} that no key vouches for were left as they are" if refused else ""
    return f"{run.use_case.name}: {signed} {what} are signed with the first key{left}"


def _renew_manifests(run: Run) -> tuple[int, int]:
    lake, space = run.lake, run.use_case.space
    signed, folders = 0, len(lake.storage.names(space))
    for name in lake.names(space):
        try:
            manifest = lake.manifest(space, name)
        except LakeError:  # an old one that was put back
            continue
        if manifest is not None:
            with lake.writing(space, name, manifest):
                for _ in range(2):  # the one before it, too, which is read where the newest is damaged
                    lake.replace_manifest(manifest)
            signed += 1
    return signed, folders - signed
