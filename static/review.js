// The keys of the review queue: J and K for the next and the previous, A to approve. By
// their place on the keyboard; off where single-letter keys are switched off.
(() => {
  const typing = (node) =>
    node.isContentEditable ||
    (/^(input|textarea|select)$/i.test(node.tagName) && !/^(radio|checkbox)$/.test(node.type));
  addEventListener("keydown", (event) => {
    const { target, code, altKey, ctrlKey, metaKey, shiftKey } = event;
    if (altKey || ctrlKey || metaKey || shiftKey || event.repeat || event.isComposing) return;
    if (typing(target) || document.documentElement.dataset.shortcuts === "off") return;
    if (!/^Key[JKA]$/.test(code) || document.querySelector("dialog[open]")) return;
    const own = document.querySelector(`[data-key=${code}]`);
    const items = [...document.querySelectorAll("[data-item]")];
    const at = items.findIndex((item) => item.closest("tr").contains(document.activeElement));
    if (own) own.click();
    else if (code === "KeyA") items[at]?.closest("tr").querySelector("[data-approve]")?.click();
    else items[code === "KeyJ" ? at + 1 : Math.max(at - 1, 0)]?.focus();
    event.preventDefault();
  });
})();
