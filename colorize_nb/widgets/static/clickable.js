// A picture that sends the position of each click to the kernel.
export default {
  render({ model, el }) {
    const img = document.createElement("img");
    img.className = "widget-image clickable";
    img.style.cssText = "max-width:100%;cursor:crosshair";
    const show = () => { // release the old picture once the new one has loaded; an empty value hides the picture
      const old = img.src, value = model.get("value");
      img.hidden = !value?.byteLength;
      if (img.hidden) return;
      img.onload = () => { if (old) URL.revokeObjectURL(old) };
      img.src = URL.createObjectURL(new Blob([value], { type: "image/jpeg" }));
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
