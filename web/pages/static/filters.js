// The filters are the service's: the form sends them, and every link has them already. What the pages keep themselves in
// the URL, search and order, is added here to what one goes on to.

const OWN = ["_q", "_sort"];
const tools = document.querySelector(".tools");
const home = document.querySelector(".brand").pathname;

export const parameters = () => new URLSearchParams(location.search);
const own = () => [...parameters()].filter(([name]) => OWN.includes(name));

const choices = () => [...document.querySelectorAll("select[name]")];
const served = (select) => select.querySelector("[selected]")?.value ?? "";

function send() {
  const chosen = [...new FormData(tools)].filter(([, value]) => value);
  location.search = new URLSearchParams([...chosen, ...own()]);
}

function start() {
  tools.hidden = false;
  for (const label of tools.querySelectorAll("label")) label.hidden = false;
  for (const button of tools.querySelectorAll("button")) button.hidden = true; // a choice is sent as it is made
  tools.addEventListener("submit", (event) => event.preventDefault()); // Enter in the search
  tools.addEventListener("change", ({ target }) => target.name && send());
  // What was chosen before this script was there.
  if (choices().some((select) => select.value !== served(select))) send();
}

function takeAlong({ target }) {
  const link = target.closest?.("a[href]:not([data-plain])");
  const isPage = (path) => [home, `${home}problems`].includes(path) || path.startsWith(`${home}servers/`);
  if (!link || link.origin !== location.origin || !isPage(link.pathname)) return;
  const wanted = new URLSearchParams(link.search);
  const before = wanted.toString();
  for (const name of OWN) wanted.delete(name);
  for (const [name, value] of own()) wanted.append(name, value);
  if (wanted.toString() !== before) link.search = wanted;
}

if (tools) start();
// However a link is used: by a click, in another tab, or copied.
for (const use of ["pointerdown", "focusin", "click"]) document.addEventListener(use, takeAlong);
addEventListener("pageshow", ({ persisted }) => {
  // A page that the browser kept shows what was chosen when it was left, and not what it is about.
  if (persisted) for (const select of choices()) select.value = served(select);
});
