// Block Kit as Slack draws it. Every function takes a block and ctx and returns a node.

import { withGlyphs } from "./emoji.js";
import { channel, dateText, el, emojiOf, group, link, mrkdwn, person, plainText } from "./mrkdwn.js";

/** renderBlocks draws blocks in order; ctx.act(element, block) hears of clicks. */
export function renderBlocks(blocks, ctx) {
  const out = el("div", { class: "blocks" });
  for (const block of blocks ?? []) out.append(render[block.type]?.(block, ctx) ?? unknown(block));
  return out;
}

const unknown = (block) => el("div", { class: "unknown" }, `This Slack does not draw “${block.type}” blocks.`);

/** text draws a text object. */
export function text(object, ctx) {
  if (!object) return "";
  return object.type === "mrkdwn" ? mrkdwn(object.text, ctx) : withGlyphs(plainText(object));
}

const render = {
  section(b, ctx) {
    const body = el("div", { class: "section-body" });
    if (b.text) body.append(el("div", { class: "text" }, text(b.text, ctx)));
    if (b.fields) body.append(el("div", { class: "fields" }, ...b.fields.map((f) => el("div", {}, text(f, ctx)))));
    return el("div", { class: "section" }, body, b.accessory && el("div", { class: "accessory" }, element(b.accessory, b, ctx)));
  },
  header: (b, ctx) => el("h3", { class: `header level-${b.level ?? 1}` }, text(b.text, ctx)),
  divider: () => el("hr"),
  context: (b, ctx) => el("div", { class: "context" }, ...b.elements.map((e) => (e.type === "image" ? picture(e) : el("span", {}, text(e, ctx))))),
  actions: (b, ctx) => el("div", { class: "actions" }, ...b.elements.map((e) => element(e, b, ctx))),
  context_actions: (b, ctx) => render.actions(b, ctx),
  image: (b, ctx) => el("figure", {}, b.title && el("figcaption", {}, text(b.title, ctx)), picture(b)),
  input: (b, ctx) => input(b, ctx),
  rich_text: (b, ctx) => el("div", { class: "rich" }, ...b.elements.map((e) => rich(e, ctx))),
  table: (b, ctx) => table(b, ctx, false),
  data_table: (b, ctx) => table(b, ctx, true),
  markdown: (b) => el("div", { class: "text markdown" }, b.text),
  alert: (b, ctx) => el("div", { class: `alert ${b.level ?? "default"}`, role: "note" }, text(b.text, ctx)),
};

const picture = (e) => el("img", { src: e.image_url, alt: e.alt_text, title: e.alt_text });

function table(b, ctx, headed) {
  const align = (i) => b.column_settings?.[i]?.align;
  const wrap = (i) => b.column_settings?.[i]?.is_wrapped;
  const rows = b.rows.map((cells, r) =>
    el("tr", {}, ...cells.map((c, i) => el(r === 0 ? "th" : "td", { class: [align(i) && "align-" + align(i), wrap(i) && "wrapped"].filter(Boolean).join(" ") || null, scope: r === 0 ? "col" : null }, cell(c, ctx)))));
  const body = el("table", {}, headed && el("caption", {}, b.caption?.text ?? b.caption ?? ""), el("thead", {}, rows[0]), el("tbody", {}, ...rows.slice(1)));
  return el("div", { class: "table", role: "group", tabindex: "0", "aria-label": "table" }, body);
}

function cell(c, ctx) {
  if (c.type === "rich_text") return render.rich_text(c, ctx);
  return withGlyphs(String(c.text ?? c.value ?? ""));
}

function rich(e, ctx) {
  const inner = () => (e.elements ?? []).map((i) => richInline(i, ctx));
  switch (e.type) {
    case "rich_text_preformatted":
      return el("pre", {}, ...inner());
    case "rich_text_quote":
      return el("blockquote", {}, ...inner());
    case "rich_text_list":
      return el(e.style === "ordered" ? "ol" : "ul", { class: "indent-" + (e.indent ?? 0), start: e.offset ? e.offset + 1 : null },
        ...e.elements.map((item) => el("li", {}, ...(item.elements ?? []).map((i) => richInline(i, ctx)))));
    default:
      return el("div", { class: "rich-section" }, ...inner());
  }
}

function richInline(e, ctx) {
  switch (e.type) {
    case "text": return styled(e.text, e.style);
    case "link": return link(e.url, e.text);
    case "user": return person(e.user_id, ctx);
    case "usergroup": return group(e.usergroup_id, ctx);
    case "channel": return channel(e.channel_id, ctx);
    case "broadcast": return el("span", { class: "mention broad" }, "@" + e.range);
    case "emoji": return e.unicode ? withGlyphs(String.fromCodePoint(...e.unicode.split("-").map((h) => parseInt(h, 16)))) : emojiOf(e.name);
    case "date": {
      const shown = dateText(Number(e.timestamp), e.format, ctx.me.zone) ?? e.fallback ?? "";
      return el("time", { title: e.fallback }, e.url ? link(e.url, shown) : shown);
    }
    default: return document.createTextNode(e.text ?? "");
  }
}

