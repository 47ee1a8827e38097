/** The form for a new VM: first the plan, then the VM. */

import { ApiError, call, vmPath } from "./api.js";
import { tell } from "./dialogs.js";
import { Table, byId, linkTo, say } from "./elements.js";
import { counted, gib, levelName, score } from "./words.js";

const NUMBERS = ["vcpus", "memory_gib", "level"];

const problem = (field, message) => new ApiError(400, { message, field });

export class DeployView {
  title = "Deploy a VM";
  #form = byId("deploy");
  #button = byId("plan-deploy");
  /** The request that is planned, as long as the form still says it. */
  #request = null;
  #table = new Table(
    "What each host makes of it",
    ["Host", "Verdict", "#Score", "Why"],
    ({ host }) => host,
    ({ host }) => [linkTo("hosts", host)],
    (verdict, row) => {
      row.classList.toggle("wins", verdict.wins);
      if (!verdict.accepted) return ["", "refuses", "", verdict.message ?? verdict.code];
      const parts = Object.entries(verdict.parts);
      const why = parts.map(([part, share]) => `${part.replaceAll("_", " ")} ${score(share)}`);
      const said = verdict.wins ? "✓ the best" : verdict.score === null ? "takes it last" : "takes it";
      return ["", said, verdict.score === null ? "" : score(verdict.score), why.join(", ")];
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

  #read() {
    const { name, image, clone, ...others } = Object.fromEntries(
      [...this.#form.querySelectorAll("input")].map((input) => [input.name, input]),
    );
    const request = { name: name.value.trim(), image: image.value.trim(), clone: clone.checked };
    for (const field of NUMBERS) {
      const text = others[field].value.trim();
      request[field] = text === "" ? Number.NaN : Number(text);
      if (!Number.isFinite(request[field])) throw problem(field, "A number is needed here.");
    }
    if (!request.name) throw problem("name", "The VM needs a name.");
    if (!request.image) throw problem("image", "The VM needs an image.");
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
      const plan = await call("POST", "/v1/plan", request);
      if (request === this.#request) this.#show(request, plan);
    } catch (error) {
      this.#complain(error);
    }
  }

  #show(request, plan) {
    const { name, vcpus, memory_gib, level } = request;
    const taking = plan.hosts.filter((verdict) => verdict.accepted).length;
    const isOne = plan.accepted;
    say(byId("plan-heading"), isOne ? `${name} would go to ${plan.host}` : `${name} cannot be placed`);
    const why = isOne
      ? `${taking} of ${counted(plan.hosts.length, "host")} would take it; policy ${plan.policy}`
      : plan.message;
    const size = `${counted(vcpus, "vCPU")}, ${gib(1024 * memory_gib)}, ${levelName(level)}`;
    say(byId("plan-facts"), `${size} · ${why}.`);
    say(this.#button, `Deploy ${name}`);
    this.#button.hidden = !isOne;
    const rank = ({ wins, accepted }) => (wins ? 0 : accepted ? 1 : 2);
    const points = (verdict) => verdict.score ?? -Number.MAX_VALUE;
    const verdicts = plan.hosts.map((each) => ({ ...each, wins: each.host === plan.host }));
    verdicts.sort((one, other) => rank(one) - rank(other) || points(other) - points(one));
    this.#table.show(verdicts);
    byId("plan").hidden = false;
    byId("plan-heading").focus();
  }

  async #deploy() {
    this.#button.disabled = true;
    try {
      const vm = await call("POST", "/v1/vms", this.#request);
      tell(`${vm.name} runs on ${vm.host}.`);
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

  /** Says what is wrong, at the field where it is about one. @param {ApiError | null} error */
  #complain(error) {
    say(byId("deploy-error"), error?.message ?? "");
    for (const input of this.#form.querySelectorAll("input")) {
      const isWrong = input.name === error?.field;
      input.ariaInvalid = isWrong ? "true" : null;
      if (isWrong) input.focus();
    }
  }
}
