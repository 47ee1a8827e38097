/** What happened on the cluster, the newest first, and who did it. */

import { fillFrom, keepFilters } from "./address.js";
import { call, messageOf } from "./api.js";
import { Table, byId, elementOf, fieldOf, h, linkTo, say } from "./elements.js";

const SHOWN = 200;

/** Each known word of the operations log in plain words. @type {Record<string, string>} */
const WORDS = {
  start: "controller started",
  host: "host changed",
  add: "host added",
  forget: "host forgotten",
  move: "host moved",
  cordon: "host cordoned",
  uncordon: "host uncordoned",
  fence: "host evacuated",
  unfence: "host accepted again",
  reserve: "VM placed",
  deploy: "host creates VM",
  confirm: "VM exists",
  release: "placement withdrawn",
  remove: "VM removed",
  lost: "VM lost",
  found: "lost VM found",
  let_go: "lost VM let go",
  vm_start: "VM started",
  vm_stop: "VM stopped",
  vm_restart: "VM restarted",
  snapshot: "log rotated",
};

const times = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** What happened in words. @param {EventReply} event */
function whatOf({ op, room }) {
  if (op === "host" && room?.state) return `host is ${room.state}`.replaceAll("_", " ");
  return WORDS[op] ?? op.replaceAll("_", " ");
}

export class EventsView {
  title = "Events";
  #form = elementOf("events-filter", HTMLFormElement);
  #problem = h("p.error", { role: "alert" });
  #asked = "";
  /** @type {Table<EventReply>} */
  #table = new Table(
    "Events",
    ["Time", "What", "VM", "Host", "By", "From", "Result"],
    ({ seq }) => seq,
    ({ name, host }) => [
      ...[null, null, name ? linkTo("vms", name) : null],
      host ? linkTo("hosts", host) : null,
    ],
    (event) => [
      ...[times.format(1000 * event.time), whatOf(event)],
      ...["", "", event.by ?? "", event.client ?? ""],
      event.outcome === "accepted" ? "" : `${event.outcome} ${event.code ?? ""}`.trim(),
    ],
  );

  /** @param {import("./cluster.js").Cluster} cluster */
  constructor(cluster) {
    this.cluster = cluster;
    this.#table.element.classList.add("tall");
    byId("view-events").append(this.#problem, this.#table.element);
    this.#form.addEventListener("input", () => {
      keepFilters("events", { vm: this.#text("vm"), host: this.#text("host") });
      this.update();
    });
  }

  show() {
    fillFrom(this.#form);
    this.#asked = "";
  }

  /** Asks for the newest events where the cluster or the filter has changed since. */
  async update() {
    const { revision } = this.cluster;
    const query = new URLSearchParams({ limit: `${SHOWN}` });
    for (const name of ["vm", "host"]) if (this.#text(name)) query.set(name, this.#text(name));
    const asked = `${revision} ${query}`;
    if (revision === null || asked === this.#asked) return;
    this.#asked = asked;
    let problem = "";
    try {
      /** @type {EventsReply} */
      const { events } = await call("GET", `/v1/events?${query}`);
      if (asked !== this.#asked) return;
      this.#table.show([...events].reverse(), `The newest ${events.length} events`);
      if (events.length === 0) problem = "No events.";
    } catch (error) {
      if (asked === this.#asked) this.#asked = "";
      problem = messageOf(error);
    }
    say(this.#problem, problem);
  }

  /** @param {string} name */
  #text(name) {
    return fieldOf(this.#form, name, HTMLInputElement).value.trim();
  }
}
