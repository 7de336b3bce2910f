"""Everything from the broker to the mail, killed anywhere: read bars, extract, train, score, publish, deliver.

The same days are played twice, once undisturbed; each day ends with every step gone through, as a scheduler sees to it.
"""

from __future__ import annotations

import html
import json
import os
import random
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from benchmarks.fault_injection import bars, state
from benchmarks.fault_injection.children import DO, run, start_server
from benchmarks.fault_injection.findings import Findings
from benchmarks.fault_injection.injections import kill
from benchmarks.fault_injection.machine import machine, world
from benchmarks.fault_injection.plants import PLANTS
from benchmarks.fault_injection.play import Play
from benchmarks.fault_injection.stage import Stage
from brain.replaying import table_replays
from brain.warehouse.read import ask
from local.broker import Broker
from local.inbox import html_of, running_inbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.fault_injection.children import Task
    from benchmarks.fault_injection.machine import Machine
    from local.inbox import Inbox

TABLES = ("anomaly_feeds", "anomalies", "anomaly_scores", "detector_scorecard")
NONE = (
    *("bars lost", "bars doubled", "bars with another value"),
    *("anomalies not told", "anomalies told in two mails"),
)
KILLS = 3  # of a step that has a defect
NOTICES = "SELECT use_case, step, subject, since, kind, happened, solved_at FROM notices ORDER BY 1, 2, 3, 4"
NOTED = "SELECT happened FROM notices WHERE kind = 'found' ORDER BY 1"


def _nothing(*_: Any) -> Any:
    """Bars come by the broker, and nobody looks on."""


CHAIN = Play(
    use_case="anomalies",
    catalogue=bars.CATALOGUE,
    chunks=((bars.FEED,),),
    space="anomalies",
    inputs=(bars.FEED,),
    keys=tuple(sorted(f"anomalies/{bars.FEED}/{name}" for name in bars.DETECTORS)),
    tables=TABLES,
    details="",
    staged_number="score",
    load=_nothing,
    moment=bars.moment,
    truth=_nothing,
    reader=_nothing,
    check_numbers=_nothing,
)


@dataclass
class Chain:
    """What all worlds of a run share.

    Args:
        states: What the tables hold at the end of each day undisturbed.
        seconds: By step, how long it takes.
    """

    machine: Machine
    kafka: SecretStr
    inbox: Inbox
    states: list[state.State] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def tasks(self, stage: Stage) -> list[Task]:
        """The steps of the day, in order."""
        *steps, tidy = stage.tasks()
        given = {"AIRFLOW_CONN_BRAIN_SMTP": json.dumps(self.inbox.connection)}
        ours = [stage.task("read"), *steps, stage.task("deliver"), tidy]
        return [
            replace(
                one, environment=given, variables={**one.variables, "BRAIN_KAFKA_URL": self.kafka.get_secret_value()}
            )
            for one in ours
        ]


@contextmanager
def prepared(days: int) -> Iterator[Chain]:
    """A machine with a broker and an inbox, and what so many days give undisturbed on it."""
    os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))
    start_server("brain.ingestion", "orchestration.delivery", "airflow.providers.smtp.notifications.smtp")
    with machine() as running, running_inbox() as inbox:
        broker = Broker(running.folder / "topics")
        try:
            chain = Chain(running, SecretStr(Broker.url(broker.start(9092))), inbox)
            findings = Findings()
            with _days(chain, 0, findings) as (stage, sent):
                for day in range(days):
                    _begin(stage, sent, day)
                    for task in chain.tasks(stage):
                        outcome, seconds = run(task)
                        assert outcome.kind == "done", (task.step, outcome)
                        chain.seconds[task.step] = max(seconds, chain.seconds.get(task.step, 0.0) if day > 1 else 0.0)
                    chain.states.append(_state(stage))
                _check(chain, stage, sent, findings)
            assert not findings.found, findings.found
            yield chain
        finally:
            broker.stop()


