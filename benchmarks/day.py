"""A working day of many assets: what each step takes when every table has one new row, and when none has."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.bounds import at_least, between, exactly
from benchmarks.report import RESULTS, Report
from benchmarks.working_day import market
from benchmarks.working_day.grid import give_models, keep_models
from benchmarks.working_day.market import HORIZONS, Shape, asset_name
from benchmarks.working_day.rivals import rivals
from benchmarks.working_day.slow_way import differing
from benchmarks.working_day.watching import ROOT, Player, cpu_of_servers, wires
from benchmarks.working_day.world import Kept, World, code_of, servers_in
from brain.usecases.direction.names import NAME
from brain.warehouse.read import ask
from brain.workspace import open_workspace
from local import servers as embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brain.usecases.protocol import Run

PLOT = ROOT / "docs" / "day.svg"
FOLDER = "DAY_FOLDER"  # where the grid and what was measured stay between runs; a new folder if it is not given
SIZES = "DAY_ASSETS"
PIECES = "DAY_PIECES"  # so many pieces of work at a time: where others wait for the machine
UNFINISHED = 75  # exit code: what is left is done by the same command again
STEPS = ("extract", "train", "judge", "score", "publish", "evaluate")
SLICED = {"extract": 250, "train": 25}  # units of one piece of work: one takes minutes
MORNING, NOON = 6, 12  # hours at which a day's rows are worked on, and at which there are no others
MOST_SKILL = "SELECT asset, sum(has_skill::int) FROM probability_details GROUP BY asset ORDER BY 2 DESC, 1"
SAMPLE = 2  # assets that are made again the slow way
ONE, TWO, NOTHING = "one new row", "one new row, two workers", "nothing new"
HOLDS = {
    "assets": at_least(3),
    "models": at_least(9),
    "compared": at_least(3),
    "numbers_that_differ": exactly(0),
    "failed_*": exactly(0),
    "refreshed_*": between(0.8, 1),
    "trained_with_nothing_new_*": exactly(0),
}
RIVALS = ("usual*_cpu_a_model", "mlflow_cpu_a_model", "floor_cpu_a_model")
TIMED = ("seconds_*", "cpu_*", "peak_mb_*", "megabytes_*", "ratio_*")


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Args:
        searched: Assets whose models are searched for; those of the others are made of them.
        days: What passes: its name, the workers, and the market's day, 0 where no row is new. Two workers are given
            to the smallest size only.
        training: The catalogue's settings for training; empty for those of a release.
        apart: Every piece of work in a process of its own.
    """

    sizes: tuple[int, ...]
    shape: Shape
    searched: int
    days: tuple[tuple[str, int, int], ...]
    training: dict[str, object]
    apart: bool


QUICK = Plan(
    (3,),
    Shape((1, 5, 21), 700, 1),
    1,
    ((ONE, 1, 1), (NOTHING, 1, 0)),
    {"trials": 1, "folds": 3, "classifiers": ["logistic"]},
    apart=False,
)
FULL = Plan(
    (100, 300, 1_000),
    Shape(HORIZONS, 3_000, 2),
    5,
    ((ONE, 1, 1), (TWO, 2, 2), (NOTHING, 1, 0)),
    {},
    apart=True,
)


def run(quick: bool) -> Report:
    """Each size in a world of its own, one after the other; every process of steps is a new one."""
    plan = QUICK if quick else FULL
    sizes = tuple(map(int, os.environ.get(SIZES, "").split())) or plan.sizes
    with _folder() as folder:
        kept = Kept(folder / code_of(ROOT / "include") / str(max(plan.shape.horizons)))
        found: dict[int, dict[str, Records]] = {}
        wrong: list[str] = []
        compared = 0
        for size in sizes:
            found[size], told, not_the_same = _measured(folder, kept, plan, size, smallest=size == min(sizes))
            compared, wrong = compared + told, wrong + not_the_same
        others = {} if quick else _rivals(folder, kept, plan, min(sizes))
    return _report(plan, found, compared, wrong, others)


@contextmanager
def _folder() -> Iterator[Path]:
    """The folder that stays; without one, a folder that goes with its servers."""
    if given := os.environ.get(FOLDER):
        yield Path(given)
        return
    made = Path(tempfile.mkdtemp(prefix="brain-day-"))
    try:
        yield made
    finally:
        embedded.remove(made / ".brain")
        shutil.rmtree(made, ignore_errors=True)


Records = list[dict[str, Any]]


