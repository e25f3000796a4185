// What every page does: theme, forms that send themselves, parts that change in place, live.

const parts = (root) => root.querySelectorAll("[data-part]");

// Fetch a page of the same address and replace only the parts that differ.
export async function show(url, { push = false } = {}) {
  const reply = await fetch(url, { headers: { Accept: "text/html" } });
  if (!reply.ok && reply.status !== 400) { if (push) location.assign(url); return; }
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  const names = (root) => [...parts(root)].map((part) => part.dataset.part).join();
  if (push) history.pushState(null, "", url);
  if (names(fresh) !== names(document)) {
    document.querySelector("main").replaceWith(fresh.querySelector("main"));
    return;
  }
  const focused = document.activeElement?.id;
  for (const part of parts(document)) {
    const next = fresh.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (sources.get(part) === next.innerHTML) continue;
    const open = [...part.querySelectorAll("details[open][id]")].map((d) => d.id);
    const ticked = [...part.querySelectorAll("[form][id]:checked")].map((tick) => tick.id);
    sources.set(part, next.innerHTML);
    keep(part, next);
    part.replaceChildren(...next.childNodes);
    for (const id of ticked) part.querySelector(`#${CSS.escape(id)}`)?.setAttribute("checked", "");
    for (const id of open) part.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  }
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
}

// Charts stay what they are, zoomed and read: they only learn what is new.
const keep = (part, next) => {
  for (const old of part.querySelectorAll("[data-keep]")) {
    const fresh = next.querySelector(`#${CSS.escape(old.id)}`);
    if (!fresh) continue;
    fresh.replaceWith(old);
    for (const { name } of [...old.attributes]) if (name.startsWith("data-") && !fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
};

// The HTML that each part was made from: what elements draw into themselves is no change.
const sources = new WeakMap();
for (const part of parts(document)) sources.set(part, part.innerHTML);

// Links and forms that only change parts of this page.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.soft-link");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  show(link.href, { push: true });
});
const send = (form) => {
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  const url = new URL(form.action, location.href);
  url.search = query;
  if (form.matches(".soft-form")) show(url, { push: true });
  else location.assign(url);
};
document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form.auto, form.soft-form");
  if (form) send(form);
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form.soft-form")) return;
  event.preventDefault();
  send(event.target);
});
// A wide graph opens at what it is about.
for (const here of document.querySelectorAll(".graph .node.here rect")) {
  const graph = here.closest(".graph");
  graph.scrollLeft = here.x.baseVal.value - graph.clientWidth / 2 + 90;
  graph.scrollTop = here.y.baseVal.value - graph.clientHeight / 2;
}
addEventListener("popstate", () => show(location.href));

// Theme: as the system has it, light, or dark; kept in a cookie so the server paints it first.
const themes = ["", "light", "dark"];
const button = document.getElementById("theme");
const root = document.documentElement;
const label = () => { button.textContent = { "": "Auto", light: "Light", dark: "Dark" }[root.dataset.theme ?? ""]; };
button.hidden = false;
button.title = "Theme: as the system, light, dark";
button.addEventListener("click", () => {
  const next = themes[(themes.indexOf(root.dataset.theme ?? "") + 1) % themes.length];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  document.cookie = `homeostat_theme=${next}; path=/; max-age=31536000; SameSite=Strict`;
  label();
  document.dispatchEvent(new Event("theme"));
});
label();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("theme")));

// Live: the server says that the record grew; the page asks for itself again, at most once a second.
const lamp = document.querySelector(".live");
let waiting = 0;
const refresh = () => {
  waiting = 0;
  if (document.hidden) { document.addEventListener("visibilitychange", later, { once: true }); return; }
  if (document.querySelector("[data-busy]")) { later(); return; }
  show(location.href).catch(() => { lamp.dataset.state = "off"; });
};
const later = () => { waiting ||= setTimeout(refresh, 1000); };
let source = null;
const follow = () => {
  source = new EventSource(`/events?since=${encodeURIComponent(lamp.dataset.cursor)}`);
  source.addEventListener("open", () => { lamp.dataset.state = "on"; });
  source.addEventListener("error", () => { lamp.dataset.state = "off"; });
  source.addEventListener("changed", (event) => { lamp.dataset.cursor = event.lastEventId; later(); });
};
// What is counted beside the record is no change of the record: a page of it asks each few seconds.
const pace = document.querySelector("[data-every]")?.dataset.every;
if (pace) setInterval(later, 1000 * pace);
// A hidden tab lets go: a browser holds few connections to one place.
const attend = () => { source?.close(); if (!document.hidden) follow(); };
if (lamp.dataset.cursor) {
  attend();
  document.addEventListener("visibilitychange", attend);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) attend(); });
}
