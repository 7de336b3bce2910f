// The card of one cell. What the warehouse, the model store and the lake say comes by itself: one may be down.
import { address, airflowLink, ask, count, el, fill, later, list, percent, signed, table, when } from "./dom.js";
import { overTime, reliability } from "./charts.js";

export async function showModel(main, [unit, target], signal) {
  const key = { unit, target };
  const card = ask("api/card", key, signal);
  const model = ask("api/model", key, signal);
  const series = card.then((found) => ask("api/series", { unit, since: yearBefore(found.days.day[0]) }, signal));
  for (const one of [card, model, series]) one.catch(() => {});
  main.replaceChildren(el("p", {}, el("a", { href: address() }, "← Overview")), el("h1", {}, `${unit}, ${target}`), el("p", { class: "quiet" }, "Loading …"));
  const found = await card;
  if (signal.aborted) return;
  const { words } = found;
  fill(main, [
    el("p", {}, el("a", { href: address() }, "← Overview")),
    el("h1", {}, `${found.unit}, ${words.target} ${found.target}`),
    lead(found),
    why(found),
    later(`${capital(words.value)} and ${found.series} over time`, series.catch(() => ({ name: found.series, days: [], values: [] })), (told) => drawDays(found, told, signal)),
    el("section", {}, el("h2", {}, "What came true"), live(found, signal)),
    later("The model", model, (told) => [...shownModel(told), el("h3", { class: "quiet" }, "Versions"), versions(told)]),
    el("section", {}, el("h2", {}, "All that is published of this cell"), published(found)),
  ]);
  main.scrollTop = 0;
}

// So that also the first numbers are seen beside where it came from.
const yearBefore = (day) => (day ? new Date(Date.parse(day) - 365 * 864e5).toISOString().slice(0, 10) : "");
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const points = (share) => `${Math.abs(100 * share).toFixed(1)} points ${share < 0 ? "below" : "above"}`;
const row = (found, name) => found.columns.find((one) => one.name === name)?.value;

function lead(found) {
  const { words } = found;
  if (found.value === null) return el("p", { class: "problem" }, `There is no number: ${row(found, "reason") ?? "no reason is given"}`);
  const says = found.claims
    ? `${percent(found.value)}: ${points(found.value - found.base)} the ${words.base} of ${percent(found.base)}. Its skill is proven.`
    : `${percent(found.value)}: the ${words.base}, because no skill is proven for this model.`;
  return el("div", {}, el("p", { class: "lead" }, says),
    row(found, "stale") ? el("p", { class: "problem" }, `Stale: ${row(found, "reason")}`) : null);
}

function why(found) {
  if (found.reasons === null) return null; // this warehouse has no such table
  const title = el("h2", {}, "Why this number");
  if (!found.reasons.length) return el("section", {}, title, el("p", { class: "quiet" }, "No explanation is published for this cell."));
  const heads = { words: "reason", value: "value", part: "part, in log-odds", probability: `${found.words.value} so far` };
  const names = Object.keys(heads).filter((name) => name in found.reasons[0]);
  const number = (value, name) => (name === "probability" ? percent(value) : value.toPrecision(3).replace("-", "−"));
  const shown = (value, name) => (typeof value === "number" ? number(value, name) : text(value));
  return el("section", {}, title, table("Why this number", names.map((name) => heads[name]), found.reasons.map((one) => names.map((name) => shown(one[name], name)))));
}

async function waitFor(place, chart) {
  place.replaceChildren(await chart);
}

function drawDays(found, series, signal) {
  const { days, words } = found;
  if (!days.day.length) return el("p", { class: "quiet" }, "Nothing is in the ledger yet: it is noted with every publication.");
  const place = el("div", { class: "chart", role: "img", "aria-label": `${words.value} by day, with ${series.name}; the numbers are in the table below` });
  waitFor(place, overTime(days, series, words, signal));
  const hindcast = days.hindcast.filter(Boolean).length;
  const rows = days.day.map((one, at) => [String(one).slice(0, 10), percent(days.value[at]), percent(days.base[at]), days.claims[at] ? "proven" : "", days.outcome[at] === null ? "open" : String(days.outcome[at])]).reverse();
  return [place, el("details", {}, el("summary", {}, `As a table: ${count(rows.length)} ${rows.length === 1 ? "day" : "days"}${hindcast ? `; ${count(hindcast)} of them computed after their day` : ""}`),
    table("Days", ["day", words.value, words.base, "skill", "came true"], rows))];
}

