// <hs-timeline>: quality over the replayed time, and under it what happened.
// It reads its lines from the JSON inside it and its events from the rows of its table twin.

import { DAY, dates, day, line, make, number, scale, sheet, ticks } from "./plot.js";

const LANES = [["Alarms", ["alarm", "note"]], ["Retrains", ["retrain"]], ["Releases", ["shadow", "canary", "promote", "rollback", "reject"]]];
const ENDS = ["promote", "rollback", "reject"];
const SVG = "http://www.w3.org/2000/svg";

const icon = (name) => {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#e-${name}`);
  svg.append(use);
  svg.setAttribute("aria-hidden", "true");
  return svg;
};

customElements.define("hs-timeline", class extends HTMLElement {
  connectedCallback() {
    const data = JSON.parse(this.querySelector("script").textContent);
    Object.assign(this, data);
    for (const one of this.lines) one.xs = one.weekly.map((_, i) => this.start + i * DAY);
    this.last = this.start + (Math.max(1, ...this.lines.map((one) => one.weekly.length)) - 1) * DAY;
    this.events = [...this.querySelectorAll("tr[data-at]")].map((row) => ({
      at: +row.dataset.at, kind: row.dataset.kind, verdict: row.dataset.verdict,
      text: row.dataset.text, href: row.querySelector("a")?.href,
    })).sort((a, b) => a.at - b.at);
    this.stage = this.querySelector(".drawn");
    this.build();
    this.follow = new AbortController();
    const { signal } = this.follow;
    this.chips = [...this.closest("[data-part]").querySelectorAll(".chip input")];
    for (const chip of this.chips) chip.addEventListener("change", () => this.chosen(), { signal });
    for (const name of ["from", "to"]) this.field(name)?.addEventListener("change", (event) => this.typed(event), { signal });
    this.field("all")?.addEventListener("click", () => this.zoom(this.start, this.last), { signal });
    document.addEventListener("theme", () => this.draw(), { signal });
    this.sized = new ResizeObserver(() => { if (this.stage.clientWidth !== this.width) this.draw(); });
    this.sized.observe(this.stage);
    const asked = ["from", "to"].map((name) => Date.parse(`${this.field(name)?.value}T00:00:00Z`));
    this.view = [Number.isFinite(asked[0]) ? asked[0] : this.start, Number.isFinite(asked[1]) ? asked[1] : this.last];
  }

  disconnectedCallback() { this.follow?.abort(); this.sized?.disconnect(); }

  field(name) { return this.closest("[data-part]").querySelector(`[data-field="${name}"]`); }

  build() {
    this.readout = make("p", { class: "readout", "aria-live": "off" });
    this.canvas = make("canvas", { tabindex: "0", role: "img", "aria-label": this.label });
    this.lanes = make("div", { class: "lanes" });
    this.about = make("div", { class: "about", "aria-live": "polite" });
    this.spots = LANES.map(([name]) => {
      const spots = make("div", { class: "spots", role: "group", "aria-label": `${name}: arrow keys move between them` });
      this.lanes.append(make("div", { class: "lane" }, make("span", {}, name), spots));
      return spots;
    });
    this.stage.replaceChildren(this.readout, this.canvas, this.lanes, this.about);
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", (event) => this.release(event));
    this.canvas.addEventListener("pointercancel", () => { this.drag = null; this.paint(); });
    this.canvas.addEventListener("pointerleave", () => { this.at = null; if (!this.drag) this.paint(); });
    this.canvas.addEventListener("dblclick", () => this.zoom(this.start, this.last));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.lanes.addEventListener("keydown", (event) => this.rove(event));
  }

  get shown() {
    const on = new Set(this.chips.filter((chip) => chip.checked).map((chip) => chip.value));
    return this.lines.filter((one) => on.has(one.name));
  }

  remember() {
    const url = new URL(location.href);
    const whole = this.view[0] <= this.start && this.view[1] >= this.last;
    for (const [i, name] of ["from", "to"].entries()) {
      const text = new Date(this.view[i]).toISOString().slice(0, 10);
      if (this.field(name)) this.field(name).value = text;
      if (whole) url.searchParams.delete(name);
      else url.searchParams.set(name, text);
    }
    url.searchParams.delete("show");
    if (!this.chips.every((chip) => chip.checked)) {
      for (const one of this.shown) url.searchParams.append("show", one.name);
      if (!this.shown.length) url.searchParams.append("show", "");
    }
    history.replaceState(null, "", url);
    for (const link of this.closest("[data-part]").querySelectorAll("a.soft-link")) {
      const there = new URL(link.href);
      for (const key of ["from", "to", "show"]) {
        there.searchParams.delete(key);
        for (const value of url.searchParams.getAll(key)) there.searchParams.append(key, value);
      }
      link.href = there;
    }
  }

  chosen() { this.remember(); this.draw(); }

  typed(event) {
    event.stopPropagation(); // no need to ask the server
    const [from, to] = ["from", "to"].map((name) => Date.parse(`${this.field(name).value}T00:00:00Z`));
    if (from < to) this.zoom(from, to);
  }

  zoom(from, to) {
    const width = Math.min(Math.max(to - from, 2 * DAY), this.last - this.start);
    const low = Math.min(Math.max(from, this.start), this.last - width);
    this.view = [low, low + width];
    this.remember();
    this.draw();
  }

  key(event) {
    const [low, high] = this.view;
    const width = high - low;
    const step = { ArrowLeft: -width / 8, ArrowRight: width / 8 }[event.key];
    const factor = { "+": 0.5, "=": 0.5, "-": 2 }[event.key];
    if (step) this.zoom(low + step, high + step);
    else if (factor) this.zoom((low + high) / 2 - (width * factor) / 2, (low + high) / 2 + (width * factor) / 2);
    else if (event.key === "0" || event.key === "Escape") this.zoom(this.start, this.last);
    else return;
    event.preventDefault();
  }

  press(event) {
    this.drag = { from: event.offsetX, to: event.offsetX };
    this.canvas.setPointerCapture(event.pointerId);
    this.toggleAttribute("data-busy", true);
  }

  move(event) {
    this.at = event.offsetX;
    if (this.drag) this.drag.to = event.offsetX;
    this.paint();
  }

  release() {
    const { from, to } = this.drag ?? { from: 0, to: 0 };
    this.drag = null;
    this.toggleAttribute("data-busy", false);
    if (Math.abs(to - from) > 8) this.zoom(...[from, to].map((at) => this.x.invert(at)).sort((a, b) => a - b));
    else this.paint();
  }

  // Releases as wholes: from the shadow (or canary) of a challenger to what became of it.
  rollouts() {
    const found = [];
    let open = null;
    for (const event of this.events) {
      if (!LANES[2][1].includes(event.kind)) continue;
      if (!open) found.push(open = []);
      open.push(event);
      if (ENDS.includes(event.kind)) open = null;
    }
    return found;
  }

  // One spot a place: a short release is its end, and events of a kind closer than 10 px are one.
  place() {
    const wide = (one) => this.x(one.at(-1).at) - this.x(one[0].at) > 48;
    const releases = this.rollouts().flatMap((one) => (wide(one) ? one.map((event) => [event]) : [one]));
    for (const [i, [, kinds]] of LANES.entries()) {
      const all = i === 2 ? releases : this.events.filter((event) => kinds.includes(event.kind)).map((event) => [event]);
      const offset = this.spots[i].offsetLeft;
      const groups = [];
      for (const events of all) {
        const { at: t, kind } = events.at(-1);
        if (t < this.view[0] || t > this.view[1] + DAY) continue;
        const at = this.x(t);
        const near = groups.findLast((group) => group.kind === kind);
        if (near && at - near.at < 10) near.events.push(...events);
        else groups.push({ kind, at, events: [...events] });
      }
      const bars = i === 2 ? this.spans(offset) : [];
      this.spots[i].replaceChildren(...bars, ...groups.map((group) => this.spot(group, offset)));
      this.spots[i].querySelector("a")?.setAttribute("tabindex", "0");
    }
  }

  spot({ kind, at, events }, offset) {
    const worst = ["fail", "warn", "unknown", "ok"].find((v) => events.some((event) => event.verdict === v)) ?? "none";
    const { at: t, text, href } = events.at(-1);
    const more = events.length > 1 ? `, the last of ${events.length}` : "";
    const spot = make("a", { class: `spot ${worst}`, tabindex: "-1", "aria-label": `${day(t)}, ${kind}${more}: ${text}` }, icon(kind));
    spot.href = href ?? "#";
    spot.style.left = `${at - offset}px`;
    for (const type of ["pointerenter", "focus"]) spot.addEventListener(type, () => this.tell(events));
    return spot;
  }

  spans(offset) {
    const ends = (one) => [one[0].at, ENDS.includes(one.at(-1).kind) ? one.at(-1).at : this.last];
    return this.rollouts().map(ends).filter(([a, b]) => b >= this.view[0] && a <= this.view[1]).map(([a, b]) => {
      const bar = make("span", { class: "spot span" });
      const begin = this.x(Math.max(a, this.view[0]));
      bar.style.left = `${begin - offset}px`;
      bar.style.width = `${Math.max(this.x(b) - begin, 1)}px`;
      return bar;
    });
  }

  tell(events) {
    const lines = events.slice(0, 4).map((event) => {
      const text = make("p", {}, make("span", { class: "soft" }, `${day(event.at)} · ${event.kind} · `), event.text, " ");
      if (event.href) { const a = make("a", {}, "Open"); a.href = event.href; text.append(a); }
      return text;
    });
    if (events.length > 4) lines.push(make("p", { class: "soft" }, `and ${events.length - 4} more: zoom in to tell them apart`));
    this.about.replaceChildren(...lines);
  }

  rove(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const spots = [...(event.target.parentElement?.querySelectorAll("a.spot") ?? [])];
    const next = spots[spots.indexOf(event.target) + step];
    if (!step || !next) return;
    for (const spot of spots) spot.tabIndex = spot === next ? 0 : -1;
    next.focus();
    event.preventDefault();
  }

  // The range of values drawn: each line in view, and 92 % of the focused policy's days.
  range(first, last) {
    const values = this.shown.flatMap((one) => one.weekly.slice(first, last + 1)).filter(Number.isFinite);
    const daily = (this.shown.find((one) => one.name === this.focus)?.daily ?? []).slice(first, last + 1);
    const sorted = daily.filter(Number.isFinite).sort((a, b) => a - b);
    const cut = Math.floor(sorted.length * 0.04);
    if (sorted.length) values.push(sorted[cut], sorted[sorted.length - 1 - cut]);
    if (!values.length) return [0, 1];
    const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    const pad = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
    return [low - pad, high + pad];
  }

  draw() {
    this.width = this.stage.clientWidth;
    if (!this.width) return;
    this.paint();
    this.place();
  }

  paint() {
    const { pen, width, height } = sheet(this.canvas, this.width < 620 ? 240 : 340);
    const style = getComputedStyle(this);
    const [ink, soft, rule] = ["--ink", "--soft", "--line"].map((name) => this.color(name));
    const labels = width >= 820;
    const left = 64;
    const right = width - (labels ? 140 : 12);
    const [from, to] = this.view;
    const first = Math.max(0, Math.floor((from - this.start) / DAY));
    const end = Math.ceil((to - this.start) / DAY);
    const [low, high] = this.range(first, end);
    const x = (this.x = scale(from, to, left, right));
    const y = scale(low, high, height - 24, 8);
    pen.font = `11px ${style.fontFamily}`;
    this.axes(pen, x, y, { left, right, height, low, high, soft, rule });
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, right - left, height - 22);
    pen.clip();
    this.guides(pen, x, height, rule);
    const lines = this.shown.toSorted((a, b) => (a.name === this.focus) - (b.name === this.focus));
    for (const one of lines) this.curve(pen, one, x, y, first, end);
    pen.restore();
    if (this.reference > low && this.reference < high) this.refer(pen, left, y(this.reference), soft);
    if (labels) this.names(pen, lines, y, right, end);
    this.cross(pen, x, y, { left, right, height, soft, ink });
  }

  color(name) {
    this.probe ??= this.appendChild(make("span", { hidden: "" }));
    this.probe.style.color = `var(${name})`;
    return getComputedStyle(this.probe).color;
  }

  axes(pen, x, y, { left, right, height, low, high, soft, rule }) {
    pen.lineWidth = 1;
    pen.strokeStyle = rule;
    pen.fillStyle = soft;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (const value of ticks(low, high, 6)) {
      const at = Math.round(y(value)) + 0.5;
      pen.beginPath(); pen.moveTo(left, at); pen.lineTo(right, at); pen.stroke();
      pen.fillText(number(value), left - 8, at);
    }
    pen.textAlign = "center";
    for (const [t, text, strong] of dates(...this.view, (right - left) / 52)) {
      const at = Math.round(x(t)) + 0.5;
      pen.font = `${strong ? "600 " : ""}11px ${getComputedStyle(this).fontFamily}`;
      pen.beginPath(); pen.moveTo(at, height - 24); pen.lineTo(at, height - 20); pen.stroke();
      if (at > left + 8 && at < right + 16) pen.fillText(text, at, height - 10);
    }
    if (this.reference > low && this.reference < high) {
      pen.strokeStyle = soft;
      pen.setLineDash([3, 3]);
      pen.beginPath(); pen.moveTo(left, y(this.reference)); pen.lineTo(right, y(this.reference)); pen.stroke();
      pen.setLineDash([]);
    }
  }

  refer(pen, left, at, soft) {
    pen.textAlign = "left";
    pen.lineWidth = 4;
    pen.strokeStyle = this.color("--paper");
    pen.strokeText(this.referenceLabel, left + 6, at - 9);
    pen.fillStyle = soft;
    pen.fillText(this.referenceLabel, left + 6, at - 9);
  }

  // A hairline where the focused policy's model changed, so that lanes and curves read together.
  guides(pen, x, height, rule) {
    pen.strokeStyle = rule;
    const changes = this.events.filter(({ kind }) => ["promote", "rollback"].includes(kind));
    const inView = changes.filter(({ at }) => at >= this.view[0] && at <= this.view[1]).length;
    if (inView * 16 > this.width) return;
    for (const event of changes) {
      const at = Math.round(x(event.at)) + 0.5;
      pen.beginPath(); pen.moveTo(at, 8); pen.lineTo(at, height - 24); pen.stroke();
    }
  }

  curve(pen, one, x, y, first, end) {
    const ink = this.color(`--s${one.color}`);
    const focused = one.name === this.focus;
    const [from, to] = [Math.max(0, first - 1), end + 2];
    if (focused && one.daily) {
      pen.fillStyle = ink;
      pen.globalAlpha = 0.32;
      const [top, bottom] = [10, pen.canvas.clientHeight - 26];
      one.daily.slice(from, to).forEach((value, i) => {
        if (!Number.isFinite(value)) return;
        pen.beginPath();
        pen.arc(x(one.xs[from + i]), Math.min(Math.max(y(value), top), bottom), 1.8, 0, 7);
        pen.fill();
      });
      pen.globalAlpha = 1;
    }
    pen.strokeStyle = ink;
    pen.lineWidth = focused ? 2.5 : 1.5;
    pen.setLineDash(one.color > 6 ? [5, 3] : []);
    line(pen, one.xs.slice(from, to), one.weekly.slice(from, to), x, y, 8 * DAY);
    pen.setLineDash([]);
  }

  // Names at the ends of the lines, pushed apart where they would cover each other.
  names(pen, lines, y, right, end) {
    const tags = lines.map((one) => ({ one, at: y(one.weekly.slice(0, end + 1).findLast(Number.isFinite) ?? NaN) }))
      .filter(({ at }) => Number.isFinite(at)).sort((a, b) => a.at - b.at);
    for (let i = 1; i < tags.length; i++) tags[i].at = Math.max(tags[i].at, tags[i - 1].at + 15);
    const floor = pen.canvas.clientHeight - 28;
    for (let i = tags.length - 1; i >= 0; i--) tags[i].at = Math.min(tags[i].at, floor - 15 * (tags.length - 1 - i));
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    for (const { one, at } of tags) {
      pen.fillStyle = this.color(`--s${one.color}`);
      pen.font = `${one.name === this.focus ? "600 " : ""}12px ${getComputedStyle(this).fontFamily}`;
      pen.fillText(one.name.length > 20 ? `${one.name.slice(0, 19)}…` : one.name, right + 8, at);
    }
  }

  cross(pen, x, y, { left, right, height, soft, ink }) {
    if (this.drag && Math.abs(this.drag.to - this.drag.from) > 3) {
      const [a, b] = [this.drag.from, this.drag.to].map((v) => Math.min(Math.max(v, left), right)).sort((m, n) => m - n);
      pen.globalAlpha = 0.14;
      pen.fillStyle = ink;
      pen.fillRect(a, 8, b - a, height - 32);
      pen.globalAlpha = 1;
    }
    const inside = this.at !== null && this.at >= left && this.at <= right;
    const index = inside ? Math.round((x.invert(this.at) - this.start) / DAY) : null;
    if (index === null || index < 0) {
      this.readout.textContent = `${day(this.view[0])} – ${day(this.view[1])}. Drag to zoom, double-click for all.`;
      return;
    }
    const t = this.start + index * DAY;
    pen.strokeStyle = soft;
    pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(x(t), 8); pen.lineTo(x(t), height - 24); pen.stroke();
    this.readout.replaceChildren(make("b", {}, day(t)), ...this.shown.map((one) => {
      const value = make("span", {}, `${one.name} `, make("b", {}, number(one.weekly[index] ?? NaN)));
      value.style.color = `var(--s${one.color})`;
      return value;
    }));
  }
});
