"""A stored model in a person's words: what fits one screen of 80 columns and 40 lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.display import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONGEST = 190  # characters of one line of the screen: three lines of a terminal

Shown = dict[str, Any]


def screen_of(shown: Shown) -> list[tuple[str, str]]:
    """Labels and texts, in order.

    Args:
        shown: As `brain.store.browse.show_model` gives it.
    """
    return [(label, told) for label, told in _lines(shown) if told]


def _lines(shown: Shown) -> Iterator[tuple[str, str]]:
    judged, metrics = shown["judged"], shown["metrics"]
    unit, target = shown["entity"], shown["target"]
    is_champion = ", the champion" if judged["is_champion"] else ", not the champion"
    yield "model", f"{shown['use_case']}/{unit}/{target}, version {shown['version']}{is_champion}"
    yield "says", shown.get("description") or ""
    yield "skill", _skill(metrics)
    yield "proven", _proven(judged, metrics)
    is_published = judged["is_champion"] and judged["has_skill"] is not False
    yield "published" if is_published else "would publish", _head(shown.get("head") or shown.get("calibration") or {})
    yield "made by", _short(_recipes(shown["hyper_parameters"]))
    yield "trained", f"for {_day(shown['trained_at'])}, searched for {_day(shown['searched_at'])}"
    decision = shown.get("decision") or {}
    yield "because", f"{decision.get('action', '')}: {decision.get('reason', '')}".strip(": ")
    window = shown.get("window") or {}
    if window:
        first, last, end = (_day(window[name]) for name in ("first", "last", "last_label_end"))
        yield "rows", f"{window['rows']:,}, {first} to {last}; the last outcome is of {end}"
    data = shown["data"]
    tables = ", ".join(shown.get("source_tables") or ())
    yield "data", f"{tables} up to {_day(data.get('watermark'))}, SHA-256 {str(data['snapshot'])[:12]}"
    features = [column["name"] for column in shown["schema"]]
    revised = shown.get("revised") or {}
    yield "since then", _short(revised.get("detail") or revised.get("reason") or "")
    yield "features", f"{len(features)}: {_listed(features)}"
    leaks = metrics.get("leaks") or {}
    yield "left out", f"{len(leaks)} that know the future: {_listed(leaks)}" if leaks else ""
    yield "measured", _short(_pairs(_others(metrics)))
    artifact = shown["artifact"]
    kept = f"{artifact['size']:,} bytes of ONNX by {artifact.get('exporter', 'brain')}"
    yield "artifact", f"{kept}, at most {artifact['max_difference']:.1e} from the fitted pipeline"
    yield "more", f"brain models show {unit} {target} --json; brain models history {unit} {target}"


def _skill(metrics: Shown) -> str:
    if metrics.get("skill") is None:
        return ""
    told = f"{metrics['skill']:+.2%} against the base rate, out of sample"
    low, high = metrics.get("skill_low"), metrics.get("skill_high")
    return told if low is None or high is None else f"{told} ({low:+.2%} to {high:+.2%})"


def _proven(judged: Shown, metrics: Shown) -> str:
    if judged["has_skill"] is None:
        return "nobody has judged it: what it says is published as it is"
    p_value = metrics.get("p_value")
    when = f"judged for {_day(judged['decided_for'])}" if judged["decided_for"] else "not judged as a champion yet"
    told = f"yes, {when}" if judged["has_skill"] else f"no, so the base rate is published; {when}"
    told += "" if p_value is None else f"; p {p_value:.4f} by itself"
    return f"{told}; barred: {metrics['barred']}" if metrics.get("barred") else told


def _head(head: Shown) -> str:
    if head.get("kind", "blend") != "blend" or "base_rate" not in head:
        return str(head.get("kind", ""))
    told = f"blend of the base rate {head['base_rate']:.4f} and the model, by slope {head['slope']:.4f}"
    return f"{told} in log-odds" if head["slope"] else f"the base rate {head['base_rate']:.4f}: the model adds nothing"


def _recipes(parameters: Shown) -> str:
    """``logistic (C 0.003, penalty l2) + boosting (…)``."""
    made = parameters.get("recipes") or [parameters]
    told = [
        (str(one.get("classifier", "")), _pairs({n: v for n, v in one.items() if n != "classifier"})) for one in made
    ]
    return " + ".join(f"{name} ({settings})" if settings else name for name, settings in told)


def _others(metrics: Shown) -> Shown:
    """What the other lines do not say, in figures."""
    said = {"skill", "skill_low", "skill_high", "p_value", "barred", "leaks"}
    return {name: value for name, value in metrics.items() if name not in said and isinstance(value, int | float)}


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_figure(value)}" for name, value in values.items() if value is not None)


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else plain(value)


def _listed(names: Iterable[str]) -> str:
    return _short(", ".join(names))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2].rpartition(',')[0]}, …"


def _day(moment: str | None) -> str:
    return str(moment or "")[:10]
