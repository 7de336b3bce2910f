"""What a world holds when nothing runs: to be compared with the undisturbed one, and with itself."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.fault_injection.reader import DETAILS, Truth, facts, named
from brain.core.errors import LakeError
from brain.core.moment import Moment
from brain.lake.retention import RUN
from brain.lake.storage import UNFINISHED
from brain.replaying import replay_of
from brain.scoring.replay import Published
from brain.steps import run_folders
from brain.store.champions import Champion
from brain.store.connection import database
from brain.usecases.direction.names import model_key
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.fault_injection.findings import Findings
    from benchmarks.fault_injection.machine import World

KEPT_VERSIONS = 1 + 2  # the champion, one more, and what a number within the audit window needs

State = dict[str, Any]


def state(world: World, day: int) -> State:
    """Published rows as text, champions with what was served on each day and verdicts, and the versions there are."""
    settings = world.settings
    rows = {
        name: sorted(ask(settings.warehouse_url, f"SELECT t::text FROM {name} t").rows) for name in world.play.tables
    }
    models = database(settings.mongo_url)
    pointers = sorted(models["champions"].find(), key=lambda found: str(found["_id"]))
    champions = [
        {
            **{name: found.get(name) for name in ("_id", "version", "model", "trained_at", "degraded", "verdict")},
            "served": [served(found, world.play.moment(past)) for past in range(day + 1)],
        }
        for found in pointers
    ]
    versions = sorted((found["_id"], found["identity"]) for found in models["models"].find({}, {"identity": 1}))
    return {**rows, "champions": champions, "versions": versions}


def served(pointer: dict[str, Any], then: Moment) -> int | None:
    """The version that was served then, as the pointer's moves tell it."""
    versions = [move["version"] for move in pointer.get("moves", []) if move["at"] <= then.at]
    return versions[-1] if versions else None


def differences(found: State, expected: State) -> list[str]:
    """What is not as it was undisturbed, by part."""
    return [
        f"{name}: {_first_difference(found[name], expected[name])}"
        for name in expected
        if found[name] != expected[name]
    ]


def _first_difference(found: list[Any], expected: list[Any]) -> str:
    extra = [one for one in found if one not in expected]
    missing = [one for one in expected if one not in found]
    return f"{len(extra)} more, such as {str(extra[:1])[:300]}; {len(missing)} less, such as {str(missing[:1])[:300]}"


def truth_of(world: World) -> Truth:
    """What the last publication says of every cell."""
    rows = map(named, ask(world.settings.warehouse_url, DETAILS).rows)
    return {(row["asset"], row["horizon"], row["published_at"]): facts(row) for row in rows}


def check_numbers(world: World, now: Moment, findings: Findings) -> None:
    """Every number that is shown comes out again, from a version that verifies and was champion then."""
    run = world.workspace().run("direction", now)
    pointers = {found["_id"]: found for found in database(world.settings.mongo_url)["champions"].find()}
    for row in map(named, ask(world.settings.warehouse_url, DETAILS).rows):
        if row["probability"] is None:
            continue
        key, cell = model_key(row["asset"], row["horizon"]), f"{row['asset']} {row['horizon']}"
        told = replay_of(
            run,
            Published(
                key=key,
                as_of=row["as_of"],
                published_at=row["published_at"],
                value=row["probability"],
                has_skill=row["has_skill"],
                model_version=row["model_version"],
                data_sha256=row["data_sha256"],
            ),
        )
        findings.count("numbers replayed")
        if not told.identical:
            findings.report("traced", f"{cell} does not come out again: {'; '.join(told.obstacles)}")
        champion = served(pointers.get(str(key), {}), Moment(row["published_at"]))
        if champion != row["model_version"]:
            findings.report("traced", f"{cell} is of v{row['model_version']}, the champion was v{champion}")


def check_champions(world: World, now: Moment, findings: Findings) -> None:
    """One champion a key, and each is served."""
    models = database(world.settings.mongo_url)
    pointers = sorted(str(found["_id"]) for found in models["champions"].find())
    if pointers != list(world.play.keys):
        findings.report("champions", f"the champions are {pointers}")
    for champion in world.workspace().run(world.play.use_case, now).store.champions(world.play.units):
        findings.count("champions verified")
        if not isinstance(champion, Champion):
            findings.report("champions", f"{champion.key} is refused: {champion.error}")


def check_orphans(world: World, now: Moment, findings: Findings) -> None:
    """What is left after `tidy`, two days after the last writer."""
    for left in _orphans(world, now):
        findings.report("orphans", left)
    findings.count("tidied worlds")


def age_unfinished(world: World, now: Moment) -> None:
    """Let files that killed writers left be two days old, as they are when `tidy` comes."""
    old = (now.at - timedelta(days=2)).timestamp()
    for path in world.lake.rglob(f"*{UNFINISHED}"):
        os.utime(path, (old, old))


def _orphans(world: World, now: Moment) -> Iterator[str]:
    lake = world.workspace().run(world.play.use_case, now).lake
    for name in world.play.inputs:
        try:
            manifest = lake.manifest(world.play.space, name)
        except LakeError as error:
            yield f"a manifest that is refused: {error}"
            continue
        named_there = set(manifest.segments) if manifest else set()
        for path in sorted((world.folder(name) / "segments").iterdir()):
            if path.name not in named_there:
                yield f"a file of rows that no snapshot needs: {_shown(path, world)}"
    yield from (f"a half-written file: {_shown(path, world)}" for path in world.lake.rglob(f"*{UNFINISHED}"))
    oldest = (now.at - timedelta(days=2)).strftime("%Y%m%d")
    for folder in run_folders():
        for path in (world.lake / folder).glob("*"):
            if RUN.fullmatch(path.name) and path.name[:8] < oldest:
                yield f"a folder of an old run: {_shown(path, world)}"
    for key, count in _versions(world).items():
        if key not in world.play.keys or count > KEPT_VERSIONS:
            yield f"{count} versions of {key}"


def _versions(world: World) -> dict[str, int]:
    counts: dict[str, int] = {}
    for found in database(world.settings.mongo_url)["models"].find({}, {"use_case": 1, "entity": 1, "target": 1}):
        key = f"{found['use_case']}/{found['entity']}/{found['target']}"
        counts[key] = counts.get(key, 0) + 1
    return counts


def _shown(path: Path, world: World) -> str:
    return re.sub(r"[0-9a-f]{16,}", "…", str(path.relative_to(world.lake)))
