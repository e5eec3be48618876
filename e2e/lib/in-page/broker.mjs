// A broker's worker of a test's own, and what it says.

import { Connection } from "./kafka.mjs";

/** Starts a worker as a broker of a cluster; settles when it has said `until`. */
export async function startBroker(cluster, { configs = [], until = "ready", steal = false } = {}) {
  const worker = new Worker("../worker.js", { type: "module" });
  const said = [];
  const waiting = [];
  worker.onmessage = ({ data: [message] }) => {
    const name = typeof message === "string" ? message : Object.keys(message)[0];
    said.push({ name, content: message[name] });
    waiting.forEach((check) => check());
  };
  const heard = (name, matches = () => true) => new Promise((resolve, reject) => {
    const check = () => {
      const found = said.find((one) => one.name === name && matches(one.content));
      const failed = said.find((one) => one.name === "failed" || one.name === "broker-failed");
      if (found) resolve(found.content);
      else if (failed) reject(new Error((failed.content.report ?? failed.content).message));
    };
    waiting.push(check);
    check();
  });
  await heard("loaded");
  worker.postMessage([{ start: { node_id: 0, cluster, configs, steal } }, undefined]);
  await heard(until);
  const connect = () => {
    const { port1, port2 } = new MessageChannel();
    worker.postMessage([{ connect: { node_id: 0 } }, port1], [port1]);
    return new Connection(port2);
  };
  const destroy = () => worker.postMessage([{ destroy: { node_id: 0, cluster } }, undefined]);
  return { worker, said, heard, connect, destroy };
}
