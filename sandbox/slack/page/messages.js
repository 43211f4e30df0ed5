// The messages of a channel and of the open thread.

import { go, post, see, seenOf, titleOf } from "./app.js";
import { inputsOf, renderBlocks } from "./blocks.js";
import { confirm, say } from "./dialogs.js";
import { glyph } from "./emoji.js";
import { ago, dateText, el, emojiOf, mrkdwn } from "./mrkdwn.js";
import { avatar, menuButton } from "./sidebar.js";
import { hash, sync } from "./sync.js";

/** atHome says whether the app's Home tab is open: it stands in the direct messages with the app. */
export const atHome = (app, c) => app.thread === "home" && c.with === app.state.bot.user && app.state.homeTab;

function homeTabs(app, c) {
  const tab = (name, to) => el("button", { type: "button", class: "tab", role: "tab", "aria-selected": String((to === "home") === atHome(app, c)), "data-tab": name.toLowerCase(), onclick: () => to === "home" ? openHome(app, c.id) : go(c.id) }, name);
  return el("div", { class: "tabs", role: "tablist", "aria-label": "Home or messages" }, tab("Home", "home"), tab("Messages"));
}

function openHome(app, channel) {
  post("open-home", { user: app.me }).catch((e) => say(e.message));
  go(channel, "home");
}

function drawHome(app) {
  const home = app.state.home;
  const press = async (element, block) => {
    if (element.confirm && !(await confirm(element.confirm, app.context))) return;
    post("click-home", { user: app.me, block: block.block_id, action: element.action_id }).catch((e) => say(e.message));
  };
  return { key: "home", sign: hash([app.me, home?.hash]), make: () => (home
    ? el("div", { class: "home" }, renderBlocks(home.blocks, { ...app.context, act: press }))
    : el("p", { class: "empty" }, "This app has not put anything here yet.")) };
}

export function drawChannel(app, c) {
  const tabs = app.state.homeTab && c.with === app.state.bot.user;
  const header = { title: titleOf(c), topic: c.topic, kind: c.kind, count: c.count, bot: c.bot, archived: c.archived, tabs, home: atHome(app, c) };
  sync(document.getElementById("channel-header"), [{ key: c.id, sign: hash(header), make: () => channelHeader(header, app, c) }]);
  const list = document.getElementById("messages");
  document.getElementById("channel-composer").hidden = atHome(app, c);
  if (atHome(app, c)) {
    const what = "home" + app.me, opened = list.dataset.what !== what;
    atEnd.delete(list); // a page is read from its top
    list.dataset.what = what;
    sync(list, [drawHome(app)]);
    if (opened) list.scrollTop = 0;
    return;
  }
  keepBottom(list, c.id + app.me, () => {
    const roots = (app.state.messages ?? []).filter((m) => !m.threadTS);
    sync(list, roots.length ? items(app, roots, "channel") : [empty(app, c)]);
  });
}

function channelHeader(h, app, c) {
  const mark = { channels: "#", groups: glyph("🔒") }[h.kind];
  return el("div", { class: "pane-title" }, menuButton(),
    el("h1", { id: "channel-title" }, mark && el("span", { class: "hash" }, mark), h.title),
    h.topic && el("span", { class: "topic" }, h.topic),
    el("span", { class: "facts" }, h.kind !== "im" && `${h.count} members`, !h.bot && el("span", { class: "chip" }, `@${app.state.bot.name} is not here`), h.archived && el("span", { class: "chip" }, "archived")), h.tabs && homeTabs(app, c));
}

function empty(app, c) {
  const steps = c.bot ? app.state.guide ?? [] : [];
  const me = app.state.me;
  return { key: "empty", sign: hash([c.id, me.id, steps]), make: () => (steps.length
    ? el("div", { class: "guide" },
      el("p", { class: "acting" }, "You’re acting as ", el("strong", {}, me.realName || me.name), me.title && ` (${me.title})`, ". Nothing was said here yet. Try this:"),
      el("ol", {}, ...steps.map((s) => el("li", {}, mrkdwn(s, app.context)))))
    : el("p", { class: "empty" }, c.bot ? "Nothing was said here yet. Type / to see the commands." : "Nothing was said here yet.")) };
}

