// What the pages do beyond showing: times in words, search, order, and a refresh that moves nothing.
// They are whole without it.

import { parameters } from "./filters.js";

const INTERVAL = 30_000;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const items = document.querySelector("[data-items]");

// ---- times in words ----

let skew = 0; // how far the service's clock is ahead of ours

function words(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  if (seconds < 60) return "just now";
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  const days = Math.floor(seconds / 86_400);
  return days === 1 ? "1 day ago" : `${days} days ago`;
}

function tellTimes(within = document) {
  const now = Date.now() + skew;
  // Those in hidden items are told when they are shown.
  for (const time of within.querySelectorAll("[data-items] > :not([hidden]) time, time:not([data-items] time)")) {
    const text = words(now - Date.parse(time.dateTime));
    if (time.matches(".both")) {
      time.dataset.ago = text; // the style shows it behind the exact time
      continue;
    }
    if (!time.title) time.title = time.textContent;
    if (time.textContent !== text) time.textContent = text;
  }
}

// ---- search and order; what they are is kept in parameters of the URL that the service ignores ----

const search = document.querySelector("#search");
const headers = all(".board thead th");
const sort = document.querySelector("#sort");
const more = document.querySelector("#more");
const ranks = new Intl.Collator("en", { numeric: true });
const PART = 200; // a browser takes seconds to lay out thousands of rows, so it gets a part at a time
let most = PART;
let printed = PART; // what `most` was before printing
let known = new Map(); // the items by key, in the order shown: element, HTML as served, place as served, search text and values by column

function item(element, place) {
  const cells = element.matches("tr") ? [...element.cells] : [element];
  const timeless = (cell) => (cell.querySelector("time") ? "" : cell.textContent.trim());
  const text = cells.length > 1 ? cells.map(timeless) : [element.textContent];
  const whole = all("code[title]", element).map((commit) => commit.title); // a commit is shown cut
  const value = (cell) => cell.dataset.sort ?? cell.querySelector("time")?.dateTime ?? cell.textContent.trim();
  return {
    element,
    place,
    html: element.outerHTML,
    text: [...text, ...whole].join("\n").toLowerCase(),
    values: cells.map(value),
  };
}

function keep(name, value) {
  const changed = parameters();
  if (value) changed.set(name, value);
  else changed.delete(name);
  const query = changed.toString();
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
}

function choose() {
  const pieces = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const one of known.values()) {
    const matches = pieces.every((piece) => one.text.includes(piece));
    count += matches;
    one.element.hidden = !matches || count > most;
  }
  const number = (many) => many.toLocaleString("en");
  const of = count < known.size ? `${number(count)} of ` : "";
  document.querySelector("#matching").value = `${of}${number(known.size)} ${known.size === 1 ? "server" : "servers"}`;
  more.hidden = count <= most;
  more.firstElementChild.textContent = `Show more: ${number(count - most)} are left`;
  tellTimes(items);
  document.querySelector("#nothing").hidden = count > 0;
}

function order() {
  const chosen = parameters().get("_sort") ?? "";
  const column = headers.findIndex((header) => header.dataset.name === chosen.replace(/^-/, ""));
  const turned = chosen.startsWith("-") ? -1 : 1;
  headers.forEach((header, at) => {
    if (at === column) header.setAttribute("aria-sort", turned > 0 ? "ascending" : "descending");
    else header.removeAttribute("aria-sort");
  });
  const ordered = [...known.values()];
  const compare = (one, other) =>
    // What is not there stands last, whichever way.
    (one.values[column] === "") - (other.values[column] === "") || turned * ranks.compare(one.values[column], other.values[column]);
  ordered.sort((one, other) => (column < 0 ? 0 : compare(one, other)) || one.place - other.place);
  known = new Map(ordered.map((one) => [one.element.dataset.key, one]));
  let next = items.firstElementChild;
  for (const { element } of ordered) {
    if (element === next) next = next.nextElementSibling;
    else items.insertBefore(element, next);
  }
  if (sort) sort.value = chosen;
}

function sortBy(chosen) {
  keep("_sort", chosen);
  keepingFocus(order);
  most = PART;
  choose();
}

function startTools() {
  known = new Map(all("[data-key]", items).filter((one) => one.parentNode === items).map((one, at) => [one.dataset.key, item(one, at)]));
  search.value = parameters().get("_q") ?? "";
  search.addEventListener("input", () => {
    keep("_q", search.value);
    most = PART;
    choose();
  });
  for (const header of headers) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: header.textContent });
    button.addEventListener("click", () => {
      const isUp = header.getAttribute("aria-sort") === "ascending";
      sortBy((isUp ? "-" : "") + header.dataset.name);
    });
    sort?.append(new Option(header.textContent, header.dataset.name), new Option(`${header.textContent}, reversed`, `-${header.dataset.name}`));
    header.replaceChildren(button);
  }
  sort?.prepend(new Option("as served", ""));
  sort?.addEventListener("change", () => sortBy(sort.value));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.matches("input, select, textarea")) {
      event.preventDefault();
      search.focus();
    }
  });
  const showMore = () => {
    most += PART;
    choose();
  };
  more.firstElementChild.addEventListener("click", showMore);
  new IntersectionObserver(([seen]) => seen.isIntersecting && showMore(), { rootMargin: "600px" }).observe(more);
  // On paper nothing more can be asked for.
  addEventListener("beforeprint", () => {
    [most, printed] = [Infinity, most];
    choose();
  });
  addEventListener("afterprint", () => {
    most = printed;
    choose();
  });
  order();
  choose();
  items.classList.add("ready");
}

