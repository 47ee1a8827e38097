/** Questions to the user, and notices. */

import { byId, elementOf, say } from "./elements.js";

/** @type {Promise<string | null> | null} */
let asking = null;

/** What takes the answer of each dialog. @type {Map<string, (isOk: boolean) => void>} */
const waiting = new Map();

/**
 * Asks for a token; null: the user gives none. However many ask, the user is asked once.
 * @param {string} why
 */
export function askToken(why) {
  const field = elementOf("token", HTMLInputElement);
  field.value = "";
  asking ??= answerOf("token", why).then((isGiven) => {
    asking = null;
    byId("token-button").hidden = false;
    return isGiven ? field.value : null;
  });
  return asking;
}

/** Returns whether the user agrees. @param {string} title @param {string} text @param {string} verb */
export function confirmed(title, text, verb) {
  say(byId("confirm-title"), title);
  say(byId("confirm-ok"), verb);
  return answerOf("confirm", text);
}

/** Shows what was done or went wrong, until the next notice or until it is closed. @param {string} text */
export function notify(text, { isError = false } = {}) {
  byId("notice").classList.toggle("wrong", isError);
  byId("notice").hidden = text === "";
  say(byId("notice-text"), text);
}

byId("notice-close").addEventListener("click", () => notify(""));

/** @param {string} name */
const dialogOf = (name) => elementOf(`${name}-dialog`, HTMLDialogElement);

/** @param {string} name @param {string} text @returns {Promise<boolean>} */
function answerOf(name, text) {
  const dialog = dialogOf(name);
  // Its last answer may still be on the way: a browser reports later that a dialog was closed.
  answer(name);
  say(byId(`${name}-text`), text);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => waiting.set(name, resolve));
}

/** @param {string} name */
function answer(name) {
  waiting.get(name)?.(dialogOf(name).returnValue === "ok");
  waiting.delete(name);
}

for (const name of ["token", "confirm"]) {
  const dialog = dialogOf(name);
  dialog.addEventListener("close", () => dialog.open || answer(name));
}
