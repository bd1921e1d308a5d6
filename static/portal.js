// Makes every page faster to use; no page needs it. Words come from the page, so that
// they can be translated.
(() => {
  const page = document.documentElement;
  const one = (selector, root = document) => root.querySelector(selector);
  const say = (words) => {
    if (words) one("#live").textContent = words;
  };

  // What desk.js keeps on this computer goes once the client that it became is shown.
  const stored = () => {
    try {
      return Object.keys(localStorage);
    } catch {
      return [];
    }
  };
  const token = one("[data-token]")?.dataset.token;
  for (const key of token ? stored() : []) {
    if (localStorage[key].includes(token)) delete localStorage[key];
  }

  // A second click on a form that is on its way does nothing.
  const setSent = (form, sent) => {
    form.sent = sent;
    for (const button of form.querySelectorAll("button")) button.ariaDisabled = sent || null;
  };
  // Signing out leaves nothing on this computer; what still waits to be sent is asked about.
  const forget = (question) => {
    const kept = stored();
    if (kept.some((key) => /^queue/.test(key)) && !confirm(question)) return false;
    for (const key of kept) delete localStorage[key];
    return true;
  };
  addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    const { unsent } = form.dataset;
    if ((unsent && !forget(unsent)) || form.sent) return event.preventDefault();
    setSent(form, true);
    setTimeout(() => form.sent && say(form.dataset.busy), 200);
  });
  addEventListener("pageshow", (event) => {
    for (const form of event.persisted ? document.forms : []) setSent(form, false);
  });

  // Client type, and the country: an area is called and suggested as it is there.
  addEventListener("change", ({ target }) => {
    if (target.name === "type" && target.form) say(target.form.dataset[target.value]);
    const { area } = target.dataset;
    if (!area) return;
    const [label, ...areas] = (target.selectedOptions[0].dataset.area || area).split("|");
    one("[for=id_billing_address__state] bdi").textContent = label;
    one("#id_billing_address__state").setAttribute("list", areas[0] ? "areas" : "");
    one("#areas").replaceChildren(...areas.map((name) => new Option(name)));
  });

  // Keys, by their place on the keyboard.
  const typing = (node) =>
    node.isContentEditable ||
    (/^(input|textarea|select)$/i.test(node.tagName) && !/^(radio|checkbox)$/.test(node.type));
  // The keys of the menu once more, in a dialog; closing it leads back to where one was.
  const drawKeys = (keys) => {
    const dialog = document.createElement("dialog");
    dialog.className = "card keys";
    const title = document.createElement("h2");
    title.textContent = dialog.ariaLabel = one("summary", keys).textContent;
    const close = document.createElement("button");
    close.className = "btn";
    close.textContent = keys.dataset.close;
    close.onclick = () => dialog.close();
    const parts = [...keys.children].slice(1).map((part) => part.cloneNode(true));
    dialog.append(title, ...parts, close);
    document.body.append(dialog);
    return dialog;
  };
  const showKeys = (keys) => {
    const dialog = one("dialog.keys") || drawKeys(keys);
    dialog.showModal();
    one(":scope > .btn", dialog).focus();
  };
  const closeMenu = (menu) => {
    menu.open = false;
    one("summary", menu).focus();
  };
  addEventListener("keydown", (event) => {
    const { target, code, altKey, ctrlKey, metaKey, shiftKey } = event;
    if (event.isComposing || event.defaultPrevented || one("dialog[open]")) return;
    const main = one("form[data-main]");
    const menu = one(".menu[open]");
    let done = true;
    if ((ctrlKey || metaKey) && /Enter$/.test(code) && main) main.requestSubmit();
    else if (altKey && !ctrlKey && /^Digit[12]$/.test(code) && main?.type) {
      main.type[code.slice(-1) - 1].click();
      main.type[code.slice(-1) - 1].focus();
    } else if (code === "Escape" && menu) closeMenu(menu);
    else if (code === "Escape" && target.type === "search") target.blur();
    else if (altKey || ctrlKey || metaKey || typing(target) || page.dataset.shortcuts === "off")
      return;
    else if (event.key === "?" || (code === "Slash" && shiftKey)) {
      if (one(".keys")) showKeys(one(".keys"));
    } else if (!shiftKey && code === "Slash" && one("[data-key=Slash]"))
      one("[data-key=Slash]").focus();
    else if (!shiftKey && code === "KeyN" && one("[data-key=KeyN]"))
      (one("main [data-key=KeyN]") || one("[data-key=KeyN]")).click();
    else done = false;
    if (done) event.preventDefault();
  });
  addEventListener("click", ({ target }) => {
    const menu = one(".menu[open]");
    if (menu && !menu.contains(target)) menu.open = false;
  });

  // A number can be copied.
  const drawCopy = () => {
    const numbers = document.querySelectorAll("[data-copy]:not([data-drawn])");
    for (const number of navigator.clipboard ? numbers : []) {
      const button = document.createElement("button");
      number.dataset.drawn = "";
      button.type = "button";
      button.className = "btn ghost";
      button.textContent = number.dataset.copy;
      button.onclick = async () => {
        await navigator.clipboard.writeText(number.textContent.trim());
        button.textContent = number.dataset.copied;
        say(number.dataset.copied);
      };
      number.after(button);
    }
  };

  // The status of a client: ask until it is final, quickly at first, rarely when failing.
  const started = Date.now();
  const note = document.createElement("p");
  const again = document.createElement("button");
  let last;
  let timer;
  let failures = 0;
  let asking = false;
  // What the page tells below the status follows it, unless somebody is reading there.
  const renewRest = async (status) => {
    const rest = one("[data-after]");
    if (!rest || rest.contains(document.activeElement)) return;
    const html = await (await fetch(location.href)).text().catch(() => "");
    const found = one("[data-after]", new DOMParser().parseFromString(html, "text/html"));
    if (found && one("[data-poll]").dataset.status === status) rest.replaceWith(found);
  };
  const renew = (block, next) => {
    const focused = block.contains(document.activeElement);
    block.replaceWith(next);
    drawCopy();
    if (focused) {
      next.tabIndex = -1;
      next.focus();
    }
    if (next.dataset.say !== block.dataset.say) say(next.dataset.say);
    renewRest(next.dataset.status);
  };
  const tell = (block, seconds) => {
    if (!note.isConnected) {
      note.replaceChildren(document.createElement("span"), " ", again);
      again.textContent = block.dataset.check;
      block.after(note);
    }
    note.firstChild.textContent = block.dataset.retry.replace("{n}", seconds);
  };
  const ask = async () => {
    const block = one("[data-poll]");
    clearTimeout(timer);
    if (!block || "final" in block.dataset || document.hidden || asking) return;
    asking = true;
    const age = Date.now() - started;
    let wait = age < 3000 ? 200 : age < 60000 ? 1000 : 5000;
    try {
      const answer = await fetch(block.dataset.poll + "?seen=" + block.dataset.status, {
        signal: AbortSignal.timeout(20000)
      });
      const html = answer.ok && !answer.redirected && (await answer.text());
      const next = html && one("[data-poll]", new DOMParser().parseFromString(html, "text/html"));
      if (!next) throw 0;
      failures = 0;
      note.remove();
      if (html !== last && next.outerHTML !== block.outerHTML) {
        renew(block, next);
        wait = 20; // news: the next may follow at once
      }
      last = html;
    } catch {
      wait = Math.min(30, 2 ** failures++) * 1000;
      tell(block, wait / 1000);
    }
    asking = false;
    timer = setTimeout(ask, wait);
  };
  note.className = "notice";
  again.className = "btn ghost";
  again.onclick = ask;
  addEventListener("visibilitychange", ask);
  drawCopy();
  if (one("[data-poll]")) timer = setTimeout(ask, 20);
})();