// ---- refresh ----

const served = new Map(all("[data-live]").map((one) => [one.dataset.live, one.outerHTML]));
const banner = document.querySelector("#banner");
const login = banner.querySelector("a");
const asOf = document.querySelector("#as-of");
let tag = "";
let answered = Date.now(); // when the service last said what is shown
let failure = ""; // why it does not now
let asking = false;

function keepingFocus(change) {
  const focused = document.activeElement;
  change();
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

// Puts the fresh element in the place of the old one, with the focus and what was unfolded.
function replace(old, fresh) {
  const able = (one) => all("a, button, summary, select", one);
  const focused = able(old).indexOf(document.activeElement);
  const folds = all("details", old).map((one) => one.open);
  all("details", fresh).forEach((one, at) => (one.open = folds[at] ?? false));
  const adopted = document.adoptNode(fresh);
  old.replaceWith(adopted);
  tellTimes(adopted);
  if (focused >= 0) able(adopted)[focused]?.focus({ preventScroll: true });
}

function patchItems(fresh) {
  const now = new Map();
  [...fresh.children].forEach((element, place) => {
    const key = element.dataset.key;
    const old = known.get(key);
    if (old?.html === element.outerHTML) {
      now.set(key, Object.assign(old, { place }));
      return;
    }
    now.set(key, item(element, place));
    if (old) replace(old.element, element);
    else tellTimes(items.appendChild(document.adoptNode(element)));
    element.classList.add("fresh");
  });
  for (const [key, old] of known) if (!now.has(key)) old.element.remove();
  known = now;
  keepingFocus(order);
  choose();
}

function patch(fresh) {
  const freshItems = fresh.querySelector("[data-items]");
  const lives = all("[data-live]", fresh);
  // Another kind of page, such as the first server on an empty board.
  const isOther = lives.length !== served.size || lives.some((one) => !served.has(one.dataset.live));
  if (!items !== !freshItems || isOther) return location.reload();
  document.title = fresh.title;
  const icon = document.querySelector("link[rel=icon]");
  const href = fresh.querySelector("link[rel=icon]").getAttribute("href");
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
  for (const live of lives) {
    const name = live.dataset.live;
    const html = live.outerHTML;
    if (html === served.get(name)) continue;
    served.set(name, html);
    replace(document.querySelector(`[data-live="${name}"]`), live);
  }
  if (items) patchItems(freshItems);
}

async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const kept = new URLSearchParams([...parameters()].filter(([name]) => !name.startsWith("_")));
    const headersSent = { Accept: "text/html", ...(tag && { "If-None-Match": tag }) };
    const answer = await fetch(`${location.pathname}?${kept}`, {
      headers: headersSent, cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(INTERVAL),
    });
    // To the page to log in, which is no board. What is shown stays, and says how old it is.
    login.hidden = answer.type !== "opaqueredirect" && answer.status !== 401;
    if (!login.hidden) throw new Error("You are no longer logged in.");
    const fresh = answer.status !== 304 && new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.status === 200) {
      patch(fresh);
      tag = answer.headers.get("ETag") ?? "";
    } else if (fresh) {
      throw new Error(fresh.querySelector("#error")?.textContent ?? `It answered ${answer.status}.`);
    }
    skew = (Date.parse(answer.headers.get("Date")) || Date.now()) - Date.now();
    answered = Date.now();
    failure = "";
  } catch (error) {
    failure = error instanceof TypeError || error.name === "TimeoutError" ? "The service does not answer." : error.message;
  } finally {
    asking = false;
  }
  tell();
}

function tell() {
  const age = words(Date.now() - answered);
  asOf.hidden = false;
  const exact = new Date(answered + skew).toISOString();
  Object.assign(asOf.querySelector("time"), { dateTime: exact, title: `${exact.slice(0, 10)} ${exact.slice(11, 19)} UTC` });
  const text = failure && `${failure} What you see is as of ${new Date(answered).toLocaleTimeString()} (${age}).`;
  if (banner.firstElementChild.textContent !== text) banner.firstElementChild.textContent = text;
  login.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
  banner.hidden = !failure;
  tellTimes();
}

if (search) startTools();
tell();
asOf.querySelector("button").addEventListener("click", refresh);
const refreshIfSeen = () => !document.hidden && refresh();
setInterval(refreshIfSeen, INTERVAL);
document.addEventListener("visibilitychange", refreshIfSeen);
addEventListener("pageshow", (event) => {
  if (event.persisted) refresh();
});

// ---- copy what stands before the button, on a page without https too ----

document.addEventListener("click", ({ target }) => {
  if (!target.matches(".copy")) return;
  getSelection().selectAllChildren(target.previousElementSibling);
  if (document.execCommand("copy")) target.textContent = "Copied";
});

// ---- who is logged in: the session itself is in a cookie that no script can read ----

const label = document.cookie.match(/(?:^|; )gitops_status_label=([^;]+)/)?.[1];
if (label) {
  const session = document.querySelector("#session");
  session.firstElementChild.textContent = decodeURIComponent(label);
  session.hidden = false;
}
