/** The form for a new VM: first the plan, then the VM. */

import { ApiError, call, messageOf, vmPath } from "./api.js";
import { notify } from "./dialogs.js";
import { Table, byId, elementOf, fieldOf, linkTo, say } from "./elements.js";
import { counted, gib, levelName, readLabels, score } from "./words.js";

/** @typedef {HostVerdict & {wins: boolean}} Verdict */

/** @param {string} field @param {string} message */
const problem = (field, message) => new ApiError(400, { message, field });

export class DeployView {
  title = "Deploy a VM";
  #form = elementOf("deploy", HTMLFormElement);
  #button = elementOf("plan-deploy", HTMLButtonElement);
  /** The request that is planned, as long as the form still has it. @type {ClusterPlanRequest | null} */
  #request = null;
  /** @type {Table<Verdict>} */
  #table = new Table(
    "Result for each host",
    ["Host", "Result", "#Score", "Reason"],
    ({ host }) => host,
    ({ host }) => [linkTo("hosts", host)],
    (verdict, row) => {
      row.classList.toggle("wins", verdict.wins);
      if (!verdict.accepted) return ["", "refuses", "", verdict.message ?? verdict.code ?? ""];
      const parts = Object.entries(verdict.parts);
      const why = parts.map(([part, share]) => `${part.replaceAll("_", " ")} ${score(share)}`);
      const takes = verdict.score === null ? "takes it last" : "takes it";
      const points = verdict.score === null ? "" : score(verdict.score);
      return ["", verdict.wins ? "✓ the best" : takes, points, why.join(", ")];
    },
  );

  /** @param {import("./cluster.js").Cluster} cluster */
  constructor(cluster) {
    this.cluster = cluster;
    byId("plan").append(this.#table.element);
    this.#form.addEventListener("submit", () => this.#plan());
    this.#form.addEventListener("input", () => this.#forget());
    this.#button.addEventListener("click", () => this.#deploy());
  }

  /** @param {string} name */
  #text(name) {
    return fieldOf(this.#form, name, HTMLInputElement).value.trim();
  }

  /** @param {string} name */
  #number(name) {
    const text = this.#text(name);
    const value = text === "" ? Number.NaN : Number(text);
    if (!Number.isFinite(value)) throw problem(name, "Enter a number.");
    return value;
  }

  /** Labels, where some are given. @param {string} name */
  #labels(name) {
    try {
      const labels = readLabels(this.#text(name));
      return Object.keys(labels).length ? { [name]: labels } : {};
    } catch (error) {
      throw problem(name, messageOf(error));
    }
  }

  /** @returns {ClusterPlanRequest} */
  #read() {
    const request = {
      name: this.#text("name"),
      image: this.#text("image"),
      clone: fieldOf(this.#form, "clone", HTMLInputElement).checked,
      vcpus: this.#number("vcpus"),
      memory_gib: this.#number("memory_gib"),
      level: this.#number("level"),
      ...this.#labels("labels"),
      ...this.#labels("require"),
    };
    if (!request.name) throw problem("name", "Enter a name.");
    if (!request.image) throw problem("image", "Enter the image's path.");
    return request;
  }

  #forget() {
    this.#request = null;
    byId("plan").hidden = true;
    this.#complain(null);
  }

  async #plan() {
    this.#forget();
    try {
      const request = (this.#request = this.#read());
      /** @type {ClusterPlanReply} */
      const plan = await call("POST", "/v1/plan", request);
      if (request === this.#request) this.#show(request, plan);
    } catch (error) {
      this.#complain(error);
    }
  }

  /** @param {ClusterPlanRequest} request @param {ClusterPlanReply} plan */
  #show(request, plan) {
    const { name, vcpus, memory_gib, level } = request;
    const levels = level ? `, ${levelName(level)}` : "";
    const taking = plan.hosts.filter((verdict) => verdict.accepted).length;
    const where = plan.accepted ? `would go to ${plan.host}` : "cannot be placed";
    say(byId("plan-heading"), `${name} ${where}`);
    const why = plan.accepted
      ? `${taking} of ${counted(plan.hosts.length, "host")} would take it; policy ${plan.policy}`
      : plan.message;
    const size = `${counted(vcpus, "vCPU")}, ${gib(1024 * memory_gib)}${levels}`;
    say(byId("plan-facts"), `${size} · ${why}.`);
    say(this.#button, `Deploy ${name}`);
    this.#button.hidden = !plan.accepted;
    /** @param {Verdict} verdict */
    const rank = ({ wins, accepted }) => (wins ? 0 : accepted ? 1 : 2);
    /** @param {Verdict} verdict */
    const points = (verdict) => verdict.score ?? -Number.MAX_VALUE;
    const verdicts = plan.hosts.map((each) => ({ ...each, wins: each.host === plan.host }));
    verdicts.sort((one, other) => rank(one) - rank(other) || points(other) - points(one));
    this.#table.show(verdicts);
    byId("plan").hidden = false;
    byId("plan-heading").focus();
  }

  async #deploy() {
    if (!this.#request) return;
    this.#button.disabled = true;
    try {
      /** @type {ClusterVMReply} */
      const vm = await call("POST", "/v1/vms", this.#request);
      notify(`${vm.name} runs on ${vm.host}.`);
      this.#form.reset();
      this.#forget();
      await this.cluster.poll();
      location.hash = vmPath(vm.name).replace("/v1", "#");
    } catch (error) {
      byId("plan").hidden = true;
      this.#complain(error);
    }
    this.#button.disabled = false;
  }

  /** Shows what is wrong, at the field where it is about one. @param {unknown} error null: nothing */
  #complain(error) {
    say(byId("deploy-error"), error === null ? "" : messageOf(error));
    const field = error instanceof ApiError ? error.field : "";
    for (const input of this.#form.querySelectorAll("input")) {
      const isWrong = field === input.name || field.startsWith(`${input.name}.`);
      input.ariaInvalid = isWrong ? "true" : null;
      if (isWrong) input.focus();
    }
  }
}