def _measured(
    folder: Path, kept: Kept, plan: Plan, size: int, *, smallest: bool
) -> tuple[dict[str, Records], int, list[str]]:
    """By day, what its steps took; how many numbers were compared with the slow way, and which are not the same."""
    servers = servers_in(folder)
    models = folder / f"models_{max(plan.shape.horizons)}.bson"
    world = World(f"of_{size}", folder, servers, size, plan.shape, plan.training)
    with wires(servers) as wire:
        player = Player(wire, plan.apart)
        _once(kept, f"{size} made", partial(_make, world, plan, player, models))
        found: dict[str, Records] = {}
        passed = 0
        for name, workers, day in plan.days:
            if workers > 1 and not smallest:
                continue
            if day:
                _once(kept, f"{size} day {day} passed", partial(_pass, world, day))
                passed = day
            moment = world.shape.moment(passed, MORNING if day else NOON)
            records: Records = []
            for piece in _pieces(size):
                playing = partial(player.play, world, moment, workers, piece)
                records += _once(kept, f"{size} {name} {piece[0].replace(':', '-')}", playing)
            found[name] = records
        (told,) = _once(kept, f"{size} compared", partial(_compare, world, passed))
    return found, told["compared"], told["wrong"]


def _once(kept: Kept, name: str, do: Callable[[], Records]) -> Records:
    found = kept.find(name)
    if found is None:
        print(f"… {name}", flush=True)
        found = do()
        kept.keep(name, found)
        if kept.made >= int(os.environ.get(PIECES, "0")) > 0:
            sys.exit(UNFINISHED)
    return found


def _pieces(size: int) -> list[list[str]]:
    """Steps for each process: where one takes long, some units of it."""
    if size <= min(SLICED.values()):
        return [list(STEPS)]
    sliced = [
        [f"{step}:{first}:{min(size, first + units)}"]
        for step, units in SLICED.items()
        for first in range(0, size, units)
    ]
    return [*sliced, [step for step in STEPS if step not in SLICED]]


def _make(world: World, plan: Plan, player: Player, models: Path) -> Records:
    """Day 0: tables, snapshots, models, and everything published once."""
    market.create_tables(world.market_url, range(world.assets), world.shape)
    moment = world.shape.moment(0)
    if not models.exists():
        searched = World(
            f"searched_{world.name}", world.folder, world.servers, plan.searched, plan.shape, plan.training
        )
        searched.make()
        names = [asset_name(number) for number in range(plan.searched)]
        player.play(searched, moment, 1, ["extract", "train"])
        keep_models(open_workspace(searched.settings).run(NAME, moment), names, models)
    world.make()
    first = player.play(world, moment, 1, ["extract"])
    give_models(_run(world, 0, MORNING), world.units, models)
    return [*first, *player.play(world, moment, 1, ["judge", "score", "publish", "evaluate"])]


def _run(world: World, day: int, hours: int) -> Run:
    return open_workspace(world.settings).run(NAME, world.shape.moment(day, hours))


def _pass(world: World, day: int) -> Records:
    with closing(world.market()) as connection:
        market.pass_day(connection, range(world.assets), world.shape, day)
    return []


def _compare(world: World, day: int) -> Records:
    """The last day that had new rows against the slow way, of the assets that show the most besides base rates."""
    shown = ask(world.settings.warehouse_url, MOST_SKILL).rows
    names = [str(name) for name, _ in shown[:SAMPLE]]
    compared, wrong = differing(world, _run(world, day, MORNING), names)
    return [{"compared": compared, "wrong": wrong}]


def _rivals(folder: Path, kept: Kept, plan: Plan, size: int) -> dict[str, float]:
    """CPU seconds a model of the usual loop, MLflow's registry and the floor."""
    servers = servers_in(folder)
    world = World(f"of_{size}", folder, servers, size, plan.shape, plan.training)
    (found,) = _once(kept, "rivals", lambda: [dict(rivals(world, partial(cpu_of_servers, servers)))])
    return found


