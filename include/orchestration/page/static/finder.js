// Finds a member by the beginning of a name: the table's key answers while somebody types.
import { address, ask, el, problem } from "./dom.js";

const PAUSE = 150; // milliseconds without a key until it is asked

export function finder(words, signal, anyone = "") {
  const found = el("ul", { class: "found", "aria-label": `${words.member}s found` });
  const told = el("p", { class: "quiet", "aria-live": "polite" });
  const field = el("input", { type: "search", id: "find", placeholder: `Find a ${words.member}`, "aria-label": `Find a ${words.member} by the beginning of the name`, autocomplete: "off", spellcheck: "false" });
  let names = [], turn = 0;
  const look = async () => {
    const beginning = field.value.trim(), now = ++turn;
    try {
      const answer = await ask("api/names", { beginning }, signal);
      if (now !== turn) return;
      names = answer.names;
      found.replaceChildren(...names.map((name) => el("li", {}, el("a", { href: address("of", name) }, name))));
      if (names.length) told.textContent = beginning ? "" : `The first ${words.member}s of all; type the beginning of a name.`;
      else told.replaceChildren(beginning ? `No ${words.member} whose name begins with “${beginning}” is published. ` : `No ${words.member} is published yet. `,
        anyone && beginning ? el("a", { href: address("of", anyone) }, "What is shown to whoever is not known") : "");
    } catch (error) {
      if (error.name !== "AbortError") told.replaceChildren(problem(error));
    }
  };
  let timer;
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, PAUSE); });
  field.addEventListener("keydown", async (event) => {
    if (event.key !== "Enter") return;
    clearTimeout(timer);
    await look();
    const wanted = field.value.trim();
    if (wanted && names.length && (names.includes(wanted) || names.length === 1)) location.hash = address("of", names.includes(wanted) ? wanted : names[0]);
  });
  look();
  return el("search", {}, field, told, found);
}
