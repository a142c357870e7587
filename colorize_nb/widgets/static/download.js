// A button that asks the kernel for a file and saves it on the reader's machine.
const save = (name, buffers) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(buffers, { type: "image/jpeg" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
};

export default {
  render({ model, el }) {
    const button = document.createElement("button");
    button.className = "jupyter-button mod-success downloader";
    button.style.width = "auto";
    const show = () => {
      button.disabled = model.get("disabled");
      button.textContent = "\u2193 " + model.get("label");
    };
    button.onclick = () => model.send({ want: true });
    model.on("change:disabled", show);
    model.on("change:label", show);
    model.on("msg:custom", (told, buffers) => save(told.name, buffers));
    show();
    el.append(button);
  }
}
