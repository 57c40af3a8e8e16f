/**
 * The geometry of the map: what of it is shown, where a point lies on the screen, and which point is next. Pure.
 *
 * @typedef {{x: number, y: number}} Point on the map, y up; on the screen in px, y down
 * @typedef {{width: number, height: number}} Size px
 * @typedef {{scale: number, x: number, y: number}} View px for each unit of the map, and which place of the map is in the middle
 * @typedef {"left"|"right"|"up"|"down"} Direction
 */

const MARGIN = 24;
const MOST_ZOOM = 40;
/** Where all points are one. */
const LEAST_SPAN = 1e-3;

/** Distances are as long in each direction. @param {Point[]} points @param {Size} size @returns {View} all of them */
export function fit(points, { width, height }) {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { x, y } of points) {
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [low, high] = [Math.min(low, y), Math.max(high, y)];
  }
  if (left > right) return { scale: 1, x: 0, y: 0 };
  const scale = Math.min((width - 2 * MARGIN) / Math.max(LEAST_SPAN, right - left), (height - 2 * MARGIN) / Math.max(LEAST_SPAN, high - low));
  return { scale: Math.max(1, scale), x: (left + right) / 2, y: (low + high) / 2 };
}

/** @param {View} view @param {Size} size @param {Point} point @returns {Point} px */
export function shown(view, { width, height }, { x, y }) {
  return { x: width / 2 + (x - view.x) * view.scale, y: height / 2 - (y - view.y) * view.scale };
}

/** What lies at `at` stays there. @param {View} view @param {Size} size @param {number} factor @param {Point} at px @param {View} whole no less is shown than a fortieth of it, and no more @returns {View} */
export function zoomed(view, { width, height }, factor, at, whole) {
  const scale = Math.min(whole.scale * MOST_ZOOM, Math.max(whole.scale, view.scale * factor));
  if (scale === whole.scale) return whole;
  const [dx, dy] = [at.x - width / 2, at.y - height / 2];
  return { scale, x: view.x + dx / view.scale - dx / scale, y: view.y - dy / view.scale + dy / scale };
}

/** @param {View} view @param {number} dx px @param {number} dy px @returns {View} */
export function moved(view, dx, dy) {
  return { ...view, x: view.x - dx / view.scale, y: view.y + dy / view.scale };
}

/** So that a point is to be seen. @param {View} view @param {Size} size @param {Point} point on the map @returns {View} */
export function revealed(view, size, point) {
  const { x, y } = shown(view, size, point);
  const inside = x >= 0 && y >= 0 && x <= size.width && y <= size.height;
  return inside ? view : { ...view, x: point.x, y: point.y };
}

/** @param {Point[]} places px @param {Point} at px @param {number} within px @returns {number} the index of the nearest; -1: there is none so near */
export function nearest(places, at, within) {
  let [found, least] = [-1, within * within];
  for (let i = 0; i < places.length; i++) {
    const away = (places[i].x - at.x) ** 2 + (places[i].y - at.y) ** 2;
    if (away <= least) [found, least] = [i, away];
  }
  return found;
}

/** The nearest point in a direction: what lies aside counts twice as far. @param {Point[]} places px @param {number} from index; -1: the leftmost is next @param {Direction} direction @returns {number} index; `from` where there is none */
export function next(places, from, direction) {
  if (from < 0) return places.reduce((best, place, i) => (best < 0 || place.x < places[best].x ? i : best), -1);
  const [dx, dy] = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] }[direction];
  let [found, least] = [from, Infinity];
  for (let i = 0; i < places.length; i++) {
    const [x, y] = [places[i].x - places[from].x, places[i].y - places[from].y];
    const ahead = x * dx + y * dy;
    const copy = !x && !y; // of one place each is come by in turn
    if (copy ? i <= from : ahead <= 0) continue;
    const away = ahead + 2 * Math.abs(x * dy) + 2 * Math.abs(y * dx);
    if (away < least) [found, least] = [i, away];
  }
  return found;
}
