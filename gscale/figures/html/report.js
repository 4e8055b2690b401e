// Draws the figures of the page with plotly, each when it comes near the screen, in the page's colours.
"use strict";

const DARK = matchMedia("(prefers-color-scheme: dark)");
const COARSE = matchMedia("(pointer: coarse)");

// Okabe and Ito's colours, distinct for colour-blind readers, and lighter ones of the same hues for a dark page.
const CATEGORIES = {
  light: ["#0072b2", "#d55e00", "#009e73", "#b5509a", "#b98000", "#3a9bd9", "#6b6b6b", "#7a3e1d"],
  dark: ["#56b4e9", "#ff8a3d", "#35c99b", "#e79fcb", "#f0c04a", "#a8d8ff", "#b5b5b5", "#d9a37c"],
};
// Viridis without the end that the page swallows.
const SHADES = {
  light: ["#35b779", "#1f9e89", "#26828e", "#31688e", "#3e4989", "#440154"],
  dark: ["#3d78a6", "#26a0a0", "#2fb47c", "#6ece58", "#b5de2b", "#fde725"],
};
const INK = { light: "#555b64", dark: "#b9bfc8" };

function theme() {
  return DARK.matches ? "dark" : "light";
}

function colour(role) {
  const of = theme();
  if (role === "ink") return INK[of];
  if (role[0] === "c") return CATEGORIES[of][Number(role.slice(1)) % CATEGORIES[of].length];
  const at = Number(role.slice(1)) * (SHADES[of].length - 1);
  const low = Math.min(Math.floor(at), SHADES[of].length - 2);
  return mixed(SHADES[of][low], SHADES[of][low + 1], at - low);
}

function mixed(first, second, share) {
  const channel = (hex, i) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
  const mix = (i) => Math.round(channel(first, i) * (1 - share) + channel(second, i) * share);
  return `rgb(${mix(0)},${mix(1)},${mix(2)})`;
}

// Plotly reads tags, entities and %{names} in its texts: these are none.
function plain(text) {
  return text.replace(/[&<>%{}]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function wrapped(text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line && line.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines.map(plain).join("<br>");
}

function traces(figure, hidden) {
  return figure.series.flatMap((series) => {
    const main = trace(figure, series);
    const both = series.band && series.half ? [band(series, main), main] : [main];
    return both.map((one) => ({ ...one, visible: hidden.has(series.group) ? "legendonly" : true }));
  });
}

function trace(figure, series) {
  const paint = colour(series.colour);
  const note = (i) => (Array.isArray(series.notes) ? series.notes[i] : series.notes);
  const spread = (i) => (series.half && series.half[i] ? ` ± ${Number(series.half[i].toPrecision(2))}` : "");
  const error = { type: "data", array: series.half, thickness: 1.2, width: 3, color: paint };
  return {
    type: "scatter", name: plain(series.name), legendgroup: plain(series.group), mode: series.mode,
    x: series.x, y: series.y,
    line: { color: paint, dash: series.dash, width: series.width },
    marker: { color: paint, symbol: series.symbol, size: 8, line: { color: paint, width: 1.5 } },
    opacity: series.width > 4 ? 0.35 : 1,
    ...(series.half && !series.band ? { error_y: error } : {}),
    customdata: series.x.map((_, i) => [spread(i), wrapped(note(i) || "", 44)]),
    hovertemplate:
      `<b>${wrapped(series.name, 44)}</b><br>%{customdata[1]}<br>` +
      `${plain(figure.x.label)}: %{x:.5~g}<br>${wrapped(figure.y.label, 44)}: %{y:.4~g}%{customdata[0]}` +
      "<extra></extra>",
  };
}

function band(series, main) {
  const shown = series.x.map((_, i) => i).filter((i) => series.y[i] !== null && series.half[i] !== null);
  // a logarithmic axis cannot show what lies below 0
  const low = (i) => (series.y[i] > 0 ? Math.max(series.y[i] - series.half[i], series.y[i] / 50) : series.y[i]);
  const high = (i) => series.y[i] + series.half[i];
  const back = [...shown].reverse();
  return {
    type: "scatter", mode: "lines", legendgroup: main.legendgroup, hoverinfo: "skip", opacity: 0.2,
    x: [...shown, ...back].map((i) => series.x[i]), y: [...shown.map(high), ...back.map(low)],
    fill: "toself", fillcolor: main.line.color, line: { width: 0, color: main.line.color },
  };
}

function layout(state) {
  const style = getComputedStyle(document.documentElement);
  const [text, grid, panel] = ["--text", "--line", "--page"].map((name) => style.getPropertyValue(name).trim());
  const narrow = innerWidth < 600;
  return {
    margin: { l: narrow ? 54 : 64, r: 12, t: 30, b: 50 }, autosize: true, showlegend: false,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: text },
    hoverlabel: { bgcolor: panel, bordercolor: grid, font: { color: text, size: 12 }, align: "left" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: grid, activecolor: text },
    // a finger scrolls the page; the buttons above the figure zoom
    dragmode: COARSE.matches ? false : "zoom", hovermode: "closest",
    uirevision: `${state.log.x} ${state.log.y}`,
    xaxis: axis(state.figure.x, state.log.x, grid), yaxis: axis(state.figure.y, state.log.y, grid),
  };
}

function axis(spec, log, grid) {
  const options = {
    title: { text: wrapped(spec.label, 36), standoff: 8 }, type: log ? "log" : "linear", gridcolor: grid,
    zerolinecolor: grid, linecolor: grid, exponentformat: "power", automargin: true,
    rangemode: spec.zero ? "tozero" : "normal", nticks: log ? 4 : 6,
  };
  if (spec.ticks.length && (log || spec.ticks.length === 1)) {
    Object.assign(options, { tickvals: spec.ticks, ticktext: spec.ticks.map(String) });
  }
  if (spec.range && log === spec.log) options.range = log ? spec.range.map(Math.log10) : spec.range;
  else options.autorange = true;
  return options;
}

const CONFIG = {
  responsive: true, displaylogo: false, plotlyServerURL: "",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "sendChartToCloud"],
};
const states = new Map();

