// Passkeys: asks the browser for one and sends its answer with the form around the button.
// Forms carry data-passkey="create" or "get", and data-options (the id of a JSON block on
// the page) or data-from (an address that answers it). Without this script they stay hidden.
(() => {
  if (!window.PublicKeyCredential) return;

  // Bytes travel as base64url.
  const bytesOf = (text) => {
    const base64 = text.replace(/-/g, "+").replace(/_/g, "/");
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  };
  const textOf = (buffer) => {
    const base64 = btoa(String.fromCharCode(...new Uint8Array(buffer)));
    return base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  const optionsFor = async ({ dataset }) => {
    if (dataset.options) {
      const found = JSON.parse(document.getElementById(dataset.options).textContent);
      return found.creation_options || found.request_options;
    }
    const answer = await fetch(dataset.from, { headers: { Accept: "application/json" } });
    return (await answer.json()).request_options;
  };
  const readable = (options) => {
    const key = options.publicKey;
    key.challenge = bytesOf(key.challenge);
    if (key.user) {
      key.user.id = bytesOf(key.user.id);
      Object.assign(key.authenticatorSelection, {
        residentKey: "required",
        requireResidentKey: true,
        userVerification: "required"
      });
    }
    for (const known of [...(key.excludeCredentials || []), ...(key.allowCredentials || [])]) {
      known.id = bytesOf(known.id);
    }
    return options;
  };

  const parts = [
    "clientDataJSON",
    "attestationObject",
    "authenticatorData",
    "signature",
    "userHandle"
  ];
  const plain = (credential) => {
    const { id, rawId, type, response, authenticatorAttachment } = credential;
    const told = {};
    for (const part of parts) {
      if (response[part]) told[part] = textOf(response[part]);
    }
    if (response.getTransports) told.transports = response.getTransports();
    return {
      id,
      rawId: textOf(rawId),
      type,
      response: told,
      authenticatorAttachment,
      clientExtensionResults: credential.getClientExtensionResults()
    };
  };

  const send = async (form) => {
    const options = readable(await optionsFor(form));
    const credential = await navigator.credentials[form.dataset.passkey](options);
    form.elements.credential.value = JSON.stringify(plain(credential));
    form.submit();
  };
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const problem = form.querySelector("[data-problem]");
      problem.hidden = true;
      try {
        await send(form);
      } catch {
        problem.hidden = false;
        problem.focus();
      }
    });
  }
})();
