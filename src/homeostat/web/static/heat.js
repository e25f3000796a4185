// The heat map is a real table; this adds arrow keys between its cells and says what a cell holds.

const tell = (cell) => {
  const readout = cell.closest("[data-part]").querySelector(".readout");
  if (readout) readout.textContent = cell.getAttribute("aria-label");
};
const cellOf = (event) => event.target.closest?.(".heat .cell");
for (const type of ["pointerover", "focusin"]) {
  document.addEventListener(type, (event) => { const cell = cellOf(event); if (cell) tell(cell); });
}

document.addEventListener("keydown", (event) => {
  const cell = cellOf(event);
  const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
  if (!cell || right === undefined) return;
  const rows = [...cell.closest("table").querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll(".cell")]);
  const row = rows.findIndex((cells) => cells.includes(cell));
  const next = rows[row + down]?.[rows[row].indexOf(cell) + right];
  event.preventDefault();
  if (!next) return;
  cell.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});
