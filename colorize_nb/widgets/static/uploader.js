// A button and a target for dropped files and pasted pictures. It sends photos in pieces, because a server drops messages above 10 MB.
const PIECE = 1 << 20;

const send = async (model, files) => {
  for (const file of files) {
    const told = { name: file.name, size: file.size };
    if (file.size > 1e6 * model.get("largest")) { model.send({ ...told, refused: true }); continue }
    const bytes = await file.arrayBuffer();
    for (let at = 0; at == 0 || at < file.size; at += PIECE)
      model.send({ ...told, at }, undefined, [new DataView(bytes.slice(at, at + PIECE))]);
  }
};

// A pasted picture goes to the panel under the pointer, the panel with the focus, or the only panel.
const meant = el => {
  const panel = el.closest(".widget-vbox") || el;
  return panel.matches(":hover, :focus-within") || document.querySelectorAll(".uploader").length == 1;
};

export default {
  render({ model, el }) {
    const button = document.createElement("button"), input = document.createElement("input");
    button.className = "jupyter-button uploader";
    button.style.width = "auto";
    button.textContent = "\u2191 " + model.get("label");
    button.title = "or drop photos here, or paste one";
    Object.assign(input, { type: "file", accept: "image/*", multiple: true, hidden: true });
    const paste = event => {
      const files = [...event.clipboardData?.files ?? []].filter(file => file.type.startsWith("image/"));
      if (!files.length || !meant(el)) return;
      event.preventDefault();
      send(model, files);
    };
    button.onclick = () => input.click();
    input.onchange = () => { send(model, [...input.files]); input.value = "" };
    el.ondragover = event => event.preventDefault();
    el.ondrop = event => { event.preventDefault(); send(model, [...event.dataTransfer.files]) };
    document.addEventListener("paste", paste);
    el.append(button, input);
    return () => document.removeEventListener("paste", paste);
  }
}
