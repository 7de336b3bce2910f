"""The questions that the demo `anomalies` asks of the published tables."""

from __future__ import annotations

ANOMALY_QUESTIONS: tuple[tuple[str, str], ...] = (
    (
        "What was strange?",
        "SELECT symbol, started_at, ended_at, kind, severity, told FROM anomalies ORDER BY started_at",
    ),
    (
        "Which detectors watch, and what does each add on faults planted in the past?",
        """SELECT detector, admitted, round(alone::numeric, 2) AS alone, round(gain::numeric, 2) AS gain, verdict
FROM detector_scorecard ORDER BY admitted DESC, gain DESC""",
    ),
    (
        "Does the LSTM add anything here?",
        "SELECT symbol, admitted, verdict FROM detector_scorecard WHERE detector = 'lstm' ORDER BY symbol",
    ),
    (
        "How often will it call in vain?",
        """SELECT symbol, max(alerts_per_week) AS alerts_per_week, max(together) AS faults_found, max(faults) AS of
FROM detector_scorecard GROUP BY symbol ORDER BY symbol""",
    ),
    (
        "What does the worst hour look like beside what was usual?",
        """SELECT at, value, usual_low, usual_high, score, detector FROM anomaly_scores
ORDER BY score DESC, at LIMIT 5""",
    ),
)
