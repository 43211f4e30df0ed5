// Keyed drawing: nodes whose content did not change stay, so that focus, typed text and selections survive live updates.

/** sync makes container's children match items, each {key, sign, make}. A child is made anew only when its sign differs. */
export function sync(container, items) {
  const held = focusOf(container);
  const old = new Map([...container.children].map((n) => [n.dataset.k, n]));
  let at = container.firstElementChild;
  for (const item of items) {
    let node = old.get(item.key);
    if (!node || node.dataset.sign !== item.sign) {
      const fresh = item.make();
      fresh.dataset.k = item.key;
      fresh.dataset.sign = item.sign;
      if (node) {
        if (at === node) at = fresh;
        node.replaceWith(fresh);
      }
      node = fresh;
    }
    old.delete(item.key);
    if (node === at) at = at.nextElementSibling;
    else container.insertBefore(node, at);
  }
  for (const gone of old.values()) gone.remove();
  if (held) refocus(container, held);
}

function focusOf(container) {
  const active = document.activeElement;
  if (!active || active === container || !container.contains(active)) return null;
  return { item: active.closest("[data-k]")?.dataset.k, key: active.dataset.key };
}

/** refocus puts the focus back where it was, or on the item that held it: never to the top of the page. */
function refocus(container, held) {
  if (container.contains(document.activeElement)) return;
  const item = [...container.children].find((n) => n.dataset.k === held.item);
  const same = held.key && item?.querySelector(`[data-key="${CSS.escape(held.key)}"]`);
  (same || item || container).focus({ preventScroll: true });
}

/** hash is a short fingerprint of what something is drawn from. */
export function hash(value) {
  const text = JSON.stringify(value);
  let h = 5381;
  for (let i = 0; i < text.length; i++) h = ((h * 33) ^ text.charCodeAt(i)) >>> 0;
  return h.toString(36) + text.length.toString(36);
}
