"""What anomalies publishes: what is strange, how strange every bar is, who noticed, and what was watched."""

from __future__ import annotations

from brain.usecases.anomalies.news import NEWS
from brain.usecases.protocol import Overview
from brain.warehouse.tables import PUBLISHED_AT, REASON, STALE, Column, Follows, History, ModelColumns, PublishedTable

_FEED = Column("feed", "text", "The feed, as the catalogue calls it.")
_STALE = Column(STALE, "boolean", "True where the feed could not be watched anew.")
_PUBLISHED = Column(PUBLISHED_AT, "timestamptz", "The run's moment.")

ANOMALY_FEEDS = PublishedTable(
    name="anomaly_feeds",
    meaning="A row a feed: what was watched, up to when, and what could not be.",
    key=("feed",),
    columns=(
        _FEED,
        Column("as_of", "timestamptz", "Time of its newest bar.", required=True),
        Column("watched_from", "timestamptz", "Bars from this time on were looked at in this run."),
        Column("symbols", "integer", "Symbols that were watched.", low=0),
        Column("bars", "integer", "Bars that were looked at.", low=0),
        Column("anomalies", "integer", "Anomalies first published by this run.", low=0),
        Column("alerts_per_week", "double precision", "The alert budget of each symbol."),
        Column("not_watched", "text", "Symbols that were not watched, and why; empty if all were."),
        Column("left_out", "text", "Bars that did not count, and why; empty if all did."),
        Column("feedback_ignored", "text", "Rows of the feedback that make no sense, and why; empty if all do."),
        Column("feedback_table", "text", "Table of the source database in which people confirm or dismiss."),
        Column("data_sha256", "text", "Hash of the snapshot of bars behind it."),
        _STALE,
        Column(REASON, "text", "Why it is stale."),
        _PUBLISHED,
    ),
    value="symbols",
    history=History("anomaly_feed_history", "What every run watched."),
)

ANOMALIES = PublishedTable(
    name="anomalies",
    meaning="A row an anomaly: a stretch of bars of one symbol in which admitted detectors found more than its alert"
    " budget allows. A row stays once it is published.",
    key=("anomaly",),
    columns=(
        Column("anomaly", "text", "Its key, of feed, symbol and start; the feedback names it."),
        _FEED,
        Column("symbol", "text", "The symbol, as the feed tells it.", required=True),
        Column("started_at", "timestamptz", "Time of its first bar.", required=True),
        Column("ended_at", "timestamptz", "Time of its last bar so far.", required=True),
        Column("kind", "text", "What it is, as the detector that noticed most at first calls it.", required=True),
        Column("score", "double precision", "Its largest score by the threshold: 1 just is an alert.", required=True),
        Column("severity", "text", "`low` below 1.5 thresholds, `high` from 3 on, else `medium`.", required=True),
        Column("expected", "double precision", "What was expected, in the unit that the reason tells."),
        Column("seen", "double precision", "What was seen instead."),
        Column("told", "text", "The reason in words.", required=True),
        Column("detector", "text", "The detector that noticed most when it was first published.", required=True),
        Column("noticed_by", "text", "All detectors that noticed it.", required=True),
        Column("model_version", "integer", "Version of that detector's model."),
        Column(
            "status",
            "text",
            "`going on` where it touches the newest bar; `withdrawn` where its bars were corrected or came late, and"
            " nothing strange is left of it; else `over`.",
            required=True,
        ),
        Column("withdrawn", "text", "What of its bars has changed, where it is withdrawn; else empty."),
        Column("feedback", "text", "`confirmed` or `dismissed` by a person; empty so far."),
        Column("note", "text", "What that person wrote."),
        Column("first_published", "timestamptz", "The moment of the run that found it.", required=True),
        Column("scored_at", "timestamptz", "The moment of the run that gave it this score."),
        _STALE,
        _PUBLISHED,
    ),
    value="score",
    unscored="drop",
    follows=Follows(ANOMALY_FEEDS, ("feed",)),
    news=NEWS,
)

ANOMALY_SCORES = PublishedTable(
    name="anomaly_scores",
    meaning="A row a symbol and bar that the last run looked at: how strange it is, for plotting.",
    key=("feed", "symbol", "at"),
    columns=(
        _FEED,
        Column("symbol", "text", "The symbol, as the feed tells it."),
        Column("at", "timestamptz", "Time of the bar."),
        Column("value", "double precision", "The close, or what the sensor reads."),
        Column("usual_low", "double precision", "Three usual changes below the bar before."),
        Column("usual_high", "double precision", "Three usual changes above it."),
        Column("score", "double precision", "What all say together; 1 and more is an alert.", low=0),
        Column("detector", "text", "The detector that says so; empty where the symbol has none."),
        _STALE,
        _PUBLISHED,
    ),
    value="score",
    unscored="drop",
    follows=Follows(ANOMALY_FEEDS, ("feed",)),
)

DETECTOR_SCORECARD = PublishedTable(
    name="detector_scorecard",
    meaning="A row a symbol and detector: what it finds of faults in the symbol's own past at the alert budget, whether"
    " it was admitted, and the verdict in words.",
    key=("feed", "symbol", "detector"),
    columns=(
        _FEED,
        Column("symbol", "text", "The symbol, as the feed tells it."),
        Column("detector", "text", "Name of the detector."),
        Column("admitted", "boolean", "Whether it watches this symbol.", required=True),
        Column("verdict", "text", "The same in words: what it adds, or `adds nothing here`.", required=True),
        Column("alone", "double precision", "Share of the faults that it finds by itself.", low=0, high=1),
        Column("gain", "double precision", "What it adds to the share that the others find."),
        Column("together", "double precision", "Share of the faults that all admitted ones find.", low=0, high=1),
        Column("threshold", "double precision", "Of its score; empty where it was not admitted."),
        Column("faults", "integer", "Planted and confirmed faults that it was measured on.", low=0),
        Column("alerts_per_week", "double precision", "Alerts a week of all admitted ones, on later bars.", low=0),
        Column("about", "text", "What it notices."),
        Column("model_version", "integer", "Version of its model."),
        Column("measured_at", "timestamptz", "The moment it was trained for."),
        _STALE,
        _PUBLISHED,
    ),
    value="verdict",
    unscored="drop",
    follows=Follows(ANOMALY_FEEDS, ("feed",)),
    model=ModelColumns(("feed", "detector"), "model_version"),
)

OVERVIEW = Overview(
    "Anomalies",
    "SELECT symbol, started_at, kind, severity, score, status, told, feedback FROM anomalies"
    " ORDER BY started_at DESC LIMIT 20",
)
