// The left side: the workspace, who one acts as, the conversations.

import { actAs, go, seenOf, titleOf } from "./app.js";
import { glyph } from "./emoji.js";
import { el } from "./mrkdwn.js";
import { hash, sync } from "./sync.js";

const hues = [210, 150, 20, 265, 340, 95, 185, 45, 300, 0];

/** avatar is a coloured square with initials, the same for one person everywhere. */
export function avatar(who, size = "") {
  const name = who?.realName || who?.name || "?";
  const initials = name.split(/\s+/).slice(0, 2).map((w) => w[0]).join("").toUpperCase();
  const sum = [...(who?.id ?? "?")].reduce((n, c) => Math.imul(n ^ c.charCodeAt(0), 16777619) >>> 0, 2166136261) >>> 11;
  const colour = who?.bot ? "hsl(211 33% 26%)" : `hsl(${hues[sum % hues.length]} 45% 42%)`;
  return el("span", { class: "avatar " + size + (who?.bot ? " bot" : ""), style: `background:${colour}`, "aria-hidden": "true" }, who?.bot ? "⎈" : initials);
}

/** showMenu opens or closes the left side on a narrow screen, where it lies over the messages. */
function showMenu(open) {
  document.body.classList.toggle("menu-open", open);
  document.getElementById("shade").hidden = !open;
  for (const b of document.querySelectorAll(".open-menu")) b.setAttribute("aria-expanded", String(open));
  if (open) document.querySelector("#sidebar .me")?.focus();
}

/** menuButton opens the left side; a wide screen does not show it. */
export function menuButton() {
  return el("button", { type: "button", class: "plain open-menu", "aria-label": "Conversations and people", "aria-expanded": "false", "aria-controls": "sidebar", onclick: () => showMenu(true) }, "☰");
}

document.getElementById("shade").addEventListener("click", () => showMenu(false));
document.addEventListener("keydown", (e) => {
  if (e.key !== "Escape" || !document.body.classList.contains("menu-open")) return;
  e.stopImmediatePropagation();
  showMenu(false);
  document.querySelector("#channel .open-menu")?.focus();
}, true);

export function drawSidebar(app) {
  const { state, context } = app;
  sync(document.getElementById("team"), [{ key: "team", sign: state.team.name, make: () => el("div", { class: "team-name" }, state.team.name, el("span", { class: "sandbox" }, "sandbox")) }]);
  const people = state.people.filter((p) => !p.bot && !p.deactivated);
  sync(document.getElementById("switcher"), [{ key: "switcher", sign: hash([state.me, people]), make: () => switcher(state.me, people) }]);
  sync(document.getElementById("conversations"), lists(app, context));
  const link = document.getElementById("link");
  link.className = state.connected ? "on" : "off";
  link.textContent = state.connected ? `@${state.bot.name} is connected` : `@${state.bot.name} is not connected`;
}

function lists(app) {
  const all = app.state.conversations;
  const channels = all.filter((c) => c.kind !== "im");
  const direct = all.filter((c) => c.kind === "im");
  const item = (c) => {
    const unread = c.id !== app.channel && c.member && c.latest && c.latest > seenOf(c.id);
    const drawn = { id: c.id, title: titleOf(c), kind: c.kind, archived: c.archived, unread, current: c.id === app.channel, member: c.member };
    return { key: c.id, sign: hash(drawn), make: () => entry(drawn, app.context.people.get(c.with)) };
  };
  return [
    { key: "h-channels", sign: "", make: () => el("h2", {}, "Channels") }, ...channels.map(item),
    { key: "h-direct", sign: "", make: () => el("h2", {}, "Direct messages") }, ...direct.map(item),
  ];
}

function entry(c, other) {
  const icon = c.kind === "im" ? avatar(other, "tiny") : el("span", { class: "hash", "aria-hidden": "true" }, c.kind === "groups" ? glyph("🔒") : "#");
  const label = (c.kind === "groups" ? "private channel " : "") + c.title + (c.unread ? ", unread" : "");
  return el("a", { href: "#" + c.id, class: ["conversation", c.unread && "unread", c.current && "current", !c.member && "outside"].filter(Boolean).join(" "), "aria-current": c.current ? "page" : null, "aria-label": label, "data-key": "c-" + c.id, onclick: (e) => { e.preventDefault(); showMenu(false); go(c.id); } },
    icon, el("span", { class: "name" }, c.title), c.unread && el("span", { class: "dot", "aria-hidden": "true" }));
}

function switcher(me, people) {
  const list = el("ul", { role: "listbox", "aria-label": "Act as", id: "people", hidden: true, tabindex: "-1" });
  const button = el("button", { type: "button", class: "me", "aria-haspopup": "listbox", "aria-expanded": "false", "aria-controls": "people", "data-key": "switcher", "aria-label": `Acting as ${me.realName}. Switch person` },
    avatar(me), el("span", { class: "who" }, el("span", { class: "as" }, "acting as"), el("strong", {}, me.realName || me.name)), el("span", { class: "caret", "aria-hidden": "true" }, "▾"));
  const wrap = el("div", { class: "switcher" }, button, list);
  const close = (focus) => {
    list.hidden = true;
    list.removeAttribute("role"); // Escape elsewhere looks for open listboxes
    button.setAttribute("aria-expanded", "false");
    if (focus) button.focus();
  };
  list.removeAttribute("role");
  for (const p of people) {
    const choose = () => {
      close(true);
      showMenu(false);
      actAs(p.id);
    };
    list.append(el("li", { role: "option", tabindex: "-1", "data-user": p.id, "aria-selected": String(p.id === me.id), onclick: choose, onkeydown: (e) => (e.key === "Enter" || e.key === " ") && (e.preventDefault(), choose()) },
      avatar(p), el("span", {}, el("strong", {}, p.realName || p.name), el("small", {}, p.title ?? ""))));
  }
  button.addEventListener("click", () => {
    if (!list.hidden) return close(true);
    list.hidden = false;
    list.setAttribute("role", "listbox");
    button.setAttribute("aria-expanded", "true");
    (list.querySelector("[aria-selected=true]") ?? list.firstElementChild).focus();
    return undefined;
  });
  wrap.addEventListener("keydown", (e) => arrows(e, list, button, close));
  wrap.addEventListener("focusout", (e) => !wrap.contains(e.relatedTarget) && close(false));
  return wrap;
}

function arrows(e, list, button, close) {
  if (list.hidden) {
    if (e.key === "ArrowDown") {
      e.preventDefault();
      button.click();
    }
    return;
  }
  const options = [...list.children];
  const at = options.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: options.length - 1 }[e.key];
  if (to !== undefined) {
    e.preventDefault();
    options[Math.max(0, Math.min(options.length - 1, to))].focus();
  } else if (e.key === "Escape") {
    e.stopPropagation();
    close(true);
  } else if (e.key.length === 1 && e.key !== " ") { // the first letter jumps
    const fits = (o) => o.querySelector("strong").textContent.toLowerCase().startsWith(e.key.toLowerCase());
    [...options.slice(at + 1), ...options].find(fits)?.focus();
  }
}