function draw(plot) {
  if (!states.has(plot)) prepare(plot);
  const state = states.get(plot);
  legend(state);
  for (const button of state.buttons) button.setAttribute("aria-pressed", String(state.log[button.dataset.axis]));
  return Plotly.react(plot, traces(state.figure, state.hidden), layout(state), CONFIG);
}

function prepare(plot) {
  const figure = JSON.parse(plot.parentElement.querySelector("script").textContent);
  const state = { plot, figure, hidden: new Set(), log: { x: figure.x.log, y: figure.y.log } };
  const buttons = element("div", "buttons");
  state.buttons = ["x", "y"].map((name) => toggle(state, name));
  buttons.append(...state.buttons);
  state.legend = element("div", "legend");
  plot.before(buttons);
  plot.after(state.legend);
  states.set(plot, state);
}

function element(tag, name) {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

function toggle(state, name) {
  const button = element("button", "");
  button.type = "button";
  button.dataset.axis = name;
  button.textContent = name === "x" ? "log across" : "log upward";
  button.title = `Logarithmic axis: ${state.figure[name].label}`;
  button.addEventListener("click", () => {
    state.log[name] = !state.log[name];
    draw(state.plot);
  });
  return button;
}

function legend(state) {
  const focused = [...state.legend.children].indexOf(document.activeElement);
  const listed = state.figure.series.filter((series) => series.listed);
  state.legend.replaceChildren(...listed.map((series) => entry(state, series)));
  if (focused >= 0) state.legend.children[focused].focus();
}

function entry(state, series) {
  const button = element("button", "");
  button.type = "button";
  button.dataset.group = series.group;
  button.title = "Hide or show";
  button.setAttribute("aria-pressed", String(!state.hidden.has(series.group)));
  button.innerHTML = swatch(series);
  button.append(series.name);
  button.addEventListener("click", () => {
    if (!state.hidden.delete(series.group)) state.hidden.add(series.group);
    draw(state.plot);
  });
  return button;
}

const SHAPES = {
  square: "M8 1h8v8h-8z", diamond: "M12 0l5 5l-5 5l-5-5z", "triangle-up": "M12 0l5 9h-10z",
  "triangle-down": "M12 10l5-9h-10z", cross: "M10 1h4v2h2v4h-2v2h-4v-2h-2v-4h2z", "x-thin": "M8 1l8 8m0-8l-8 8",
};
const DASHES = { dash: "5 3", dot: "2 2" };

function swatch(series) {
  const paint = colour(series.colour);
  const open = series.symbol.endsWith("-open");
  const shape = SHAPES[series.symbol.replace("-open", "")];
  const look = `fill="${open ? "none" : paint}" stroke="${paint}" stroke-width="1.5"`;
  const mark = shape ? `<path d="${shape}" ${look}/>` : `<circle cx="12" cy="5" r="3.5" ${look}/>`;
  const opacity = series.width > 4 ? 0.35 : 1;
  const line =
    `<line x2="24" y1="5" y2="5" stroke="${paint}" stroke-width="${series.width}" opacity="${opacity}" ` +
    `stroke-dasharray="${DASHES[series.dash] || "none"}"/>`;
  const parts = (series.mode.includes("lines") ? line : "") + (series.mode.includes("markers") ? mark : "");
  return `<svg width="24" height="10" aria-hidden="true">${parts}</svg>`;
}

function drawAll() {
  return Promise.all([...document.querySelectorAll(".plot")].map(draw));
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      draw(target);
    }
  },
  { rootMargin: "600px" },
);
for (const plot of document.querySelectorAll(".plot")) near.observe(plot);
DARK.addEventListener("change", () => [...states.keys()].forEach(draw));
addEventListener("beforeprint", drawAll);
