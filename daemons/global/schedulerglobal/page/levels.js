/** Levels told apart by colour and by pattern, everywhere in the same way. */

import { h } from "./elements.js";
import { levelName } from "./words.js";

/** How a cell is painted: `colour` of the style sheet's `--cell-…`, `mark` one of MARKS. */
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

/** CPUs that nobody owns, and those withheld for VMs of somebody else. */
export const FREE = { colour: "free", mark: "hollow" };
export const FOREIGN = { colour: "foreign", mark: "cross" };

/** @param {number} level */
export function lookOf(level) {
  if (!looks.has(level)) looks.set(level, LOOKS[looks.size % LOOKS.length]);
  return looks.get(level);
}

/** What is drawn over a cell of side `s` at x, y. */
const MARKS = {
  stripe: (path, x, y, s) => (path.moveTo(x, y + s), path.lineTo(x + s, y)),
  dot: (path, x, y, s) => path.rect(x + 0.42 * s, y + 0.42 * s, 0.16 * s, 0.16 * s),
  dash: (path, x, y, s) => (path.moveTo(x, y + s / 2), path.lineTo(x + s, y + s / 2)),
  pillar: (path, x, y, s) => (path.moveTo(x + s / 2, y), path.lineTo(x + s / 2, y + s)),
  plus: (path, x, y, s) => (MARKS.dash(path, x, y, s), MARKS.pillar(path, x, y, s)),
  cross: (path, x, y, s) =>
    (MARKS.stripe(path, x, y, s), path.moveTo(x, y), path.lineTo(x + s, y + s)),
};

/** Custom properties of the style sheet: asking for each anew would compute all styles each time. */
const properties = new Map();

/** @param {string} name of a custom property in the style sheet */
export function styled(name) {
  const root = document.documentElement;
  if (!properties.has(name)) {
    properties.set(name, getComputedStyle(root).getPropertyValue(name).trim());
  }
  return properties.get(name);
}

/** Paints cells of one look. @param {[number, number][]} cells corners; @param {number} side */
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
  const mark = MARKS[look.mark];
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

/** A small cell for legends, painted by the style sheet; the text beside it says what it is. */
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
