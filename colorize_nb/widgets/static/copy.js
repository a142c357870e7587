// A button that copies the panel's code, with the import that it needs.
const copy = async text => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text }); // a page without https has no clipboard
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
};

export default {
  render({ model, el }) {
    const button = Object.assign(document.createElement("button"), { className: "jupyter-button copier", textContent: "Copy", title: "Copy the code with its import" });
    button.style.width = "auto";
    button.onclick = async () => {
      try { await copy(model.get("text")); button.textContent = "Copied" } catch { button.textContent = "Select the code and press Ctrl+C" }
      setTimeout(() => { button.textContent = "Copy" }, 2000);
    };
    el.append(button);
  }
}
