"use strict";
// Sorting and filtering of tables: a convenience, the page is whole without it.
const numberOf = (cell) => parseFloat(cell.dataset.value);
const compareCells = (a, b, sign) => {
  if (!("value" in a.dataset)) return sign * a.textContent.localeCompare(b.textContent, undefined, { numeric: true });
  const x = numberOf(a), y = numberOf(b);
  // No number is neither low nor high: it stays last, whichever way the rest is sorted.
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
  return sign * (x - y);
};
const sortBy = (table, header) => {
  const column = [...header.parentNode.children].indexOf(header);
  const down = header.getAttribute("aria-sort") === "ascending";
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => compareCells(a.cells[column], b.cells[column], down ? -1 : 1));
  table.tHead.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  table.tBodies[0].append(...rows);
};
document.querySelectorAll("table.sortable").forEach((table) => {
  table.tHead.querySelectorAll("th").forEach((header) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sortBy(table, header));
    header.append(button);
  });
  const box = table.closest(".table").querySelector(".filter");
  if (!box) return;
  box.hidden = false;
  box.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    table.classList.toggle("filtered", wanted !== "");
    for (const row of table.tBodies[0].rows) {
      row.classList.toggle("hit", row.textContent.toLowerCase().includes(wanted));
    }
  });
});
