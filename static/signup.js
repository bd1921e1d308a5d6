// The public form: announces what shows, sends once, and proves in the background that a
// browser is at work. Without it the form works too; a person then looks at what comes in.
(() => {
  const form = document.querySelector("form");
  const place = form.querySelector("[data-widget]");
  const say = (words) => { document.querySelector("#live").textContent = words; };
  let sent = false, wanted = null, working = !!place;

  form.addEventListener("change", ({ target }) => {
    if (target.name === "type") say(form.dataset[target.value]);
  });

  // An area is called and suggested as it is in the country: one chosen, or one that the
  // browser puts back on returning to the page.
  const country = form.billing_address__country;
  const nameArea = () => {
    const [label, ...areas] = (country.selectedOptions[0].dataset.area || country.dataset.area).split("|");
    form.querySelector("[for=id_billing_address__state] bdi").textContent = label;
    form.querySelector("#id_billing_address__state").setAttribute("list", areas[0] ? "areas" : "");
    form.querySelector("#areas").replaceChildren(...areas.map((name) => new Option(name)));
  };
  if (country?.dataset.area) {
    country.addEventListener("change", nameArea);
    addEventListener("pageshow", nameArea);
  }

  // Whoever is faster than the proof waits for it, but not for long.
  const done = () => {
    working = false;
    if (wanted) form.requestSubmit(wanted.form ? wanted : undefined);
  };
  form.addEventListener("submit", (event) => {
    if (event.submitter?.name) return;
    if (sent || (working && wanted)) return event.preventDefault();
    for (const button of form.querySelectorAll("button")) button.ariaDisabled = "true";
    say(form.dataset.busy);
    if (working) {
      event.preventDefault();
      wanted = event.submitter || form;
      setTimeout(done, 15000);
    } else sent = true;
  });
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    sent = false;
    wanted = null;
    for (const button of form.querySelectorAll("button")) button.ariaDisabled = null;
  });

  // Nothing of the proof is loaded before the page is there and can be used.
  const prove = () => {
    const { widget, worker, least, challenge } = place.dataset;
    const script = document.createElement("script");
    const settle = () => working && done();
    script.type = "module";
    script.src = widget;
    script.onerror = settle;
    script.onload = () => {
      $altcha.algorithms.set("PBKDF2/SHA-256", () => new Worker(worker));
      const made = document.createElement("altcha-widget");
      made.addEventListener("statechange", ({ detail }) => {
        if (detail.state === "verified") setTimeout(settle);
        if (detail.state === "error") settle();
      });
      for (const [name, value] of Object.entries({
        auto: "onload", display: "invisible", workers: 2, challenge,
        configuration: JSON.stringify({ minDuration: +least, humanInteractionSignature: false }),
      })) made.setAttribute(name, value);
      place.append(made);
    };
    document.head.append(script);
  };
  if (place) addEventListener("load", () => setTimeout(prove, 50));
})();
