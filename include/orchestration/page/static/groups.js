// Groups of members: a map of them, the profile of each, who moved, and how the groups grew.
import { count, el, otherPages, several, shown, svg, table, when } from "./dom.js";
import { finder } from "./finder.js";
import { colour, scatter } from "./scatter.js";

export function showGroups(main, found, signal) {
  const { words, groups } = found;
  const bar = (...more) => el("div", { class: "bar" }, el("h1", {}, found.title), ...more, otherPages(found));
  if (!groups.length) return main.replaceChildren(bar(), el("p", {}, `No ${words.unit} is published yet. `, el("code", {}, "brain doctor"), " says what is missing in settings and catalogue; the next run forms the first ones."));
  const moved = sum(groups, "came"), fresh = sum(groups, "fresh");
  const counts = `${several(found.members, words.member)} in ${several(groups.length, words.unit)}; since the publication before, ${count(moved)} moved and ${count(fresh)} came new`;
  const stale = groups.filter((one) => one.stale);
  main.replaceChildren(...[
    bar(el("p", { class: "counts" }, counts)),
    stale.length ? el("p", { class: "problem" }, `Stale: ${[...new Set(stale.map((one) => one.reason ?? "no reason is given"))].join("; ")}`) : null,
    trust(found),
    el("section", {}, el("h2", {}, `The ${words.member}s on a map`), map(found)),
    el("section", {}, el("h2", {}, `One ${words.member}`), finder(words, signal)),
    el("section", {}, el("h2", {}, "Profiles"), profiles(found)),
    el("section", {}, el("h2", {}, "Who moved"), moves(found)),
    el("section", {}, el("h2", {}, "The last publications"), runs(found)),
  ].filter(Boolean));
}

const sum = (groups, name) => groups.reduce((total, one) => total + (one[name] ?? 0), 0);
const swatch = (at) => svg("svg", { class: `dot ${colour(at)}`, viewBox: "0 0 12 12", "aria-hidden": "true" }, svg("circle", { cx: 6, cy: 6, r: 6 }));
const named = (found, number) => { const at = found.groups.findIndex((one) => one.number === number); return at < 0 ? `${number} (gone)` : el("span", { class: "group" }, swatch(at), `${number}, ${found.groups[at].name}`); };
const value = (found, row, name) => { const at = found.columns.findIndex((column) => column.name === name); return shown(row.all[at], found.columns[at].kind); };
const meaning = (found, name) => found.columns.find((column) => column.name === name).meaning;

function trust(found) {
  const one = found.groups.find((group) => group.why) ?? found.groups[0];
  const badge = one.claim ? el("span", { class: "badge good" }, "proven better than what is simpler") : el("span", { class: "badge" }, one.claim === false ? "not better than what is simpler" : "not compared");
  const told = found.trust.filter((name) => value(found, one, name) !== "");
  return el("div", {}, el("p", {}, badge, " ", one.why ?? ""),
    told.length ? el("details", {}, el("summary", {}, "How far to trust them"), table("Trust", ["value", "what it is"], told.map((name) => [value(found, one, name), meaning(found, name)]))) : null);
}

function map(found) {
  const { axes, words } = found, known = axes.map((_, at) => at).filter((at) => found.points.some((point) => point[at + 1] !== null));
  if (known.length < 2) return el("p", { class: "quiet" }, "Too little is known to draw one.");
  const chosen = { x: known[0], y: known[1] }, place = el("div");
  const draw = () => place.replaceChildren(scatter(found, chosen.x, chosen.y));
  const choice = (name, label) => el("label", {}, `${label} `, el("select", { onchange: (event) => { chosen[name] = Number(event.target.value); draw(); } },
    known.map((at) => el("option", { value: at, selected: at === chosen[name] }, axes[at].name))));
  draw();
  const sample = found.points.length < found.members ? `a sample of ${count(found.points.length)}` : `all ${count(found.points.length)}`;
  return el("div", { class: "mapped" },
    el("div", {}, el("p", { class: "quiet" }, choice("x", "Across"), " ", choice("y", "Up")), place,
      el("p", { class: "quiet" }, `A dot is a ${words.member}: ${sample}. A number stands in the middle of its ${words.unit}; who is far out stands on the edge.`)),
    el("ul", { class: "key" }, found.groups.map((one, at) => el("li", {}, swatch(at), el("span", {}, `${one.number}, ${one.name}`, el("span", { class: "quiet" }, ` ${several(one.size ?? 0, words.member)}`))))));
}

function profiles(found) {
  const { groups, words } = found;
  const largest = groups.reduce((most, one) => ((one.size ?? 0) > (most.size ?? 0) ? one : most));
  const figures = found.figures.filter((name) => groups.some((one) => value(found, one, name) !== ""));
  const row = (head, cells) => el("tr", {}, el("th", { scope: "row" }, head), cells);
  return [el("div", { class: "wide" }, el("table", { class: "plain profile" }, el("caption", { class: "hidden" }, "Profiles"),
    el("thead", {}, el("tr", {}, el("td"), groups.map((one) => el("th", { scope: "col" }, named(found, one.number))))),
    el("tbody", {},
      row(`${words.member}s`, groups.map((one) => el("td", {}, count(one.size)))),
      figures.map((name) => row(meaning(found, name).replace(/\.$/, ""), groups.map((one) => el("td", {}, value(found, one, name))))),
      row("what sets it apart", groups.map((one) => el("td", { class: "text" }, String(one.apart ?? "").replaceAll("_", " ").split("; ").map((part) => el("div", {}, part)))))))),
    el("p", { class: "quiet" }, `All of a ${words.unit}, for a campaign: `, el("code", {}, `SELECT ${found.asked.member} FROM ${found.asked.table} WHERE ${found.asked.group} = ${largest.number}`))];
}

function moves(found) {
  const { groups, words } = found;
  if (groups.every((one) => one.fresh === one.size)) return el("p", { class: "quiet" }, "There was no publication before: everybody is new.");
  return [
    table("Moves", ["from", "to", `${words.member}s`], found.moves.map(([from, to, size]) => [named(found, from), named(found, to), count(size)]), "Nobody has moved since the publication before."),
    table("Came and went", [words.unit, "moved in", "moved out", "new"], groups.map((one) => [named(found, one.number), count(one.came), count(one.left), count(one.fresh)])),
  ];
}

function runs(found) {
  return table("The last publications", ["moment, UTC", ...found.groups.map((one) => String(one.number)), "moved"],
    found.runs.map((run) => [when(run.at), ...found.groups.map((one) => count(run.sizes[one.number])), count(run.moved)]), "There is no history yet.");
}