function live(found, signal) {
  const parts = [];
  if (!found.scorecard.length) parts.push(el("p", { class: "quiet" }, "Nothing of this cell has come true yet."));
  for (const one of found.scorecard) {
    const interval = one.skill_low === null ? "no interval yet" : `${signed(one.skill_low)} to ${signed(one.skill_high)}`;
    const claim = found.claimed.find((other) => other.hindcast === one.hindcast);
    parts.push(el("h3", { class: "quiet" }, one.hindcast ? "Computed after their day (hindcast)" : "Published in time"),
      list([["resolved", count(one.resolved)], [one.hindcast ? "skill" : "live skill", signed(one.skill, 2)], ["interval at 90 %", interval], ["on the right side of one half", percent(one.hit_rate)],
        [`mean ${found.words.value}`, percent(one.mean_probability)], ["came true", percent(one.came_true)], ["first to last day", `${one.first_as_of} to ${one.last_as_of}`],
        ["claimed skill", claim ? `${claim.became}, ${claim.claimed_from} to ${claim.claimed_until}` : "never"]]));
  }
  if (found.pools.length) {
    const place = el("div", { class: "chart", role: "img", "aria-label": "What was said against how often it came true; the numbers are in the table below" });
    waitFor(place, reliability(found.pools, signal));
    parts.push(el("h3", { class: "quiet" }, `Reliability of all numbers of this ${found.words.target}${found.pools[0].hindcast ? ", computed after their day" : ""}`), place,
      el("details", {}, el("summary", {}, "As a table"), table("Reliability", ["said, on average", "from", "to", "forecasts", "came true"],
        found.pools.map((pool) => [percent(pool.said), percent(pool.low), percent(pool.high), count(pool.forecasts), percent(pool.came_true)]))));
  }
  return parts;
}

function shownModel({ id, document }) {
  const { hyper_parameters: parameters = {}, metrics = {}, data = {}, window: rows = {}, schema = [], libraries = {}, decision = {} } = document;
  const skill = metrics.skill === undefined || metrics.skill === null ? null : signed(metrics.skill, 2);
  const link = el("span", {}, "looking for it …");
  findRun(document.trained_at).then((found) => link.replaceChildren(found));
  const range = interval(metrics);
  return [
    list([["model", id], ["version", String(document.version)], ["classifier", text(parameters.classifier)], ["trained for", when(document.trained_at)], ["searched for", when(document.searched_at)],
      ["measured skill, out of sample", skill], [range?.[0], range?.[1]], ["decision", decision.action ? `${decision.action}: ${decision.reason}` : ""], ["Airflow run", link],
      ["rows", rows.rows === undefined ? "" : `${count(rows.rows)}, ${day(rows.first)} to ${day(rows.last)}`], ["source tables", (document.source_tables ?? []).join(", ")],
      ["data up to", day(data.watermark)], ["data, SHA-256", el("code", {}, text(data.snapshot))]]),
    el("details", {}, el("summary", {}, `Pipeline and parameters (${Object.keys(parameters).length})`), values(parameters)),
    el("details", {}, el("summary", {}, "Measured"), values(metrics)),
    el("details", {}, el("summary", {}, `Features (${schema.length})`), el("p", { class: "mono" }, schema.map((one) => one.name).join(", "))),
    el("details", {}, el("summary", {}, "Libraries"), values(libraries)),
    el("details", {}, el("summary", {}, "The whole document"), el("pre", { class: "mono" }, JSON.stringify(document, null, 2))),
  ];
}

function interval(metrics) {
  const [low, high] = [metrics.skill_low, metrics.skill_high];
  if (typeof low === "number" && typeof high === "number") return ["its interval", `${signed(low, 2)} to ${signed(high, 2)}`];
  if (typeof metrics.p_value === "number") return ["chance of that without skill (p)", metrics.p_value.toPrecision(2)];
  return null;
}

const text = (value) => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
const day = (value) => (value ? String(value).slice(0, 10) : "");
const values = (of) => table("Values", ["name", "value"], Object.entries(of).map(([name, value]) => [name, text(value)]));

function versions({ versions: all }) {
  return table("Versions", ["version", "made for", "classifier", "skill", "decision", "champion since", ""],
    all.map((one) => [String(one.version), when(one.created_on), one.classifier, signed(one.skill, 2), one.decision, (one.promoted ?? []).map(when).join(", "), one.is_champion ? "champion" : ""]));
}

// The run of train_models that was about the model's moment; runs are asked of Airflow's own API, as this user.
async function findRun(moment) {
  const all = airflowLink("dags/train_models/runs", "all runs of train_models");
  const about = (run) => [run.partition_key, run.data_interval_end, run.logical_date].some((one) => one && Date.parse(one) === Date.parse(moment));
  try {
    const day = encodeURIComponent(new Date(Date.parse(moment)).toISOString());
    for (const query of [`partition_key_pattern=${encodeURIComponent(String(moment).slice(0, 19))}&limit=20`, `logical_date_gte=${day}&logical_date_lte=${day}&limit=20`, "order_by=-run_after&limit=100"]) {
      const answer = await fetch(`../api/v2/dags/train_models/dagRuns?${query}`);
      const run = answer.ok ? (await answer.json()).dag_runs.find(about) : null;
      if (run) return airflowLink(`dags/train_models/runs/${encodeURIComponent(run.dag_run_id)}`, run.dag_run_id);
    }
  } catch { /* Airflow's API does not answer: the list of runs is a link all the same */ }
  return el("span", {}, "none in Airflow is about that moment; ", all);
}

function published(found) {
  return el("details", {}, el("summary", {}, `${found.columns.length} columns, each with its meaning`),
    table("Published columns", ["column", "value", "meaning"], found.columns.map((one) => [one.name, text(one.value), one.meaning])));
}
