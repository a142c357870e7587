// A button that requests a file from the kernel and saves it. While the kernel makes the file, the button counts the seconds.
const save = (name, buffers) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(buffers, { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
};

export default {
  render({ model, el }) {
    const button = document.createElement("button");
    button.className = "jupyter-button mod-success downloader";
    button.style.width = "auto";
    let since = 0, clock;
    const show = () => {
      const seconds = Math.round((Date.now() - since) / 1000);
      button.disabled = since > 0 || model.get("disabled");
      button.setAttribute("aria-busy", since > 0);
      button.textContent = since ? `${model.get("work")} ... ${seconds} s` : "\u2193 " + model.get("label");
    };
    const work = on => {
      since = on ? Date.now() : 0;
      clearInterval(clock);
      if (on) clock = setInterval(show, 500);
      show();
    };
    button.onclick = () => { work(true); model.send({ want: true }) };
    for (const key of ["disabled", "label", "work"]) model.on(`change:${key}`, show);
    model.on("msg:custom", (told, buffers) => { work(false); if (told.name) save(told.name, buffers) });
    show();
    el.append(button);
    return () => clearInterval(clock);
  }
}
