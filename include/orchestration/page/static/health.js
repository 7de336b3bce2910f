// How the pipeline is. The warehouse and the model store answer by themselves: one may be down.
import { airflowLink, ask, cellAddress, count, el, later, list, percent, several, signed, table, when } from "./dom.js";

const minute = (moment) => when(moment).replace(" UTC", "");

export async function showHealth(main, signal) {
  const health = ask("api/health", {}, signal);
  const training = ask("api/training", {}, signal);
  const part = (title, show, note) => later(title, health, show, note);
  const head = el("h1", {}, "Health");
  health.then(({ title }) => { head.textContent = `Health: ${title}`; }).catch(() => {}); // each part says why not
  main.replaceChildren(
    head, el("p", { class: "quiet" }, "The newest first."),
    part("Refused data", refused, "Units whose last extraction was quarantined or failed: they keep what was known before."),
    later("Waiting for approval", training, waiting, "New versions whose skill fell: their champions are served until somebody approves, under Required Actions in Airflow or with brain models approve."),
    part("Problems", problems, "What people were told of: what lasts, and what was solved in the last two weeks."),
    part("Alarms", alarms, "Live numbers that their outcomes refute; training searches these models anew."),
    part("Stale and failed", unwell),
    part("Bars", bars),
    el("div", { class: "columns" },
      part("Extraction", ({ extractions }) => table("Extraction runs", ["moment, UTC", "units", "new rows", "corrected", "warned", "refused", "s"],
        extractions.map((one) => [minute(one.interval_end), count(one.units), count(one.rows_new), count(one.corrected), count(one.warnings), count(one.refused), Number(one.seconds).toFixed(1)]), "No extraction has run yet.")),
      later("Training", training, trained),
      part("Publication", ({ published, warned, words }) => [table("Publications", ["moment, UTC", words.target ? "cells that changed" : "rows that changed", `${words.unit}s`],
        published.map((one) => [minute(one.published_at), count(one.changed), count(one.units)]), "Nothing is published yet."),
        warned.length ? [el("p", {}, "The gate let the newest one through and warned of:"), rules(warned)] : null].flat(), "Those that changed something, and the newest one."),
      part("Evaluation", ({ evaluations, progress }) => progress === null ? null : table("Evaluation runs", ["moment, UTC", "due", "scored", "still open", "skill", "alarms"],
        evaluations.map((one) => [minute(one.interval_end), count(one.due), count(one.resolved), count(one.pending), signed(one.skill), count(one.alarms)]), "No evaluation has run yet."))),
    part("Scorecard", scorecard, "Skill against the base rate, over all units: above 0 the numbers were better."),
    part("Drift", drift, "Features whose newest rows differ from what was usual."),
    el("section", {}, el("h2", {}, "Data Docs"), el("p", {}, el("a", { href: "quality/index.html" }, "Every rule of the quality gate, and what it found in the last extraction"), "; each refused table above has its own page. A warning keeps no rows out: only a result that says quarantined does.")),
  );
  await Promise.allSettled([health, training]);
}

const rules = (findings) => el("ul", { class: "rules" }, findings.map((finding) => el("li", {}, el("code", {}, finding.rule), `: ${finding.message}`)));

function problems({ problems: all }) {
  return table("Problems", ["since", "step", "whose", "what happened", "what to do", "solved"],
    all.map((one) => [when(one.since), one.step, one.subject, `${one.kind}: ${one.happened}`, one.solved_at ? "" : one.to_do, one.solved_at ? when(one.solved_at) : one.link ? airflowLink(one.link.slice(one.link.indexOf("/dags/") + 1), "not yet: the run") : "not yet"]), "None.");
}

function refused({ refused: all, words }) {
  return table("Refused data", [words.source, "moment", "what", "failed expectation", "rows up to", ""],
    all.map((one) => [one.unit, when(one.interval_end), one.verdict, one.findings.length ? rules(one.findings) : one.reason, one.watermark ?? "none", one.page ? el("a", { href: `quality/${one.page}` }, "Data Docs") : ""]), "None: the last extraction of every unit went through.");
}

function alarms({ alarms: all, progress, words }) {
  if (progress === null) return null;
  const cell = (one) => one.unit && one.target !== "all" ? el("a", { href: cellAddress(one.unit, one.target) }, `${one.unit}, ${one.target}`) : `${one.unit || `all ${words.unit}s`}, ${one.target}`;
  return table("Alarms", ["raised", "model", "numbers are", "evidence", "why"], all.map((one) => [when(one.raised_at), cell(one), one.kind, one.evidence === null ? "" : `${Number(one.evidence).toPrecision(3)} ×`, one.reason]), "None.");
}