def _report(
    plan: Plan, found: dict[int, dict[str, Records]], compared: int, wrong: list[str], others: dict[str, float]
) -> Report:
    largest = max(found)
    horizons = len(plan.shape.horizons)
    figures: dict[str, Any] = {
        "assets": largest,
        "models": largest * horizons,
        "compared": compared,
        "numbers_that_differ": len(wrong),
    }
    rows: list[tuple[Any, ...]] = []
    for size, days in found.items():
        for day, records in days.items():
            word = f"{size}_{_word(day)}"
            by_step = {step: _together([one for one in records if one["step"] == step]) for step in STEPS}
            whole = _together(records)
            rows += [_row(size, day, step, took) for step, took in {**by_step, "all": whole}.items()]
            models = [one.get("models", {}) for one in records if one["step"] == "train"]
            figures[f"failed_{word}"] = sum(one["failed"] for one in records)
            trained = sum(told.get("refresh", 0) + told.get("search", 0) for told in models)
            if day == NOTHING:
                figures[f"trained_with_nothing_new_{size}"] = trained
            else:
                figures[f"refreshed_{word}"] = sum(told.get("refresh", 0) for told in models) / (size * horizons)
            figures |= {
                f"seconds_{word}": whole["seconds"],
                f"cpu_{word}": whole["cpu"] + whole["server_cpu"],
                f"peak_mb_{word}": whole["peak_mb"],
                f"megabytes_{word}": (whole["postgres_bytes"] + whole["mongo_bytes"] + whole["file_bytes"]) / 2**20,
                **{f"cpu_{word}_{step}": took["cpu"] + took["server_cpu"] for step, took in by_step.items()},
            }
    rows += [("", "", f"{who}, a model", "", one, "", "", "", "", "") for who, one in others.items()]
    figures |= {f"{who}_cpu_a_model": one for who, one in others.items()}
    figures |= {f"ratio_{who}_to_ours": one / _a_model(figures, largest, horizons) for who, one in others.items()}
    first = min(found)
    for day in found[first]:
        word = _word(day)
        each = {size: figures[f"cpu_{size}_{word}"] / size for size in found if day in found[size]}
        if largest not in each:
            continue
        figures[f"ratio_an_asset_{largest}_to_{first}_{word}"] = each[largest] / each[first]
    return Report(
        title=f"A working day of {' and '.join(map(str, found))} assets at {horizons} horizons",
        columns=(
            "assets",
            "day",
            "step",
            "s",
            "CPU s",
            "servers' CPU s",
            "peak MB",
            "PostgreSQL MB",
            "MongoDB MB",
            "files MB",
        ),
        rows=rows,
        figures=figures,
        notes=_notes(plan, compared, wrong),
    )


def _a_model(figures: dict[str, Any], size: int, horizons: int) -> float:
    """CPU seconds a model of a day on which every one is refitted."""
    return float(figures[f"cpu_{size}_{_word(ONE)}"]) / (size * horizons)


def _word(day: str) -> str:
    return day.replace(", ", "_").replace(" ", "_")


def _together(records: Records) -> dict[str, float]:
    """Sums over pieces, and the highest memory."""
    summed = ("seconds", "cpu", "server_cpu", "postgres_bytes", "mongo_bytes", "file_bytes")
    told = {name: float(sum(one[name] for one in records)) for name in summed}
    return {**told, "peak_mb": max((float(one["peak_mb"]) for one in records), default=0.0)}


def _row(size: int, day: str, step: str, took: dict[str, float]) -> tuple[Any, ...]:
    moved = (took[f"{where}_bytes"] / 2**20 for where in ("postgres", "mongo", "file"))
    return (size, day, step, took["seconds"], took["cpu"], took["server_cpu"], took["peak_mb"], *moved)


def _notes(plan: Plan, compared: int, wrong: list[str]) -> list[str]:
    told = f"{compared} published numbers were made again the slow way, from the source's rows and the recipe alone"
    return [
        f"Each asset is one of the demo's real series with its blocks of {market.BLOCK} days in an order of its own:"
        f" {plan.shape.rows:,} rows, {len(market.FEATURES)} features, {len(plan.shape.horizons)} forward returns.",
        f"The models of {plan.searched} assets were searched for; those of the others are copies under their own keys"
        " until the first day, which refits every model on its own rows.",
        "A row is what a step took: wall seconds, CPU seconds of its processes and of PostgreSQL and MongoDB meanwhile,"
        " the highest memory of all of them, and bytes over each connection and through files; imports are in it.",
        f"{told}: {len(wrong)} differ{': ' + ', '.join(wrong) if wrong else ''}.",
    ]


def draw() -> None:
    """Plot the kept result: ``python -m benchmarks.day`` draws it as an SVG of the docs."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    mpl.rcParams["svg.hashsalt"] = "day"
    kept = (RESULTS / f"{PLOT.stem}.md").read_text(encoding="utf-8")
    figures = json.loads(kept.split("```json")[1].split("```")[0])
    told = [name.removeprefix("seconds_") for name in figures if name.startswith("seconds_")]
    figure, axes = pyplot.subplots(figsize=(6, 1 + 0.5 * len(told)))
    left = [0.0] * len(told)
    for step in STEPS:
        assets = [int(word.partition("_")[0]) for word in told]
        width = [figures[f"cpu_{word}_{step}"] / count for word, count in zip(told, assets, strict=True)]
        axes.barh(told, width, left=left, label=step)
        left = [start + one for start, one in zip(left, width, strict=True)]
    axes.invert_yaxis()
    axes.set(xlabel="CPU seconds an asset, servers included")
    axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


if __name__ == "__main__":
    draw()
