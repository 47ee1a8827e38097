/** Levels, shown by colour and by pattern, everywhere in the same way. */

import { h } from "./elements.js";
import { levelName } from "./words.js";

/**
 * How a cell is painted: `colour` of the style sheet's `--cell-…`, `mark` one of MARKS.
 * @typedef {{colour: number | string, mark: string}} Look
 */

/** @type {Look[]} */
const LOOKS = [
  { colour: 0, mark: "plain" },
  { colour: 1, mark: "stripe" },
  { colour: 2, mark: "dot" },
  { colour: 3, mark: "dash" },
  { colour: 4, mark: "pillar" },
  { colour: 5, mark: "plus" },
  { colour: 0, mark: "stripe" },
  { colour: 1, mark: "dot" },
  { colour: 2, mark: "pillar" },
  { colour: 3, mark: "plain" },
];
const looks = new Map([1, 2, 3, 4].map((level, index) => [level, LOOKS[index]]));

/** CPUs that nobody owns, and those reserved for unmanaged VMs. */
export const FREE = { colour: "free", mark: "hollow" };
export const UNMANAGED = { colour: "foreign", mark: "cross" };

/** @param {number} level */
export function lookOf(level) {
  const look = looks.get(level) ?? LOOKS[looks.size % LOOKS.length];
  looks.set(level, look);
  return look;
}

/** @typedef {(path: Path2D, x: number, y: number, side: number) => void} Mark */

/** @type {Mark} */
const dash = (path, x, y, s) => (path.moveTo(x, y + s / 2), path.lineTo(x + s, y + s / 2));
/** @type {Mark} */
const pillar = (path, x, y, s) => (path.moveTo(x + s / 2, y), path.lineTo(x + s / 2, y + s));
/** @type {Mark} */
const stripe = (path, x, y, s) => (path.moveTo(x, y + s), path.lineTo(x + s, y));

/** What is drawn over a cell whose corner is at x, y. @type {Map<string, Mark>} */
const MARKS = new Map([
  ["dash", dash],
  ["pillar", pillar],
  ["stripe", stripe],
  ["dot", (path, x, y, s) => path.rect(x + 0.42 * s, y + 0.42 * s, 0.16 * s, 0.16 * s)],
  ["plus", (path, x, y, s) => (dash(path, x, y, s), pillar(path, x, y, s))],
  [
    "cross",
    (path, x, y, s) => (stripe(path, x, y, s), path.moveTo(x, y), path.lineTo(x + s, y + s)),
  ],
]);

/**
 * Custom properties of the style sheet, kept: reading one would compute all styles each time.
 * @type {Map<string, string>}
 */
const properties = new Map();

/** @param {string} name of a custom property in the style sheet */
export function styled(name) {
  const value =
    properties.get(name) ?? getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  properties.set(name, value);
  return value;
}

/**
 * Paints cells of one look.
 * @param {CanvasRenderingContext2D} context @param {Look} look
 * @param {[number, number][]} cells their corners @param {number} side
 */
export function paint(context, look, cells, side) {
  const colour = styled(`--cell-${look.colour}`);
  if (look.mark === "hollow" && side >= 6) {
    context.strokeStyle = colour;
    context.lineWidth = 1;
    for (const [x, y] of cells) context.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
    return;
  }
  context.fillStyle = colour;
  for (const [x, y] of cells) context.fillRect(x, y, side, side);
  const mark = MARKS.get(look.mark);
  if (!mark) return;
  const path = new Path2D();
  for (const [x, y] of cells) mark(path, x, y, side);
  context.save();
  const inside = new Path2D();
  for (const [x, y] of cells) inside.rect(x, y, side, side);
  context.clip(inside);
  context.strokeStyle = styled("--cell-mark");
  context.lineWidth = Math.max(1, side / 6);
  context.stroke(path);
  context.restore();
}

/**
 * A small cell for legends, painted by the style sheet; the text beside it says what it is.
 * @param {Look} look
 */
export const swatch = ({ colour, mark }) =>
  h("span", { ariaHidden: "true", className: `swatch level-${colour} mark-${mark}` });

/** @param {number} level */
export const levelTag = (level) =>
  h("span.level", swatch(lookOf(level)), levelName(level));

/** Canvases, unlike all else, do not follow the colour scheme by themselves. */
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  properties.clear();
  const canvases = document.querySelectorAll("canvas");
  for (const canvas of canvases) canvas.dispatchEvent(new Event("repaint"));
});
