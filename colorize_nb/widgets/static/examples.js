// Thumbnails of example photos. A click sends the name of a photo to the kernel.
export default {
  render({ model, el }) {
    const row = document.createElement("div");
    row.style.cssText = "display:flex;flex-wrap:wrap;gap:6px";
    for (const { name, uri } of model.get("pictures")) {
      const button = document.createElement("button"), img = document.createElement("img");
      Object.assign(button, { className: "example", title: name, onclick: () => model.send({ name }) });
      button.style.cssText = "padding:0;border:1px solid #8888;border-radius:4px;background:none;cursor:pointer;line-height:0;overflow:hidden";
      Object.assign(img, { src: uri, alt: `${name}, an example`, height: 56 });
      button.append(img);
      row.append(button);
    }
    el.append(row);
  }
}