function styled(content, style = {}) {
  let node = withGlyphs(content);
  for (const [flag, tag] of [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"]]) {
    if (style[flag]) node = el(tag, { class: flag === "code" && content.length < 40 && "short" }, node);
  }
  return node;
}

const optionLists = (e) => (e.option_groups ? e.option_groups.map((g) => [g.label, g.options]) : [[null, e.options ?? []]]);

/** element draws an interactive element. Buttons and menus act at once; inputs wait for a submission. */
export function element(e, block, ctx) {
  const name = `${block.block_id}/${e.action_id}`;
  const label = e.accessibility_label ?? null;
  switch (e.type) {
    case "image": return picture(e);
    case "button":
      return el("button", { type: "button", class: `button ${e.style ?? ""}`, "data-action": e.action_id, "data-key": name, "aria-label": label, onclick: () => ctx.act(e, block) }, withGlyphs(plainText(e.text)));
    case "overflow":
      return menu(e, name, "More actions ⋯", ctx, block);
    case "radio_buttons":
    case "checkboxes":
      return choices(e, name, ctx, block);
    case "static_select":
    case "multi_static_select":
      return menu(e, name, plainText(e.placeholder), ctx, block);
    case "users_select":
      return menu({ ...e, options: [...ctx.people.values()].filter((p) => !p.deactivated).map((p) => ({ text: { text: p.realName || p.name }, value: p.id })), initial_option: { value: e.initial_user } }, name, plainText(e.placeholder), ctx, block);
    case "conversations_select":
    case "channels_select":
      return menu({ ...e, options: [...ctx.conversations.values()].filter((c) => c.name).map((c) => ({ text: { text: "#" + c.name }, value: c.id })), initial_option: { value: e.initial_conversation ?? e.initial_channel } }, name, plainText(e.placeholder), ctx, block);
    case "plain_text_input":
      return e.multiline
        ? el("textarea", { name, rows: 3, maxlength: e.max_length, placeholder: plainText(e.placeholder), "data-key": name }, e.initial_value ?? "")
        : el("input", { name, type: "text", maxlength: e.max_length, placeholder: plainText(e.placeholder), value: e.initial_value, "data-key": name });
    default: {
      const type = { datepicker: "date", timepicker: "time", number_input: "number", email_text_input: "email", url_text_input: "url" }[e.type] ?? "text";
      return el("input", { name, type, min: e.min_value, max: e.max_value, placeholder: plainText(e.placeholder), value: e.initial_value ?? e.initial_date ?? e.initial_time, "data-key": name });
    }
  }
}

function menu(e, name, placeholder, ctx, block) {
  const chosen = e.initial_option?.value;
  const node = el("select", { name, class: "menu", "data-key": name, "data-action": e.action_id, "aria-label": placeholder || e.action_id }, el("option", { value: "" }, placeholder || "Select an option"));
  for (const [label, options] of optionLists(e)) {
    const made = options.map((o) => el("option", { value: o.value, selected: o.value === chosen }, plainText(o.text)));
    if (label) node.append(el("optgroup", { label: plainText(label) }, ...made));
    else node.append(...made);
  }
  if (block.type !== "input" || block.dispatch_action) node.addEventListener("change", () => node.value && ctx.act(e, block, node.value));
  return node;
}

function choices(e, name, ctx, block) {
  const type = e.type === "checkboxes" ? "checkbox" : "radio";
  const initial = new Set([e.initial_option?.value, ...(e.initial_options ?? []).map((o) => o.value)]);
  return el("div", { class: "choices", role: type === "radio" ? "radiogroup" : "group" },
    ...e.options.map((o) => el("label", {},
      el("input", { type, name, value: o.value, checked: initial.has(o.value), onchange: block.type === "input" && !block.dispatch_action ? null : () => ctx.act(e, block, o.value) }),
      el("span", {}, text(o.text, ctx), o.description && el("small", {}, text(o.description, ctx))))));
}

let inputs = 0; // the same block may be drawn in the channel and in its thread

function input(b, ctx) {
  const control = element(b.element, b, ctx);
  const id = "input-" + ++inputs;
  if (control.matches("input,textarea,select")) control.id = id;
  const problem = ctx.errors?.[b.block_id];
  if (problem) control.setAttribute("aria-invalid", "true");
  return el("div", { class: "input" },
    el("label", { for: id }, plainText(b.label), b.optional && el("span", { class: "optional" }, " (optional)")),
    control, b.hint && el("div", { class: "hint" }, plainText(b.hint)), problem && el("div", { class: "error", role: "alert" }, problem));
}

/** inputsOf reads what a person filled into the blocks under a node, as the server wants it. */
export function inputsOf(node) {
  const out = [];
  for (const field of node.querySelectorAll("input[name],textarea[name],select[name]")) {
    if ((field.type === "radio" || field.type === "checkbox") && !field.checked) continue;
    if (field.value === "") continue;
    const cut = field.name.indexOf("/");
    out.push({ blockID: field.name.slice(0, cut), actionID: field.name.slice(cut + 1), value: field.value });
  }
  return out;
}