export function drawThread(app, c) {
  const pane = document.getElementById("thread");
  const all = app.state.messages ?? [];
  const parent = app.thread && all.find((m) => m.ts === app.thread);
  pane.hidden = !parent;
  document.getElementById("app").classList.toggle("with-thread", Boolean(parent));
  if (!parent) return;
  sync(document.getElementById("thread-header"), [{ key: "t", sign: hash([c.id, titleOf(c)]), make: () => threadHeader(app, c) }]);
  const replies = all.filter((m) => m.threadTS === parent.ts);
  see(c.id + "/" + parent.ts, replies.at(-1)?.ts);
  const list = document.getElementById("thread-messages");
  keepBottom(list, parent.ts + app.me, () => sync(list, [
    ...items(app, [parent], "thread"),
    { key: "count", sign: String(replies.length), make: () => el("div", { class: "reply-count" }, el("span", {}, replies.length === 1 ? "1 reply" : `${replies.length} replies`)) },
    ...items(app, replies, "thread"),
  ]));
}

function threadHeader(app, c) {
  return el("div", { class: "pane-title" }, menuButton(), el("h2", { id: "thread-title" }, "Thread"), el("span", { class: "topic" }, (c.kind === "im" ? "" : "#") + titleOf(c)),
    el("button", { type: "button", class: "plain close", "aria-label": "Close thread", title: "Close (Esc)", onclick: () => closeThread(app) }, "✕"));
}

/** closeThread closes the pane and gives the focus back to what opened it. */
export function closeThread(app) {
  const ts = app.thread;
  go(app.channel);
  requestAnimationFrame(() => document.querySelector(`#messages [data-k="${CSS.escape(ts)}"] .open-thread`)?.focus());
}

/** openThread opens the pane and puts the focus into its composer. */
function openThread(app, ts) {
  go(app.channel, ts);
  const look = (tries) => {
    const field = document.querySelector("#thread:not([hidden]) textarea");
    if (field) field.focus();
    else if (tries > 0) requestAnimationFrame(() => look(tries - 1));
  };
  look(120);
}

/** The lists whose reader is at the newest message. */
const atEnd = new WeakSet();

/** keepBottom draws and stays at the newest message if the reader was there, or the list is another one. */
function keepBottom(list, what, draw) {
  if (list.dataset.what !== what) atEnd.add(list);
  list.dataset.what = what;
  draw();
  if (atEnd.has(list)) list.scrollTop = list.scrollHeight;
  sizes.set(list, sizeOf(list));
}

/** A list also stays at its end when it gets another size: the composer below is drawn after it, and grows while somebody writes. */
const sizes = new WeakMap();
const sizeOf = (list) => [list.clientWidth, list.clientHeight, list.scrollHeight].join();
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (atEnd.has(target)) target.scrollTop = target.scrollHeight;
    sizes.set(target, sizeOf(target));
  }
});
for (const list of document.querySelectorAll(".messages")) {
  resized.observe(list);
  list.addEventListener("scroll", () => {
    if (list.scrollHeight - list.scrollTop - list.clientHeight < 60) atEnd.add(list);
    else if (sizeOf(list) === sizes.get(list)) atEnd.delete(list); // else it or what is in it has got another size, and nobody scrolled
  });
}

const dayOf = (m, zone) => dateText(Date.parse(m.at) / 1000, "{day_divider_pretty}", zone);

function items(app, messages, place) {
  const out = [];
  let before = null;
  for (const m of messages) {
    const day = dayOf(m, app.state.me.zone);
    if (place === "channel" && (!before || dayOf(before, app.state.me.zone) !== day)) {
      out.push({ key: "day-" + day, sign: day, make: () => el("div", { class: "day", role: "separator" }, el("span", {}, day)) });
    }
    const follows = before && before.user === m.user && !before.to && !m.to && !m.system && !before.system && Date.parse(m.at) - Date.parse(before.at) < 300e3 && place === "thread";
    const replies = place === "channel" ? repliesOf(app, m) : null;
    const sign = hash([m, follows, replies, app.me, app.state.version === 0]);
    out.push({ key: m.ts, sign, make: () => message(app, m, { follows, replies, place }) });
    before = m;
  }
  return out;
}

