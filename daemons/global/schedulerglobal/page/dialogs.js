/** Questions to the user, and what the page has to tell. */

import { byId, say } from "./elements.js";

/** @type {Promise<string | null> | null} */
let asking = null;

/** Who waits for the answer of which dialog. */
const waiting = new Map();

/** Asks for a token; null: the user gives none. However many ask, the user is asked once. */
export function askToken(why) {
  byId("token").value = "";
  asking ??= answerOf("token", why).then((isGiven) => {
    asking = null;
    byId("token-button").hidden = false;
    return isGiven ? byId("token").value : null;
  });
  return asking;
}

/** Returns whether the user wants it. */
export function confirmed(title, text, verb) {
  say(byId("confirm-title"), title);
  say(byId("confirm-ok"), verb);
  return answerOf("confirm", text);
}

/** Tells what was done or went wrong, until the next or until it is closed. */
export function tell(text, { wrong = false } = {}) {
  byId("notice").classList.toggle("wrong", wrong);
  byId("notice").hidden = text === "";
  say(byId("notice-text"), text);
}

byId("notice-close").addEventListener("click", () => tell(""));

function answerOf(name, text) {
  const dialog = byId(`${name}-dialog`);
  // Its last answer may still be on the way: a browser tells that a dialog was closed later.
  answer(name);
  say(byId(`${name}-text`), text);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => waiting.set(name, resolve));
}

function answer(name) {
  waiting.get(name)?.(byId(`${name}-dialog`).returnValue === "ok");
  waiting.delete(name);
}

for (const name of ["token", "confirm"]) {
  const dialog = byId(`${name}-dialog`);
  dialog.addEventListener("close", () => dialog.open || answer(name));
}
