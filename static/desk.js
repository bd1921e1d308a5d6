// The client form loses nothing: what is typed is kept on this computer until it is saved,
// and sent when the network is back. The page works without; its words come from there.
(() => {
  const form = document.querySelector("form[data-by]");
  if (!form) return;
  const one = (id) => document.getElementById(id);
  const words = one("desk").dataset;
  const say = (text) => { one("live").textContent = text; };
  const show = (id, shown = true) => { one(id).hidden = !shown; };
  let store = {};
  try { store = localStorage; } catch { /* Switched off: what is typed lives on this page. */ }

  // Entries: "draft|queue <whose> <address> <random>" → {at, name, pairs}.
  const path = location.pathname;
  const own = `${form.dataset.by} ${path} `;
  const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const read = (key) => { try { return JSON.parse(store[key]); } catch { delete store[key]; } };
  const write = (key, entry) => { try { store[key] = JSON.stringify({ at: Date.now(), ...entry }); } catch { /* Full. */ } };
  const all = (kind) => Object.keys(store).filter((key) => key.startsWith(`${kind} ${own}`));
  const pairs = () => [...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken");
  const valueOf = (entry, name) => entry.filter(([key, value]) => key === name && value).map(([, value]) => value)[0] || "";
  const nameOf = (entry) => valueOf(entry, "name") || `${valueOf(entry, "first_name")} ${valueOf(entry, "last_name")}`.trim();
  const fill = (entry) => {
    const count = {};
    for (const control of form.elements) {
      const { name, type } = control;
      if (!name || /^(csrf|typed_by|preset)/.test(name) || control.localName === "button") continue;
      const values = entry.filter(([key]) => key === name).map(([, value]) => value);
      const nth = (count[name] = (count[name] ?? -1) + 1);
      if (/radio|checkbox/.test(type)) control.checked = values.includes(control.value);
      else control.value = values[nth] ?? "";
    }
    for (const group of form.querySelectorAll("details")) {
      if ([...group.querySelectorAll("input, select, textarea")].some((control) =>
        /radio|checkbox/.test(control.type) ? control.checked && control.value
        : control.value && !control.querySelector?.("[data-preset]:checked"))) group.open = true;
    }
    form.billing_address__country.dispatchEvent(new Event("change", { bubbles: true }));
  };

  // Drafts. The tab that writes one holds a lock of its name: another leaves it alone.
  const locks = navigator.locks;
  const typed = () => String(pairs().filter(([name]) => name !== "submission_token"));
  let blank = form.dataset.fresh && typed(), key, left;
  const save = () => {
    if (!key || left) return;
    if (typed() === blank) delete store[key];
    else write(key, { pairs: pairs() });
  };
  const begin = (name = `draft ${own}${random()}`) => {
    key = name;
    try { sessionStorage[`draft ${path}`] = key; } catch { /* As above. */ }
    locks?.request(key, { ifAvailable: true }, () => new Promise(() => {}));
  };
  const open = async () => {
    const day = Date.now() - 864e5;
    for (const name of Object.keys(store)) {
      if (name.startsWith("draft ") && (!name.startsWith(`draft ${form.dataset.by} `) || !(read(name)?.at > day))) delete store[name];
    }
    let mine;
    try { mine = sessionStorage[`draft ${path}`]; } catch { /* As above. */ }
    if (!mine?.startsWith(`draft ${own}`)) mine = undefined;
    if (!(mine in store)) {
      const held = locks ? (await locks.query()).held.map((lock) => lock.name) : [];
      const free = all("draft").filter((name) => !held.includes(name));
      mine = free.sort((a, b) => read(b).at - read(a).at)[0];
    }
    const entry = mine in store && typed() === blank && read(mine);
    begin(mine);
    if (!entry || valueOf(entry.pairs, "revision") !== valueOf(pairs(), "revision")) return;
    fill(entry.pairs);
    show("restored");
  };
  let saving;
  form.addEventListener("input", () => { clearTimeout(saving); saving = setTimeout(save, 200); });
  addEventListener("pagehide", save);
  addEventListener("submit", ({ target, defaultPrevented }) => { if (target.dataset.unsent) left = !defaultPrevented; });
  one("discard").onclick = () => { left = true; delete store[key]; location.replace(path); };
  form.querySelector("a.btn")?.addEventListener("click", () => { left = true; delete store[key]; });

  // Sending. With a connection the browser does it, and the page that shows the client clears
  // what is kept of it (portal.js); without one the client waits here.
  const post = (url, body) => fetch(url, { method: "POST", body, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(20000) });
  let up = true, asked = 0;
  const reach = async () => {
    asked = Date.now();
    up = await fetch("/healthz", { method: "HEAD", signal: AbortSignal.timeout(5000) }).then((answer) => answer.status < 500, () => false);
    network();
  };
  form.addEventListener("input", () => { if (Date.now() - asked > 10000) reach(); });
  form.addEventListener("submit", (event) => {
    if (form.sent || event.submitter?.value === "switch") return;
    save();
    if (up && navigator.onLine) return;
    event.preventDefault();
    event.stopPropagation();
    const entry = pairs(), name = nameOf(entry), place = `queue ${own}${valueOf(entry, "submission_token")}`;
    if (!form.elements.revision) write(place, { name, pairs: entry });
    show("offline");
    // A correction waits for its person; so does what this computer has no room for.
    if (!(place in store)) return say(one("offline").textContent);
    delete store[key];
    document.querySelector(".summary")?.remove();
    show("restored", false);
    const kept = ["type", "billing_address__country"].map((field) => [field, valueOf(entry, field)]);
    fill([...kept, ["submission_token", random()]]);
    blank = typed();
    begin();
    draw();
    say(words.kept.replace("{name}", name));
    [...form.querySelectorAll("[name=name], [name=first_name]")].find((field) => field.checkVisibility())?.focus();
  });

  // The queue: one tab at a time sends what waits.
  const draw = () => {
    const list = one("waiting").querySelector("ul");
    list.replaceChildren(...all("queue").map((name) => {
      const entry = read(name), line = document.createElement("li"), who = document.createElement("bdi");
      who.textContent = entry.name;
      line.append(who, " – ", entry.refused ? words.refused : words.waits);
      if (entry.refused) {
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
          delete store[name];
          form.submit();
        };
        line.append(" ", button);
      }
      return line;
    }));
    show("waiting", list.firstChild);
  };
  const send = async () => {
    for (const name of all("queue")) {
      const entry = read(name);
      if (!entry || entry.refused) continue;
      const body = new FormData();
      for (const pair of entry.pairs) body.append(...pair);
      body.set("csrfmiddlewaretoken", form.csrfmiddlewaretoken.value);
      const answer = await post(path, body).catch(() => 0);
      if (!answer || answer.status >= 500 || answer.status === 429 || answer.redirected) break;
      if (answer.status === 201) delete store[name];
      else write(name, { ...entry, refused: true });
      say((answer.status === 201 ? words.sent : words.back).replace("{name}", entry.name));
    }
    draw();
  };
  const flush = () => all("queue").length && (locks ? locks.request("queue", { ifAvailable: true }, (lock) => lock && send()) : send());
  const network = () => {
    const connected = up && navigator.onLine;
    show("offline", !connected);
    if (connected) flush();
  };
  addEventListener("online", reach);
  addEventListener("offline", network);
  addEventListener("storage", draw);
  setInterval(() => { if (!up || all("queue").length) reach(); }, 10000);

  // Already a client? Asked when a telling field is left; never in the way.
  const box = one("matches");
  let asking, stop;
  const look = async () => {
    stop?.abort();
    stop = new AbortController();
    try {
      const answer = await fetch(box.dataset.from, { method: "POST", body: new FormData(form), signal: stop.signal });
      const html = answer.ok && !answer.redirected ? (await answer.text()).trim() : "";
      if (html === box.innerHTML) return;
      box.innerHTML = html;
      say(box.querySelector("[data-say]")?.dataset.say || box.textContent.trim());
    } catch { /* Newer answers are asked about, or nobody is there. */ }
  };
  if (box) form.addEventListener("change", ({ target }) => {
    if (!/^(type|name|first_name|last_name|email|phone|tax_number)$/.test(target.name)) return;
    clearTimeout(asking);
    asking = setTimeout(look, 20);
  });

  // Two minutes before the sign-in runs out.
  let ending;
  const count = (seconds) => {
    clearTimeout(ending);
    show("ending", false);
    ending = setTimeout(() => { show("ending"); say(one("ending").firstChild.textContent); }, Math.max(0, seconds - 120) * 1000);
  };
  one("stay").onclick = async () => {
    const answer = await post(words.stay, new FormData(form)).catch(() => 0);
    if (answer && answer.ok && !answer.redirected) count((await answer.json()).seconds);
  };
  if (form.dataset.ends) count(+form.dataset.ends);

  open();
  draw();
  network();
})();
