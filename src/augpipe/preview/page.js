const figures = [...document.querySelectorAll(".cells figure")];
const chosen = new Set();

// Variants show where each chosen op was drawn; originals stay for as long as one of them does.
function filter() {
  for (const figure of figures) {
    const ops = JSON.parse(figure.dataset.ops);
    figure.hidden = !("original" in figure.dataset) && ![...chosen].every((op) => ops.includes(op));
  }
  for (const line of document.querySelectorAll(".line"))
    line.hidden = chosen.size > 0 && ![...line.querySelectorAll("figure")].some(
      (figure) => !figure.hidden && !("original" in figure.dataset));
  const variants = figures.filter((figure) => !("original" in figure.dataset));
  const seen = variants.filter((figure) => !figure.hidden && !figure.closest(".line").hidden);
  document.getElementById("seen").textContent = `${seen.length} of ${variants.length}`;
}

for (const button of document.querySelectorAll("[data-op]"))
  button.onclick = () => {
    const on = !chosen.delete(button.dataset.op);
    if (on) chosen.add(button.dataset.op);
    button.setAttribute("aria-pressed", on);
    filter();
  };

const dialog = document.querySelector("dialog");
let shown = null;

function show(figure) {
  shown = figure;
  dialog.querySelector("img").src = figure.querySelector("img").src;
  const line = figure.closest(".line").querySelector("h3").cloneNode(true);
  const title = document.createElement("h3");
  title.append(...line.childNodes);
  dialog.querySelector("aside").replaceChildren(
    title, figure.querySelector("figcaption").cloneNode(true), figure.querySelector("dl").cloneNode(true));
  dialog.querySelector("aside dl").className = "";
  if (!dialog.open) dialog.showModal();
}

function step(by) {
  const seen = figures.filter((figure) => figure.checkVisibility());
  show(seen[(seen.indexOf(shown) + by + seen.length) % seen.length]);
}

for (const figure of figures) figure.querySelector("button").onclick = () => show(figure);
dialog.onclick = () => dialog.close();
dialog.onkeydown = (event) => {
  if (event.key === "ArrowRight") step(1);
  if (event.key === "ArrowLeft") step(-1);
};
filter();
