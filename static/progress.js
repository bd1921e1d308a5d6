// Keeps the progress of an import fresh: asks for the page again every few seconds while the
// worker is at it, and takes over what changed unless somebody's focus is in it. When another
// page has come in its place, that one is loaded.
(() => {
  const parts = (root) => [...root.querySelectorAll("[data-live]")];
  const state = (root) => root.querySelector("[data-state]").textContent;
  const main = (root) => root.querySelector("main");
  const renew = async () => {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(20000) });
    if (!answer.ok || answer.redirected) throw 0;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = parts(next);
    if (!found.length) return location.reload();
    const words = state(next);
    if (words !== state(document)) document.querySelector("#live").textContent = words;
    if (!main(next).ariaBusy) main(document).removeAttribute("aria-busy");
    parts(document).forEach((part, at) => {
      if (!part.contains(document.activeElement)) part.replaceWith(found[at]);
    });
  };
  const ask = async () => {
    let wait = 3000;
    try {
      if (!document.hidden) await renew();
    } catch {
      wait = 15000;
    }
    if (document.querySelector("[data-live=on]")) setTimeout(ask, wait);
  };
  if (document.querySelector("[data-live=on]")) setTimeout(ask, 3000);
})();
