"use strict";
document.documentElement.classList.add("live");

const nearest = (numbers, wanted) =>
  numbers.reduce((best, n, i) => (Math.abs(n - wanted) < Math.abs(numbers[best] - wanted) ? i : best), 0);
const numbers = (words) => words.trim().split(/[ ,]+/).map(Number);

const charts = [...document.querySelectorAll(".chart")].map((chart) => {
  const svg = chart.querySelector("svg"), cursor = chart.querySelector(".cursor");
  const at = chart.querySelector(".at"), outputs = [...chart.querySelectorAll(".key output")];
  const lines = [...chart.querySelectorAll("polyline")].map(({ dataset, points }) => ({
    kimg: numbers(dataset.kimg), values: dataset.value.split(" "), places: [...points].slice(1),
  }));
  const newest = outputs.map((output) => output.textContent);
  const show = (kimg) => {
    const found = lines.map((line) => nearest(line.kimg, kimg));
    outputs.forEach((output, i) => (output.textContent = lines[i].values[found[i]]));
    const x = lines[0].places[found[0]].x;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    chart.classList.add("read");
    at.textContent = `at ${lines[0].kimg[found[0]].toLocaleString("en")} kimg`;
  };
  svg.addEventListener("pointermove", ({ clientX }) => {
    const { left, width } = svg.getBoundingClientRect();
    const { start, end, kimg } = svg.dataset;
    show((((clientX - left) / width) * svg.viewBox.baseVal.width - start) / (end - start) * kimg);
  });
  svg.addEventListener("pointerleave", () => {
    outputs.forEach((output, i) => (output.textContent = newest[i]));
    chart.classList.remove("read");
    at.textContent = "";
  });
  return { show };
});

const films = [...document.querySelectorAll(".film:has(input)")].map((film) => {
  const frames = [...film.querySelectorAll(".frame")], slider = film.querySelector("input");
  const kimg = frames.map((frame) => Number(frame.dataset.kimg));
  const show = (index) => {
    frames.forEach((frame, i) => frame.classList.toggle("on", i === index));
    slider.value = index;
    const words = `${kimg[index].toLocaleString("en")} kimg`;
    slider.setAttribute("aria-valuetext", words);
    film.querySelector("output").textContent = words;
  };
  show(frames.length - 1);
  return { slider, kimg, show };
});

for (const { slider, kimg, show } of films)
  slider.addEventListener("input", () => {
    const wanted = kimg[slider.value], together = document.querySelector("#together")?.checked;
    show(Number(slider.value));
    if (together) films.forEach((film) => film.show(nearest(film.kimg, wanted)));
    charts.forEach((chart) => chart.show(wanted));
  });

for (const dial of document.querySelectorAll(".dial")) {
  const frames = [...dial.querySelectorAll(".frame")], slider = dial.querySelector("input");
  const show = () => {
    frames.forEach((frame, i) => frame.classList.toggle("on", i === Number(slider.value)));
    const words = `${frames[slider.value].dataset.strength} σ`;
    slider.setAttribute("aria-valuetext", words);
    dial.querySelector("output").textContent = words;
  };
  slider.addEventListener("input", show);
  show();
}
