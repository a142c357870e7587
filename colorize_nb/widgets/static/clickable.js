// A picture that can be asked where it was clicked.
export default {
  render({ model, el }) {
    const img = document.createElement("img");
    img.className = "widget-image clickable";
    img.style.cssText = "max-width:100%;cursor:crosshair";
    const show = () => {
      URL.revokeObjectURL(img.src);
      img.src = URL.createObjectURL(new Blob([model.get("value")], { type: "image/jpeg" }));
    };
    const describe = () => { img.alt = model.get("alt"); };
    img.addEventListener("click", event => {
      const box = img.getBoundingClientRect();
      model.send({ x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height });
    });
    model.on("change:value", show);
    model.on("change:alt", describe);
    show();
    describe();
    el.append(img);
  }
}
