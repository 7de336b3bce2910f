"""Data Docs: Great Expectations' results of one moment as plain HTML pages in the lake.

The sections of a page are rendered by Great Expectations; the frame around them is ours, because its own page loads
scripts, styles and images from a dozen foreign servers and a lake is often read where none of them can be reached.
"""

from __future__ import annotations

import json
import logging
import re
import warnings
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brain.core.errors import LakeError
from brain.quality.gate import results_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brain.core.moment import Moment
    from brain.lake.lake import Lake

log = logging.getLogger(__name__)

FOLDER = "quality/docs"
_STYLE = (Path(__file__).parent / "docs.css").read_text(encoding="utf-8")
_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)
_DEAD_LINK = re.compile(r'<a href="\.\./[^"]*"\s*>(.*?)</a>', re.DOTALL)
_RANDOM = re.compile(r"-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # in ids: the same results give the same page
WARNED = "Passed with warnings"
_WORDS = {True: "passed", False: "quarantined"}


def build_data_docs(lake: Lake, moment: Moment) -> str:
    """Render the results kept for `moment`, one page each, and the index that links them.

    Returns:
        The address of the index; the newest moment's is also ``quality/docs/index.html``.
    """
    folder = results_folder(moment)
    names = [name for name in lake.storage.names(folder) if name.endswith(".json")]
    results = {name.removesuffix(".json"): found for name in names if (found := _result(lake, f"{folder}/{name}"))}
    pages = f"{FOLDER}/{moment.slug}"
    for name, result in results.items():
        lake.storage.write(f"{pages}/{name}.html", _result_page(result).encode())
    title = f"Quality at {moment.at:%Y-%m-%d %H:%M} UTC"
    lake.storage.write(f"{pages}/index.html", _page(title, _index(results, "")).encode())
    lake.storage.write(f"{FOLDER}/index.html", _page(title, _index(results, f"{moment.slug}/")).encode())
    return lake.storage.describe(f"{pages}/index.html")


def _result(lake: Lake, name: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = json.loads(lake.storage.read(name))
    except (FileNotFoundError, LakeError, ValueError, RecursionError) as error:
        log.warning("a result of the quality gate has no page: %s cannot be read: %s", name, error)
        return None
    return found


def _index(results: Mapping[str, Mapping[str, Any]], folder: str) -> str:
    rows = "".join(_index_row(f"{folder}{name}.html", result) for name, result in sorted(results.items()))
    refused = sum(not result["passed"] for result in results.values())
    warned = sum(any(f["severity"] == "warn" for f in result["findings"]) for result in results.values())
    return (
        f"<p>{len(results)} results, {refused} quarantined, {warned} with warnings.</p>"
        f"<table><thead><tr><th>Subject</th><th>Result</th><th>Rows</th><th>Rules</th><th>Findings</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _index_row(link: str, result: Mapping[str, Any]) -> str:
    word = _WORDS[result["passed"]]
    values = [
        f'<a href="{escape(link.replace("%", "%25"))}">{escape(result["subject"])}</a>',
        f'<span class="{word}">{word}</span>',
        f"{result['rows']:,}",
        str(len(result["rules"])),
        _findings(result["findings"]),
    ]
    return "<tr>" + "".join(f"<td>{value}</td>" for value in values) + "</tr>"


def _result_page(result: Mapping[str, Any]) -> str:
    word = _WORDS[result["passed"]]
    parts = [
        '<p><a href="index.html">All results</a></p>',
        f'<p>Result: <span class="{word}">{word}</span>, {result["rows"]:,} rows looked at.</p>',
        _findings(result["findings"]),
        *_sections(result),
    ]
    return _page(result["subject"], "".join(parts))


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    if not findings:
        return "none"
    items = (
        f'<li><span class="{f["severity"]}">{f["severity"]}</span> {escape(f["rule"])}: {escape(f["message"])}</li>'
        for f in findings
    )
    return f"<ul>{''.join(items)}</ul>"


def _sections(result: Mapping[str, Any]) -> list[str]:
    """Great Expectations' own rendering of the results of each suite."""
    failing = {finding["rule"] for finding in result["findings"] if finding["severity"] == "fail"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # raised by Great Expectations about its own calls
        from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResultSchema
        from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
        from great_expectations.render.view.view import DefaultJinjaSectionView

        schema, renderer = ExpectationSuiteValidationResultSchema(), ValidationResultsPageRenderer()
        view: Any = DefaultJinjaSectionView()
        rendered = [
            view.render(
                {"section": _in_our_words(section.to_json_dict(), suite, failing), "section_loop": {"index": n}}
            )
            for suite in result["validation"].values()
            for n, section in enumerate(renderer.render(schema.load(suite)).sections, 1)
        ]
    return [_RANDOM.sub("", _DEAD_LINK.sub(r"\1", _SCRIPT.sub("", html))) for html in rendered]


def _in_our_words(section: dict[str, Any], suite: Mapping[str, Any], failing: set[str]) -> dict[str, Any]:
    """A section whose suite *failed* by warnings only says so: Great Expectations knows no warnings."""
    broken = {one["expectation_config"]["meta"]["rule"] for one in suite["results"] if not one["success"]}
    for block in section["content_blocks"]:
        told = block.get("subheader")
        params = told["string_template"]["params"] if isinstance(told, dict) and "string_template" in told else {}
        if broken and not broken & failing and params.get("success") == "Failed":
            params["success"] = WARNED
            params["html_success_icon"] = ""
    return section


def _page(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
