// <hs-series src>: a metric of a run, or of several. The server reduces it to the least and the most
// of each pixel column and sends float32 blocks (x, least, most, NaNs); it is drawn when it comes
// into view. Drag to zoom, all charts of the page with it; the finer columns are asked for.

import { dates, day, make, number, scale, sheet, ticks } from "./plot.js";

const LEFT = 48;
const HEIGHT = 160;
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    entry.target.near = entry.isIntersecting;
    if (entry.isIntersecting) entry.target.load();
  }
}, { rootMargin: "300px" });

// What part of the steps is looked at; it is in the address.
const view = new URLSearchParams(location.search);
let stretch = view.has("from") && view.has("to") ? [Number(view.get("from")), Number(view.get("to"))] : null;
const look = (range) => {
  stretch = range;
  const url = new URL(location.href);
  for (const [key, i] of [["from", 0], ["to", 1]]) {
    if (range) url.searchParams.set(key, +range[i].toPrecision(9));
    else url.searchParams.delete(key);
  }
  history.replaceState(null, "", url);
  for (const chart of document.querySelectorAll("hs-series")) chart.refresh();
};

customElements.define("hs-series", class extends HTMLElement {
  static observedAttributes = ["data-n", "data-scale", "src"];

  connectedCallback() {
    if (!this.canvas) this.build();
    this.ending = new AbortController();
    document.addEventListener("theme", () => { this.inks = null; this.draw(); }, { signal: this.ending.signal });
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(this);
    near.observe(this);
  }

  disconnectedCallback() { this.ending.abort(); this.sized.disconnect(); near.unobserve(this); }

  attributeChangedCallback(name) {
    if (!this.canvas) return;
    this.canvas.setAttribute("aria-label", this.getAttribute("label"));
    if (name === "data-scale") this.draw();
    else this.refresh();
  }

  build() {
    this.start = Date.parse(this.dataset.start ?? "");
    this.names = JSON.parse(this.closest("[data-names]")?.dataset.names ?? '[""]');
    this.readout = make("p", { class: "readout", "aria-live": "polite" });
    this.canvas = make("canvas", { role: "img", "aria-label": this.getAttribute("label"), tabindex: "0" });
    this.canvas.title = "Drag to zoom; double click shows all. Keys: arrows, +, -, 0.";
    this.append(this.canvas, this.readout);
    const on = (type, act) => this.canvas.addEventListener(type, act);
    on("pointermove", (event) => {
      [this.at, this.level] = [event.offsetX, event.offsetY];
      if (this.held != null) this.toggleAttribute("data-busy", true);
      this.draw();
    });
    on("pointerleave", () => { if (this.held == null) { this.at = null; this.draw(); } });
    on("pointerdown", (event) => {
      if (event.button || event.pointerType === "touch") return;
      this.held = event.offsetX;
      this.canvas.setPointerCapture(event.pointerId);
    });
    on("pointerup", (event) => {
      const from = this.held;
      this.held = null;
      this.removeAttribute("data-busy");
      if (from != null && Math.abs(event.offsetX - from) > 6) look([from, event.offsetX].map((at) => this.x.invert(at)).sort((a, b) => a - b));
      else this.draw();
    });
    on("dblclick", () => look(null));
    on("keydown", (event) => this.key(event));
    on("blur", () => { this.at = null; this.draw(); });
  }

  key(event) {
    if (!this.x) return;
    const [low, high] = this.shown;
    const middle = this.at == null ? (low + high) / 2 : this.x.invert(this.at);
    const zoom = { "+": 0.5, "=": 0.5, "-": 2 }[event.key];
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "0") look(null);
    else if (zoom) {
      const half = (high - low) * zoom / 2;
      look([Math.max(middle - half, this.whole[0]), Math.min(middle + half, this.whole[1])]);
    } else if (step) {
      const width = this.canvas.clientWidth - 8;
      this.at = Math.min(width, Math.max(LEFT, (this.at ?? (step > 0 ? LEFT : width)) + step * (event.shiftKey ? 24 : 4)));
      this.level = null;
      this.draw();
    } else return;
    event.preventDefault();
  }

  refresh() { this.stale = true; if (this.near) this.load(); }

  async load() {
    if (!this.stale && this.runs) return;
    this.stale = false;
    const asked = (this.asked = {});
    const url = new URL(this.getAttribute("src"), location.href);
    url.searchParams.set("columns", Math.max(50, Math.min(this.clientWidth - 60, this.names.length > 20 ? 300 : 2000)));
    if (stretch) { url.searchParams.set("low", Math.floor(stretch[0])); url.searchParams.set("high", Math.ceil(stretch[1])); }
    const reply = await fetch(url);
    if (asked !== this.asked) return;
    if (!reply.ok) { this.readout.textContent = `This series cannot be read: ${reply.status}.`; return; }
    const base = Number(reply.headers.get("X-Base"));
    const buffer = await reply.arrayBuffer();
    let at = 0;
    this.runs = reply.headers.get("X-Counts").split(",").map((text) => {
      const n = Number(text);
      const [xs, low, high, nans] = [0, 1, 2, 3].map((i) => new Float32Array(buffer, at + 4 * i * n, n));
      at += 16 * n;
      return { xs: Float64Array.from(xs, (x) => x + base), low, high, nans };
    });
    const ends = this.runs.flatMap(({ xs }) => (xs.length ? [xs[0], xs[xs.length - 1]] : []));
    this.shown = stretch ?? [Math.min(...ends), Math.max(...ends)];
    if (!stretch || !this.whole) this.whole = stretch ? [-Infinity, Infinity] : this.shown;
    this.draw();
  }

  // The values that fit the scale: infinities lie beyond the edge, and on a logarithmic scale what is not above 0.
  extent() {
    let low = Infinity;
    let high = -Infinity;
    const least = this.dataset.scale === "log" ? Number.MIN_VALUE : -Infinity;
    for (const run of this.runs) {
      for (const values of [run.low, run.high]) {
        for (const value of values) if (Number.isFinite(value) && value >= least) { low = Math.min(low, value); high = Math.max(high, value); }
      }
    }
    return low <= high ? [low, high] : [0, 1];
  }

  colour(name) {
    if (this.inks?.[name]) return this.inks[name];
    this.readout.style.color = `var(${name})`;
    const found = getComputedStyle(this.readout).color;
    this.readout.style.color = "";
    (this.inks ??= {})[name] = found;
    return found;
  }

  draw() {
    if (!this.runs || !this.clientWidth) return;
    const { pen, width, height } = sheet(this.canvas, HEIGHT);
    pen.font = `11px ${getComputedStyle(this).fontFamily}`;
    if (!this.runs.some(({ xs }) => xs.length)) {
      pen.fillStyle = this.colour("--soft");
      pen.fillText("No value in this stretch; double click or 0 shows all.", LEFT, height / 2);
      this.readout.textContent = "";
      return;
    }
    const x = (this.x = scale(...this.shown, LEFT, width - 8));
    const y = this.axes(pen, x, width, height);
    pen.save();
    pen.beginPath(); pen.rect(LEFT - 2, 2, width - LEFT + 2, height - 20); pen.clip();
    const spot = this.nearest(x, y);
    this.runs.forEach((run, i) => { if (i !== spot?.run) this.trace(pen, run, i, x, y, spot); });
    if (spot) this.trace(pen, this.runs[spot.run], spot.run, x, y, spot);
    pen.restore();
    this.missing(pen, x, height);
    this.tell(pen, x, y, spot, height);
  }

  axes(pen, x, width, height) {
    const [low, high] = this.extent();
    const log = this.dataset.scale === "log" && low > 0;
    const f = log ? Math.log10 : (value) => value;
    const pad = (f(high) - f(low)) * 0.06 || Math.abs(f(high)) * 0.1 || 1;
    const bounds = [f(low) - pad, f(high) + pad];
    const map = scale(...bounds, height - 20, 6);
    pen.strokeStyle = this.colour("--line");
    pen.fillStyle = this.colour("--soft");
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const value of ticks(...bounds, 4)) {
      const at = Math.round(map(value)) + 0.5;
      pen.beginPath(); pen.moveTo(LEFT, at); pen.lineTo(width, at); pen.stroke();
      pen.fillText(number(log ? 10 ** value : value, log ? 2 : 4), LEFT - 6, at);
    }
    pen.textAlign = "center";
    const time = Number.isFinite(this.start);
    const instant = (step) => this.start + step * 86400000;
    const marks = time
      ? dates(...this.shown.map(instant), width / 80).map(([t, text]) => [(t - this.start) / 86400000, text])
      : ticks(...this.shown, width / 80).map((value) => [value, number(value)]);
    for (const [at, text] of marks) if (x(at) > 60 && x(at) < width - 12) pen.fillText(text, x(at), height - 8);
    return (value) => map(log && value > 0 ? Math.log10(value) : log ? bounds[0] : Math.max(bounds[0], Math.min(bounds[1], value)));
  }

  trace(pen, { xs, low, high }, i, x, y, spot) {
    const slot = Number(this.dataset.slot ?? i);
    pen.strokeStyle = pen.fillStyle = this.colour(`--s${(slot % 8) + 1}`);
    pen.globalAlpha = spot && this.runs.length > 1 && spot.run !== i ? 0.35 : 1;
    pen.lineWidth = this.runs.length > 1 && spot?.run === i ? 2.5 : this.runs.length > 20 ? 1 : 1.5;
    pen.setLineDash([[], [6, 3], [2, 3]][Math.floor(slot / 8) % 3]);
    const alone = this.runs.length < 2;
    if (!alone) this.extents(pen, { xs, low, high }, x, y);
    pen.beginPath();
    let pause = true;
    for (let k = 0; k < xs.length; k++) {
      if (Number.isNaN(low[k])) { pause = true; continue; }
      const [at, up] = [x(xs[k]), alone ? y(low[k]) : (y(low[k]) + y(high[k])) / 2];
      if (pause) pen.moveTo(at, up);
      else pen.lineTo(at, up);
      if (alone && high[k] > low[k]) pen.lineTo(at, y(high[k]));
      if (pause && (k + 1 === xs.length || Number.isNaN(low[k + 1]))) pen.fillRect(at - 1.5, up - 1.5, 3, 3);
      pause = false;
    }
    pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  // Of several curves the least and the most are drawn faintly, lest one hides the others; no spike is lost.
  extents(pen, { xs, low, high }, x, y) {
    const [alpha, dash] = [pen.globalAlpha, pen.getLineDash()];
    pen.globalAlpha = alpha * 0.3;
    pen.setLineDash([]);
    pen.beginPath();
    for (let k = 0; k < xs.length; k++) if (high[k] > low[k]) { pen.moveTo(x(xs[k]), y(low[k])); pen.lineTo(x(xs[k]), y(high[k])); }
    pen.stroke();
    pen.globalAlpha = alpha;
    pen.setLineDash(dash);
  }

  // NaN has no height: it is marked on the axis, so that a run that broke is seen to have.
  missing(pen, x, height) {
    pen.fillStyle = this.colour("--fail");
    for (const { xs, nans } of this.runs) xs.forEach((at, k) => { if (nans[k]) pen.fillRect(x(at) - 1, height - 22, 2, 5); });
  }

  nearest(x, y) {
    if (this.at == null || this.held != null) return null;
    let found = null;
    this.runs.forEach(({ xs, low, high }, run) => {
      if (!xs.length) return;
      let [a, b] = [0, xs.length - 1];
      const target = x.invert(this.at);
      while (b - a > 1) { const middle = (a + b) >> 1; if (xs[middle] < target) a = middle; else b = middle; }
      const i = Math.abs(xs[a] - target) <= Math.abs(xs[b] - target) ? a : b;
      const off = this.level == null || this.runs.length < 2 ? 0 : Math.abs(y((low[i] + high[i]) / 2) - this.level) || 0;
      const far = off + Math.abs(x(xs[i]) - this.at);
      if (!found || far < found.far) found = { run, i, far };
    });
    return found;
  }

  tell(pen, x, y, spot, height) {
    pen.lineWidth = 1;
    if (this.held != null && this.at != null) {
      pen.globalAlpha = 0.15;
      pen.fillStyle = this.colour("--link");
      pen.fillRect(Math.min(this.held, this.at), 4, Math.abs(this.at - this.held), height - 24);
      pen.globalAlpha = 1;
    }
    if (!spot) { this.readout.textContent = ""; return; }
    const { xs, low, high, nans } = this.runs[spot.run];
    const i = spot.i;
    pen.strokeStyle = this.colour("--soft");
    pen.beginPath(); pen.moveTo(x(xs[i]), 6); pen.lineTo(x(xs[i]), height - 20); pen.stroke();
    const at = Number.isFinite(this.start) ? day(this.start + xs[i] * 86400000)
      : this.dataset.unit ? `${number(xs[i])} ${this.dataset.unit}` : `step ${number(xs[i], 9)}`;
    const one = (value) => (Number.isNaN(value) ? "NaN" : Number.isFinite(value) ? number(value) : value > 0 ? "∞" : "−∞");
    const value = high[i] > low[i] ? `${one(low[i])} to ${one(high[i])}` : one(low[i]);
    const name = this.names[spot.run];
    this.readout.textContent = `${name && `${name}, `}${at}: ${value}${nans[i] && !Number.isNaN(low[i]) ? `, ${nans[i]} NaN` : ""}`;
  }
});