function repliesOf(app, m) {
  const all = (app.state.messages ?? []).filter((r) => r.threadTS === m.ts);
  if (!all.length) return null;
  const seen = seenOf(app.channel + "/" + m.ts);
  const fresh = app.thread === m.ts ? [] : all.filter((r) => r.ts > seen && r.user !== app.me);
  return { count: all.length, last: all.at(-1).at, unread: fresh.length, named: fresh.some((r) => names(app, r)), who: [...new Set(all.map((r) => r.user))].slice(0, 3), open: app.thread === m.ts };
}

/** names says whether a message mentions the reader, alone or by a group. */
function names(app, m) {
  const body = m.text + JSON.stringify(m.blocks ?? []);
  return body.includes(app.me) || app.state.groups.some((g) => g.users.includes(app.me) && body.includes(g.id));
}

function message(app, m, { follows, replies, place }) {
  const who = app.context.people.get(m.user) ?? { id: m.user, name: "Slackbot", realName: "Slackbot", bot: true };
  const at = Date.parse(m.at) / 1000;
  const time = el("time", { class: "at", datetime: m.at, title: dateText(at, "{date_long} {time_secs}", app.state.me.zone) }, dateText(at, "{time}", app.state.me.zone));
  const classes = ["message", follows && "follows", m.to && "ephemeral", m.system && "system", replies?.open && "in-thread"].filter(Boolean).join(" ");
  const node = el("article", { class: classes, tabindex: "-1", "aria-label": `${who.realName || who.name}, ${time.textContent}` });
  const body = el("div", { class: "message-body" });
  if (m.to) body.append(el("div", { class: "only-you" }, glyph("👁"), "Only visible to you", el("button", { type: "button", class: "plain link", "data-key": "dismiss", onclick: () => post("dismiss", { user: app.me, channel: m.channel, ts: m.ts }) }, "Dismiss")));
  if (!follows) body.append(el("div", { class: "by" }, el("strong", {}, who.realName || who.name), who.bot && el("span", { class: "app-badge" }, "APP"), time));
  body.append(content(app, m, node));
  const tools = m.to || m.system ? [] : toolsOf(app, m, place, replies);
  if (replies) body.append(threadLink(app, m, replies));
  if (tools.length) node.append(el("div", { class: "tools" }, ...tools));
  node.prepend(el("div", { class: "gutter" }, follows ? time : avatar(who)), body);
  if (place === "channel") node.addEventListener("keydown", (e) => e.target === node && e.key === "Enter" && !m.to && !m.system && openThread(app, m.ts));
  return node;
}

/** toolsOf are the buttons that appear on a message: a thread of its own, and the app's shortcuts where it has any. */
function toolsOf(app, m, place, replies) {
  const thread = place === "channel" && !replies && el("button", { type: "button", class: "open-thread plain", "data-key": "thread", "aria-label": "Reply in thread", title: "Reply in thread", onclick: () => openThread(app, m.ts) }, glyph("💬"));
  return [thread, app.state.shortcuts.length > 0 && moreActions(app, m)].filter(Boolean);
}

