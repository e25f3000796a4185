/* Search and sort the columns of a profile page; without it they stand in their order. */
for (const page of document.querySelectorAll(".hp")) {
  const tools = page.querySelector(".tools"), list = page.querySelector(".cols");
  if (!tools || !list || !tools.hidden) continue;
  const columns = [...list.querySelectorAll(":scope > .col")];
  const [search, sort, open] = tools.querySelectorAll("input, select, button");
  const left = tools.querySelector("output");
  const find = () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const column of columns) {
      column.hidden = !column.dataset.name.toLowerCase().includes(wanted);
      shown += !column.hidden;
    }
    left.textContent = wanted ? `${shown} of ${columns.length}` : "";
  };
  const order = () => {
    const key = sort.value;
    const sorted = [...columns];
    if (key === "name") sorted.sort((a, b) => a.dataset.name.localeCompare(b.dataset.name));
    else if (key) sorted.sort((a, b) => b.dataset[key] - a.dataset[key]);
    list.append(...sorted);
  };
  search.addEventListener("input", find);
  sort.addEventListener("change", order);
  open.addEventListener("click", () => {
    const shown = columns.filter((column) => !column.hidden);
    const all = shown.every((column) => column.open);
    for (const column of shown) column.open = !all;
  });
  tools.hidden = false;
}
