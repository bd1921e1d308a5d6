// The client form loses nothing: what is typed is kept on this computer until it is saved,
// and sent when the network is back. The page works without; its words come from there.
(() => {
  const form = document.querySelector("form[data-by]");
  if (!form) return;
  const byId = (id) => document.getElementById(id);
  const words = byId("desk").dataset;
  const say = (text) => {
    byId("live").textContent = text;
  };
  const show = (id, shown = true) => {
    byId(id).hidden = !shown;
  };
  let store = {};
  try {
    store = localStorage;
  } catch {
    // Switched off: what is typed lives on this page.
  }

  // What is kept, by key: "draft|queue <whose> <address> <random>" → {at, name, pairs, refused}.
  const path = location.pathname;
  const own = `${form.dataset.by} ${path} `;
  const random = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  const read = (key) => {
    try {
      return JSON.parse(store[key]);
    } catch {
      delete store[key];
    }
  };
  const write = (key, entry) => {
    try {
      store[key] = JSON.stringify({ at: Date.now(), ...entry });
    } catch {
      // Full.
    }
  };
  const keysOf = (kind) => Object.keys(store).filter((key) => key.startsWith(`${kind} ${own}`));

  // What the form holds: pairs of name and value, and how they are put back.
  const pairs = () => [...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken");
  const valuesOf = (entry, name) => entry.filter(([key]) => key === name).map(([, value]) => value);
  const valueIn = (entry, name) => valuesOf(entry, name).find((value) => value) || "";
  const nameOf = (entry) =>
    valueIn(entry, "name") ||
    `${valueIn(entry, "first_name")} ${valueIn(entry, "last_name")}`.trim();
  const answered = (control) =>
    /radio|checkbox/.test(control.type)
      ? control.checked && control.value
      : control.value && !control.querySelector?.("[data-preset]:checked");
  const fill = (entry) => {
    const count = {};
    for (const control of form.elements) {
      const { name, type } = control;
      if (!name || /^(csrf|typed_by|preset)/.test(name) || control.localName === "button") continue;
      const values = valuesOf(entry, name);
      count[name] = (count[name] ?? -1) + 1;
      if (/radio|checkbox/.test(type)) control.checked = values.includes(control.value);
      else control.value = values[count[name]] ?? "";
    }
    for (const group of form.querySelectorAll("details")) {
      const controls = [...group.querySelectorAll("input, select, textarea")];
      if (controls.some(answered)) group.open = true;
    }
    form.billing_address__country.dispatchEvent(new Event("change", { bubbles: true }));
  };

  // Drafts. The tab that writes one holds a lock of its name: another leaves it alone.
  const locks = navigator.locks;
  const typed = () => String(pairs().filter(([name]) => name !== "submission_token"));
  let blank = form.dataset.fresh && typed();
  let draft; // its key
  let left; // the page: nothing of it is kept any more
  const save = () => {
    if (!draft || left) return;
    if (typed() === blank) delete store[draft];
    else write(draft, { pairs: pairs() });
  };
  const begin = (key = `draft ${own}${random()}`) => {
    draft = key;
    try {
      sessionStorage[`draft ${path}`] = key;
    } catch {
      // Switched off.
    }
    locks?.request(key, { ifAvailable: true }, () => new Promise(() => {}));
  };
  // A day is enough; what somebody else typed here goes at once.
  const dropOld = () => {
    const yesterday = Date.now() - 864e5;
    for (const key of Object.keys(store)) {
      if (!key.startsWith("draft ")) continue;
      const mine = key.startsWith(`draft ${form.dataset.by} `);
      if (!mine || !(read(key)?.at > yesterday)) delete store[key];
    }
  };
  const keyOfTab = () => {
    try {
      const key = sessionStorage[`draft ${path}`];
      if (key?.startsWith(`draft ${own}`)) return key;
    } catch {
      // Switched off.
    }
  };
  const latestFree = async () => {
    const held = locks ? (await locks.query()).held.map((lock) => lock.name) : [];
    const free = keysOf("draft").filter((key) => !held.includes(key));
    return free.sort((a, b) => read(b).at - read(a).at)[0];
  };
  const restore = async () => {
    dropOld();
    let key = keyOfTab();
    if (!(key in store)) key = await latestFree();
    const entry = key in store && typed() === blank && read(key);
    begin(key);
    if (!entry || valueIn(entry.pairs, "revision") !== valueIn(pairs(), "revision")) return;
    fill(entry.pairs);
    show("restored");
  };

  let saving;
  form.addEventListener("input", () => {
    clearTimeout(saving);
    saving = setTimeout(save, 200);
  });
  addEventListener("pagehide", save);
  addEventListener("submit", ({ target, defaultPrevented }) => {
    if (target.dataset.unsent) left = !defaultPrevented;
  });
  const leave = () => {
    left = true;
    delete store[draft];
  };
  byId("discard").onclick = () => {
    leave();
    location.replace(path);
  };
  form.querySelector("a.btn")?.addEventListener("click", leave);

  // Sending. With a connection the browser does it, and the page that shows the client clears
  // what is kept of it (portal.js); without one the client waits here.
  const post = (url, body) =>
    fetch(url, {
      method: "POST",
      body,
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(20000)
    });
  let up = true;
  let asked = 0;
  const reach = async () => {
    asked = Date.now();
    const answer = await fetch("/healthz", {
      method: "HEAD",
      signal: AbortSignal.timeout(5000)
    }).catch(() => 0);
    up = answer && answer.status < 500;
    showNetwork();
  };
  form.addEventListener("input", () => {
    if (Date.now() - asked > 10000) reach();
  });
  form.addEventListener("submit", (event) => {
    if (form.sent || event.submitter?.value === "switch") return;
    save();
    if (up && navigator.onLine) return;
    event.preventDefault();
    event.stopPropagation();
    const entry = pairs();
    const name = nameOf(entry);
    const place = `queue ${own}${valueIn(entry, "submission_token")}`;
    if (!form.elements.revision) write(place, { name, pairs: entry });
    show("offline");
    // A correction waits for its person; so does what this computer has no room for.
    if (!(place in store)) return say(byId("offline").textContent);
    delete store[draft];
    document.querySelector(".summary")?.remove();
    show("restored", false);
    const kept = entry.filter(([name]) => /^(type|billing_address__country)$/.test(name));
    fill([...kept, ["submission_token", random()]]);
    blank = typed();
    begin();
    drawQueue();
    say(words.kept.replace("{name}", name));
    const names = [...form.querySelectorAll("[name=name], [name=first_name]")];
    names.find((field) => field.checkVisibility())?.focus();
  });

  // The queue: one tab at a time sends what waits.
  const lineOf = (key) => {
    const entry = read(key);
    const line = document.createElement("li");
    const who = document.createElement("bdi");
    who.textContent = entry.name;
    line.append(who, " – ", entry.refused ? words.refused : words.waits);
    if (entry.refused) line.append(" ", correction(key, entry));
    return line;
  };
  // Back into the form as a draft, and sent, so that the page tells what was refused.
  const correction = (key, entry) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn ghost";
    button.textContent = words.correct;
    button.onclick = () => {
      save();
      begin();
      fill(entry.pairs);
      save();
      left = true;
      delete store[key];
      form.submit();
    };
    return button;
  };
  const drawQueue = () => {
    const list = byId("waiting").querySelector("ul");
    list.replaceChildren(...keysOf("queue").map(lineOf));
    show("waiting", list.firstChild);
  };
  const send = async () => {
    for (const key of keysOf("queue")) {
      const entry = read(key);
      if (!entry || entry.refused) continue;
      const body = new FormData();
      for (const pair of entry.pairs) body.append(...pair);
      body.set("csrfmiddlewaretoken", form.csrfmiddlewaretoken.value);
      const answer = await post(path, body).catch(() => 0);
      if (!answer || answer.status >= 500 || answer.status === 429 || answer.redirected) break;
      const sent = answer.status === 201;
      if (sent) delete store[key];
      else write(key, { ...entry, refused: true });
      say((sent ? words.sent : words.back).replace("{name}", entry.name));
    }
    drawQueue();
  };
  const sendWaiting = () => {
    if (!keysOf("queue").length) return;
    if (locks) locks.request("queue", { ifAvailable: true }, (lock) => lock && send());
    else send();
  };
  const showNetwork = () => {
    const connected = up && navigator.onLine;
    show("offline", !connected);
    if (connected) sendWaiting();
  };
  addEventListener("online", reach);
  addEventListener("offline", showNetwork);
  addEventListener("storage", drawQueue);
  setInterval(() => {
    if (!up || keysOf("queue").length) reach();
  }, 10000);

  // Already a client? Asked when a telling field is left; never in the way.
  const matches = byId("matches");
  let asking;
  let request;
  const askMatches = async () => {
    request?.abort();
    request = new AbortController();
    try {
      const answer = await fetch(matches.dataset.from, {
        method: "POST",
        body: new FormData(form),
        signal: request.signal
      });
      const html = answer.ok && !answer.redirected ? (await answer.text()).trim() : "";
      if (html === matches.innerHTML) return;
      matches.innerHTML = html;
      say(matches.querySelector("[data-say]")?.dataset.say || matches.textContent.trim());
    } catch {
      // Newer answers are asked about, or nobody is there.
    }
  };
  if (matches) {
    form.addEventListener("change", ({ target }) => {
      if (!/^(type|name|first_name|last_name|email|phone|tax_number)$/.test(target.name)) return;
      clearTimeout(asking);
      asking = setTimeout(askMatches, 20);
    });
  }

  // Two minutes before the sign-in runs out.
  let ending;
  const warn = () => {
    show("ending");
    say(byId("ending").firstChild.textContent);
  };
  const countDown = (seconds) => {
    clearTimeout(ending);
    show("ending", false);
    ending = setTimeout(warn, Math.max(0, seconds - 120) * 1000);
  };
  byId("stay").onclick = async () => {
    const answer = await post(words.stay, new FormData(form)).catch(() => 0);
    if (answer.ok && !answer.redirected) countDown((await answer.json()).seconds);
  };
  if (form.dataset.ends) countDown(+form.dataset.ends);

  restore();
  drawQueue();
  showNetwork();
})();
