/** How a point is drawn: each group and each emotion has a shape and a colour, so that neither is needed alone. Pure. */
import { labelShape } from "../shared/labels.js";

/** @typedef {{shape: string, colour: string}} Symbol SVG path data in a 24 x 24 box, and the name of a colour of theme.css */

/** As many as have no factor in common with the colours would do: 8 and 6 give 24 symbols, and 20 groups are found at most. */
const SHAPES = [
  "M12 3 A9 9 0 1 0 12 21 A9 9 0 1 0 12 3 Z",
  "M12 2 L22.5 20.5 H1.5 Z",
  "M4 4 H20 V20 H4 Z",
  "M12 1 L23 12 L12 23 L1 12 Z",
  "M9 2 H15 V9 H22 V15 H15 V22 H9 V15 H2 V9 H9 Z",
  "M1.5 3.5 H22.5 L12 22 Z",
  "M12 1 L15 9 L23 9.5 L17 14.5 L19 22.5 L12 18 L5 22.5 L7 14.5 L1 9.5 L9 9 Z",
  "M7 2 H17 L23 12 L17 22 H7 L1 12 Z",
];
const COLOURS = 6;
/** @type {Symbol} What is in no group: a small ring. */
const ALONE = { shape: "M12 6 A6 6 0 1 0 12 18 A6 6 0 1 0 12 6 Z M12 9 A3 3 0 1 1 12 15 A3 3 0 1 1 12 9 Z", colour: "quiet" };

/** @param {number} group -1 for none @returns {Symbol} */
export function groupSymbol(group) {
  return group < 0 ? ALONE : { shape: SHAPES[group % SHAPES.length], colour: `lane-${(group % COLOURS) + 1}` };
}

/** @param {string|null} label @returns {Symbol} */
export function labelSymbol(label) {
  return { shape: labelShape(label), colour: label ?? "quiet" };
}