const listed = (units) => units.length > 12 ? `${units.slice(0, 12).join(", ")} and ${units.length - 12} more` : units.join(", ");

function unwell({ unwell: all, words }) {
  return table("Stale and failed", [words.target ? "cells" : "rows", "of them without a number", `${words.unit}s`, "reason"], all.map((one) => [count(one.cells), count(one.failed), listed(one.units), one.reason ?? "no reason is given"]), "None: everything is fresh.");
}

// A stretch of time as people say it.
function lasting(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days >= 2) return several(days, "day");
  if (days || hours) return [several(24 * days + hours, "hour"), minutes && !days ? several(minutes, "minute") : ""].filter(Boolean).join(" ");
  return minutes ? several(minutes, "minute") : several(Math.round(seconds), "second");
}

function bars({ bars: told }) {
  if (!told) return null; // none come by topics here
  const { topics, reasons, refused } = told, ago = (Date.now() - Date.parse(told.newest)) / 1000;
  const newest = told.newest ? `The newest bar is of ${when(told.newest)}: ${lasting(Math.max(ago, 0))} ago by the clock of this computer.` : "No message was a bar so far.";
  return [
    el("p", {}, `${newest} The last run that found messages was that of ${when(told.read_at)}. In the week before it ${refused ? `${several(refused, "message")} ${refused === 1 ? "was" : "were"} refused` : "no message was refused"}.`),
    table("Topics", ["topic", "newest bar, UTC", "behind the newest of all", "symbols", "last read", "messages", "refused lately", "deleted unread"],
      topics.map((one) => [one.topic, one.newest ? minute(one.newest) : "none", one.behind === null ? "" : one.behind ? lasting(one.behind) : "not", count(one.symbols), minute(one.read_at), count(one.messages), count(one.refused), count(one.lost)])),
    topics.length < told.there ? el("p", { class: "quiet" }, `The ${count(topics.length)} that are most behind, of ${several(told.there, "topic")}.`) : null,
    reasons.length ? table("Refused messages", ["why refused", "messages", "topics", "last"], reasons.map((one) => [one.reason, count(one.messages), count(one.topics), when(one.last)])) : null,
  ];
}

function waiting({ waiting: all }) {
  return table("Waiting for approval", ["unit", "target", "new", "its skill", "served", "its skill", "why"],
    all.map((one) => [one.unit, one.target, `v${one.version}`, signed(one.skill, 2), `v${one.champion}`, signed(one.champion_skill, 2), one.reason]), "None.");
}

function trained(found) {
  const actions = Object.entries(found.actions);
  if (!actions.length) return el("p", { class: "quiet" }, "No training has run yet.");
  return [list([["last", when(found.last)], ...actions.map(([name, number]) => [name, `${count(number)} models`])]),
    table("Failed", ["unit", "target", "moment", "why"], found.failed.map((one) => [one.unit, one.target, when(one.at), one.reason]), "No model failed.")];
}

function scorecard({ progress, claims, words }) {
  if (progress === null) return null; // nothing of it comes true
  const how = (hindcast) => (hindcast ? "computed after its day" : "published in time");
  return [
    table("Skill", [words.target, "numbers", "resolved", "skill so far"], progress.map((one) => [String(one.target), how(one.hindcast), count(one.resolved), signed(one.skill_so_far, 2)]), "Nothing has come true yet."),
    el("p", { class: "quiet" }, claims.length ? `Cells that claimed skill: ${claims.map((one) => `${count(one.cells)} ${one.became} (${how(one.hindcast)})`).join(", ")}.` : "No cell has claimed skill yet."),
  ];
}

function drift({ drift: all, unmeasured, progress, words }) {
  if (progress === null) return null;
  if (all === null) return el("p", { class: "quiet" }, "This warehouse does not measure drift.");
  const number = (value) => (value === null ? "" : Number(value).toPrecision(3));
  const none = unmeasured.length ? "None of the others: every feature that could be judged is as usual." : "None: every feature is as usual.";
  const found = table("Drift", [words.unit, "as of", "feature", "distance", "farther off than earlier spans"], all.map((one) => [one.unit, String(one.as_of), one.feature, number(one.statistic), percent(one.quantile)]), none);
  return unmeasured.length ? [el("p", { class: "quiet" }, `Not measured: ${listed(unmeasured)}. There are too few rows to judge by.`), found] : found;
}
