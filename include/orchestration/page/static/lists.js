// Ranked lists: how each is made, how good it is beside what is simpler, and a way to the lists of one member.
import { address, el, facts, number, otherPages, several, svg } from "./dom.js";
import { finder } from "./finder.js";

export function showLists(main, found, signal) {
  const { words, lists } = found;
  const bar = (...more) => el("div", { class: "bar" }, el("h1", {}, found.title), ...more, otherPages(found));
  if (!lists.length) return main.replaceChildren(bar(), el("p", {}, `No ${words.unit} is published yet. `, el("code", {}, "brain doctor"), " says what is missing in settings and catalogue; the next run makes the first ones."));
  const stale = lists.filter((one) => one.stale).length;
  const counts = `${several(lists.length, words.unit)}, for up to ${several(Math.max(...lists.map((one) => one.size ?? 0)), words.member)}${stale ? `; ${stale} stale` : ""}`;
  main.replaceChildren(
    bar(el("p", { class: "counts" }, counts)),
    el("section", {}, el("h2", {}, `The lists of one ${words.member}`), finder(words, signal, found.anyone),
      el("p", {}, el("a", { href: address("of", found.anyone) }, "What is shown to whoever is not known"))),
    el("section", {}, el("h2", {}, "How they are made, and how good they are"), el("div", { class: "cards" }, lists.map((one) => listCard(one, found)))));
}

export const proven = (one) => one.claim === null || one.claim === undefined ? el("span", { class: "badge" }, "not compared")
  : one.claim ? el("span", { class: "badge good" }, "proven better than what is simpler") : el("span", { class: "badge" }, "not better than what is simpler");

export const listName = (name) => String(name).replaceAll("_", " ");

function listCard(one, found) {
  const { words } = found;
  return el("article", { class: "card" },
    el("h3", {}, listName(one.name)),
    one.method ? el("p", { class: "lead" }, `Made by ${one.method}. `, proven(one)) : null,
    one.stale ? el("p", { class: "problem" }, `Stale: ${one.reason ?? "no reason is given"}`) : null,
    one.why ? el("p", {}, one.why) : null,
    scores(one, found),
    el("p", { class: "quiet" }, one.size === null ? "No list could be made." : `Made for ${several(one.size, words.member)}.`),
    el("details", {}, el("summary", {}, "All that is published of it"),
      facts(`All of ${one.name}`, found.columns, (_, at) => one.all[at])));
}

function scores(one, found) {
  const known = one.scores.filter((score) => score !== null);
  if (!known.length) return el("p", { class: "quiet" }, "It was not measured: too little has come since.");
  const most = Math.max(...known) || 1;
  return el("table", { class: "scores" }, el("caption", { class: "quiet" }, "nDCG on what came later; 1 is a perfect list"),
    el("tbody", {}, found.scores.map((name, at) => one.scores[at] === null ? null : el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, number(one.scores[at])),
      el("td", { "aria-hidden": "true" }, svg("svg", { class: at ? "measure" : "measure own", viewBox: "0 0 100 8", preserveAspectRatio: "none" }, svg("rect", { width: 100 * one.scores[at] / most, height: 8 })))))));
}
