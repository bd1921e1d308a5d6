// A tablet at the desk: begins anew after each visitor and keeps nothing of the last one.
// What is sent leaves no entry in the history, so that "back" shows an empty form.
(() => {
  const page = document.body;
  const { start, rest, idle } = page.dataset;
  const isDone = "done" in page.dataset;
  const clock = document.querySelector("[data-clock]");
  const form = document.querySelector("form");
  const beginAnew = () => location.replace(start);

  // The clock: after some rest the next visitor's page comes, told while it counts down.
  let isUsed = !!document.querySelector(".summary");
  let touched = Date.now();
  let end = 0;
  const tick = () => {
    const now = Date.now();
    const seconds = (now - touched) / 1000;
    if (!end && isDone) end = now + rest * 1000;
    if (!end && isUsed && seconds >= idle) {
      end = now + rest * 1000;
      clock.scrollIntoView({ block: "nearest" });
    }
    // An untouched form is renewed before it is too old to be sent.
    if (!isUsed && !isDone && seconds >= 3600) return beginAnew();
    clock.hidden = !end;
    if (end) countDown(Math.ceil((end - now) / 1000));
  };
  const countDown = (left) => {
    if (left <= 0) return beginAnew();
    clock.firstElementChild.textContent = clock.dataset.clock.replace("{n}", left);
  };
  setInterval(tick, 500);
  tick();

  const touch = () => {
    touched = Date.now();
  };
  addEventListener("pointerdown", touch);
  addEventListener("keydown", touch);
  addEventListener("input", () => {
    isUsed = true;
    touch();
  });
  clock.querySelector("button")?.addEventListener("click", () => {
    end = 0;
    touch();
    tick();
  });
  for (const link of document.querySelectorAll("[data-again]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      beginAnew();
    });
  }
  addEventListener("pageshow", ({ persisted, isTrusted }) => {
    if (persisted && isTrusted) beginAnew();
  });

  // Sends without leaving the page; what comes back takes its place.
  const send = async () => {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body });
    if (answer.redirected) return location.replace(answer.url);
    const html = await answer.text();
    document.open();
    document.write(html);
    document.close();
    document.querySelector("[autofocus]")?.focus();
  };
  const tellLost = () => {
    const note = document.createElement("p");
    note.className = "notice error";
    note.textContent = page.dataset.lost;
    form.before(note);
    document.querySelector("#live").textContent = page.dataset.lost;
    // The form may be sent again.
    dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
  };
  form?.addEventListener("submit", async (event) => {
    if (event.defaultPrevented || event.submitter?.name) return;
    event.preventDefault();
    touch();
    await send().catch(tellLost);
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
    addEventListener("fullscreenchange", () => {
      if (!document.fullscreenElement) beginAnew();
    });
  };
  document.querySelector(".bar > div").append(button);
})();
