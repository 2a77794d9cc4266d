// Starts the worker whose script build.mjs puts beside the page's own, in a way that the page's policy allows.

const script = document.getElementById("evengrad-worker")!.textContent ?? "";
const address = URL.createObjectURL(new Blob([script], {type: "text/javascript"}));

interface Policy {
  createScriptURL(address: string): string;
}
interface Policies {
  createPolicy(name: string, rules: {createScriptURL: (address: string) => string}): Policy;
}
const policies = (globalThis as {trustedTypes?: Policies}).trustedTypes;
const policy = policies?.createPolicy("evengrad-worker", {
  createScriptURL(asked) {
    if (asked !== address) throw new TypeError("only the page's own worker may start");
    return asked;
  },
});

export function startWorker(): Worker {
  return new Worker(policy ? policy.createScriptURL(address) : address);
}
