// Where people write: messages, and slash commands outside threads.

import { post, titleOf } from "./app.js";
import { el } from "./mrkdwn.js";
import { sync } from "./sync.js";

export function drawComposer(app, c) {
  const name = c.kind === "im" ? titleOf(c) : "#" + c.name;
  const closed = c.archived ? "This channel is archived." : !c.member ? `You are reading ${name} without being in it. Slash commands work here; messages need you to join.` : "";
  draw(app, "channel-composer", `${c.id} ${app.me} ${closed}`, { channel: c.id, thread: "", placeholder: `Message ${name}  ·  /algesta … runs a command`, label: `Message ${name}`, closed, archived: c.archived });
  if (app.thread) {
    draw(app, "thread-composer", `${c.id} ${app.thread} ${app.me} ${closed}`, { channel: c.id, thread: app.thread, placeholder: `Reply…  ·  @${app.state.bot.name} … asks the bot`, label: "Reply in thread", closed, archived: c.archived });
  }
}

const drafts = new Map();

function draw(app, id, sign, to) {
  const draft = `${app.me} ${to.channel} ${to.thread}`;
  sync(document.getElementById(id), [{ key: id, sign, make: () => box(app, to, draft) }]);
}

function box(app, to, draft) {
  if (to.archived) return el("p", { class: "note" }, to.closed);
  const hint = el("div", { class: "command-hint", hidden: true });
  const problem = el("div", { class: "problem", role: "alert" });
  const field = el("textarea", { rows: 1, placeholder: to.placeholder, "aria-label": to.label, "data-key": "field", id: to.thread ? "reply" : "composer" }, drafts.get(draft) ?? "");
  const button = el("button", { type: "submit", class: "send", "aria-label": "Send", title: "Send (Enter)" }, "➤");
  const form = el("form", { class: "composer" }, hint, to.closed && el("p", { class: "note" }, to.closed), el("div", { class: "box" }, field, button), problem);
  const fit = () => {
    field.style.height = "auto";
    field.style.height = Math.min(field.scrollHeight, 180) + "px";
    drafts.set(draft, field.value);
    suggest(app, to, field.value, hint);
  };
  field.addEventListener("input", () => {
    problem.textContent = "";
    fit();
  });
  field.addEventListener("keydown", (e) => {
    if (e.key === "Tab" && !e.shiftKey && complete(app, to, field)) {
      e.preventDefault();
      fit();
    }
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
      e.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const text = field.value.trim();
    if (!text) return;
    field.value = "";
    fit();
    try {
      await send(app, to, text);
    } catch (err) {
      if (!field.value && !["dispatch_failed", "operation_timeout"].includes(err.message)) field.value = text; // Slack has said these two itself
      problem.textContent = sentence(err.message);
      fit();
    }
  });
  requestAnimationFrame(fit);
  return form;
}

async function send(app, to, text) {
  if (!text.startsWith("/")) return post("say", { user: app.me, channel: to.channel, thread: to.thread, text });
  if (to.thread) throw new Error(`Slash commands do not work in threads. Write @${app.state.bot.name} ${text.replace(/^\/\S+\s*/, "")} instead.`);
  const [, name, who] = text.match(/^\/(invite|kick)\s+@?(\S+)/) ?? [];
  if (!name) return post("type", { user: app.me, channel: to.channel, text });
  const person = app.state.people.find((p) => p.name === who.toLowerCase());
  if (!person) throw new Error(`There is nobody called @${who}.`);
  return name === "invite" ? post("invite", { by: app.me, channel: to.channel, user: person.id }) : post("leave", { channel: to.channel, user: person.id });
}

function sentence(message) {
  const known = {
    dispatch_failed: "The command did not reach the app: it is not connected.", operation_timeout: "The app did not answer the command in time.",
  };
  if (message.startsWith("no app of this workspace")) return "There is no such slash command here.";
  return known[message] ?? message;
}

const builtin = [{ command: "/invite", description: "Add someone to this channel", usage_hint: "@name" }, { command: "/kick", description: "Take someone out of this channel", usage_hint: "@name" }];

function matching(app, to, text) {
  if (to.thread || !text.startsWith("/")) return [];
  const word = text.split(" ")[0];
  return [...app.state.commands, ...builtin].filter((c) => (text.includes(" ") ? c.command === word : c.command.startsWith(word)));
}

function suggest(app, to, text, hint) {
  const found = matching(app, to, text);
  hint.hidden = !found.length;
  hint.replaceChildren(...found.map((c) => el("div", {}, el("strong", {}, c.command), " ", el("span", { class: "usage" }, c.usage_hint ?? ""), el("small", {}, c.description ?? ""))));
}

/** complete finishes a slash command or an @name with Tab. */
function complete(app, to, field) {
  const found = matching(app, to, field.value);
  if (found.length && !field.value.includes(" ")) {
    field.value = found[0].command + " ";
    return true;
  }
  const at = field.value.match(/@(\w+)$/);
  const names = [...app.state.people.map((p) => p.name), ...app.state.groups.map((g) => g.handle)];
  const name = at && names.find((n) => n.startsWith(at[1].toLowerCase()) && n !== at[1]);
  if (!name) return false;
  field.value = field.value.slice(0, at.index) + "@" + name + " ";
  return true;
}
