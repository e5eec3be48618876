// The configs of a topic by Kafka's keys: what holds, what would by default, and a form for each.

import { element } from "../../element.js";
import { TOPIC, describeConfigs } from "../admin.js";
import { checkbox, field, input, link, outcome, attempt, reason, select } from "../kit.js";

// Those that show something here come first; the others can be asked for.
const FIRST = [
  "cleanup.policy", "retention.ms", "retention.bytes", "segment.bytes", "segment.ms", "flush.messages", "compression.type",
  "message.timestamp.type", "min.insync.replicas", "max.message.bytes",
];
const CHOICES = {
  "cleanup.policy": ["delete", "compact", "compact,delete"],
  "compression.type": ["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"],
  "message.timestamp.type": ["CreateTime", "LogAppendTime"],
  "unclean.leader.election.enable": ["false", "true"],
};

/** The settings of a topic, loaded when shown. */
export function configs(ctx, topic) {
  const { t } = ctx;
  const whole = element("div", { class: "configs-form", "aria-live": "off" }, element("p", { class: "hint" }, t("loading")));
  const all = checkbox("configs-all", false, { onchange: () => whole.classList.toggle("all", all.checked) });
  const show = async () => {
    try {
      const found = await describeConfigs(ctx.api, TOPIC, topic);
      const place = ({ name }) => FIRST.indexOf(name) + 1 || FIRST.length + 1;
      found.sort((first, second) => place(first) - place(second));
      whole.replaceChildren(field(t("configs_all"), all), ...found.map((config) => row(ctx, topic, config)));
    } catch (error) {
      whole.replaceChildren(element("p", { class: "problem", role: "alert" }, reason(error)), link("configs-again", t("try_again"), show));
    }
  };
  show();
  return whole;
}

/** A config's row of its own form, so that what is wrong is said beside it. */
function row(ctx, topic, config) {
  const { api, t } = ctx;
  const { name } = config;
  const control = controlOf(config);
  const said = outcome(`config-said-${name}`);
  const source = element("span", { class: "hint", "data-testid": `config-source-${name}` });
  const button = element("button", { type: "submit", class: "small", "data-testid": `config-set-${name}` }, t("set"));
  const reset = link(`config-reset-${name}`, t("to_default"), () => change(null));
  const show = (found) => {
    control.value = found.value ?? "";
    reset.hidden = !found.own;
    const own = found.byDefault === undefined ? t("config_own_alone") : t("config_own", { value: found.byDefault });
    source.textContent = found.own ? own : t("config_default");
  };
  // A field that a person has not left yet is not written over: only this config is looked at again.
  const change = (value) => attempt(button, said, async () => {
    control.removeAttribute("aria-invalid");
    try {
      await api.request({ "alter-configs": { topic, configs: [[name, value ?? undefined]] } });
    } catch (error) {
      control.setAttribute("aria-invalid", "true");
      throw error;
    }
    show((await describeConfigs(api, TOPIC, topic)).find((found) => found.name === name));
    return value === null ? t("config_reset") : t("config_set");
  });
  show(config);
  return element("form", {
    class: FIRST.includes(name) ? "config" : "config more", novalidate: true,
    onsubmit: (event) => {
      event.preventDefault();
      change(control.value.trim());
    },
  }, field(name, control, hintOf(ctx, config)), element("div", { class: "config-act" }, button, reset, source), said.place);
}

function controlOf({ name, value }) {
  const choices = CHOICES[name];
  if (choices === undefined) return input(`config-${name}`, { spellcheck: "false", value: value ?? "" });
  const known = choices.includes(value) ? choices : [...choices, value];
  return select(`config-${name}`, known.map((choice) => [choice, choice]), value);
}

/** What a config does: the main ones in the page's language, the others as the engine says it. */
function hintOf({ t }, { name, documentation }) {
  return FIRST.includes(name) ? t(`config_${name.replaceAll(".", "_")}`) : documentation ?? "";
}
