/**
 * The same curves drawn in several ways: what tests/browser/charts.py measures. Each way has `load`, which fetches its
 * code, and `draw`, which makes a picture in an element and returns how a newer point is added and how it is taken down.
 */
const SIZE = { width: 900, height: 150 };
const COLOURS = ["#d55e00", "#cc79a7", "#16202c"];

/** uPlot, as dashboard/curves.js uses it. */
const uPlot = {
  async load() {
    this.of = (await import("/charts/uplot/dist/uPlot.esm.js")).default;
  },
  draw(element, points) {
    const options = { ...SIZE, cursor: { show: false }, legend: { show: false }, scales: { x: { time: false }, y: { range: [0, 1] } }, axes: [{ show: false }, {}],
      series: [{}, ...COLOURS.map((stroke) => ({ stroke, points: { show: false } }))] };
    const plot = new this.of(options, columns(points), element);
    return { update: (newer) => plot.setData(columns(newer)), remove: () => plot.destroy() };
  },
};

/** Chart.js with everything switched off that it could save. */
const chartjs = {
  async load() {
    await script("/charts/chart.js/dist/chart.umd.min.js");
  },
  draw(element, points) {
    const canvas = element.appendChild(Object.assign(document.createElement("canvas"), SIZE));
    const sets = (of) => COLOURS.map((borderColor, i) => ({ borderColor, borderWidth: 1.5, pointRadius: 0, data: of.map((p) => ({ x: p.t, y: p.values[i] })) }));
    const chart = new Chart(canvas, {
      type: "line", data: { datasets: sets(points) },
      options: { animation: false, responsive: false, parsing: false, normalized: true, events: [], plugins: { legend: { display: false }, tooltip: { enabled: false } },
        scales: { x: { type: "linear", display: false }, y: { min: 0, max: 1 } } },
    });
    return {
      update: (newer) => {
        sets(newer).forEach((set, i) => (chart.data.datasets[i].data = set.data));
        chart.update("none");
      },
      remove: () => {
        chart.destroy();
        canvas.remove();
      },
    };
  },
};

/** Lightweight Charts, which adds a point instead of taking all anew. Its times are whole seconds, so ours are counted. */
const lightweight = {
  async load() {
    this.of = await import("/charts/lightweight-charts/dist/lightweight-charts.standalone.production.mjs");
  },
  draw(element, points) {
    const { createChart, LineSeries } = this.of;
    const chart = createChart(element, { ...SIZE, timeScale: { visible: false, minBarSpacing: 0.01 }, handleScroll: false, handleScale: false });
    const at = (p, i) => ({ time: Math.round(p.t * 2), value: p.values[i] });
    const series = COLOURS.map((color, i) => {
      const line = chart.addSeries(LineSeries, { color, lineWidth: 2, priceLineVisible: false, lastValueVisible: false });
      line.setData(points.map((p) => at(p, i)));
      return line;
    });
    chart.timeScale().fitContent();
    return {
      update: (newer) => {
        series.forEach((line, i) => line.update(at(newer[newer.length - 1], i)));
      },
      remove: () => chart.remove(),
    };
  },
};

/** What the dashboard draws where no library is: shared/band.js, stacked areas and one line. */
const band = {
  async load() {
    this.of = (await import("/static/shared/band.js")).emotionBand;
  },
  draw(element, points) {
    const canvas = element.appendChild(Object.assign(document.createElement("canvas"), SIZE));
    const ctx = canvas.getContext("2d");
    const colour = (name) => ({ angry: COLOURS[0], fearful: COLOURS[1], ink: COLOURS[2], surface: "#fff" })[name] ?? "#888";
    const track = { channel: 0, role: "", emotion: true, y: 0, ribbon_h: 20, top: 24, bottom: SIZE.height };
    const update = (all) => {
      const to_s = all[all.length - 1].t;
      ctx.clearRect(0, 0, SIZE.width, SIZE.height);
      this.of({ ctx, colour, place: { from_s: all[0].t, to_s, left: 0, right: SIZE.width } }, track, all.map(scored), to_s);
    };
    update(points);
    return { update, remove: () => canvas.remove() };
  },
};

export const WAYS = { "uPlot": uPlot, "Chart.js": chartjs, "Lightweight Charts": lightweight, "own canvas code": band };

/** So many points, a half second apart. @param {number} count @param {number} first of them */
export function points(count, first = 0) {
  return Array.from({ length: count }, (_, i) => {
    const t = (first + i) / 2;
    return { t, values: [0.5 + 0.3 * Math.sin(t / 7) + 0.15 * Math.sin(t * 3), 0.2 + 0.15 * Math.sin(t / 11), 0.6 + 0.3 * Math.sin(t / 5)] };
  });
}

function columns(all) {
  return [all.map((p) => p.t), ...COLOURS.map((_, i) => all.map((p) => p.values[i]))];
}

function scored({ t, values: [angry, fearful, arousal] }) {
  return { t, channel: 0, label: "angry", confidence: angry, arousal, reliability: "high", speaker: null, scores: { angry: angry * 0.6, fearful } };
}

function script(src) {
  return new Promise((resolve, reject) => document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror: reject })));
}

/** Lets what was asked for be drawn. */
export function drawn() {
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))));
}
