// A picture. If it has a left and a right side, you can drag the line between them. The kernel gets the line's position when you release it.
const make = (parent, tag, className, css) => {
  const el = document.createElement(tag);
  Object.assign(el, { className, alt: "", draggable: false });
  el.style.cssText = css;
  parent.append(el);
  return el;
};

export default {
  render({ model, el }) {
    const box = make(el, "div", "draggable", "position:relative;display:inline-block;max-width:100%;line-height:0;touch-action:pan-y;user-select:none");
    const shown = make(box, "img", "widget-image", "max-width:100%;min-width:min(100%, 640px)"), over = "position:absolute;inset:0;width:100%;height:100%;display:none";
    const right = make(box, "img", "side", over), left = make(box, "img", "side", over);
    const line = make(box, "div", "divider", "position:absolute;top:0;bottom:0;width:3px;margin-left:-1px;background:#fff;box-shadow:0 0 4px #000;display:none");
    const sides = { value: shown, left, right };
    let at = model.get("at");

    const open = () => model.get("left").byteLength > 0;
    const uncover = on => { for (const e of [left, right, line]) e.style.display = on ? "block" : "none" };
    const place = () => {
      left.style.clipPath = `inset(0 ${100 - 100 * at}% 0 0)`;
      line.style.left = `${100 * at}%`;
    };
    const put = key => {
      if (sides[key].src) URL.revokeObjectURL(sides[key].src);
      if (model.get(key).byteLength) sides[key].src = URL.createObjectURL(new Blob([model.get(key)], { type: "image/jpeg" }));
      else sides[key].removeAttribute("src");
      box.style.cursor = open() ? "ew-resize" : "auto";
    };
    const move = event => {
      const { left: x, width } = box.getBoundingClientRect();
      at = Math.max(0, Math.min(1, (event.clientX - x) / width));
      uncover(true);
      place();
    };
    box.addEventListener("pointerdown", event => {
      if (!open() || event.button) return;
      event.preventDefault();
      box.setPointerCapture(event.pointerId);
      move(event);
    });
    box.addEventListener("pointermove", event => { if (box.hasPointerCapture(event.pointerId)) move(event) });
    box.addEventListener("pointerup", event => { if (box.hasPointerCapture(event.pointerId)) model.send({ at }) });
    model.on("change:value", () => { put("value"); uncover(false) });
    for (const key of ["left", "right"]) model.on(`change:${key}`, () => put(key));
    model.on("change:alt", () => { shown.alt = model.get("alt") });
    Object.keys(sides).forEach(put);
    shown.alt = model.get("alt");
  }
}