def disturbed(chain: Chain, seed: int, days: int, kills: int, findings: Findings, plant: str = "") -> None:
    """One world in which each step of each day is begun and killed so many times before it goes through.

    Args:
        plant: A defect put in on purpose; then only the steps are killed that show it.
    """
    steps = PLANTS[plant].steps if plant else DO
    with _days(chain, seed, findings) as (stage, sent):
        stage.plant = plant
        for day in range(days):
            _begin(stage, sent, day)
            for task in chain.tasks(stage):
                for _ in range(kills if task.step in steps else 0):
                    kill(stage, task)
                if (
                    task.step != "deliver" or plant or day == days - 1 or (seed + day) % 2
                ):  # else told with the next news
                    stage.ensure(task)
            for told in state.differences(_state(stage), chain.states[day]):
                findings.report("converges", f"seed {seed}, day {day}: {told}")
            findings.count("days compared")
        _check(chain, stage, sent, findings)


@contextmanager
def _days(chain: Chain, seed: int, findings: Findings) -> Iterator[tuple[Stage, bars.Sent]]:
    topic = f"W{seed}_{os.getpid()}_{{symbol}}"
    chain.inbox.mails.clear()
    with world(chain.machine, replace(CHAIN, catalogue=bars.CATALOGUE.format(topic=topic))) as made:
        yield Stage(made, random.Random(seed), findings, dict(chain.seconds)), bars.Sent(chain.kafka, topic)


def _state(stage: Stage) -> state.State:
    """What has to be the same, whenever it was told."""
    noted = ask(stage.world.settings.warehouse_url, NOTICES).rows
    return {**state.state(stage.world, stage.day), "notices": noted}


def _begin(stage: Stage, sent: bars.Sent, day: int) -> None:
    stage.day = day
    sent.send(day)


def finds(chain: Chain, plant: str) -> bool:
    """Whether the kills of a few worlds show a defect that was put in on purpose."""
    for seed in range(1, 7):
        findings = Findings()
        disturbed(chain, seed, 1, KILLS, findings, plant)
        if {one.rule for one in findings.found} & set(PLANTS[plant].rules):
            return True
    return False


def _check(chain: Chain, stage: Stage, sent: bars.Sent, findings: Findings) -> None:
    """What is lost, doubled, or does not come out again, when all days are over."""
    url = stage.world.settings.warehouse_url
    for what, count in {**sent.differences(url), **mailed(chain.inbox, url)}.items():
        findings.count(what, count)
        if count and what in NONE:
            findings.report("converges", f"{count} {what}")
    findings.count("bars and refusals", len(sent.closes) + sent.refused)
    anomalies = stage.world.workspace().run("anomalies", stage.moment())
    for detector in bars.DETECTORS:
        for told in table_replays([anomalies], bars.FEED, detector):
            findings.count("numbers replayed", told.rows)
            for obstacle in told.obstacles:
                findings.report("traced", f"{detector}: {obstacle}")


def mailed(inbox: Inbox, url: SecretStr) -> dict[str, int]:
    """How many anomalies were told by no mail, or by several that no mail reader knows as one; and how many mails.

    A mail that is sent again has the Message-ID that it had: readers of mail show it once.
    """
    ids = [str(mail["Message-ID"]) for _, mail in inbox.mails]
    texts = {name: html_of(mail) for name, (_, mail) in zip(ids, inbox.mails, strict=True)}
    told: Counter[str] = Counter()
    noted = [happened for (happened,) in ask(url, NOTED).rows]
    for happened in noted:
        told[happened] = sum(html.escape(happened) in text for text in texts.values())
    return {
        "anomalies told": len(noted),
        "anomalies not told": sum(not count for count in told.values()),
        "anomalies told in two mails": sum(count > 1 for count in told.values()),
        "mails": len(texts),
        "mails sent twice": len(ids) - len(texts),
    }
