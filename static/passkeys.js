// Passkeys: asks the browser for one and sends its answer with the form around the button.
// Forms carry data-passkey="create" or "get", and data-options (the id of a JSON block on
// the page) or data-from (an address that answers it). Without this script they stay hidden.
(() => {
  "use strict";
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const PARTS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

  function readable(options) {
    const key = options.publicKey;
    key.challenge = bytes(key.challenge);
    if (key.user) {
      key.user.id = bytes(key.user.id);
      Object.assign(key.authenticatorSelection, {
        residentKey: "required", requireResidentKey: true, userVerification: "required",
      });
    }
    for (const each of [...(key.excludeCredentials || []), ...(key.allowCredentials || [])]) {
      each.id = bytes(each.id);
    }
    return options;
  }

  function plain(credential) {
    const { response } = credential;
    const told = {};
    for (const part of PARTS) if (response[part]) told[part] = text(response[part]);
    if (response.getTransports) told.transports = response.getTransports();
    return {
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response: told,
      authenticatorAttachment: credential.authenticatorAttachment,
      clientExtensionResults: credential.getClientExtensionResults(),
    };
  }

  async function optionsOf(form) {
    if (form.dataset.options) {
      const found = JSON.parse(document.getElementById(form.dataset.options).textContent);
      return found.creation_options || found.request_options;
    }
    const answer = await fetch(form.dataset.from, { headers: { Accept: "application/json" } });
    return (await answer.json()).request_options;
  }

  if (!window.PublicKeyCredential) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const problem = form.querySelector("[data-problem]");
      problem.hidden = true;
      try {
        const options = readable(await optionsOf(form));
        const credential = await navigator.credentials[form.dataset.passkey](options);
        form.elements.credential.value = JSON.stringify(plain(credential));
        form.submit();
      } catch (_error) {
        problem.hidden = false;
        problem.focus();
      }
    });
  }
})();
