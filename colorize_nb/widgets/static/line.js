// The code of a panel with a Copy button, and a message above the panel if the kernel is gone or busy.
const WAIT = 700; // ms until a kernel that doesn't answer is called busy
const LATER = "Copy";

const copy = async text => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text }); // a page without https has no clipboard
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
};
const make = (tag, attributes, ...children) => {
  const el = Object.assign(document.createElement(tag), attributes);
  el.append(...children);
  return el;
};
const running = el => { // the first line of the cell that the kernel is running, in JupyterLab
  const cells = [...el.closest(".jp-Notebook")?.querySelectorAll(".jp-CodeCell") ?? []];
  const cell = cells.find(c => c.querySelector(".jp-InputPrompt")?.textContent.includes("*"));
  return [...cell?.querySelectorAll(".cm-line") ?? []].map(l => l.textContent.trim()).find(l => l && !/^(#|%|from |import )/.test(l));
};

const name = panel => { // what ipywidgets leaves out for keyboards and screen readers
  for (const slider of panel.querySelectorAll(".widget-slider, .widget-hslider")) {
    const label = slider.querySelector(".widget-label")?.textContent, value = slider.querySelector(".widget-readout");
    for (const handle of slider.querySelectorAll(".noUi-handle")) {
      handle.setAttribute("aria-label", label);
      if (value) handle.setAttribute("aria-valuetext", value.textContent);
    }
    value?.setAttribute("aria-label", `${label}: type a number`);
  }
  for (const picker of panel.querySelectorAll("input[type=color]")) picker.setAttribute("aria-label", "choose a color");
  for (const button of panel.querySelectorAll(".choice button")) button.setAttribute("aria-pressed", button.classList.contains("chosen"));
  for (const header of panel.querySelectorAll(".jupyter-widget-Collapse-header")) {
    Object.assign(header, { tabIndex: 0, role: "button", ariaExpanded: header.parentElement.classList.contains("jupyter-widget-Collapse-open") });
    header.onkeydown = event => { if (["Enter", " "].includes(event.key)) { event.preventDefault(); header.click() } };
  }
};

export default {
  render({ model, el }) {
    const code = make("code"), button = make("button", { className: "jupyter-button copier", textContent: LATER, title: "Copy the code with its import" });
    const said = make("div", { className: "kernel", hidden: true });
    let asked = 0, answered = 0, gone = false, panel, clock;
    const watch = new MutationObserver(() => name(panel));

    const show = () => { code.textContent = model.get("value"); button.hidden = !code.textContent };
    const say = (role, words) => {
      said.hidden = !words;
      said.setAttribute("role", role);
      said.classList.toggle("lifeline", role == "alert");
      if (said.textContent != words) said.textContent = words;
    };
    const wait = () => {
      const cell = asked > answered && !gone && running(el);
      if (cell) say("status", `Waiting for the kernel, which is running this cell: ${cell}`);
    };
    const ask = event => {
      if (gone || said.contains(event.target) || el.contains(event.target)) return;
      model.send({ ask: ++asked });
      clearTimeout(clock);
      clock = setTimeout(wait, WAIT);
    };
    button.onclick = async () => {
      try { await copy(model.get("text")); button.textContent = "Copied" } catch { button.textContent = "Select the code and press Ctrl+C" }
      setTimeout(() => { button.textContent = LATER }, 2000);
    };
    const attach = () => { // the panel is above this part once both are on the page
      panel = el.closest(".colorize-panel");
      if (!panel) return requestAnimationFrame(attach);
      panel.prepend(said);
      name(panel);
      watch.observe(panel, { childList: true, subtree: true, attributeFilter: ["class"] });
      for (const kind of ["click", "change", "pointerup", "keyup"]) panel.addEventListener(kind, ask);
    };
    model.on("change:value", show);
    model.on("msg:custom", ({ answer }) => { answered = answer; if (answered == asked && !gone) say("status", "") });
    model.on("comm_live_update", () => { gone = true; say("alert", model.get("advice")) });
    el.append(make("pre", {}, code), button);
    el.classList.add("line");
    show();
    attach();
    return () => {
      clearTimeout(clock);
      watch.disconnect();
      said.remove();
      for (const kind of ["click", "change", "pointerup", "keyup"]) panel?.removeEventListener(kind, ask);
    };
  }
}
