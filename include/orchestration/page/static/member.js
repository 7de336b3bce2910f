// One member: her lists with the reason of every place, or the group she is in.
import { address, addressIn, ask, count, el, facts, fill, table } from "./dom.js";
import { listName, proven } from "./lists.js";

export async function showMember(main, [name], signal) {
  const back = () => el("p", {}, el("a", { href: address() }, "← Overview"));
  main.replaceChildren(back(), el("h1", {}, name), el("p", { class: "quiet" }, "Loading …"));
  const found = await ask("api/member", { name }, signal);
  if (signal.aborted) return;
  const { words } = found;
  const elsewhere = found.elsewhere.map((one) => el("a", { href: addressIn(one.name, "of", name) }, `The same ${words.member} in ${one.title}`));
  fill(main, [
    back(),
    el("div", { class: "bar" }, el("h1", {}, found.anyone ? `Whoever is not known (${found.member})` : `${words.member[0].toUpperCase()}${words.member.slice(1)} ${found.member}`), elsewhere),
    found.kind === "lists" ? ofLists(found) : ofGroup(found),
  ]);
  main.scrollTop = 0;
}

function ofLists(found) {
  const { words } = found;
  return el("div", { class: "cards" }, found.lists.map((one) => el("section", {},
    el("h2", {}, listName(one.name)),
    one.method ? el("p", { class: "quiet" }, `Made by ${one.method}. `, proven(one)) : null,
    one.stale || one.lines.some((line) => line.stale) ? el("p", { class: "problem" }, `Stale: ${one.reason ?? "kept from an earlier publication"}`) : null,
    table(listName(one.name), ["", words.item, "reason"], one.lines.map((line) => [count(line.rank), line.item, line.reason ?? ""]),
      `Nothing is on this ${words.unit} for this ${words.member}.`))));
}

function ofGroup(found) {
  const { words } = found, named = (number) => `${number}${found.groups[number] ? `, ${found.groups[number]}` : ""}`;
  const moved = found.moved ? `Moved here from ${words.unit} ${named(found.before)}.` : found.before === null ? `New in the last publication.` : "Was in it before, too.";
  return [
    found.group === null ? el("p", { class: "problem" }, `Not placed: ${found.reason ?? "no reason is given"}`) : el("p", { class: "lead" }, `In ${words.unit} ${found.group}: ${found.name}. ${moved}`),
    found.stale ? el("p", { class: "problem" }, `Stale: ${found.reason ?? "no reason is given"}`) : null,
    facts(`All that is published of this ${words.member}`, found.columns, (one) => one.value),
  ];
}
