// <hs-series src>: one metric of a run. The server reduces it to the least and the most of each
// pixel column and sends float32 triples (step, least, most); it is drawn when it comes into view.

import { dates, day, make, number, scale, sheet, ticks } from "./plot.js";

const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    near.unobserve(entry.target);
    entry.target.load();
  }
}, { rootMargin: "300px" });

customElements.define("hs-series", class extends HTMLElement {
  connectedCallback() {
    this.start = Date.parse(this.dataset.start ?? "");
    this.readout = make("p", { class: "readout" });
    this.canvas = make("canvas", { role: "img", "aria-label": this.getAttribute("label"), tabindex: "0" });
    this.append(this.canvas, this.readout);
    this.canvas.addEventListener("pointermove", (event) => { this.at = event.offsetX; this.draw(); });
    this.canvas.addEventListener("pointerleave", () => { this.at = null; this.draw(); });
    this.follow = new AbortController();
    document.addEventListener("theme", () => this.draw(), { signal: this.follow.signal });
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(this);
    near.observe(this);
  }

  disconnectedCallback() { this.follow.abort(); this.sized.disconnect(); near.unobserve(this); }

  async load() {
    const url = new URL(this.getAttribute("src"), location.href);
    url.searchParams.set("columns", Math.max(50, this.clientWidth - 60));
    const reply = await fetch(url);
    if (!reply.ok) { this.readout.textContent = `This series cannot be read: ${reply.status}.`; return; }
    const flat = new Float32Array(await reply.arrayBuffer());
    const n = flat.length / 3;
    [this.xs, this.low, this.high] = [0, 1, 2].map((i) => flat.subarray(i * n, (i + 1) * n));
    this.draw();
  }

  draw() {
    if (!this.xs?.length) return;
    const { pen, width, height } = sheet(this.canvas, 150);
    if (!width) return;
    const style = getComputedStyle(this);
    const [soft, rule, ink] = ["--soft", "--line", "--s1"].map((name) => {
      this.readout.style.color = `var(${name})`;
      return getComputedStyle(this.readout).color;
    });
    this.readout.style.color = "";
    const last = this.xs.length - 1;
    const bottom = Math.min(...this.low);
    const top = Math.max(...this.high);
    const pad = (top - bottom) * 0.06 || Math.abs(top) * 0.1 || 1;
    const x = scale(this.xs[0], this.xs[last], 48, width - 8);
    const y = scale(bottom - pad, top + pad, height - 20, 6);
    pen.font = `11px ${style.fontFamily}`;
    pen.strokeStyle = rule;
    pen.fillStyle = soft;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const value of ticks(bottom - pad, top + pad, 4)) {
      const at = Math.round(y(value)) + 0.5;
      pen.beginPath(); pen.moveTo(48, at); pen.lineTo(width, at); pen.stroke();
      pen.fillText(number(value), 42, at);
    }
    pen.textAlign = "center";
    const time = Number.isFinite(this.start);
    const instant = (step) => this.start + step * 86400000;
    const marks = time
      ? dates(instant(this.xs[0]), instant(this.xs[last]), width / 80).map(([t, text]) => [(t - this.start) / 86400000, text])
      : ticks(this.xs[0], this.xs[last], width / 80).map((value) => [value, number(value)]);
    for (const [at, text] of marks) if (x(at) > 60 && x(at) < width - 12) pen.fillText(text, x(at), height - 8);
    pen.strokeStyle = ink;
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (let i = 0; i <= last; i++) {
      pen.lineTo(x(this.xs[i]), y(this.low[i]));
      if (this.high[i] > this.low[i]) pen.lineTo(x(this.xs[i]), y(this.high[i]));
    }
    pen.stroke();
    if (!last) { pen.fillStyle = ink; pen.beginPath(); pen.arc(x(this.xs[0]), y(this.low[0]), 3, 0, 7); pen.fill(); }
    this.read(pen, x, { height, soft, time, instant });
  }

  read(pen, x, { height, soft, time, instant }) {
    if (this.at == null) { this.readout.textContent = ""; return; }
    const target = x.invert(this.at);
    let i = 0;
    for (let j = 1; j < this.xs.length; j++) if (Math.abs(this.xs[j] - target) < Math.abs(this.xs[i] - target)) i = j;
    pen.strokeStyle = soft;
    pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(x(this.xs[i]), 6); pen.lineTo(x(this.xs[i]), height - 20); pen.stroke();
    const at = time ? day(instant(this.xs[i])) : `step ${number(this.xs[i])}`;
    const value = this.high[i] > this.low[i] ? `${number(this.low[i])} to ${number(this.high[i])}` : number(this.low[i]);
    this.readout.textContent = `${at}: ${value}`;
  }
});
