/** The address of the page: the view, what it is about, and its filters, so that links keep them. */

/** The filters in the address. @returns {URLSearchParams} */
export const filters = () => new URLSearchParams(location.hash.split("?")[1] ?? "");

/**
 * Writes filters into the address; those that are empty are left out.
 * @param {string} view `hosts`
 * @param {Record<string, string>} values
 */
export function keepFilters(view, values) {
  const given = Object.entries(values).filter(([, value]) => value !== "");
  const query = given.length ? `?${new URLSearchParams(given)}` : "";
  history.replaceState(null, "", `#/${view}${query}`);
}

/**
 * Fills the fields of a form with the filters in the address.
 * @param {HTMLFormElement} form
 */
export function fillFrom(form) {
  const given = filters();
  for (const field of form.elements) {
    if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) {
      field.value = given.get(field.name) ?? "";
      const isNone = field instanceof HTMLSelectElement && field.selectedIndex < 0;
      if (isNone) field.selectedIndex = 0;
    }
  }
}
