// Keeps the progress of an import fresh: asks for the page again every few seconds while the
// import is at work, and takes over what changed unless somebody's focus is in it.
(() => {
  const parts = (root) => [...root.querySelectorAll("[data-live]")];
  const state = (root) => root.querySelector("[data-state]").textContent;
  const renew = async () => {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(20000) });
    if (!answer.ok || answer.redirected) throw 0;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const words = state(next);
    if (words !== state(document)) document.querySelector("#live").textContent = words;
    const found = parts(next);
    if (!found.length) return location.reload();
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
