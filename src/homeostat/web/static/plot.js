// What the charts share: scales, ticks, a sharp canvas, colours from the sheet.

export const DAY = 86400000;

export const scale = (low, high, start, end) => {
  const k = (end - start) / (high - low || 1);
  const map = (value) => start + (value - low) * k;
  map.invert = (position) => low + (position - start) / k;
  return map;
};

export function ticks(low, high, most) {
  const rough = (high - low) / Math.max(most, 1);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i <= high / step + 1e-9; i++) found.push(+(i * step).toPrecision(12));
  return found;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// Months, or days where the view is short: [instant, text, whether it begins a year].
export function dates(low, high, most) {
  const found = [];
  const days = (high - low) / DAY;
  if (days / most < 14) {
    const step = [1, 2, 7, 14].find((s) => days / s <= most) ?? 14;
    for (let t = Math.ceil(low / DAY) * DAY; t <= high; t += step * DAY) {
      const at = new Date(t);
      found.push([t, `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`, false]);
    }
    return found;
  }
  const step = [1, 2, 3, 6, 12, 24, 60].find((s) => days / 30.4 / s <= most) ?? 120;
  const first = new Date(low);
  for (let month = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth()) / step) * step; ; month += step) {
    const t = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (t > high) return found;
    if (t >= low) found.push([t, month % 12 ? MONTHS[month % 12] : String(month / 12), month % 12 === 0]);
  }
}

export const day = (t) => {
  const at = new Date(t);
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`;
};

export const number = (value, digits = 4) => {
  if (!Number.isFinite(value)) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1e15
    ? value.toLocaleString("en", { maximumFractionDigits: Math.max(0, digits - 1 - Math.floor(Math.log10(size))) })
    : value.toPrecision(digits - 1);
};

// Give a canvas the pixels that its size on the screen has, and its pen in CSS pixels.
export function sheet(canvas, height) {
  const width = canvas.clientWidth;
  const ratio = devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = `11px ${getComputedStyle(canvas).fontFamily}`;
  pen.lineJoin = "round";
  return { pen, width, height };
}

export const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

// Draw a line through points; where a pixel column holds several, from its least to its most.
export function line(pen, xs, ys, x, y, gap = Infinity) {
  pen.beginPath();
  let last = NaN;
  let column = NaN;
  let low = 0;
  let high = 0;
  let end = 0;
  const close = () => { if (high > low) { pen.moveTo(column, y(low)); pen.lineTo(column, y(high)); pen.moveTo(column, y(end)); } };
  for (let i = 0; i < xs.length; i++) {
    const value = ys[i];
    if (value === null || !Number.isFinite(value)) { continue; }
    const at = x(xs[i]);
    const here = Math.round(at);
    const joined = xs[i] - last <= gap;
    last = xs[i];
    if (here === column) { low = Math.min(low, value); high = Math.max(high, value); end = value; continue; }
    close();
    column = here;
    low = high = end = value;
    if (joined) pen.lineTo(at, y(value));
    else { pen.moveTo(at, y(value)); pen.lineTo(at, y(value)); }
  }
  close();
  pen.stroke();
}
