// The public form: announces what shows, sends once, and proves in the background that a
// browser is at work. Without it the form works too; a person then looks at what comes in.
(() => {
  const form = document.querySelector("form");
  const say = (words) => {
    document.querySelector("#live").textContent = words;
  };

  form.addEventListener("change", ({ target }) => {
    if (target.name === "type") say(form.dataset[target.value]);
  });

  // An area is called and suggested as it is in the country: one chosen, or one that the
  // browser puts back on returning to the page.
  const country = form.billing_address__country;
  const nameArea = () => {
    const chosen = country.selectedOptions[0].dataset.area || country.dataset.area;
    const [label, ...areas] = chosen.split("|");
    form.querySelector("[for=id_billing_address__state] bdi").textContent = label;
    const state = form.querySelector("#id_billing_address__state");
    state.setAttribute("list", areas[0] ? "areas" : "");
    form.querySelector("#areas").replaceChildren(...areas.map((name) => new Option(name)));
  };
  if (country?.dataset.area) {
    country.addEventListener("change", nameArea);
    addEventListener("pageshow", nameArea);
  }

  // Sends once. Whoever is faster than the proof waits for it, but not for long.
  const widget = form.querySelector("[data-widget]");
  let isSent = false;
  let isProving = !!widget;
  let wanted = null;
  const setButtons = (disabled) => {
    for (const button of form.querySelectorAll("button")) button.ariaDisabled = disabled;
  };
  const endProof = () => {
    isProving = false;
    if (wanted) form.requestSubmit(wanted.form ? wanted : undefined);
  };
  form.addEventListener("submit", (event) => {
    if (event.submitter?.name) return;
    if (isSent || (isProving && wanted)) return event.preventDefault();
    setButtons("true");
    say(form.dataset.busy);
    if (isProving) {
      event.preventDefault();
      wanted = event.submitter || form;
      setTimeout(endProof, 15000);
    } else {
      isSent = true;
    }
  });
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    isSent = false;
    wanted = null;
    setButtons(null);
  });

  // Nothing of the proof is loaded before the page is there and can be used.
  const settle = () => isProving && endProof();
  const startProof = () => {
    const { worker, least, challenge } = widget.dataset;
    $altcha.algorithms.set("PBKDF2/SHA-256", () => new Worker(worker));
    const proof = document.createElement("altcha-widget");
    proof.addEventListener("statechange", ({ detail }) => {
      if (detail.state === "verified") setTimeout(settle);
      if (detail.state === "error") settle();
    });
    const attributes = {
      auto: "onload",
      display: "invisible",
      workers: 2,
      challenge,
      configuration: JSON.stringify({ minDuration: +least, humanInteractionSignature: false })
    };
    for (const [name, value] of Object.entries(attributes)) proof.setAttribute(name, value);
    widget.append(proof);
  };
  const loadProof = () => {
    const script = document.createElement("script");
    script.type = "module";
    script.src = widget.dataset.widget;
    script.onerror = settle;
    script.onload = startProof;
    document.head.append(script);
  };
  if (widget) addEventListener("load", () => setTimeout(loadProof, 50));
})();
