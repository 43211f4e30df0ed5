// Dialogs: a button's confirmation, the app's modals, and short notices.

import { app, post } from "./app.js";
import { inputsOf, renderBlocks, text } from "./blocks.js";
import { el, plainText } from "./mrkdwn.js";
import { hash } from "./sync.js";

/** confirm asks a button's question; it resolves to true when the person says yes. Escape and the other button say no. */
export function confirm(c, ctx) {
  return new Promise((resolve) => {
    const yes = el("button", { type: "submit", value: "yes", class: "button " + (c.style ?? "primary") }, plainText(c.confirm) || "Yes");
    const no = el("button", { type: "submit", value: "no", class: "button" }, plainText(c.deny) || "Cancel");
    const dialog = el("dialog", { class: "confirm", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
      el("form", { method: "dialog" }, el("h2", { id: "confirm-title" }, plainText(c.title) || "Are you sure?"), el("div", { id: "confirm-text", class: "text" }, text(c.text, ctx)), el("footer", {}, no, yes)));
    const opener = document.activeElement;
    dialog.addEventListener("close", () => {
      dialog.remove();
      opener?.focus();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    yes.focus();
  });
}

/** say shows one sentence at the bottom for a while. */
export function say(sentence) {
  const note = el("div", { class: "toast", role: "alert" }, sentence);
  document.body.append(note);
  setTimeout(() => note.remove(), 6000);
}

/** drawViews shows the topmost modal of the person, or none. */
export function drawViews() {
  const view = app.state.views.at(-1);
  const open = document.querySelector("dialog.view");
  if (!view) {
    open?.remove();
    return;
  }
  const sign = hash([view.id, view.hash, view.errors]);
  if (open?.dataset.sign === sign) return;
  const kept = open?.dataset.view === view.id ? inputsOf(open) : [];
  const held = kept.length && open.contains(document.activeElement) ? document.activeElement.name : null;
  open?.remove();
  const dialog = modal(view);
  dialog.dataset.sign = sign;
  dialog.dataset.view = view.id;
  for (const i of kept) { // what was typed stays, as with equal block and action IDs in Slack
    const field = dialog.querySelector(`[name="${CSS.escape(i.blockID + "/" + i.actionID)}"]`);
    if (field && field.type !== "radio" && field.type !== "checkbox") field.value = i.value;
    else for (const box of dialog.querySelectorAll(`[name="${CSS.escape(i.blockID + "/" + i.actionID)}"]`)) box.checked ||= box.value === i.value;
  }
  document.body.append(dialog);
  dialog.showModal();
  const same = held && dialog.querySelector(`[name="${CSS.escape(held)}"]`);
  if (same && !dialog.querySelector("[aria-invalid]")) same.focus();
  else dialog.querySelector("[aria-invalid], textarea, input, select, footer button")?.focus();
}

function modal(view) {
  const close = () => post("close-view", { user: app.me, view: view.id }).catch((e) => say(e.message));
  const choose = (element, block, value) => post("choose", { user: app.me, view: view.id, block: block.block_id, action: element.action_id, value: value ?? "", inputs: inputsOf(form).filter((i) => i.blockID !== block.block_id) })
    .catch((e) => say(e.message));
  const form = el("form", { method: "dialog" },
    el("header", {}, el("h2", { id: "view-title" }, view.title), el("button", { type: "button", class: "plain close", "aria-label": "Close", onclick: close }, "✕")),
    el("div", { class: "view-body" }, renderBlocks(view.blocks, { ...app.context, errors: view.errors, act: choose })),
    el("footer", {}, el("button", { type: "button", class: "button", onclick: close }, view.close || "Cancel"), view.submit && el("button", { type: "submit", class: "button primary" }, view.submit)));
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    post("submit", { user: app.me, view: view.id, inputs: inputsOf(form) }).catch((err) => say(err.message === "operation_timeout" ? "We had some trouble connecting. Try again?" : err.message));
  });
  const dialog = el("dialog", { class: "view", "aria-labelledby": "view-title" }, form);
  dialog.addEventListener("cancel", (e) => {
    e.preventDefault();
    close();
  });
  return dialog;
}
