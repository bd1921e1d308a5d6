// A tablet at the desk: begins anew after each visitor and keeps nothing of the last one.
// What is sent leaves no entry in the history, so that "back" shows an empty form.
(() => {
  const page = document.body;
  const { start, rest, idle } = page.dataset;
  const clock = document.querySelector("[data-clock]");
  const form = document.querySelector("form");
  const anew = () => location.replace(start);
  let used = !!document.querySelector(".summary"), touched = Date.now(), ending = 0;

  const tick = () => {
    const now = Date.now();
    const since = (now - touched) / 1000;
    if (!ending && "done" in page.dataset) ending = now + rest * 1000;
    if (!ending && used && since >= idle) {
      ending = now + rest * 1000;
      clock.scrollIntoView({ block: "nearest" });
    }
    // An untouched form is renewed before it is too old to be sent.
    if (!used && !("done" in page.dataset) && since >= 3600) return anew();
    clock.hidden = !ending;
    if (!ending) return;
    const left = Math.ceil((ending - now) / 1000);
    if (left <= 0) return anew();
    clock.firstElementChild.textContent = clock.dataset.clock.replace("{n}", left);
  };
  setInterval(tick, 500);
  tick();

  const touch = () => { touched = Date.now(); };
  addEventListener("input", () => { used = true; touch(); });
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, touch);
  clock.querySelector("button")?.addEventListener("click", () => { ending = 0; touch(); tick(); });
  for (const link of document.querySelectorAll("[data-again]"))
    link.addEventListener("click", (event) => { event.preventDefault(); anew(); });
  addEventListener("pageshow", ({ persisted, isTrusted }) => { if (persisted && isTrusted) anew(); });

  // Sends without leaving the page; what comes back takes its place.
  form?.addEventListener("submit", async (event) => {
    if (event.defaultPrevented || event.submitter?.name) return;
    event.preventDefault();
    touch();
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (answer.redirected) return location.replace(answer.url);
      const html = await answer.text();
      document.open();
      document.write(html);
      document.close();
      document.querySelector("[autofocus]")?.focus();
    } catch {
      const note = document.createElement("p");
      note.className = "notice error";
      note.textContent = page.dataset.lost;
      form.before(note);
      document.querySelector("#live").textContent = page.dataset.lost;
      // The form may be sent again.
      dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    }
  });

  // Going from page to page ends the full screen; inside a frame it lasts.
  if (self !== top || !document.fullscreenEnabled || !page.dataset.full) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn ghost end";
  button.textContent = page.dataset.full;
  button.onclick = async () => {
    await document.documentElement.requestFullscreen();
    const frame = document.createElement("iframe");
    frame.className = "whole";
    frame.title = document.title;
    frame.src = start;
    page.replaceChildren(frame);
    addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) anew(); });
  };
  document.querySelector(".bar > div").append(button);
})();