/** moreActions is the menu of a message with the app's shortcuts. Arrow keys walk through it, Escape closes it. */
function moreActions(app, m) {
  const button = el("button", { type: "button", class: "plain more", "data-key": "more", "aria-label": "More actions", title: "More actions", "aria-haspopup": "menu", "aria-expanded": "false" }, "⋮");
  const choose = async (name) => {
    show(false);
    try {
      await post("shortcut", { user: app.me, channel: m.channel, ts: m.ts, action: name });
    } catch (err) {
      say(refusal(err));
    }
  };
  const entries = app.state.shortcuts.map((s) => el("button", { type: "button", role: "menuitem", "data-shortcut": s.name, title: s.description, onclick: () => choose(s.name) }, s.name, el("small", {}, app.state.bot.name)));
  const list = el("div", { class: "shortcuts", role: "menu", "aria-label": "Shortcuts", hidden: true }, ...entries);
  const show = (open) => {
    list.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    (open ? entries[0] : button).focus();
  };
  button.addEventListener("click", () => show(list.hidden));
  const whole = el("span", { class: "actions-menu" }, button, list);
  whole.addEventListener("keydown", (e) => {
    if (list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: entries.length - 1 }[e.key];
    if (step) entries[(entries.indexOf(document.activeElement) + step) % entries.length].focus();
    if (e.key === "Escape") show(false);
    if (!step && e.key !== "Escape") return;
    e.preventDefault();
    e.stopPropagation(); // Escape closes the menu alone, and the list of messages has arrow keys of its own
  });
  whole.addEventListener("focusout", (e) => {
    if (whole.contains(e.relatedTarget)) return;
    list.hidden = true;
    button.setAttribute("aria-expanded", "false");
  });
  return whole;
}

/** content draws blocks of apps; what people typed is drawn from its text, whose marks Slack's composer would have applied. */
function content(app, m, node) {
  const out = el("div", { class: "content" });
  const edited = m.edited && el("span", { class: "edited" }, " (edited)");
  if (m.botID && m.blocks?.length) out.append(renderBlocks(m.blocks, { ...app.context, act: (element, block, value) => act(app, m, node, element, block, value) }));
  else if (m.text) out.append(el("div", { class: "text" }, mrkdwn(m.text, app.context), edited));
  for (const f of m.files ?? []) out.append(el("a", { class: "file", href: "/files/" + f.id, target: "_blank" }, glyph("📄"), el("span", {}, el("strong", {}, f.title), el("small", {}, `${f.size.toLocaleString("en")} bytes`))));
  const reactions = Object.entries(m.reactions ?? {});
  if (reactions.length) out.append(el("div", { class: "reactions" }, ...reactions.map(([name, users]) => el("span", { title: name }, emojiOf(name), " ", users.length))));
  return out;
}

function threadLink(app, m, r) {
  const label = r.count === 1 ? "1 reply" : `${r.count} replies`;
  return el("button", { type: "button", class: "open-thread thread-link" + (r.unread ? " unread" : ""), "data-key": "thread", "aria-label": `${label}${r.unread ? `, ${r.unread} new` : ""}. Open thread`, onclick: () => openThread(app, m.ts) },
    ...r.who.map((id) => avatar(app.context.people.get(id), "small")), el("span", { class: "count" }, label),
    r.unread > 0 && el("span", { class: "badge" + (r.named ? " named" : "") }, `${r.unread} new`), el("span", { class: "last" }, "Last reply " + ago(new Date(r.last))));
}

/** act carries out a click on a button or menu of a message: links open, dialogs ask first. */
async function act(app, m, node, element, block, value) {
  if (element.url) window.open(element.url, "_blank", "noopener");
  if (element.confirm && !(await confirm(element.confirm, app.context))) return;
  const inputs = inputsOf(node);
  if (value !== undefined && !inputs.some((i) => i.actionID === element.action_id)) inputs.push({ blockID: block.block_id, actionID: element.action_id, value });
  try {
    await post("click", { user: app.me, channel: m.channel, ts: m.ts, action: element.action_id, inputs });
  } catch (err) {
    say(refusal(err));
  }
}

/** refusal is what Slack says of an action that did not reach the app. */
const refusal = (err) => (["dispatch_failed", "operation_timeout"].includes(err.message) ? "The app did not respond. Try again in a moment." : err.message);

/** Arrow keys walk through the messages of a list that has the focus. */
for (const list of document.querySelectorAll(".messages")) {
  list.addEventListener("keydown", (e) => {
    if (e.target !== list && !e.target.matches("article")) return;
    const all = [...list.querySelectorAll("article")];
    const at = all.indexOf(e.target);
    const to = { ArrowUp: at < 0 ? all.length - 1 : at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[e.key];
    if (to === undefined || !all[to]) return;
    e.preventDefault();
    all[to].focus();
  });
}
