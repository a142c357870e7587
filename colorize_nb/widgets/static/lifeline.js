// A panel whose kernel was restarted or shut down cannot answer any more; it says so, and what to do.
export default {
  render({ model, el }) {
    const say = () => {
      const said = document.createElement("div");
      said.setAttribute("role", "alert");
      said.className = "lifeline";
      said.style.cssText = "padding:.4em .6em;border-left:3px solid #b3261e;margin:.3em 0";
      said.textContent = model.get("advice");
      el.replaceChildren(said);
    };
    model.on("comm_live_update", say);
  }
}
